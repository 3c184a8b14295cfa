//! Small matrix products, whose operands fit into the L1 and L2 caches.

use pulp::Simd;

/// Vectors of columns of the largest block of results that is kept in registers.
const VECTORS: usize = 2;

/// Rows of the largest block. 6×2 results, 2 vectors of `b` and a broadcast of `a` use 15 of 16 registers; 12×2
/// results use 27 of 32.
const fn most_rows<S: Simd>() -> usize {
    if 32 <= S::REGISTER_COUNT { 12 } else { 6 }
}

/// The left operand of a product, `rows × depth`.
#[derive(Clone, Copy)]
pub(crate) enum Left {
    /// Element `(i, k)` at `i · stride + k`.
    Rows { data: *const f32, stride: usize },
    /// Element `(i, k)` at `k · stride + i`.
    Columns { data: *const f32, stride: usize },
}

/// The right operand, `depth × columns`: element `(k, j)` at `k · stride + j`.
#[derive(Clone, Copy)]
pub(crate) struct Right {
    pub data: *const f32,
    pub stride: usize,
}

/// The result, `rows × columns`: element `(i, j)` at `i · stride + j`.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    pub data: *mut f32,
    pub stride: usize,
    /// Initial value.
    pub start: Start,
}

/// The initial value of a product.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Zero,
    /// The current contents.
    Sum,
    /// This row of `columns` floats, for every row.
    Row(*const f32),
    /// This column of `rows` floats, for every column.
    Column(*const f32),
}

impl Start {
    /// The initial value of the columns from `column` on.
    ///
    /// # Safety
    /// `column` must not exceed the length of the row.
    #[inline(always)]
    unsafe fn skip(self, column: usize) -> Self {
        match self {
            // SAFETY: guaranteed by the caller.
            Self::Row(row) => Self::Row(unsafe { row.add(column) }),
            other => other,
        }
    }

    /// The initial value of the rows from `row` on.
    ///
    /// # Safety
    /// `row` must not exceed the length of the column.
    #[inline(always)]
    unsafe fn skip_rows(self, row: usize) -> Self {
        match self {
            // SAFETY: guaranteed by the caller.
            Self::Column(column) => Self::Column(unsafe { column.add(row) }),
            other => other,
        }
    }
}

/// Cost of writing an element, in multiplications.
const SHALLOW: usize = 7;

/// The size of a product: `rows × depth` times `depth × columns`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
}

impl Size {
    /// Number of multiplications.
    pub(crate) fn multiplications(self) -> usize {
        self.rows.saturating_mul(self.depth).saturating_mul(self.columns)
    }

    /// Cost in multiplications; that of a shallow product is dominated by writing the result.
    pub(crate) fn work(self) -> usize {
        Size { depth: self.depth.max(SHALLOW), ..self }.multiplications()
    }
}

/// `c = a b`, `c += a b`, or `c = a b` plus a row or a column.
///
/// Each element is summed in the order of `k`, however the product is divided into blocks.
///
/// # Safety
/// Every element of the three operands must be in bounds, and `c` must overlap neither `a` nor `b`.
/// `size.columns` must be a multiple of the lanes.
#[inline(always)]
pub(crate) unsafe fn product<S: Simd>(simd: S, size: Size, a: Left, b: Right, c: Sum) {
    let mut column = 0;
    while column < size.columns {
        let left = size.columns - column;
        // SAFETY: `column + n · lanes ≤ columns`, so the panel is part of the operands.
        unsafe {
            let b = Right { data: b.data.add(column), ..b };
            let c = Sum { data: c.data.add(column), start: c.start.skip(column), ..c };
            if VECTORS * S::F32_LANES <= left {
                panel::<S, VECTORS>(simd, size, a, b, c);
                column += VECTORS * S::F32_LANES;
            } else {
                panel::<S, 1>(simd, size, a, b, c);
                column += S::F32_LANES;
            }
        }
    }
}

