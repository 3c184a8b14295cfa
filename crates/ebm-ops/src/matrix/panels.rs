//! Products by panels of columns, which are copied to contiguous memory.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::factor::{Factor, Product};
use crate::product::{Left, Right, Size, Start, Sum, product};
use crate::transpose::{self, Planes};
use crate::{parallel, simd};

/// Columns of the right factor per panel; a multiple of every number of lanes.
const PANEL: usize = 32;

/// Rows of a panel. With 32 columns it has 8 KiB, a quarter of a typical L1 cache.
///
/// A transposed left factor whose number of rows is a power of two leaves no room for more: its rows map to few
/// cache sets.
const DEPTH: usize = 64;

/// Least number of rows of the result per task, so that copying a panel costs comparatively little.
const ROWS: usize = 128;

/// Least number of tasks per thread, if there are enough rows, so that the load is balanced.
const TASKS: usize = 4;

/// Depth from which a product with a transposed left factor, as in the gradient of a weight, is computed in two
/// halves.
const LONG: usize = 512;

/// Number of multiply-adds below which a second thread does not pay: if threads are waiting for tasks, and if they
/// must be woken.
const GRAIN: [usize; 2] = [1 << 18, 1 << 20];

/// [`multiply`](super::multiply) for any number of columns; the caller has checked the lengths.
pub(super) fn multiply(product: Product<'_>, sums: Option<&mut [f32]>) -> Vec<f32> {
    let Product { size, left, right, row } = product;
    match (left, right) {
        (Factor::Transposed(a), Factor::Plain(b)) if LONG <= size.depth => halves(size, a, b, row, sums),
        _ => whole(product, sums),
    }
}

/// [`multiply`] with a transposed left factor, as the sum of two products with half the depth.
///
/// Each thread then reads rows of the factors that it probably wrote.
fn halves(
    size: Size,
    left: &[f32],
    right: &[f32],
    row: Option<&[f32]>,
    sums: Option<&mut [f32]>,
) -> Vec<f32> {
    let cut = (size.depth / 2).next_multiple_of(DEPTH);
    let [first, second] = [cut, size.depth - cut].map(|depth| Size { depth, ..size });
    let ((a, more_a), (b, more_b)) = (left.split_at(cut * size.rows), right.split_at(cut * size.columns));
    let mut more_sums = sums.as_ref().map(|sums| vec![0.0; sums.len()]);
    let (mut sums, more) = (sums, more_sums.as_deref_mut());
    let half = |size, a, b, row, sums| {
        whole(Product { size, left: Factor::Transposed(a), right: Factor::Plain(b), row }, sums)
    };
    let by_one = size.work() < GRAIN[usize::from(!parallel::ready())];
    let (mut out, more) = parallel::both(
        !by_one,
        || half(first, a, b, row, sums.as_deref_mut()),
        || half(second, more_a, more_b, None, more),
    );
    out.iter_mut().zip(more).for_each(|(out, more)| *out += more);
    if let (Some(sums), Some(more)) = (sums, more_sums) {
        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    out
}

/// [`multiply`] in one piece.
fn whole(product: Product<'_>, sums: Option<&mut [f32]>) -> Vec<f32> {
    let Product { size, left, right, row } = product;
    let Size { rows, columns, .. } = size;
    let mut out: Vec<f32> = Vec::with_capacity(rows * columns);
    let (out_data, sums) = (Shared(out.as_mut_ptr()), sums.map(|sums| Shared(sums.as_mut_ptr())));
    let panels = columns.div_ceil(PANEL);
    let group_rows = group_rows(rows, columns, rayon::current_num_threads());
    let groups = rows.div_ceil(group_rows).max(1);
    let (arch, tasks) = (simd::arch(), groups * panels);
    let task = |i: usize| {
        // Consecutive tasks in a group of rows share the left factor in cache.
        let (group, panel) = (i / panels, i % panels);
        let first = [group * group_rows, panel * PANEL];
        let sums = sums.filter(|_| group == 0);
        arch.dispatch(Task { size, first, group_rows, left, right, row, out: out_data, sums });
    };
    let grain = GRAIN[usize::from(!parallel::ready())];
    if size.work() < grain {
        (0..tasks).for_each(task)
    } else {
        parallel::run(tasks, task)
    }
    // SAFETY: the capacity is `rows · columns`, and the tasks, all pairs of a group of rows and a panel of columns,
    // wrote every element.
    unsafe { out.set_len(rows * columns) };
    out
}

/// Rows per task: with few tasks, panels are copied seldom. If columns beyond the last one are computed, in a
/// buffer of their own, it has room for [`ROWS`] rows.
pub(super) fn group_rows(rows: usize, columns: usize, threads: usize) -> usize {
    if columns == 0 || !columns.is_multiple_of(PANEL) {
        return ROWS;
    }
    let groups = (TASKS * threads).div_ceil(columns / PANEL);
    rows.div_ceil(groups).max(ROWS)
}

/// A pointer shared by tasks that write disjoint elements.
#[derive(Clone, Copy)]
struct Shared(*mut f32);

// SAFETY: no two tasks access the same element.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// A task: the elements of the result from row `first[0]` and column `first[1]` on, at most `group_rows` × `PANEL`.
struct Task<'a> {
    size: Size,
    first: [usize; 2],
    group_rows: usize,
    left: Factor<'a>,
    right: Factor<'a>,
    row: Option<&'a [f32]>,
    out: Shared,
    sums: Option<Shared>,
}

