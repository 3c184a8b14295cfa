//! The restricted Boltzmann machine with real visible units.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::OutOfRange;
use ebm_ops::activation::{Activation, derivative, softplus};
use ebm_ops::dense::{dense, dense_pullback};
use ebm_ops::row_dot::row_dot;
use serde::{Deserialize, Serialize};

use crate::layers::check_size;
use crate::networks::input::filled_row;
use crate::rows::{row_sum, square_length};
use crate::{
    Along, Capabilities, Directional, DirectionalPotential, DirectionalScore, Energy, Init, Input,
    IsotropicMixture, ModelError, NetworkConfig, Potential, Score,
};

/// Hidden units of which all states are counted for log Z: 2²⁰ of them.
const MOST_COUNTED: usize = 20;
/// Numbers in the means of a mixture: 256 MiB.
const MOST_NUMBERS: usize = 1 << 25;

/// The description of a [`GaussianBernoulliRbm`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianBernoulliRbmConfig {
    /// Number of visible units, the coordinates of a point; 0 is taken from the data.
    pub dim: usize,
    /// Number of hidden units, each on or off.
    pub hidden: usize,
    /// s, the standard deviation of a visible unit given the hidden ones; it is not trained.
    pub scale: f64,
}

impl GaussianBernoulliRbmConfig {
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no machine has.
    pub fn validate(&self) -> Result<(), ModelError> {
        check_size("dim", self.dim)?;
        check_size("hidden", self.hidden)?;
        OutOfRange::positive("scale", self.scale)?;
        Ok(())
    }
}

impl Default for GaussianBernoulliRbmConfig {
    /// 16 hidden units, few enough for an exact log Z.
    fn default() -> Self {
        Self { dim: 0, hidden: 16, scale: 1.0 }
    }
}

impl NetworkConfig for GaussianBernoulliRbmConfig {
    type Network = GaussianBernoulliRbm;

    fn construct(&self, init: &Init) -> Result<GaussianBernoulliRbm, ModelError> {
        GaussianBernoulliRbm::new(self, init)
    }

    fn input(&self) -> Input {
        Input::Row { dim: self.dim }
    }

    fn fitted(self, found: Input) -> Self {
        Self { dim: filled_row(self.dim, found), ..self }
    }
}