/// The product for `N` vectors of columns.
///
/// # Safety
/// See [`product`].
#[inline(always)]
unsafe fn panel<S: Simd, const N: usize>(simd: S, size: Size, a: Left, b: Right, c: Sum) {
    let mut row = 0;
    while row < size.rows {
        let rows = next_block(size.rows - row, most_rows::<S>());
        // SAFETY: `row + rows ≤ size.rows`.
        unsafe {
            let c = Sum { data: c.data.add(row * c.stride), start: c.start.skip_rows(row), ..c };
            match a {
                Left::Rows { data, stride } => {
                    let a = Walk { data: data.add(row * stride), row: stride, step: 1 };
                    rows_of::<S, N>(simd, rows, size.depth, a, b, c);
                }
                Left::Columns { data, stride } => {
                    let a = Walk { data: data.add(row), row: 1, step: stride };
                    rows_of::<S, N>(simd, rows, size.depth, a, b, c);
                }
            }
        }
        row += rows;
    }
}

/// Number of rows of the next block, of `left` rows: blocks have at most `most` rows, are as few as possible, and
/// similar in size.
fn next_block(left: usize, most: usize) -> usize {
    left.div_ceil(left.div_ceil(most))
}

/// Strides of the left operand: `row` floats from row to row, `step` floats from `k` to `k + 1`.
#[derive(Clone, Copy)]
struct Walk {
    data: *const f32,
    row: usize,
    step: usize,
}

/// # Safety
/// See [`product`], for the first `rows` rows, at most [`most_rows`], and `N` vectors of columns.
#[inline(always)]
unsafe fn rows_of<S: Simd, const N: usize>(simd: S, rows: usize, depth: usize, a: Walk, b: Right, c: Sum) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match rows {
            12 if 12 <= most_rows::<S>() => block::<S, 12, N>(simd, depth, a, b, c),
            11 if 11 <= most_rows::<S>() => block::<S, 11, N>(simd, depth, a, b, c),
            10 if 10 <= most_rows::<S>() => block::<S, 10, N>(simd, depth, a, b, c),
            9 if 9 <= most_rows::<S>() => block::<S, 9, N>(simd, depth, a, b, c),
            8 if 8 <= most_rows::<S>() => block::<S, 8, N>(simd, depth, a, b, c),
            7 if 7 <= most_rows::<S>() => block::<S, 7, N>(simd, depth, a, b, c),
            6 => block::<S, 6, N>(simd, depth, a, b, c),
            5 => block::<S, 5, N>(simd, depth, a, b, c),
            4 => block::<S, 4, N>(simd, depth, a, b, c),
            3 => block::<S, 3, N>(simd, depth, a, b, c),
            2 => block::<S, 2, N>(simd, depth, a, b, c),
            _ => block::<S, 1, N>(simd, depth, a, b, c),
        }
    }
}

