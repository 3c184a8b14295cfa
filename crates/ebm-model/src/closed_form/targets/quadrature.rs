//! Distributions on an interval, by quadrature.

/// Nodes of Gauss and Legendre's rule on [−1, 1] that are positive, and their weights; exact to degree 15.
const RULE: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
];

/// Parts of the interval; in each the density is a polynomial to rounding.
const PARTS: usize = 512;

/// exp(−E) on an interval that holds all of its mass but e⁻⁴⁰, cut into equal parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quadrature {
    from: f64,
    width: f64,
    /// An energy near the least, which every exponent is relative to.
    lowest: f64,
    /// The mass below the end of each part, first 0.
    below: Vec<f64>,
}

impl Quadrature {
    pub(super) fn new(energy: impl Fn(f64) -> f64, from: f64, to: f64) -> Self {
        let width = (to - from) / PARTS as f64;
        let node = |i: usize| from + (i as f64 + 0.5) * width;
        let lowest = (0..PARTS).map(|i| energy(node(i))).fold(f64::INFINITY, f64::min);
        let mut law = Self { from, width, lowest, below: vec![0.0] };
        for part in 0..PARTS {
            let left = law.left(part);
            let mass = law.integral(&energy, left, left + width);
            law.below.push(law.below[part] + mass);
        }
        law
    }

    /// log ∫ exp(−E), in nats.
    pub(super) fn log_normalizer(&self) -> f64 {
        self.total().ln() - self.lowest
    }

    /// The mean of `f`.
    pub(super) fn mean(&self, energy: impl Fn(f64) -> f64, f: impl Fn(f64) -> f64) -> f64 {
        let weighted = |x: f64| f(x) * (self.lowest - energy(x)).exp();
        let part = |i: usize| gauss(weighted, self.left(i), self.left(i) + self.width);
        (0..PARTS).map(part).sum::<f64>() / self.total()
    }

    pub(super) fn cdf(&self, energy: impl Fn(f64) -> f64, x: f64) -> f64 {
        let place = (x - self.from) / self.width;
        if place <= 0.0 {
            return 0.0;
        }
        if PARTS as f64 <= place {
            return 1.0;
        }
        let part = place as usize;
        (self.below[part] + self.integral(energy, self.left(part), x)) / self.total()
    }

    /// Where the distribution function is `p`, within (0, 1): Newton's method, kept between bounds.
    pub(super) fn quantile(&self, energy: impl Fn(f64) -> f64, p: f64) -> f64 {
        let mass = p * self.total();
        let part = self.below.partition_point(|&below| below <= mass).clamp(1, PARTS) - 1;
        let (mut low, mut high) = (self.left(part), self.left(part) + self.width);
        let share = (mass - self.below[part]) / (self.below[part + 1] - self.below[part]);
        let mut x = low + share * self.width;
        for _ in 0..60 {
            let excess = self.below[part] + self.integral(&energy, self.left(part), x) - mass;
            if excess < 0.0 {
                low = x
            } else {
                high = x
            }
            let newton = x - excess * (energy(x) - self.lowest).exp();
            let next = if low < newton && newton < high { newton } else { 0.5 * (low + high) };
            if (next - x).abs() <= 1e-14 * (1.0 + x.abs()) {
                return next;
            }
            x = next;
        }
        x
    }

    fn total(&self) -> f64 {
        self.below[PARTS]
    }

    fn left(&self, part: usize) -> f64 {
        self.from + part as f64 * self.width
    }

    fn integral(&self, energy: impl Fn(f64) -> f64, from: f64, to: f64) -> f64 {
        gauss(|x| (self.lowest - energy(x)).exp(), from, to)
    }
}

/// ∫ f by one application of the rule.
fn gauss(f: impl Fn(f64) -> f64, from: f64, to: f64) -> f64 {
    let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
    RULE.iter()
        .map(|(node, weight)| weight * (f(middle - half * node) + f(middle + half * node)))
        .sum::<f64>()
        * half
}

#[cfg(test)]
mod tests {
    use super::super::numbers::normal_cdf;
    use super::*;

    #[test]
    fn quadrature_of_a_normal_distribution_is_exact() {
        let energy = |x: f64| 0.5 * (x - 1.0).powi(2) + 700.0;
        let law = Quadrature::new(energy, -9.0, 11.0);
        assert!((law.log_normalizer() - 0.5 * std::f64::consts::TAU.ln() + 700.0).abs() < 1e-12);
        assert!((law.mean(energy, |x| x.powi(4)) - 10.0).abs() < 1e-11);
        for x in [-8.0, -2.0, 0.3, 1.0, 5.5] {
            assert!((law.cdf(energy, x) - normal_cdf(x - 1.0)).abs() < 1e-14, "at {x}");
        }
        for p in [1e-9, 0.02, 0.5, 0.77, 1.0 - 1e-9] {
            let x = law.quantile(energy, p);
            assert!((law.cdf(energy, x) - p).abs() < 1e-14, "at {p}: {x}");
        }
    }
}
