//! The Dormand–Prince method for a flow and its log volume, with a step size for each row.

use burn::tensor::{Tensor, TensorData};

/// Times of the stages, as fractions of the step.
const NODES: [f64; 7] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];

/// Weights of the earlier slopes in each stage; the last row is the step itself.
const STAGES: [&[f64]; 7] = [
    &[],
    &[0.2],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// Weights of the fifth-order step minus those of the fourth-order step.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339_200.0, 22.0 / 525.0, -1.0 / 40.0];

/// The first step.
const FIRST: f64 = 0.1;

/// The smallest step; a row that needs smaller ones fails.
const LEAST: f64 = 1e-7;

/// The right-hand side: dx/dt, `[batch, dim]`, and its divergence, one number for each row.
pub type Slope = (Tensor<2>, Vec<f64>);

/// The end of a flow.
#[derive(Clone, Debug)]
pub struct Solution {
    /// Where the rows are at the end, `[batch, dim]`.
    pub position: Tensor<2>,
    /// ∫ div dt for each row.
    pub log_volume: Vec<f64>,
    /// Number of evaluations of the right-hand side.
    pub calls: usize,
}

/// A row that needs steps that are too small: the right-hand side is too rough for the tolerance, or NaN.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("row {row}: expected steps of at least {step:e}, smaller ones are needed at the time {time}")]
pub struct Stalled {
    /// Index of the row, from 0.
    pub row: usize,
    /// The smallest step allowed.
    pub step: f64,
    /// The time at which it stopped.
    pub time: f64,
}

/// Solves dx/dt = f(x, t) from the time `from` up to `to`, and integrates the divergence of f along the way.
///
/// `slope` is evaluated at positions and one time per row.
/// A row accepts a step if the root mean square of its error in x is below `tolerance` times `scale` of the time at
/// the step's end, and the error of its log volume is below `tolerance` per coordinate, so no row depends on the
/// others. Steps begin at 0.1: times are meant to be ln σ, or its negative.
/// Cost: six evaluations per step, until the slowest row has reached the end.
///
/// # Errors
/// [`Stalled`] if a row needs steps below 1e-7.
///
/// # Reference
/// Dormand and Prince (1980), *A family of embedded Runge–Kutta formulae*; step sizes as in Hairer,
/// Nørsett and Wanner (1993), *Solving ordinary differential equations I*, §II.4.
pub fn integrate(
    x: Tensor<2>,
    [from, to]: [f64; 2],
    tolerance: f64,
    scale: impl Fn(f64) -> f64,
    slope: impl Fn(Tensor<2>, &[f64]) -> Slope,
) -> Result<Solution, Stalled> {
    let [n, dim] = x.dims();
    let mut position = x;
    let (mut times, mut steps) = (vec![from; n], vec![FIRST.min(to - from); n]);
    let mut log_volume = vec![0.0; n];
    let mut first = slope(position.clone(), &times);
    let mut calls = 1;
    while times.iter().any(|&time| time < to) {
        let mut slopes = vec![first.clone()];
        let mut stage = position.clone();
        for (node, weights) in NODES.iter().zip(STAGES).skip(1) {
            let at: Vec<f64> = times.iter().zip(&steps).map(|(time, step)| time + node * step).collect();
            stage = position.clone() + combined(&slopes, weights, &steps, &position);
            slopes.push(slope(stage.clone(), &at));
            calls += 1;
        }
        let ends: Vec<f64> = times.iter().zip(&steps).map(|(time, step)| time + step).collect();
        let inverse = column(ends.iter().map(|&time| scale(time).recip()).collect(), &position);
        let error = combined(&slopes, &ERROR, &steps, &position) * inverse;
        let errors = numbers(error.square().mean_dim(1).sqrt());

        let mut accepted = vec![0.0; n];
        for row in 0..n {
            let volume = |weights: &[f64]| {
                let parts = weights.iter().zip(&slopes).map(|(weight, slope)| weight * slope.1[row]);
                steps[row] * parts.sum::<f64>()
            };
            let parts = [errors[row], volume(&ERROR).abs() / dim as f64];
            // a NaN rejects the step; `max` alone would ignore it
            let nan = parts.iter().any(|part| part.is_nan());
            let error = if nan { f64::INFINITY } else { parts[0].max(parts[1]) / tolerance };
            let factor = (0.9 * error.powf(-0.2)).clamp(0.2, 5.0);
            if error <= 1.0 {
                log_volume[row] += volume(STAGES[6]);
                times[row] = if to <= ends[row] + LEAST { to } else { ends[row] };
                accepted[row] = 1.0;
            }
            let next = steps[row] * factor;
            if next < LEAST && times[row] < to {
                return Err(Stalled { row, step: LEAST, time: times[row] });
            }
            steps[row] = next.min(to - times[row]);
        }
        // Where the step is accepted, its last slope is the first slope of the next step.
        let last = slopes.pop().expect("the method has seven stages");
        let keep = column(accepted.clone(), &position).greater_elem(0.5).expand([n, dim]);
        position = position.mask_where(keep.clone(), stage);
        first.0 = first.0.mask_where(keep, last.0);
        for row in (0..n).filter(|&row| 0.5 < accepted[row]) {
            first.1[row] = last.1[row];
        }
    }
    Ok(Solution { position, log_volume, calls })
}

/// h Σ weight · slope, with the step size h of each row.
fn combined(slopes: &[Slope], weights: &[f64], steps: &[f64], x: &Tensor<2>) -> Tensor<2> {
    let terms = slopes.iter().zip(weights).filter(|(_, weight)| **weight != 0.0);
    let sum = terms.map(|(slope, weight)| slope.0.clone() * *weight).reduce(|sum, term| sum + term);
    sum.expect("a stage uses at least one slope") * column(steps.to_vec(), x)
}

/// All elements in double precision.
fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().try_into_vec_as::<f64>().expect("floats become doubles")
}

