//! The kernels compared with the defining sum in double precision.

use rayon::ThreadPoolBuilder;

use super::*;
use crate::Noise;
use crate::conv::Geometry;

fn shape(batch: usize, channels: [usize; 2], size: [usize; 2], kernel: usize, geometry: Geometry) -> Shape {
    let [input, output] = channels;
    Shape::new([batch, input, size[0], size[1]], [output, input, kernel, kernel], geometry)
}

/// Calls `visit` with the indices in x, weight and y of every product of the sum.
fn products(shape: &Shape, mut visit: impl FnMut(usize, usize, usize)) {
    let &Shape { batch, in_channels, out_channels, height, width, kernel, stride, padding } = shape;
    let (rows, columns) = (shape.out_height(), shape.out_width());
    let inside = |window: usize, tap: usize, size: usize| {
        (window * stride + tap).checked_sub(padding).filter(|&pixel| pixel < size)
    };
    for (b, o, i) in triples([batch, out_channels, in_channels]) {
        for (t, s, v) in triples([kernel, kernel, rows]) {
            for u in 0..columns {
                if let (Some(row), Some(column)) = (inside(v, t, height), inside(u, s, width)) {
                    let x = ((b * in_channels + i) * height + row) * width + column;
                    let w = ((o * in_channels + i) * kernel + t) * kernel + s;
                    visit(x, w, ((b * out_channels + o) * rows + v) * columns + u);
                }
            }
        }
    }
}

fn triples([a, b, c]: [usize; 3]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |i| (i / c / b, i / c % b, i % c))
}

/// The three results for one shape, from normally distributed tensors.
fn results(shape: &Shape) -> [Vec<f32>; 3] {
    let [x, w, y, bias] = data(shape);
    let mut dw = vec![f32::NAN; shape.weights()];
    weight_grad(shape, &x, &y, &mut dw);
    [forward(shape, &x, &w, Some(&bias)), input_grad(shape, &w, &y, None), dw]
}

fn data(shape: &Shape) -> [Vec<f32>; 4] {
    let mut noise = Noise::seeded(3);
    [shape.inputs(), shape.weights(), shape.outputs(), shape.out_channels].map(|n| noise.normals(n))
}

#[test]
fn results_agree_with_the_defining_sums_for_every_shape() {
    let geometries =
        [(1, 0), (1, 1), (2, 0), (2, 1), (3, 2)].map(|(stride, padding)| Geometry { stride, padding });
    let channels = [[1, 3], [3, 8], [4, 32], [7, 4], [8, 7], [32, 4], [12, 24], [8, 1], [16, 2]];
    let mut tried = 0;
    for (i, channels) in channels.into_iter().enumerate() {
        for (size, kernel) in
            [([5, 3], 1), ([5, 3], 3), ([1, 1], 1), ([13, 9], 2), ([13, 9], 5), ([14, 14], 3)]
        {
            for geometry in geometries {
                if size[0].min(size[1]) + 2 * geometry.padding < kernel {
                    continue;
                }
                // One image, or several tasks of images, the last one incomplete.
                let shape = shape([1, 3, 19][(i + kernel) % 3], channels, size, kernel, geometry);
                compare(&shape);
                tried += 1;
            }
        }
    }
    assert!(150 < tried);
}

fn compare(shape: &Shape) {
    let [x, w, y, bias] = data(shape);
    let mut expected = [shape.outputs(), shape.inputs(), shape.weights()].map(|n| vec![0.0; n]);
    let pixels = shape.out_height() * shape.out_width();
    for (i, value) in expected[0].iter_mut().enumerate() {
        *value = f64::from(bias[i / pixels % shape.out_channels]);
    }
    products(shape, |i, j, k| {
        let [a, b, c] = [x[i], w[j], y[k]].map(f64::from);
        expected[0][k] += a * b;
        expected[1][i] += b * c;
        expected[2][j] += a * c;
    });
    for (what, (found, expected)) in ["y", "dx", "dw"].iter().zip(results(shape).iter().zip(&expected)) {
        let largest = expected.iter().fold(1.0, |max: f64, x| max.max(x.abs()));
        let error = found.iter().zip(expected).map(|(x, y)| (f64::from(*x) - y).abs()).fold(0.0, f64::max);
        assert!(
            found.iter().all(|x| x.is_finite()) && error < 1e-5 * largest,
            "{what} of {shape:?}: {error}"
        );
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let geometry = Geometry { stride: 2, padding: 1 };
    for channels in [[32, 16], [3, 40]] {
        let shape = shape(37, channels, [14, 14], 3, geometry);
        let [one, two, eight] = [1, 2, 8].map(|threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                results(&shape).map(|values| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
            })
        });
        assert!(one == two && two == eight, "{shape:?}");
    }
}

#[test]
fn empty_images_and_batches_give_empty_results_and_zero_gradients() {
    let shape = shape(0, [3, 4], [5, 5], 3, Geometry { stride: 1, padding: 1 });
    let [y, dx, dw] = results(&shape);
    assert!(y.is_empty() && dx.is_empty() && dw.iter().all(|&x| x == 0.0));
}

#[test]
fn scratch_memory_of_another_shape_does_not_leak_into_the_border() {
    let geometry = Geometry { stride: 1, padding: 1 };
    for size in [[14, 14], [7, 7], [3, 5], [14, 14], [1, 2]] {
        compare(&shape(3, [8, 8], size, 3, geometry));
    }
}
