//! Densities in the plane, for trying out methods.
//!
//! In their formulas u is uniform on [0, 1), k a uniform integer and z standard normal, all independent.
//! Unless a type says otherwise, constants are those of FFJORD's authors, which later papers took over.
//!
//! # Reference
//! Grathwohl, Chen, Bettencourt, Sutskever and Duvenaud (2019), *FFJORD: free-form continuous dynamics for scalable
//! reversible generative models*, and its code.

mod density;
mod points;

mod dataset;

mod checkerboard;
mod eight_gaussians;
mod pinwheel;
mod rings;
mod spirals;
mod swiss_roll;
mod two_moons;

use ebm_ops::Noise;
use serde::{Deserialize, Serialize};

use crate::conversions::by_name;
use crate::item::Point;

pub use density::{Density, Moments};
pub use points::ToyPoints;

macro_rules! toys {
    ($($module:ident::$toy:ident,)*) => {
        $(pub use $module::$toy;)*

        /// A density in the plane, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Toy {
            $(#[doc = concat!("[`", stringify!($toy), "`](struct@", stringify!($toy), ").")] $toy,)*
        }

        impl Toy {
            /// Every toy.
            pub const ALL: [Self; [$(stringify!($toy)),*].len()] = [$(Self::$toy),*];

            /// The name by which [`from_str`](std::str::FromStr::from_str) finds it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$toy => $toy::NAME,)* }
            }

            /// One line about its form.
            pub fn about(self) -> &'static str {
                match self { $(Self::$toy => $toy::ABOUT,)* }
            }

            /// Its exact mean and covariance.
            pub fn moments(self) -> Moments {
                match self { $(Self::$toy => $toy::moments(),)* }
            }

            /// Its log density at a point in nats, to about 1e-6; −∞ where the density is 0.
            pub fn log_density(self, x: [f64; 2]) -> f64 {
                match self { $(Self::$toy => $toy::log_density(x),)* }
            }

            fn place(self, u: [f32; 3], z: [f32; 2]) -> ([f32; 2], Option<u32>) {
                match self { $(Self::$toy => $toy::place(u, z),)* }
            }
        }
    };
}

toys! {
    two_moons::TwoMoons,
    eight_gaussians::EightGaussians,
    checkerboard::Checkerboard,
    rings::Rings,
    spirals::Spirals,
    pinwheel::Pinwheel,
    swiss_roll::SwissRoll,
}

impl Toy {
    /// Every toy.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter()
    }

    /// A point of this density, a pure function of the stream.
    pub fn draw(self, mut noise: Noise) -> Point {
        let u: [f32; 3] = take(noise.uniforms(3));
        let z: [f32; 2] = take(noise.normals(2));
        let ([x, y], label) = self.place(u, z);
        Point { coordinates: vec![x, y], label }
    }
}

fn take<const N: usize>(values: Vec<f32>) -> [f32; N] {
    std::array::from_fn(|i| values[i])
}

by_name!(Toy, "toy");

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use burn_dataset::Dataset;

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

    #[test]
    fn every_toy_has_its_exact_moments() {
        for toy in Toy::ALL {
            let points = points(toy);
            let Moments { mean: [mx, my], variance: [vx, vy], covariance } = toy.moments();
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
    fn the_share_of_points_in_a_cell_is_the_integral_of_the_density() {
        // Cells of side ½ of [−4, 4)², each integrated by the midpoint rule with 12² nodes.
        const CELLS: usize = 16;
        for toy in Toy::ALL {
            let mut counts = vec![0.0; CELLS * CELLS];
            let cell = |x: f64| (2.0 * (x + 4.0)).floor();
            let inside = |i: f64| (0.0..CELLS as f64).contains(&i);
            for [column, row] in points(toy).into_iter().map(|p| p.map(cell)) {
                if inside(column) && inside(row) {
                    counts[CELLS * row as usize + column as usize] += 1.0;
                }
            }
            for (i, count) in counts.into_iter().enumerate() {
                let node = |cell: usize, j: usize| cell as f64 / 2.0 - 4.0 + (j as f64 + 0.5) / 24.0;
                let at = |j: usize| [node(i % CELLS, j % 12), node(i / CELLS, j / 12)];
                let expected = (0..144).map(|j| toy.log_density(at(j)).exp()).sum::<f64>() / 576.0 * N as f64;
                let tolerance = 5.0 * expected.max(1.0).sqrt() + 1.0;
                assert!((count - expected).abs() < tolerance, "{toy}, cell {i}: {count} against {expected}");
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
    fn the_eight_gaussians_are_equally_frequent_and_isotropic() {
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
    fn names_round_trip_and_an_unknown_one_lists_the_known() {
        for toy in Toy::ALL {
            assert_eq!(toy.to_string().parse::<Toy>().unwrap(), toy);
        }
        let error = "three-moons".parse::<Toy>().unwrap_err().to_string();
        assert!(error.contains("three-moons") && error.contains("two-moons"), "{error}");
    }
}
