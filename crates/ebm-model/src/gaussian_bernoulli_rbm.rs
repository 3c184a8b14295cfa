//! The restricted Boltzmann machine with real visible units.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::activation::{Activation, derivative, softplus};
use ebm_ops::dense::{dense, dense_pullback};
use ebm_ops::row_dot::row_dot;
use serde::{Deserialize, Serialize};

use crate::rows::{row_sum, square_length};
use crate::{Along, Directional, Energy, Init, IsotropicMixture, ModelError, Potential, Score};

/// Hidden units of which all states are counted for log Z: 2²⁰ of them.
const MOST_COUNTED: usize = 20;
/// Numbers in the means of a mixture: 256 MiB.
const MOST_NUMBERS: usize = 1 << 25;

/// What a [`GaussianBernoulliRbm`] is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianBernoulliRbmConfig {
    /// Visible units, the coordinates of a point.
    pub dim: usize,
    /// Hidden units, each on or off.
    pub hidden: usize,
    /// s, the standard deviation of a visible unit when the hidden ones are known; it is not trained.
    pub scale: f64,
}

impl GaussianBernoulliRbmConfig {
    /// # Errors
    /// [`ModelError::Architecture`], naming the field that no machine can have.
    pub fn validate(&self) -> Result<(), ModelError> {
        let refuse = |field, found: String, expected: &str| {
            Err(ModelError::Architecture { field, found, expected: expected.into() })
        };
        for (field, count) in [("dim", self.dim), ("hidden", self.hidden)] {
            if !(1..=65_536).contains(&count) {
                return refuse(field, count.to_string(), "1 to 65,536");
            }
        }
        if !(self.scale.is_finite() && 0.0 < self.scale) {
            return refuse("scale", self.scale.to_string(), "a positive, finite number");
        }
        Ok(())
    }
}

/// The free energy of a Gaussian–Bernoulli machine, its hidden units h summed out:
///
/// F(x) = ‖x − b‖²/(2s²) − Σⱼ softplus(aⱼ),   a = c + Wᵀx/s².
///
/// It is a network of one softplus layer of which everything is known while the hidden units are few:
/// p(x) = Σ_h π_h N(b + Wh, s²I), so log Z, exact draws and the score at every noise level come from
/// [`log_normalizer`](Self::log_normalizer) and [`mixture`](Self::mixture).
///
/// # Reference
/// Welling, Rosen-Zvi and Hinton (2005), *Exponential family harmoniums*; Cho, Ilin and Raiko (2011), *Improved
/// learning of Gaussian–Bernoulli restricted Boltzmann machines*, for this parametrisation.
#[derive(Module, Debug)]
pub struct GaussianBernoulliRbm {
    /// W, `[dim, hidden]`.
    weight: Param<Tensor<2>>,
    /// b, `[dim]`.
    visible_bias: Param<Tensor<1>>,
    /// c, `[hidden]`.
    hidden_bias: Param<Tensor<1>>,
    scale: f64,
}

impl GaussianBernoulliRbm {
    /// A new machine: W uniform on ±1/√dim, both biases zero.
    ///
    /// # Errors
    /// Those of [`GaussianBernoulliRbmConfig::validate`].
    pub fn new(config: &GaussianBernoulliRbmConfig, init: &Init) -> Result<Self, ModelError> {
        config.validate()?;
        let GaussianBernoulliRbmConfig { dim, hidden, scale } = *config;
        Ok(Self {
            weight: init.uniform("weight", [dim, hidden], dim),
            visible_bias: init.zeros([dim]),
            hidden_bias: init.zeros([hidden]),
            scale,
        })
    }

    /// What the machine is made of.
    pub fn config(&self) -> GaussianBernoulliRbmConfig {
        let [dim, hidden] = self.weight.lazy_shape().dims();
        GaussianBernoulliRbmConfig { dim, hidden, scale: self.scale }
    }

    /// log Z, Z = (2πs²)^{d/2} Σ_h exp(cᵀh + (‖b + Wh‖² − ‖b‖²)/(2s²)), in nats and in double precision.
    ///
    /// # Errors
    /// [`ModelError::Law`] if there are more than 20 hidden units: all of their states are counted.
    pub fn log_normalizer(&self) -> Result<f64, ModelError> {
        let numbers = self.numbers();
        let hidden = numbers.hidden_bias.len();
        if MOST_COUNTED < hidden {
            let expected = format!("at most {MOST_COUNTED}, to count all of their states");
            return Err(ModelError::Law { what: "hidden units", expected, found: hidden.to_string() });
        }
        let mut sum = LogSum::default();
        let (mut mean, mut bias) = (numbers.visible_bias.clone(), 0.0);
        sum.add(numbers.log_weight(&mean, bias));
        for count in 1..1_usize << hidden {
            // Gray's code: from one state to the next a single unit turns
            let (unit, on) =
                (count.trailing_zeros() as usize, (count ^ (count >> 1)) >> count.trailing_zeros() & 1);
            let sign = if on == 1 { 1.0 } else { -1.0 };
            mean.iter_mut().zip(numbers.column(unit)).for_each(|(m, w)| *m += sign * w);
            bias += sign * numbers.hidden_bias[unit];
            sum.add(numbers.log_weight(&mean, bias));
        }
        let dim = numbers.visible_bias.len() as f64;
        Ok(0.5 * dim * (std::f64::consts::TAU * self.scale * self.scale).ln() + sum.value())
    }

