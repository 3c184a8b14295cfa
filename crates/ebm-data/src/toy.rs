//! Densities in the plane on which a method shows what it can.

use std::f32::consts::{PI, TAU};
use std::fmt;
use std::str::FromStr;

use burn_dataset::Dataset;
use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::{DataError, ENDLESS, Point};

/// A law in the plane. Below, u is uniform on [0, 1), k a uniform whole number, z standard normal, all independent.
///
/// Unless a variant says otherwise, constants are those of the data of FFJORD's authors, which later papers took over.
///
/// # Reference
/// Grathwohl, Chen, Bettencourt, Sutskever and Duvenaud (2019), *FFJORD: free-form continuous dynamics for scalable
/// reversible generative models*, and its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Toy {
    /// Two half circles that interlock: (cos t, sin t) or (1 − cos t, ½ − sin t), t = πu, less the mean (½, ¼),
    /// plus 0.1 z.
    ///
    /// scikit-learn's `make_moons(noise=0.1)` centred, with t random instead of evenly spaced.
    /// The density is an integral over t. The label is the moon.
    TwoMoons,
    /// Eight Gaussians on a circle: 2√2 (cos kπ/4, sin kπ/4) + z/√8, k < 8.
    ///
    /// Density ⅛ Σₖ N(x; mₖ, I/8). The label is k.
    EightGaussians,
    /// Uniform on the eight squares of side 2 of [−4, 4)² where ⌊x/2⌋ + ⌊y/2⌋ is even.
    ///
    /// Density 1/32 there, 0 elsewhere. No label.
    Checkerboard,
    /// Four rings: ¾(k + 1) (cos 2πu, sin 2πu) + 0.24 z, k < 4.
    ///
    /// Density ¼ Σₖ exp(−(r² + Rₖ²)/2s²) I₀(r Rₖ/s²)/(2πs²) with s = 0.24, r = |x|, Rₖ = ¾(k + 1). The label is k.
    Rings,
    /// Two arms: ±((−t cos t + u₁/2)/3, (t sin t + u₂/2)/3) + 0.1 z, t = 3π√u₃.
    ///
    /// The density is an integral. The label is the arm.
    Spirals,
    /// Five blades: 2(1 + 0.3 z₁, 0.1 z₂) turned clockwise by 2πk/5 + ¼ exp(1 + 0.3 z₁), k < 5.
    ///
    /// Johnson, Duvenaud, Wiltschko, Datta and Adams (2016). The density has no closed form. The label is the blade.
    Pinwheel,
    /// A spiral of one arm: (t cos t + z₁, t sin t + z₂)/5, t = 1.5π(1 + 2u).
    ///
    /// Two coordinates of scikit-learn's `make_swiss_roll(noise=1)`. The density is an integral over t. No label.
    SwissRoll,
}

impl Toy {
    /// Every toy.
    pub const ALL: [Self; 7] = [
        Self::TwoMoons,
        Self::EightGaussians,
        Self::Checkerboard,
        Self::Rings,
        Self::Spirals,
        Self::Pinwheel,
        Self::SwissRoll,
    ];

    /// The name by which [`from_str`](FromStr::from_str) finds it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TwoMoons => "two-moons",
            Self::EightGaussians => "eight-gaussians",
            Self::Checkerboard => "checkerboard",
            Self::Rings => "rings",
            Self::Spirals => "spirals",
            Self::Pinwheel => "pinwheel",
            Self::SwissRoll => "swiss-roll",
        }
    }

    /// A point of this law, a pure function of the stream.
    pub fn draw(self, mut noise: Noise) -> Point {
        let u: [f32; 3] = take(noise.uniforms(3));
        let z: [f32; 2] = take(noise.normals(2));
        let ([x, y], label) = self.place(u, z);
        Point { coordinates: vec![x, y], label }
    }

    fn place(self, u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>) {
        let component = |n: u32| ((u[0] * n as f32) as u32).min(n - 1);
        match self {
            Self::TwoMoons => {
                let (moon, (sin, cos)) = (component(2), (PI * u[1]).sin_cos());
                let [x, y] = if moon == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
                ([x - 0.5 + 0.1 * z[0], y - 0.25 + 0.1 * z[1]], Some(moon))
            }
            Self::EightGaussians => {
                let k = component(8);
                let (sin, cos) = (TAU * k as f32 / 8.0).sin_cos();
                let (radius, scale) = (8f32.sqrt(), 1.0 / 8f32.sqrt());
                ([radius * cos + scale * z[0], radius * sin + scale * z[1]], Some(k))
            }
            Self::Checkerboard => {
                // Columns and rows in squares of side 2; the fractions of u and v are the place inside the square.
                let (u, v) = (4.0 * u[0], 2.0 * u[1]);
                let row = 2.0 * v.floor() + u.floor() % 2.0;
                ([2.0 * u - 4.0, 2.0 * (row + v.fract()) - 4.0], None)
            }
            Self::Rings => {
                let k = component(4);
                let (radius, (sin, cos)) = (0.75 * (k + 1) as f32, (TAU * u[1]).sin_cos());
                ([radius * cos + 0.24 * z[0], radius * sin + 0.24 * z[1]], Some(k))
            }
            Self::Spirals => {
                let (arm, sign) = if u[1] < 0.5 { (0, 1.0) } else { (1, -1.0) };
                let (t, v) = (3.0 * PI * u[0].sqrt(), if arm == 0 { 2.0 * u[1] } else { 2.0 * u[1] - 1.0 });
                let (sin, cos) = t.sin_cos();
                let (x, y) = ((0.5 * v - t * cos) / 3.0, (0.5 * u[2] + t * sin) / 3.0);
                ([sign * x + 0.1 * z[0], sign * y + 0.1 * z[1]], Some(arm))
            }
            Self::Pinwheel => {
                let k = component(5);
                let (along, across) = (1.0 + 0.3 * z[0], 0.1 * z[1]);
                let (sin, cos) = (TAU * k as f32 / 5.0 + 0.25 * along.exp()).sin_cos();
                ([2.0 * (along * cos + across * sin), 2.0 * (across * cos - along * sin)], Some(k))
            }
            Self::SwissRoll => {
                let t = 1.5 * PI * (1.0 + 2.0 * u[0]);
                let (sin, cos) = t.sin_cos();
                ([(t * cos + z[0]) / 5.0, (t * sin + z[1]) / 5.0], None)
            }
        }
    }
}