/// Computes `R × N` vectors of results, kept in registers from the first to the last `k`.
///
/// # Safety
/// See [`product`], for `R` rows and `N` vectors of columns.
#[inline(always)]
unsafe fn block<S: Simd, const R: usize, const N: usize>(simd: S, depth: usize, a: Walk, b: Right, c: Sum) {
    let mut sums = [[simd.splat_f32s(0.0); N]; R];
    // SAFETY: only rows below `R`, columns below `N · lanes` and `k` below `depth` are accessed, by unaligned reads
    // and writes.
    unsafe {
        let start = match c.start {
            Start::Zero => None,
            Start::Sum => Some((c.data.cast_const(), c.stride)),
            Start::Row(row) => Some((row, 0)),
            Start::Column(column) => {
                for (i, row) in sums.iter_mut().enumerate() {
                    *row = [simd.splat_f32s(*column.add(i)); N];
                }
                None
            }
        };
        if let Some((start, stride)) = start {
            for (i, row) in sums.iter_mut().enumerate() {
                for (j, sum) in row.iter_mut().enumerate() {
                    *sum = start.add(i * stride + j * S::F32_LANES).cast::<S::f32s>().read_unaligned();
                }
            }
        }
        let (mut left, mut right) = (a.data, b.data);
        for _ in 0..depth {
            let mut vectors = [simd.splat_f32s(0.0); N];
            for (j, vector) in vectors.iter_mut().enumerate() {
                *vector = right.add(j * S::F32_LANES).cast::<S::f32s>().read_unaligned();
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let factor = simd.splat_f32s(*left.add(i * a.row));
                for (sum, &vector) in row.iter_mut().zip(&vectors) {
                    *sum = simd.mul_add_f32s(factor, vector, *sum);
                }
            }
            left = left.wrapping_add(a.step);
            right = right.wrapping_add(b.stride);
        }
        for (i, row) in sums.iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                c.data.add(i * c.stride + j * S::F32_LANES).cast::<S::f32s>().write_unaligned(sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    struct Check {
        size: Size,
        transposed: bool,
        start: usize,
    }

    impl WithSimd for Check {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            let Size { rows, depth, columns } = self.size;
            // Small integers: sums are exact in any order.
            let numbers = |n: usize, factor: usize| (0..n).map(move |i| (i * factor % 17) as f32 - 8.0);
            let a: Vec<f32> = numbers(rows * depth, 5).collect();
            let b: Vec<f32> = numbers(depth * columns, 7).collect();
            let mut c: Vec<f32> = numbers(rows * (columns + 1), 3).collect();
            let before = c.clone();
            let left = match self.transposed {
                true => Left::Columns { data: a.as_ptr(), stride: rows },
                false => Left::Rows { data: a.as_ptr(), stride: depth },
            };
            let right = Right { data: b.as_ptr(), stride: columns };
            let row: Vec<f32> = numbers(columns, 11).collect();
            let column: Vec<f32> = numbers(rows, 13).collect();
            let start = [Start::Zero, Start::Sum, Start::Row(row.as_ptr()), Start::Column(column.as_ptr())];
            let start = start[self.start];
            let sum = Sum { data: c.as_mut_ptr(), stride: columns + 1, start };
            // SAFETY: the three vectors have the lengths that the strides and the size imply.
            unsafe { product(simd, self.size, left, right, sum) };
            for i in 0..rows {
                for j in 0..columns {
                    let at = |k: usize| if self.transposed { a[k * rows + i] } else { a[i * depth + k] };
                    let start = [0.0, before[i * (columns + 1) + j], row[j], column[i]][self.start];
                    let expected = (0..depth).fold(start, |sum, k| sum + at(k) * b[k * columns + j]);
                    assert_eq!(c[i * (columns + 1) + j], expected, "({i}, {j}) of {rows}x{depth}x{columns}");
                }
                assert_eq!(c[i * (columns + 1) + columns], before[i * (columns + 1) + columns]);
            }
        }
    }

    #[test]
    fn products_with_any_number_of_rows_are_exact() {
        for rows in 1..=21 {
            for (depth, columns) in [(1, 16), (5, 32), (8, 48)] {
                for (transposed, start) in (0..8).map(|i| (i % 2 == 1, i / 2)) {
                    let size = Size { rows, depth, columns };
                    Arch::new().dispatch(Check { size, transposed, start });
                }
            }
        }
    }

    #[test]
    fn blocks_are_few_and_similar_in_size() {
        for (rows, most) in (1..200).flat_map(|rows| [(rows, 6), (rows, 12)]) {
            let (mut left, mut blocks) = (rows, Vec::new());
            while left > 0 {
                blocks.push(next_block(left, most));
                left -= blocks.last().unwrap();
            }
            let (largest, smallest) = (blocks[0], blocks[blocks.len() - 1]);
            assert!(largest <= most && largest - smallest <= 1, "{rows}: {blocks:?}");
            assert_eq!(blocks.len(), rows.div_ceil(most));
        }
    }
}
