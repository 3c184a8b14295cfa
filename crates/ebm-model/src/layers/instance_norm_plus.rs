//! Normalisation of each channel that keeps what the channels' means say.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};

use crate::{Init, Jet, Layer};

/// Keeps the divisions sound where a channel is constant, or the means of all channels are equal.
const EPSILON: f64 = 1e-5;

/// Instance normalisation++: γ (x̂ + α m̂) + β for each channel.
///
/// x̂ is the channel with mean 0 and (biased) variance 1 over its pixels; m̂, one number for the channel, is its mean
/// with mean 0 and (unbiased) variance 1 over all channels, so that a shift of colour is not lost.
/// γ, α and β are numbers of each channel, and of each class where the layer is conditional.
///
/// # Reference
/// Song and Ermon (2019), *Generative modeling by estimating gradients of the data distribution*, appendix A.1.
#[derive(Module, Debug)]
pub struct InstanceNormPlus {
    /// γ, `[classes, channels]`.
    gain: Param<Tensor<2>>,
    /// α, `[classes, channels]`.
    lift: Param<Tensor<2>>,
    /// β, `[classes, channels]`.
    bias: Param<Tensor<2>>,
}

impl InstanceNormPlus {
    /// γ and α from N(1, 0.02²), β zero; one class is no condition.
    ///
    /// # Panics
    /// If there are fewer than two channels: one number has no variance.
    pub fn new(channels: usize, classes: usize, init: &Init) -> Self {
        assert!(1 < channels, "the mean of {channels} channel has no variance");
        let near_one = |name| init.normal(name, [classes, channels], 1.0, 0.02);
        Self { gain: near_one("gain"), lift: near_one("lift"), bias: init.zeros([classes, channels]) }
    }

    /// The layer for the class of each row of a batch, `[batch]`; without one, for the only class.
    pub fn condition(&self, class: Option<&Tensor<1, Int>>) -> InstanceNormRules {
        let of = |weight: &Param<Tensor<2>>| match class {
            Some(class) => weight.val().select(0, class.clone()),
            None => weight.val(),
        };
        InstanceNormRules { gain: of(&self.gain), lift: of(&self.lift), bias: of(&self.bias) }
    }
}

/// An [`InstanceNormPlus`] whose classes are chosen.
#[derive(Clone, Debug)]
pub struct InstanceNormRules {
    /// γ, `[batch or 1, channels]`; α and β likewise.
    gain: Tensor<2>,
    lift: Tensor<2>,
    bias: Tensor<2>,
}

/// What an [`InstanceNormRules`] remembers of a forward pass.
#[derive(Clone, Debug)]
pub struct InstanceNormTrace {
    /// Of each channel over its pixels, `[batch, channels, pixels]`.
    pixels: Standardized,
    /// Of the means over the channels, `[batch, 1, channels]`.
    means: Standardized,
}

/// Numbers along the last axis with mean 0 and variance 1.
#[derive(Clone, Debug)]
struct Standardized {
    value: Tensor<3>,
    /// One over their deviation.
    rate: Tensor<3>,
    /// The variance is the sum of squares over this.
    divisor: f64,
}

/// x − mean and (Σ(x − mean)²/divisor + ε)^(−½), along the last axis.
fn parts(x: Tensor<3>, divisor: f64) -> (Tensor<3>, Tensor<3>) {
    let c = centered(x);
    let rate = (c.clone().square().sum_dim(2) / divisor + EPSILON).sqrt().recip();
    (c, rate)
}

fn centered(x: Tensor<3>) -> Tensor<3> {
    let mean = x.clone().mean_dim(2);
    x - mean
}

impl Standardized {
    fn of(x: Tensor<3>, divisor: f64) -> Self {
        let (c, rate) = parts(x, divisor);
        Self { value: c * rate.clone(), rate, divisor }
    }

    /// r (g − mean(g) − x̂ Σ(g x̂)/divisor).
    fn pullback(self, g: Tensor<3>) -> Tensor<3> {
        let along = (g.clone() * self.value.clone()).sum_dim(2) / self.divisor;
        (centered(g) - self.value * along) * self.rate
    }

    /// With q = Σc²/divisor + ε, r = q^(−½): ṙ = −½ r³q̇ and r̈ = ¾ r⁵q̇² − ½ r³q̈.
    fn push(jet: Jet<3>, divisor: f64) -> Jet<3> {
        let [slope, curvature] = [jet.slope, jet.curvature].map(centered);
        let (c, r) = parts(jet.value, divisor);
        let sum = |x: Tensor<3>| x.sum_dim(2) * (2.0 / divisor);
        let q1 = sum(c.clone() * slope.clone());
        let q2 = sum(slope.clone().square() + c.clone() * curvature.clone());
        let cube = r.clone().square() * r.clone();
        let r1 = cube.clone() * q1.clone() * -0.5;
        let r2 = cube.clone() * r.clone().square() * q1.square() * 0.75 - cube * q2 * 0.5;
        Jet {
            value: c.clone() * r.clone(),
            slope: slope.clone() * r.clone() + c.clone() * r1.clone(),
            curvature: curvature * r + slope * r1 * 2.0 + c * r2,
        }
    }
}