/// `values` as a column `[rows, 1]` on the device of `x` and in its float type.
pub fn column(values: Vec<f64>, x: &Tensor<2>) -> Tensor<2> {
    let n = values.len();
    let data = TensorData::new(values, [n, 1]).convert_dtype(x.dtype());
    Tensor::from_data(data, (&x.device(), x.dtype()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device};

    /// x′ = x cos t, whose solution is x₀ e^{sin t} and whose log volume is the exponent.
    fn wave(tolerance: f64) -> (f64, f64, usize) {
        let x = Tensor::<2>::from_data([[1.0], [-3.0]], (&Device::flex(), DType::F64));
        let slope = |x: Tensor<2>, at: &[f64]| {
            let cosines: Vec<f64> = at.iter().map(|t| t.cos()).collect();
            (x.clone() * column(cosines.clone(), &x), cosines)
        };
        let end = 4.0;
        let solution = integrate(x, [0.0, end], tolerance, f64::exp, slope).unwrap();
        let exact = end.sin();
        let found = numbers(solution.position);
        let error = (found[0] - exact.exp()).abs().max((found[1] + 3.0 * exact.exp()).abs());
        let volume = solution.log_volume.iter().map(|v| (v - exact).abs()).fold(0.0, f64::max);
        (error, volume, solution.calls)
    }

    #[test]
    fn a_known_flow_is_solved_with_order_five() {
        let (loose, tight) = (wave(1e-5), wave(1e-10));
        // the tolerance holds per step, in units of e^t ≤ e⁴, and there are fewer than 300 steps
        assert!(tight.0 < 1e-10 * 300.0 * 4f64.exp() && tight.1 < 1e-10 * 300.0, "{tight:?}");
        // 1e5 times the accuracy costs 1e5^(1/5) = 10 times as much, except where the step is bounded
        let cost = tight.2 as f64 / loose.2 as f64;
        assert!((4.0..16.0).contains(&cost), "{loose:?}, {tight:?}");
        assert!(100.0 * tight.0 < loose.0, "{loose:?}, {tight:?}");
    }

    #[test]
    fn stage_weights_sum_to_their_nodes() {
        for (node, weights) in NODES.iter().zip(STAGES) {
            assert!((weights.iter().sum::<f64>() - node).abs() < 1e-14);
        }
        assert!(ERROR.iter().sum::<f64>().abs() < 1e-16);
    }

    #[test]
    fn a_nan_slope_ends_in_an_error() {
        let x = Tensor::<2>::zeros([2, 1], (&Device::flex(), DType::F64));
        let slope = |x: Tensor<2>, at: &[f64]| {
            let bad = at.iter().map(|t| if 0.5 < *t { f64::NAN } else { 0.0 }).collect::<Vec<_>>();
            (column(bad, &x), vec![0.0; 2])
        };
        let stalled = integrate(x, [0.0, 1.0], 1e-3, f64::exp, slope).unwrap_err();
        assert!(stalled.row == 0 && (stalled.time - 0.5).abs() < 1e-3, "{stalled}");
    }
}
