//! Times of the three passes, for whoever works on them.
use super::*;
use std::time::Instant;

fn fastest(mut run: impl FnMut()) -> f64 {
    let rounds: usize = std::env::var("ROUNDS").ok().and_then(|s| s.parse().ok()).unwrap_or(41);
    let times = (0..rounds).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e6
    });
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    if std::env::var("MEDIAN").is_ok() { times[rounds / 2] } else { times[0] }
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let mut noise = crate::Noise::seeded(1);
    for (i, o, side) in [(32, 32, 14), (64, 64, 7), (64, 32, 14), (32, 32, 28)] {
        let shape = Shape { batch: 64, in_channels: i, out_channels: o, height: side, width: side };
        let x = noise.normals(64 * i * side * side);
        let dy = noise.normals(64 * o * side * side);
        let w = noise.normals(9 * i * o);
        let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), w.clone());
        let flops = 2.0 * 9.0 * (64 * i * o * side * side) as f64;
        let products = 2.0 * 36.0 * (64 * i * o * side.div_ceil(4).pow(2)) as f64;
        let times = [
            fastest(|| forward(&shape, &x, &w, None, &mut y)),
            fastest(|| input_grad(&shape, &w, &dy, &mut dx)),
            fastest(|| weight_grad(&shape, &x, &dy, &mut dw)),
        ];
        let line: Vec<String> = times.iter().map(|t| format!("{t:.0} us ({:.0}, {:.0})", flops / t / 1e3, products / t / 1e3)).collect();
        println!("SPEED {i}>{o}@{side} {}", line.join("  "));
    }
}

struct Peak;
impl WithSimd for Peak {
    type Output = f64;
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) -> f64 {
        let mut acc = [simd.splat_f32s(0.0); 12];
        let (a, b) = (simd.splat_f32s(std::hint::black_box(0.5)), simd.splat_f32s(std::hint::black_box(0.25)));
        let start = Instant::now();
        for _ in 0..50_000 {
            for v in &mut acc {
                *v = simd.mul_add_f32s(a, *v, b);
            }
        }
        std::hint::black_box(acc);
        2.0 * 12.0 * S::F32_LANES as f64 * 5e4 / start.elapsed().as_secs_f64() / 1e9
    }
}

#[test]
#[ignore = "a measurement"]
fn peak() {
    let best = (0..40).map(|_| Arch::new().dispatch(Peak)).fold(0.0, f64::max);
    println!("SPEED peak of one thread {best:.1} GF/s");
}