/// A buffer aligned to cache lines.
#[repr(align(64))]
struct Aligned<const N: usize>([MaybeUninit<f32>; N]);

impl<const N: usize> Aligned<N> {
    #[inline(always)]
    fn new() -> Self {
        Self([MaybeUninit::uninit(); N])
    }

    #[inline(always)]
    fn pointer(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { size, first: [first_row, first_column], group_rows, left, right, row, out, sums } = self;
        let (rows, columns) = (group_rows.min(size.rows - first_row), PANEL.min(size.columns - first_column));
        // Computes a whole number of vectors of columns; columns beyond the last one are computed from zeros.
        let width = columns.next_multiple_of(S::F32_LANES);
        let (mut panel, mut beside) =
            (Aligned::<{ DEPTH * PANEL }>::new(), Aligned::<{ ROWS * PANEL }>::new());
        let (mut added, mut totals) = ([0.0; PANEL], [0.0f32; PANEL]);
        if let Some(row) = row {
            added[..columns].copy_from_slice(&row[first_column..][..columns]);
        }
        // SAFETY: `first_row + rows ≤ size.rows` and `first_column + columns ≤ size.columns`, so all accesses below
        // are in bounds of the factors, whose lengths `multiply` has checked, and of the result, whose elements
        // belong to this task alone. Of `panel` and `beside` only what was written is read: `width ≤ PANEL` floats
        // of each row of `PANEL`.
        unsafe {
            let out = out.0.add(first_row * size.columns + first_column);
            let (target, stride) =
                if width == columns { (out, size.columns) } else { (beside.pointer(), PANEL) };
            let start = if row.is_some() { Start::Row(added.as_ptr()) } else { Start::Zero };
            for k in (0..size.depth.max(1)).step_by(DEPTH) {
                let depth = DEPTH.min(size.depth - k);
                copy(simd, right, size, [k, first_column], [depth, columns, width], panel.pointer());
                if sums.is_some() {
                    for i in 0..depth {
                        let row = std::slice::from_raw_parts(panel.pointer().add(i * PANEL), columns);
                        totals.iter_mut().zip(row).for_each(|(total, x)| *total += x);
                    }
                }
                let left = match left {
                    Factor::Plain(a) => {
                        Left::Rows { data: a.as_ptr().add(first_row * size.depth + k), stride: size.depth }
                    }
                    Factor::Transposed(a) => {
                        Left::Columns { data: a.as_ptr().add(k * size.rows + first_row), stride: size.rows }
                    }
                };
                let start = if k == 0 { start } else { Start::Sum };
                product(
                    simd,
                    Size { rows, depth, columns: width },
                    left,
                    Right { data: panel.pointer(), stride: PANEL },
                    Sum { data: target, stride, start },
                );
            }
            if width != columns {
                for i in 0..rows {
                    std::ptr::copy_nonoverlapping(target.add(i * PANEL), out.add(i * size.columns), columns);
                }
            }
            if let Some(sums) = sums {
                std::ptr::copy_nonoverlapping(totals.as_ptr(), sums.0.add(first_column), columns);
            }
        }
    }
}

/// Copies `depth` rows and `columns` columns of `right` from row `k` and column `j` on to rows of [`PANEL`] floats
/// at `panel`, with zeros up to `width`.
///
/// # Safety
/// `right` must have `size.depth · size.columns` floats, those rows and columns must be among them, and `panel`
/// must have room for `depth` rows; `columns ≤ width ≤ PANEL`.
#[inline(always)]
unsafe fn copy<S: Simd>(
    simd: S,
    right: Factor<'_>,
    size: Size,
    [k, j]: [usize; 2],
    [depth, columns, width]: [usize; 3],
    panel: *mut f32,
) {
    // SAFETY: only rows below `depth` and columns below `columns` of both are accessed.
    unsafe {
        match right {
            Factor::Plain(b) => {
                let source = b.as_ptr().add(k * size.columns + j);
                for i in 0..depth {
                    let (source, target) = (source.add(i * size.columns), panel.add(i * PANEL));
                    if columns < PANEL {
                        std::ptr::copy_nonoverlapping(source, target, columns);
                        continue;
                    }
                    // In registers: the compiler would call memcpy even for a length known at compile time.
                    for column in (0..PANEL).step_by(S::F32_LANES) {
                        let vector = source.add(column).cast::<S::f32s>().read_unaligned();
                        target.add(column).cast::<S::f32s>().write_unaligned(vector);
                    }
                }
            }
            Factor::Transposed(b) => {
                let source = b.as_ptr().add(j * size.depth + k);
                let eights = columns / transpose::SIDE * transpose::SIDE;
                let planes = Planes { stride: size.depth, pixels: depth };
                transpose::gather(simd, eights, (source, planes), (panel, |i| i * PANEL));
                for column in eights..columns {
                    (0..depth)
                        .for_each(|i| *panel.add(i * PANEL + column) = *source.add(column * size.depth + i));
                }
            }
        }
        for i in 0..depth {
            (columns..width).for_each(|column| *panel.add(i * PANEL + column) = 0.0);
        }
    }
}
