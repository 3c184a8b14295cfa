//! Products with few columns, for which vectors of columns would be mostly empty.

use std::borrow::Cow;

use pulp::{Simd, WithSimd};

use super::factor::{Factor, Product};
use super::panels;
use crate::product::Size;
use crate::sums::{Products, sums};
use crate::{buffer, simd};

/// Largest number of columns.
pub(super) const COLUMNS: usize = 4;

/// [`multiply`](super::multiply) for 1 to [`COLUMNS`] columns and more rows than columns: each element is an inner
/// product.
pub(super) fn multiply(product: Product<'_>, column_sums: Option<&mut [f32]>) -> Vec<f32> {
    let Product { size, left, right, row } = product;
    let Size { rows, depth, columns } = size;
    let start = |j: usize| row.map_or(0.0, |row| row[j]);
    if let Some(sums) = column_sums {
        let (Factor::Plain(b) | Factor::Transposed(b)) = right;
        let [along, across] = if matches!(right, Factor::Plain(_)) { [columns, 1] } else { [1, depth] };
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum = (0..depth).fold(0.0, |sum, k| sum + b[k * along + j * across]);
        }
    }
    match left {
        Factor::Plain(left) => {
            let right = lying(right, depth, columns);
            let (mut out, arch) = (vec![0.0; rows * columns], simd::arch());
            let together = buffer::rows_together(depth);
            buffer::fill(&mut out, together * columns, together * depth, |i, out| {
                let left = &left[i * together * depth..];
                arch.dispatch(Dots { left, right: &right, depth, out });
                let Some(row) = row else { return };
                for out in out.chunks_mut(columns) {
                    out.iter_mut().zip(row).for_each(|(out, start)| *out += start);
                }
            });
            out
        }
        // Computes the transpose of the result, which has few rows and the left factor in its own layout.
        Factor::Transposed(left) => {
            let right = match right {
                Factor::Plain(b) => Factor::Transposed(b),
                Factor::Transposed(b) => Factor::Plain(b),
            };
            let size = Size { rows: columns, depth, columns: rows };
            let product = Product { size, left: right, right: Factor::Plain(left), row: None };
            let across = panels::multiply(product, None);
            let element = |i: usize| across[i % columns * rows + i / columns] + start(i % columns);
            (0..rows * columns).map(element).collect()
        }
    }
}

/// The columns of a factor, each contiguous.
fn lying(right: Factor<'_>, depth: usize, columns: usize) -> Cow<'_, [f32]> {
    match right {
        Factor::Plain(b) if 1 < columns => {
            let column = |j: usize| b.iter().skip(j).step_by(columns).take(depth).copied();
            (0..columns).flat_map(column).collect::<Vec<_>>().into()
        }
        Factor::Plain(b) | Factor::Transposed(b) => b.into(),
    }
}

/// A task: the inner products of rows of `depth` elements with the columns.
struct Dots<'a> {
    left: &'a [f32],
    right: &'a [f32],
    depth: usize,
    out: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, right, depth, out } = self;
        let columns = right.len() / depth;
        for (out, row) in out.chunks_mut(columns).zip(left.chunks(depth)) {
            for (out, column) in out.iter_mut().zip(right.chunks(depth)) {
                [*out] = sums(simd, [row, column], &Products);
            }
        }
    }
}