    /// The same law as a mixture of 2^hidden normal laws: it draws exactly and has every blurred score.
    ///
    /// # Errors
    /// [`ModelError::Law`] if 2^hidden · dim is more than 2²⁵.
    pub fn mixture(&self) -> Result<IsotropicMixture, ModelError> {
        let numbers = self.numbers();
        let (hidden, dim) = (numbers.hidden_bias.len(), numbers.visible_bias.len());
        if MOST_COUNTED < hidden || MOST_NUMBERS >> hidden < dim {
            let expected = format!("at most {MOST_COUNTED}, and 2^hidden · dim at most {MOST_NUMBERS}");
            return Err(ModelError::Law { what: "hidden units", expected, found: hidden.to_string() });
        }
        let (mut means, mut biases) = (numbers.visible_bias.clone(), vec![0.0]);
        for unit in 0..hidden {
            let on: Vec<f64> = means
                .chunks(dim)
                .flat_map(|mean| mean.iter().zip(numbers.column(unit)).map(|(m, w)| m + w))
                .collect();
            means.extend(on);
            let on: Vec<f64> = biases.iter().map(|bias| bias + numbers.hidden_bias[unit]).collect();
            biases.extend(on);
        }
        let log_weights = means.chunks(dim).zip(biases).map(|(mean, bias)| numbers.log_weight(mean, bias));
        IsotropicMixture::new(log_weights.collect(), means, self.scale * self.scale)
    }

    fn numbers(&self) -> Numbers {
        Numbers {
            weight: numbers(self.weight.val()),
            visible_bias: numbers(self.visible_bias.val()),
            hidden_bias: numbers(self.hidden_bias.val()),
            variance: self.scale * self.scale,
        }
    }

    /// s².
    fn variance(&self) -> f64 {
        self.scale * self.scale
    }

    /// x − b, `[batch, dim]`.
    fn centered(&self, x: Tensor<2>) -> Tensor<2> {
        let ([dim, _], dims) = (self.weight.lazy_shape().dims::<2>(), x.dims());
        assert_eq!(dims[1], dim, "points in {dim} dimensions were given as {dims:?}");
        x - self.visible_bias.val().unsqueeze::<2>()
    }

    /// a = c + Wᵀx/s², `[batch, hidden]`.
    fn inputs(&self, x: Tensor<2>) -> Tensor<2> {
        dense(x, self.weight.val(), None) / self.variance() + self.hidden_bias.val().unsqueeze::<2>()
    }
}

/// Of hidden units with these inputs to be on, 1/(1 + exp(−a)).
fn probabilities(a: Tensor<2>) -> Tensor<2> {
    derivative(a, Activation::Softplus, 1)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The parameters on the host.
struct Numbers {
    weight: Vec<f64>,
    visible_bias: Vec<f64>,
    hidden_bias: Vec<f64>,
    variance: f64,
}

impl Numbers {
    /// The weights of one hidden unit.
    fn column(&self, unit: usize) -> impl Iterator<Item = f64> {
        self.weight.iter().skip(unit).step_by(self.hidden_bias.len()).copied()
    }

    /// cᵀh + (‖m‖² − ‖b‖²)/(2s²) for the state with mean m = b + Wh and `bias` cᵀh.
    fn log_weight(&self, mean: &[f64], bias: f64) -> f64 {
        let rise: f64 = mean.iter().zip(&self.visible_bias).map(|(m, b)| (m - b) * (m + b)).sum();
        bias + rise / (2.0 * self.variance)
    }
}

/// log Σ exp of numbers that come one by one.
struct LogSum {
    largest: f64,
    sum: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self { largest: f64::NEG_INFINITY, sum: 0.0 }
    }
}

impl LogSum {
    fn add(&mut self, term: f64) {
        if self.largest < term {
            self.sum = self.sum * (self.largest - term).exp() + 1.0;
            self.largest = term;
        } else {
            self.sum += (term - self.largest).exp();
        }
    }

    fn value(&self) -> f64 {
        self.largest + self.sum.ln()
    }
}

impl Energy for GaussianBernoulliRbm {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let bowl = square_length(self.centered(x.clone())) / (2.0 * self.variance());
        bowl - row_sum(softplus(self.inputs(x)))
    }
}

impl Score for GaussianBernoulliRbm {
    /// (b + W σ(a) − x)/s², σ(a) the probabilities of the hidden units to be on.
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let on = probabilities(self.inputs(x.clone()));
        (dense_pullback(on, self.weight.val()) - self.centered(x)) / self.variance()
    }
}