/// The free energy of a Gaussian–Bernoulli machine, its hidden units h summed out:
///
/// F(x) = ‖x − b‖²/(2s²) − Σⱼ softplus(aⱼ),   a = c + Wᵀx/s².
///
/// A network of one softplus layer of which everything is known while the hidden units are few:
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

    /// The description of the machine.
    pub fn config(&self) -> GaussianBernoulliRbmConfig {
        let [dim, hidden] = self.weight.lazy_shape().dims();
        GaussianBernoulliRbmConfig { dim, hidden, scale: self.scale }
    }

    /// log Z, Z = (2πs²)^{d/2} Σ_h exp(cᵀh + (‖b + Wh‖² − ‖b‖²)/(2s²)), in nats and in double precision.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] if there are more than 20 hidden units: all of their states are counted.
    pub fn log_normalizer(&self) -> Result<f64, ModelError> {
        let numbers = self.numbers();
        let hidden = numbers.hidden_bias.len();
        if MOST_COUNTED < hidden {
            let expected = format!("at most {MOST_COUNTED}, to count all of their states");
            return Err(OutOfRange::new("hidden units", hidden, expected).into());
        }
        let mut sum = LogSum::default();
        let (mut mean, mut bias) = (numbers.visible_bias.clone(), 0.0);
        sum.add(numbers.log_weight(&mean, bias));
        for count in 1..1_usize << hidden {
            // Gray's code: from one state to the next a single unit changes.
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

    /// The same distribution as a mixture of 2^hidden normal distributions: it draws exactly and has every blurred score.
    ///
    /// # Errors
    /// [`ModelError::OutOfRange`] if 2^hidden · dim is more than 2²⁵.
    pub fn mixture(&self) -> Result<IsotropicMixture, ModelError> {
        let numbers = self.numbers();
        let (hidden, dim) = (numbers.hidden_bias.len(), numbers.visible_bias.len());
        if MOST_COUNTED < hidden || MOST_NUMBERS >> hidden < dim {
            let expected = format!("at most {MOST_COUNTED}, and 2^hidden · dim at most {MOST_NUMBERS}");
            return Err(OutOfRange::new("hidden units", hidden, expected).into());
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

/// The probabilities 1/(1 + exp(−a)) that hidden units with inputs `a` are on.
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
        let quadratic = square_length(self.centered(x.clone())) / (2.0 * self.variance());
        quadratic - row_sum(softplus(self.inputs(x)))
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
        let quadratic = square_length(centered.clone()) / (2.0 * self.variance());
        let pull = dense_pullback(probabilities(a.clone()), self.weight.val());
        (quadratic - row_sum(softplus(a)), (pull - centered) / self.variance())
    }
}

impl Directional for GaussianBernoulliRbm {
    fn along(&self, x: Tensor<2>, v: Tensor<2>) -> Along {
        let on = probabilities(self.inputs(x.clone()));
        let change = dense(v.clone(), self.weight.val(), None) / self.variance();
        let slope =
            row_dot(self.centered(x), v.clone()) / self.variance() - row_dot(on.clone(), change.clone());
        let variance = row_sum(on.clone() * (on.neg() + 1.0) * change.square());
        Along { slope, curvature: square_length(v) / self.variance() - variance }
    }
}

impl Capabilities for GaussianBernoulliRbm {
    fn as_score(&self) -> Option<&dyn DirectionalScore> {
        Some(self)
    }

    fn as_energy(&self) -> Option<&dyn DirectionalPotential> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing, weights};
    use burn::tensor::{DType, Device};
    use ebm_ops::Noise;

    fn machine(dim: usize, hidden: usize) -> GaussianBernoulliRbm {
        let config = GaussianBernoulliRbmConfig { dim, hidden, scale: 0.7 };
        testing::in_double(|init| GaussianBernoulliRbm::new(&config, init).unwrap())
    }

    #[test]
    fn a_machine_passes_the_tests_of_a_potential_and_is_trained_exactly() {
        let model = machine(3, 4);
        testing::assert_potential(&model, 3, 90);
        testing::assert_precision(&weights::cast(model.clone(), DType::F32), &model, 3, 90);
        testing::assert_trainable(&model, 3, 90, testing::losses_and_energy);
    }

    #[test]
    fn the_free_energy_and_log_normalizer_are_those_of_the_mixture() {
        for (dim, hidden) in [(2, 1), (3, 5), (2, 11)] {
            let model = machine(dim, hidden);
            let (mixture, log_normalizer) = (model.mixture().unwrap(), model.log_normalizer().unwrap());
            assert_eq!(mixture.components(), 1 << hidden);
            let x = testing::points(9, dim, 91) * 2.0;
            testing::assert_close(
                model.energy(x.clone()) + log_normalizer,
                mixture.energy(x),
                1e-11,
                "−log p",
            );
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
    fn hidden_units_without_weights_multiply_the_normalizer_by_their_number_of_states() {
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
    fn too_many_hidden_units_and_impossible_sizes_are_refused() {
        let config = |dim, hidden, scale| GaussianBernoulliRbmConfig { dim, hidden, scale };
        let error = machine(1, 21).log_normalizer().unwrap_err().to_string();
        assert!(error.contains("at most 20") && error.contains("found 21"), "{error}");
        assert!(machine(64, 20).mixture().is_err());
        for (config, expected) in [
            (config(0, 1, 1.0), "dim: expected 1 to 65,536, found 0"),
            (config(1, 0, 1.0), "hidden: expected 1 to 65,536, found 0"),
            (config(1, 1, 0.0), "scale: expected a positive, finite number, found 0"),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(expected));
        }
    }

    #[test]
    fn a_machine_is_restored_from_a_file() {
        let config = GaussianBernoulliRbmConfig { dim: 2, hidden: 3, scale: 0.7 };
        let build = |seed| {
            GaussianBernoulliRbm::new(&config, &Init::new(Noise::seeded(seed), &Device::flex())).unwrap()
        };
        testing::assert_saved(build(1), build(2), 2);
        assert_eq!(build(1).config(), config);
    }
}