fn take<const N: usize>(values: Vec<f32>) -> [f32; N] {
    std::array::from_fn(|i| values[i])
}

impl fmt::Display for Toy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Toy {
    type Err = DataError;

    /// # Errors
    /// [`DataError::Spec`] with the known names.
    fn from_str(name: &str) -> Result<Self, DataError> {
        Self::ALL.into_iter().find(|toy| toy.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            DataError::Spec(format!("no toy is called {name:?}; there are {known}"))
        })
    }
}

impl TryFrom<String> for Toy {
    type Error = DataError;

    fn try_from(name: String) -> Result<Self, DataError> {
        name.parse()
    }
}

impl From<Toy> for String {
    fn from(toy: Toy) -> Self {
        toy.name().into()
    }
}

/// An endless set of points of a [`Toy`]'s law; point `i` is a pure function of the seed and `i`.
#[derive(Clone, Debug)]
pub struct ToyPoints {
    toy: Toy,
    noise: Noise,
}

impl ToyPoints {
    /// The points of one stream of noise; what was drawn from it does not matter.
    pub fn new(toy: Toy, noise: &Noise) -> Self {
        Self { toy, noise: noise.derive(toy.name()) }
    }
}

impl Dataset<Point, DataError> for ToyPoints {
    fn get(&self, index: usize) -> Result<Point, DataError> {
        Ok(self.toy.draw(self.noise.child(index as u64)))
    }