impl InstanceNormRules {
    /// γ, α or β beside `[batch, channels, pixels]`.
    fn column(weight: &Tensor<2>) -> Tensor<3> {
        weight.clone().unsqueeze_dim(2)
    }

    /// Divisors of the variances over pixels and over channels.
    fn divisors([_, channels, pixels]: [usize; 3]) -> [f64; 2] {
        [pixels as f64, (channels - 1) as f64]
    }
}

/// The mean of each channel, `[batch, 1, channels]`.
fn means(x: Tensor<3>) -> Tensor<3> {
    x.mean_dim(2).swap_dims(1, 2)
}

impl Layer<4> for InstanceNormRules {
    type Trace = InstanceNormTrace;

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, InstanceNormTrace) {
        let dims = x.dims();
        let x: Tensor<3> = x.flatten(2, 3);
        let [over_pixels, over_channels] = Self::divisors(x.dims());
        let means = Standardized::of(means(x.clone()), over_channels);
        let pixels = Standardized::of(x, over_pixels);
        let lifted = pixels.value.clone() + means.value.clone().swap_dims(1, 2) * Self::column(&self.lift);
        let y = lifted * Self::column(&self.gain) + Self::column(&self.bias);
        (y.reshape(dims), InstanceNormTrace { pixels, means })
    }

    fn pullback(&self, trace: InstanceNormTrace, cotangent: Tensor<4>) -> Tensor<4> {
        let dims = cotangent.dims();
        let g = cotangent.flatten::<3>(2, 3) * Self::column(&self.gain);
        let n = g.dims()[2] as f64;
        // one number of a channel is added to each of its pixels, and is made of the mean of them
        let of_mean = trace.means.pullback((g.clone().sum_dim(2) * Self::column(&self.lift)).swap_dims(1, 2));
        (trace.pixels.pullback(g) + of_mean.swap_dims(1, 2) / n).reshape(dims)
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        let dims = jet.value.dims();
        let x = jet.linear(|x| x.flatten::<3>(2, 3));
        let [over_pixels, over_channels] = Self::divisors(x.value.dims());
        let lift = Standardized::push(x.clone().linear(means), over_channels);
        let lift = lift.linear(|m| (m.swap_dims(1, 2) * Self::column(&self.lift)).expand(x.value.dims()));
        let y = (Standardized::push(x, over_pixels) + lift).linear(|h| h * Self::column(&self.gain));
        let y = Jet { value: y.value + Self::column(&self.bias), ..y };
        y.linear(|y| y.reshape(dims))
    }

    /// The same in fewer passes over the pixels: c γr + (γ α m̂ + β).
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let dims = x.dims();
        let x: Tensor<3> = x.flatten(2, 3);
        let [over_pixels, over_channels] = Self::divisors(x.dims());
        let lift = Standardized::of(means(x.clone()), over_channels).value.swap_dims(1, 2);
        let (c, rate) = parts(x, over_pixels);
        let gain = Self::column(&self.gain);
        let shift = lift * Self::column(&self.lift) * gain.clone() + Self::column(&self.bias);
        (c * (rate * gain) + shift).reshape(dims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::Device;

    fn layer() -> InstanceNormPlus {
        testing::in_double(|init| InstanceNormPlus::new(3, 2, init))
    }

    #[test]
    fn an_instance_normalisation_keeps_the_laws_of_a_layer_in_every_class() {
        let class = Tensor::<1, Int>::from_data([1, 0, 1], &Device::flex());
        testing::assert_layer::<4, 4>(&layer().condition(Some(&class)), [3, 3, 2, 4], 79);
        let only = testing::in_double(|init| InstanceNormPlus::new(2, 1, init));
        testing::assert_layer::<4, 4>(&only.condition(None), [2, 2, 3, 3], 80);
    }

    #[test]
    fn a_channel_has_the_mean_and_the_variance_that_its_class_says() {
        let class = Tensor::<1, Int>::from_data([1, 0], &Device::flex());
        let rules = layer().condition(Some(&class));
        let x = testing::normal([2, 3, 20, 20], 81) * 3.0 + testing::normal([2, 3, 1, 1], 82);
        let y = rules.forward(x.clone()).flatten::<3>(2, 3);
        let m = x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2);
        let m = m.clone() - m.mean_dim(1);
        let deviation = (m.clone().square().sum_dim(1) / 2.0 + 1e-5).sqrt();
        let expected = rules.gain.clone() * rules.lift.clone() * m / deviation + rules.bias.clone();
        testing::assert_close(y.clone().mean_dim(2).squeeze_dim::<2>(2), expected, 1e-4, "mean");
        let variance = centered(y).square().mean_dim(2).squeeze_dim::<2>(2);
        testing::assert_close(variance, rules.gain.square(), 1e-4, "variance");
    }
}
