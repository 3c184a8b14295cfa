//! The way from one sample to another through the noise that they are made of.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_model::Capabilities;
use ebm_ops::Noise;
use ebm_sample::{Descent, ProbabilityFlow};

use crate::error::{Result, anyhow, usage};
use crate::sampling::host;

/// Cosines of angles within which a straight line is as good.
const STRAIGHT: f64 = 1.0 - 1e-9;

/// `n` samples on the way from `a` to `b`, both in the model's units: the noise of each by the probability flow, the
/// arc between the two, and down again. The first and the last are the two themselves, encoded and decoded.
///
/// # Errors
/// A wrong use of the program for a network without noise levels; a sample that is not finite.
pub fn between(
    network: &dyn Capabilities,
    flow: &ProbabilityFlow,
    [a, b]: [&[f32]; 2],
    n: usize,
    device: &Device,
) -> Result<Vec<f32>> {
    let score = network.as_noisy_score().ok_or_else(|| {
        usage(anyhow!("interpolation needs a network that is conditioned on the noise level"))
    })?;
    let dim = a.len();
    let ends = Tensor::from_data(TensorData::new([a, b].concat(), [2, dim]), device);
    let codes = host(flow.encode(score, ends))?;
    let (a, b) = codes.split_at(dim);
    let along = |i: usize| arc(a, b, i as f64 / (n.max(2) - 1) as f64);
    let way: Vec<f32> = (0..n).flat_map(along).collect();
    let way = Tensor::from_data(TensorData::new(way, [n, dim]), device);
    let found = host(flow.run(score, way, Noise::seeded(0)))?;
    match found.iter().all(|value| value.is_finite()) {
        true => Ok(found),
        false => Err(anyhow!("a sample on the way is not finite: the model is broken")),
    }
}

/// The point at `t` of the arc from `a` to `b` on which the length changes evenly.
///
/// # Reference
/// Shoemake (1985), *Animating rotation with quaternion curves*, §3.3.
fn arc(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let (of_a, of_b) = match cosine.abs() < STRAIGHT {
        true => {
            let angle = cosine.acos();
            ((angle * (1.0 - t)).sin() / angle.sin(), (angle * t).sin() / angle.sin())
        }
        false => (1.0 - t, t),
    };
    a.iter().zip(b).map(|(&a, &b)| (of_a * f64::from(a) + of_b * f64::from(b)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arc_keeps_the_length_and_has_both_ends() {
        let (a, b) = ([3.0, 0.0], [0.0, 3.0]);
        assert_eq!(arc(&a, &b, 0.0), a);
        for t in [0.25, 0.5, 1.0] {
            let point = arc(&a, &b, t);
            let angle = f64::from(point[1]).atan2(f64::from(point[0]));
            assert!((angle - t * std::f64::consts::FRAC_PI_2).abs() < 1e-6);
            assert!((point[0].hypot(point[1]) - 3.0).abs() < 1e-5);
        }
        assert_eq!(arc(&a, &a, 0.5), a);
    }
}
