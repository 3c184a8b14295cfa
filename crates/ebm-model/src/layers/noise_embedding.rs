//! The noise level as a vector.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use ebm_ops::activation::silu;
use ebm_ops::sinusoids::sinusoids;

use crate::Init;
use crate::layers::Dense;

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
        let waves = sinusoids(c, self.frequencies.val());
        let layers = [&self.hidden, &self.out].into_iter().flatten();
        layers.fold(waves, |e, layer| silu(layer.forward(e)))
    }
}
