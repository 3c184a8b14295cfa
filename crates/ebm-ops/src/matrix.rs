//! Matrix products of any size, on all threads.

mod factor;
mod narrow;
mod panels;

use crate::product::Size;

pub(crate) use factor::{Factor, Product};

/// The product in row-major order. Writes the column sums of its right factor to `sums`, if given.
///
/// Each element is that of `row` plus the products, added in the order of `depth` (separately for both halves of a
/// large `depth`), or in the order of [`sums`](crate::sums) if the result has few columns. So the result does not
/// depend on the number of threads, bit for bit; neither do the column sums.
///
/// # Panics
/// If a slice does not have the length that `size` implies.
pub(crate) fn multiply(product: Product<'_>, sums: Option<&mut [f32]>) -> Vec<f32> {
    let Product { size, left, right, row } = product;
    let Size { rows, depth, columns } = size;
    let (Factor::Plain(a) | Factor::Transposed(a), Factor::Plain(b) | Factor::Transposed(b)) = (left, right);
    assert_eq!([a.len(), b.len()], [rows * depth, depth * columns], "factors of {size:?}");
    assert!(row.is_none_or(|row| row.len() == columns), "expected a row of {columns} numbers");
    assert!(sums.as_ref().is_none_or(|sums| sums.len() == columns), "expected {columns} column sums");

    if columns <= narrow::COLUMNS && columns < rows && 0 < columns && 0 < depth {
        return narrow::multiply(product, sums);
    }
    panels::multiply(product, sums)
}

#[cfg(test)]
mod tests {
    use super::panels::group_rows;
    use super::*;
    use crate::simd::{Instructions, with_instructions};

    /// Small integers: sums are exact in any order.
    fn numbers(n: usize, factor: usize) -> Vec<f32> {
        (0..n).map(|i| (i * factor % 17) as f32 - 8.0).collect()
    }

    fn transposed(x: &[f32], columns: usize) -> Vec<f32> {
        (0..x.len()).map(|i| x[i % (x.len() / columns) * columns + i / (x.len() / columns)]).collect()
    }

    fn check(size: Size) {
        let Size { rows, depth, columns } = size;
        let (a, b, row) = (numbers(rows * depth, 5), numbers(depth * columns, 7), numbers(columns, 11));
        let (across_a, across_b) = (transposed(&a, depth.max(1)), transposed(&b, columns.max(1)));
        let lefts = [Factor::Plain(&a), Factor::Transposed(&across_a)];
        let rights = [Factor::Plain(&b), Factor::Transposed(&across_b)];
        for left in lefts {
            for right in rights {
                for row in [None, Some(&row[..])] {
                    let mut sums = vec![f32::NAN; columns];
                    let found = multiply(Product { size, left, right, row }, Some(&mut sums));
                    for j in 0..columns {
                        let column = |k: usize| b[k * columns + j];
                        assert_eq!(sums[j], (0..depth).map(column).sum::<f32>(), "column {j} of {size:?}");
                        for i in 0..rows {
                            let start = row.map_or(0.0, |row| row[j]);
                            let expected =
                                (0..depth).fold(start, |sum, k| sum + a[i * depth + k] * column(k));
                            assert_eq!(found[i * columns + j], expected, "({i}, {j}) of {size:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn products_with_many_rows_are_exact_on_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| check(Size { rows: 1283, depth: 70, columns: 32 }));
            pool.install(|| check(Size { rows: 300, depth: 65, columns: 96 }));
        }
        assert_eq!([group_rows(1283, 32, 2), group_rows(1283, 33, 2), group_rows(5, 64, 8)], [161, 128, 128]);
    }

    #[test]
    fn products_of_odd_sizes_are_exact_with_any_instructions() {
        for most in [Instructions::Scalar, Instructions::Avx2, Instructions::Widest] {
            with_instructions(most, || {
                for rows in [1, 2, 7, 13, 129] {
                    for depth in [1, 3, 64, 70] {
                        for columns in [1, 2, 4, 8, 15, 16, 31, 33, 65] {
                            check(Size { rows, depth, columns });
                        }
                    }
                }
            });
        }
    }

    #[test]
    fn empty_products_give_the_row_or_nothing() {
        check(Size { rows: 3, depth: 0, columns: 5 });
        check(Size { rows: 0, depth: 4, columns: 5 });
        check(Size { rows: 3, depth: 4, columns: 0 });
    }
}
