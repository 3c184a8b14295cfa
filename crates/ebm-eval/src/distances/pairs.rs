//! Sums of a function over pairs of points, computed tile by tile.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use crate::host::{Columns, Rows};

/// Rows and columns of a tile; each thread holds one tile in memory.
const TILE: [usize; 2] = [32, 256];

/// Sums of a table of pairs.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    /// The sum of each row of the table.
    pub rows: Vec<f64>,
    /// The sum of each column.
    pub columns: Vec<f64>,
    /// The sum of all squares.
    pub squares: f64,
}

/// Sums over all pairs of `n` points with `m` others.
///
/// `fill(i, js, out)` writes the function of point `i` and each of the other points `js`.
pub(crate) fn between(n: usize, m: usize, fill: impl Fn(usize, Range<usize>, &mut [f64]) + Sync) -> Sums {
    table(n, m, |_| 0, fill)
}

/// Sums of a symmetric function over pairs of distinct points.
///
/// Each pair counts once in `squares` and for both of its points in `rows`; `columns` equals `rows`.
pub(crate) fn within(n: usize, fill: impl Fn(usize, Range<usize>, &mut [f64]) + Sync) -> Sums {
    let Sums { rows, columns, squares } = table(n, n, |i| i + 1, fill);
    let rows: Vec<f64> = rows.iter().zip(&columns).map(|(right, below)| right + below).collect();
    Sums { columns: rows.clone(), rows, squares }
}

/// Sums over the columns from `first(i)` on of each row `i`.
fn table(
    n: usize,
    m: usize,
    first: impl Fn(usize) -> usize + Sync,
    fill: impl Fn(usize, Range<usize>, &mut [f64]) + Sync,
) -> Sums {
    let mut sums = Sums { rows: vec![0.0; n], columns: vec![0.0; m], squares: 0.0 };
    for start in (0..m).step_by(TILE[1]) {
        let end = m.min(start + TILE[1]);
        let tile = |(block, row_sums): (usize, &mut [f64])| {
            let mut below = vec![0.0; end - start];
            let (mut values, mut squares) = (vec![0.0; end - start], 0.0);
            for (i, row_sum) in (block * TILE[0]..).zip(row_sums) {
                let begin = start.max(first(i)).min(end);
                let (values, below) = (&mut values[begin - start..], &mut below[begin - start..]);
                fill(i, begin..end, values);
                for (value, below) in values.iter().zip(below) {
                    *row_sum += value;
                    *below += value;
                    squares += value * value;
                }
            }
            (below, squares)
        };
        // Collected in order, so that sums do not depend on the order in which threads finish.
        let parts: Vec<_> = sums.rows.par_chunks_mut(TILE[0]).enumerate().map(tile).collect();
        for (below, squares) in parts {
            sums.columns[start..end].iter_mut().zip(below).for_each(|(sum, part)| *sum += part);
            sums.squares += squares;
        }
    }
    sums
}

/// ‖x − y_j‖² for each `j` of the range.
pub(crate) fn squared_distances(x: &[f64], y: &Columns, js: Range<usize>, out: &mut [f64]) {
    sums_over_coordinates(x, y, js, out, |x, y| (x - y) * (x - y));
}

/// x·y_j for each `j` of the range.
pub(crate) fn products(x: &[f64], y: &Columns, js: Range<usize>, out: &mut [f64]) {
    sums_over_coordinates(x, y, js, out, |x, y| x * y);
}

/// The sum of `term(x, y_j)` over the coordinates, for each `j` of the range.
fn sums_over_coordinates(
    x: &[f64],
    y: &Columns,
    js: Range<usize>,
    out: &mut [f64],
    term: impl Fn(f64, f64) -> f64,
) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            out.fill(0.0);
            for (k, x) in x.iter().enumerate() {
                for (out, y) in out.iter_mut().zip(&y.coordinate(k)[js.clone()]) {
                    *out += term(*x, *y);
                }
            }
        },
    );
}

/// (x − y_j)·(a − b_j) for each `j` of the range.
pub(crate) fn products_of_differences(
    [x, a]: [&[f64]; 2],
    [y, b]: [&Columns; 2],
    js: Range<usize>,
    out: &mut [f64],
) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            out.fill(0.0);
            for (k, (x, a)) in x.iter().zip(a).enumerate() {
                let (y, b) = (&y.coordinate(k)[js.clone()], &b.coordinate(k)[js.clone()]);
                for ((out, y), b) in out.iter_mut().zip(y).zip(b) {
                    *out += (x - y) * (a - b);
                }
            }
        },
    );
}

/// Distances between all pairs of distinct rows.
pub(crate) fn distances(x: &Rows) -> Vec<f64> {
    let (n, columns) = (x.len(), x.columns());
    let row = |i: usize| {
        let mut out = vec![0.0; n - i - 1];
        squared_distances(x.row(i), &columns, i + 1..n, &mut out);
        out.iter_mut().for_each(|value| *value = value.sqrt());
        out
    };
    (0..n).into_par_iter().flat_map_iter(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(i: usize, j: usize) -> f64 {
        (i.min(j) as f64 * 0.37).sin() + i.max(j) as f64 * 0.01
    }

    fn fill(i: usize, js: Range<usize>, out: &mut [f64]) {
        js.zip(out).for_each(|(j, out)| *out = value(i, j));
    }

    #[test]
    fn tiles_sum_to_the_double_loop_at_every_size() {
        for (n, m) in [(1, 1), (5, 700), (33, 256), (300, 257)] {
            let sums = between(n, m, fill);
            let row: f64 = (0..m).map(|j| value(n - 1, j)).sum();
            let column: f64 = (0..n).map(|i| value(i, m - 1)).sum();
            let squares: f64 = (0..n).flat_map(|i| (0..m).map(move |j| value(i, j).powi(2))).sum();
            for (found, exact) in
                [(sums.rows[n - 1], row), (sums.columns[m - 1], column), (sums.squares, squares)]
            {
                assert!((found - exact).abs() < 1e-12 * squares.max(1.0), "{n} × {m}: {found}, {exact}");
            }
        }
    }

    #[test]
    fn a_symmetric_function_is_summed_over_distinct_points() {
        for n in [2, 32, 33, 600] {
            let sums = within(n, fill);
            let mut squares = 0.0;
            for i in 0..n {
                let row: f64 = (0..n).filter(|&j| j != i).map(|j| value(i, j)).sum();
                squares += (i + 1..n).map(|j| value(i, j).powi(2)).sum::<f64>();
                assert!((sums.rows[i] - row).abs() < 1e-10, "{n}, {i}: {} against {row}", sums.rows[i]);
            }
            assert!((sums.squares - squares).abs() < 1e-11 * squares);
        }
    }

    #[test]
    fn sums_do_not_depend_on_the_number_of_threads() {
        let sum = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let sums = pool.install(|| within(500, fill));
            (sums.rows, sums.squares)
        };
        assert_eq!(sum(1), sum(3));
    }
}
