//! Times of the shapes of the reference network that Winograd's algorithm does not take, for whoever works on them:
//! `cargo test --release -p ebm-ops conv::speed -- --ignored --nocapture`.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, module};

use super::{Algorithm, Geometry, conv_transpose2d, conv2d, direct, shape::Shape, with_algorithm};
use crate::Noise;

const BATCH: usize = 64;

/// The shortest of `rounds` times in microseconds, which other work on the machine disturbs least.
fn shortest(rounds: usize, mut run: impl FnMut()) -> f64 {
    let times = (0..rounds).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e6
    });
    times.fold(f64::INFINITY, f64::min)
}

/// Name, whether transposed, channels, side of the input, kernel, stride, padding.
type Case = (&'static str, bool, [usize; 2], usize, usize, usize, usize);

const CASES: [Case; 8] = [
    ("4>32 3x3 @14", false, [4, 32], 14, 3, 1, 1),
    ("32>4 3x3 @14", false, [32, 4], 14, 3, 1, 1),
    ("32>64 3x3/2 @14", false, [32, 64], 14, 3, 2, 1),
    ("64>32 1x1 @14", false, [64, 32], 14, 1, 1, 0),
    ("64>32 2x2t/2 @7", true, [64, 32], 7, 2, 2, 0),
    ("32>32 3x3 @14", false, [32, 32], 14, 3, 1, 1),
    ("3>64 3x3 @32", false, [3, 64], 32, 3, 1, 1),
    ("64>128 3x3/2 @32", false, [64, 128], 32, 3, 2, 1),
];

#[test]
#[ignore = "a measurement"]
fn the_small_convolutions_of_the_reference_network() {
    let mut out = std::io::stderr().lock();
    for (name, transposed, [input, output], side, kernel, stride, padding) in CASES {
        let geometry = Geometry { stride, padding };
        // A transposed convolution is the adjoint of the convolution that leads back.
        let (channels, after) = match transposed {
            false => ([input, output], side),
            true => ([output, input], (side - 1) * stride + kernel - 2 * padding),
        };
        let shape = Shape::new([BATCH, channels[0], after, after], [channels[1], channels[0], kernel, kernel], geometry);
        let mut noise = Noise::seeded(1);
        let [x, w, y] = [shape.inputs(), shape.weights(), shape.outputs()].map(|n| noise.normals(n));
        let (mut dx, mut dw, mut dy) = (x.clone(), w.clone(), y.clone());
        let mut times = vec![
            shortest(61, || direct::forward(&shape, &x, &w, None, &mut dy)),
            shortest(61, || direct::input_grad(&shape, &w, &y, None, &mut dx)),
            shortest(61, || direct::weight_grad(&shape, &x, &y, &mut dw)),
        ];
        if transposed {
            times.swap(0, 1);
        }
        let pixels = shape.out_height() * shape.out_width();
        let products = (BATCH * channels[0] * channels[1] * kernel * kernel * pixels) as f64;
        writeln!(out, "{name}: forward, dx, dw {times:.0?} us, {:.0?} GF/s", 2e-3 * products / times[0]).unwrap();

        let data = || {
            let mut noise = Noise::seeded(1);
            let device = Device::flex();
            let x = noise.normal([BATCH, input, side, side], &device);
            let rows = if transposed { [input, output] } else { [output, input] };
            let w = noise.normal([rows[0], rows[1], kernel, kernel], &device);
            (x, w, noise.normal([output], &device))
        };
        let ours = |x: Tensor<4>, w: Tensor<4>, b: Tensor<1>| match transposed {
            false => conv2d(x, w, Some(b), geometry),
            true => conv_transpose2d(x, w, Some(b), geometry),
        };
        let burn = |x: Tensor<4>, w: Tensor<4>, b: Tensor<1>| match transposed {
            false => module::conv2d(x, w, Some(b), ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1)),
            true => {
                let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0; 2], [1; 2], 1);
                module::conv_transpose2d(x, w, Some(b), options)
            }
        };
        let steps = |map: &dyn Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>| {
            let (x, w, b) = data();
            let forward = shortest(15, || drop(black_box(map(x.clone(), w.clone(), b.clone()))));
            let both = shortest(15, || {
                let (x, w) = (x.clone().autodiff().require_grad(), w.clone().autodiff().require_grad());
                let y = map(x, w, b.clone().autodiff().require_grad());
                drop(black_box(y.backward()));
            });
            [forward, both]
        };
        let (ours, burn) = (with_algorithm(Algorithm::Auto, || steps(&ours)), steps(&burn));
        writeln!(out, "    as tensors: forward, forward and backward {ours:.0?} us, plain Burn {burn:.0?} us").unwrap();
    }
}
