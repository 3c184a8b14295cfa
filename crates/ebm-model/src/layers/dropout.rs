//! Numbers set to zero at random.

use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::{Jet, Layer};

/// x with each number set to zero with probability `rate`, and the others divided by 1 − `rate`: the mean is x.
///
/// A mask is drawn once, for one batch, so the layer is a linear function of x like any other. Outside of training
/// there is no mask and no layer.
///
/// # Reference
/// Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), *Dropout: a simple way to prevent neural
/// networks from overfitting*, §4 and §10.
#[derive(Clone, Debug)]
pub struct Dropout {
    mask: Tensor<4>,
}

impl Dropout {
    /// A mask for `[batch, channels, height, width]`, one draw of `noise`, on the device and in the float type of
    /// `like`.
    ///
    /// # Panics
    /// Unless `0 ≤ rate < 1`.
    pub fn draw<const D: usize>(rate: f64, shape: [usize; 4], noise: &mut Noise, like: &Tensor<D>) -> Self {
        assert!((0.0..1.0).contains(&rate), "rate: expected at least 0 and below 1, found {rate}");
        let (keep, device) = (1.0 - rate, like.device().inner());
        let uniform = noise.uniform(shape, &device).cast(like.dtype());
        Self { mask: (uniform + keep).floor() / keep }
    }
}

impl Layer<4> for Dropout {
    type Trace = ();

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, ()) {
        (x * self.mask.clone(), ())
    }

    fn pullback(&self, (): (), cotangent: Tensor<4>) -> Tensor<4> {
        cotangent * self.mask.clone()
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        jet.linear(|x| x * self.mask.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use burn::tensor::Device;

    #[test]
    fn a_mask_keeps_the_laws_of_a_layer() {
        let like = testing::points(1, 1, 33);
        let layer = Dropout::draw(0.4, [2, 3, 2, 2], &mut Noise::seeded(34), &like);
        testing::assert_layer::<4, 4>(&layer, [2, 3, 2, 2], 35);
    }

    #[test]
    fn a_share_of_the_numbers_is_zero_and_the_mean_is_kept() {
        let (rate, n) = (0.13, 64 * 40 * 5 * 5);
        let like = Tensor::<2>::zeros([1, 1], &Device::flex());
        let ones = Tensor::<4>::ones([64, 40, 5, 5], &Device::flex());
        let mut noise = Noise::seeded(36);
        let [first, second] = [0, 1].map(|_| {
            let layer = Dropout::draw(rate, [64, 40, 5, 5], &mut noise, &like);
            layer.forward(ones.clone()).into_data().try_to_vec::<f32>().unwrap()
        });
        assert_ne!(first, second, "each mask is a draw of its own");
        let zeros = first.iter().filter(|&&x| x == 0.0).count() as f64 / n as f64;
        let standard_error = (rate * (1.0 - rate) / n as f64).sqrt();
        assert!((zeros - rate).abs() < 5.0 * standard_error, "{zeros}");
        assert!(first.iter().all(|&x| x == 0.0 || (f64::from(x) - 1.0 / (1.0 - rate)).abs() < 1e-6));
    }

    #[test]
    #[should_panic(expected = "rate: expected at least 0 and below 1, found 1")]
    fn a_rate_of_one_is_refused() {
        Dropout::draw(1.0, [1, 1, 1, 1], &mut Noise::seeded(1), &Tensor::<1>::zeros([1], &Device::flex()));
    }
}
