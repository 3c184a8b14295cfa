//! The noise level as a vector.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::activation::silu;
use ebm_ops::sinusoids::sinusoids;

use crate::layers::{Activation, Dense};
use crate::{Init, Layer};

/// The highest frequency; the lowest is one.
const TOP_FREQUENCY: f64 = 100.0;

/// e(c) = SiLU(W₂ SiLU(W₁ [sin(c ω), cos(c ω)])), ω geometric from 1 to 100: `[batch]` → `[batch, width]`; or the sines
/// and cosines themselves.
///
/// # Reference
/// Vaswani et al. (2017), *Attention is all you need*, §3.5, for the sines.
#[derive(Module, Debug)]
pub struct NoiseEmbedding {
    frequencies: Param<Tensor<1>>,
    /// W₁.
    hidden: Option<Dense>,
    /// W₂.
    out: Option<Dense>,
}

impl NoiseEmbedding {
    /// `n_frequencies` sines and as many cosines through two layers of `width`, or through none if that is 0.
    pub fn new(n_frequencies: usize, width: usize, init: &Init) -> Self {
        let step = TOP_FREQUENCY.ln() / (n_frequencies.max(2) - 1) as f64;
        let frequencies: Vec<f32> = (0..n_frequencies).map(|i| (i as f64 * step).exp() as f32).collect();
        Self::with_frequencies(&frequencies, width, init)
    }

    /// The same with frequencies other than a geometric series from 1 to 100.
    pub fn with_frequencies(frequencies: &[f32], width: usize, init: &Init) -> Self {
        Self {
            frequencies: init.fixed(frequencies),
            hidden: (0 < width).then(|| Dense::new(2 * frequencies.len(), width, &init.part("hidden"))),
            out: (0 < width).then(|| Dense::new(width, width, &init.part("out"))),
        }
    }

    /// Numbers of an embedding.
    pub fn width(n_frequencies: usize, width: usize) -> usize {
        if width == 0 { 2 * n_frequencies } else { width }
    }

    /// The embedding of each row's `c`.
    pub fn forward(&self, c: Tensor<1>) -> Tensor<2> {
        self.forward_beside(c, None)
    }

    /// The same with something added to the sines and cosines, `[batch, 2 · frequencies]` or one row for all.
    pub fn forward_beside(&self, c: Tensor<1>, beside: Option<Tensor<2>>) -> Tensor<2> {
        let waves = sinusoids(c, self.frequencies.val());
        let waves = match beside {
            Some(beside) => waves + beside,
            None => waves,
        };
        let layers = [&self.hidden, &self.out].into_iter().flatten();
        layers.fold(waves, |e, layer| silu(layer.forward(e)))
    }

    /// The embedding of each row's `c` and its derivative in c, both `[batch, width]`.
    pub fn with_slope(&self, c: Tensor<1>) -> (Tensor<2>, Tensor<2>) {
        self.with_slope_beside(c, None)
    }

    /// The same with something added to the sines and cosines, as in [`forward_beside`](Self::forward_beside).
    pub fn with_slope_beside(&self, c: Tensor<1>, beside: Option<Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        let frequencies = self.frequencies.val();
        let waves = sinusoids(c, frequencies.clone());
        let n = frequencies.dims()[0];
        let (sin, cos) = (waves.clone().narrow(1, 0, n), waves.clone().narrow(1, n, n));
        let row = frequencies.unsqueeze::<2>();
        let slope = Tensor::cat(vec![cos * row.clone(), sin.neg() * row], 1);
        let waves = match beside {
            Some(beside) => waves + beside,
            None => waves,
        };
        let layers = [&self.hidden, &self.out].into_iter().flatten();
        layers.fold((waves, slope), |(e, slope), layer| {
            let z = Dense::forward(layer, e);
            (silu(z.clone()), Activation::Silu.pullback(z, layer.along(slope)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_slope_of_an_embedding_is_its_derivative_in_the_level() {
        for width in [0, 4] {
            let embedding = testing::in_double(|init| NoiseEmbedding::new(2, width, init));
            // the top frequency is 100, so differences are taken of 100 times smaller steps
            let c = testing::normal([5], 91);
            let at = |t: f64| embedding.forward(c.clone() + t * 0.01);
            let [slope, _] = testing::differences(at);
            let (e, found) = embedding.with_slope(c.clone());
            testing::assert_close(e, embedding.forward(c.clone()), 1e-14, "the embedding");
            testing::assert_close(found * 0.01, slope, 1e-6, "its slope");
        }
    }
}