impl Potential for GaussianBernoulliRbm {
    fn energy_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (a, centered) = (self.inputs(x.clone()), self.centered(x));
        let bowl = square_length(centered.clone()) / (2.0 * self.variance());
        let pull = dense_pullback(probabilities(a.clone()), self.weight.val());
        (bowl - row_sum(softplus(a)), (pull - centered) / self.variance())
    }
}

impl Directional for GaussianBernoulliRbm {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let on = probabilities(self.inputs(x.clone()));
        let turn = dense(v.clone(), self.weight.val(), None) / self.variance();
        let slope =
            row_dot(self.centered(x), v.clone()) / self.variance() - row_dot(on.clone(), turn.clone());
        let spread = row_sum(on.clone() * (on.neg() + 1.0) * turn.square());
        Along { slope, curvature: square_length(v) / self.variance() - spread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{laws, weights};
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn machine(dim: usize, hidden: usize) -> GaussianBernoulliRbm {
        let config = GaussianBernoulliRbmConfig { dim, hidden, scale: 0.7 };
        laws::in_double(|init| GaussianBernoulliRbm::new(&config, init).unwrap())
    }

    #[test]
    fn a_machine_keeps_the_laws_of_a_potential_and_is_trained_exactly() {
        let model = machine(3, 4);
        laws::potential(&model, 3, 90);
        laws::precision(&weights::cast(model.clone(), DType::F32), &model, 3, 90);
        laws::trained(&model, 3, 90, laws::losses_and_energy);
    }

    #[test]
    fn the_free_energy_and_log_normalizer_are_those_of_the_mixture() {
        for (dim, hidden) in [(2, 1), (3, 5), (2, 11)] {
            let model = machine(dim, hidden);
            let (mixture, log_normalizer) = (model.mixture().unwrap(), model.log_normalizer().unwrap());
            assert_eq!(mixture.components(), 1 << hidden);
            let x = laws::points(9, dim, 91) * 2.0;
            laws::assert_close(model.energy(x.clone()) + log_normalizer, mixture.energy(x), 1e-11, "−log p");
        }
    }

    #[test]
    fn the_normalizer_is_the_integral() {
        let model = machine(1, 6);
        let (n, half) = (20_000, 20.0);
        let step = 2.0 * half / n as f64;
        let grid: Vec<f64> = (0..n).map(|i| (i as f64 + 0.5) * step - half).collect();
        let data = burn::tensor::TensorData::new(grid, [n, 1]);
        let x = Tensor::<2>::from_data(data, (&Device::flex(), DType::F64));
        let total: f64 = numbers(model.energy(x)).into_iter().map(|energy| (-energy).exp()).sum();
        let (found, exact) = ((total * step).ln(), model.log_normalizer().unwrap());
        assert!((found - exact).abs() < 1e-10, "{found} against {exact}");
    }

    #[test]
    fn hidden_units_that_do_nothing_multiply_the_normalizer_by_what_they_weigh() {
        let config = GaussianBernoulliRbmConfig { dim: 2, hidden: 20, scale: 0.7 };
        let model =
            GaussianBernoulliRbm::new(&config, &Init::new(Noise::seeded(1), &Device::flex())).unwrap();
        let silent = model.clone().map(&mut Silence);
        // b = 0, W = 0, c = 0: Z = 2πs² · 2²⁰
        let exact = (std::f64::consts::TAU * 0.49).ln() + 20.0 * 2f64.ln();
        assert!((silent.log_normalizer().unwrap() - exact).abs() < 1e-9);
        assert!(1e-3 < (model.log_normalizer().unwrap() - exact).abs());
    }

    struct Silence;

    impl burn::module::ModuleMapper for Silence {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|weight| weight.zeros_like())
        }
    }

    #[test]
    fn what_cannot_be_counted_or_built_is_refused() {
        let config = |dim, hidden, scale| GaussianBernoulliRbmConfig { dim, hidden, scale };
        let error = machine(1, 21).log_normalizer().unwrap_err().to_string();
        assert!(error.contains("at most 20") && error.contains("found 21"), "{error}");
        assert!(machine(64, 20).mixture().is_err());
        for (config, expected) in [
            (config(0, 1, 1.0), "dim = 0"),
            (config(1, 0, 1.0), "hidden = 0"),
            (config(1, 1, 0.0), "scale = 0"),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(expected));
        }
    }

    #[test]
    fn a_machine_survives_a_file() {
        let config = GaussianBernoulliRbmConfig { dim: 2, hidden: 3, scale: 0.7 };
        let build = |seed| {
            GaussianBernoulliRbm::new(&config, &Init::new(Noise::seeded(seed), &Device::flex())).unwrap()
        };
        laws::saved(build(1), build(2), 2);
        assert_eq!(build(1).config(), config);
    }
}