    /// As many as can be counted.
    fn len(&self) -> usize {
        ENDLESS
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    const N: usize = 100_000;

    type Statistic<'a> = &'a dyn Fn([f64; 2]) -> f64;

    fn points(toy: Toy) -> Vec<[f64; 2]> {
        let points = ToyPoints::new(toy, &Noise::seeded(8));
        (0..N)
            .map(|i| points.get(i).unwrap().coordinates)
            .map(|c| [f64::from(c[0]), f64::from(c[1])])
            .collect()
    }

    /// Means, variances and covariance of each law, by hand.
    fn moments(toy: Toy) -> [f64; 5] {
        let isotropic = |variance| [0.0, 0.0, variance, variance, 0.0];
        match toy {
            Toy::TwoMoons => {
                let (dx, dy) = (1.0, 0.5 - 4.0 / PI); // from the upper moon's mean to the lower's
                let x = 0.5 + dx * dx / 4.0 + 0.01;
                let y = 0.5 - 4.0 / (PI * PI) + dy * dy / 4.0 + 0.01;
                [0.0, 0.0, x, y, dx * dy / 4.0]
            }
            Toy::EightGaussians => isotropic(4.0 + 0.125),
            Toy::Checkerboard => [0.0, 0.0, 16.0 / 3.0, 16.0 / 3.0, 1.0],
            Toy::Rings => isotropic(9.0 / 16.0 * 7.5 / 2.0 + 0.24 * 0.24),
            Toy::Spirals => {
                let t = 3.0 * PI; // the density of the angle is 2t/(3π)²
                let (tc, ts) = (-4.0 / t, 2.0 - 8.0 / (t * t)); // E[t cos t], E[t sin t]
                let (cc, ss) = (t * t / 4.0 + 0.75, t * t / 4.0 - 0.75);
                let cs = -t / 2.0 + 0.75 / t;
                let x = (cc - 0.5 * tc + 1.0 / 12.0) / 9.0 + 0.01;
                let y = (ss + 0.5 * ts + 1.0 / 12.0) / 9.0 + 0.01;
                [0.0, 0.0, x, y, (-cs - tc / 4.0 + ts / 4.0 + 1.0 / 16.0) / 9.0]
            }
            Toy::Pinwheel => isotropic(2.0 * (1.0 + 0.09 + 0.01)),
            Toy::SwissRoll => {
                let (a, b) = (1.5 * PI, 4.5 * PI);
                let mean = [2.0 / 5.0, 2.0 / (3.0 * PI) / 5.0];
                let square = (b.powi(3) - a.powi(3)) / (6.0 * (b - a));
                let x = (square - 0.25 + 1.0) / 25.0 - mean[0] * mean[0];
                let y = (square + 0.25 + 1.0) / 25.0 - mean[1] * mean[1];
                [mean[0], mean[1], x, y, (a + b) / 4.0 / 25.0 - mean[0] * mean[1]]
            }
        }
    }

    #[test]
    fn every_toy_has_the_moments_of_its_law() {
        for toy in Toy::ALL {
            let points = points(toy);
            let [mx, my, vx, vy, covariance] = moments(toy);
            let statistics: [(&str, f64, Statistic); 5] = [
                ("mean x", mx, &|p| p[0]),
                ("mean y", my, &|p| p[1]),
                ("variance x", vx, &|p| (p[0] - mx).powi(2)),
                ("variance y", vy, &|p| (p[1] - my).powi(2)),
                ("covariance", covariance, &|p| (p[0] - mx) * (p[1] - my)),
            ];
            for (name, expected, statistic) in statistics {
                let found = points.iter().map(|&p| statistic(p)).sum::<f64>() / N as f64;
                let square = points.iter().map(|&p| (statistic(p) - found).powi(2)).sum::<f64>() / N as f64;
                let error = (found - expected) / (square / N as f64).sqrt();
                assert!(
                    error.abs() < 5.0,
                    "{toy}, {name}: {found} against {expected}, {error} standard errors"
                );
            }
        }
    }

    #[test]
    fn the_checkerboard_is_uniform_on_its_black_squares() {
        let mut counts = [0.0; 64];
        for [x, y] in points(Toy::Checkerboard) {
            let (column, row) = ((x + 4.0).floor() as usize, (y + 4.0).floor() as usize);
            counts[8 * row + column] += 1.0;
        }
        for (cell, &count) in counts.iter().enumerate() {
            let black = (cell / 16 + cell % 8 / 2) % 2 == 0;
            let expected = if black { N as f64 / 32.0 } else { 0.0 };
            assert!(
                (count - expected).abs() <= 5.0 * expected.sqrt(),
                "cell {cell}: {count} against {expected}"
            );
        }
    }

    #[test]
    fn the_eight_gaussians_are_eight_and_round() {
        let points = ToyPoints::new(Toy::EightGaussians, &Noise::seeded(5));
        let mut squares = [0.0; 8];
        let mut counts = [0.0; 8];
        for point in (0..N).map(|i| points.get(i).unwrap()) {
            let k = point.label.unwrap() as usize;
            let angle = f64::from(k as u32) * PI / 4.0;
            let (dx, dy) = (
                f64::from(point.coordinates[0]) - 8f64.sqrt() * angle.cos(),
                f64::from(point.coordinates[1]) - 8f64.sqrt() * angle.sin(),
            );
            squares[k] += 8.0 * (dx * dx + dy * dy); // chi square with 2 degrees of freedom, variance 4
            counts[k] += 1.0;
        }
        for k in 0..8 {
            let (n, mean): (f64, f64) = (counts[k], squares[k] / counts[k]);
            assert!((n - N as f64 / 8.0).abs() < 5.0 * (N as f64 * 7.0 / 64.0).sqrt(), "component {k}: {n}");
            assert!((mean - 2.0).abs() < 5.0 * 2.0 / n.sqrt(), "component {k}: {mean}");
        }
    }

    #[test]
    fn the_blades_of_the_pinwheel_trail_clockwise() {
        // Turned back by its blade's angle, a point without noise lies at angle −¼ e.
        let ([x, y], _) = Toy::Pinwheel.place([0.0; 3], [0.0; 2]);
        let angle = -0.25 * 1f32.exp();
        assert!((x - 2.0 * angle.cos()).abs() < 1e-5 && (y - 2.0 * angle.sin()).abs() < 1e-5, "{x}, {y}");
    }

    #[test]
    fn names_round_trip_and_an_unknown_one_is_answered_with_the_known() {
        for toy in Toy::ALL {
            assert_eq!(toy.to_string().parse::<Toy>().unwrap(), toy);
        }
        let error = "three-moons".parse::<Toy>().unwrap_err().to_string();
        assert!(error.contains("three-moons") && error.contains("two-moons"), "{error}");
    }
}
