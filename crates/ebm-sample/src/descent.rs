//! A kernel at each level of a ladder, from the highest to the lowest.

use burn::tensor::Tensor;
use ebm_model::{AtNoise, NoisyScore};
use ebm_ops::Noise;

use crate::level::Level;
use crate::{Chain, Kernel, NoiseLadder};

/// `steps` steps at each level σ of the kernel that `kernel_at(σ)` makes: an item for each level when its
/// steps are done, then one for the denoised positions, E[x₀ | x] at the lowest level.
pub(crate) fn descend<M, K>(
    ladder: &NoiseLadder,
    steps: usize,
    kernel_at: impl Fn(f64) -> K,
    model: &M,
    start: Tensor<2>,
    noise: Noise,
) -> impl Iterator<Item = Level>
where
    M: NoisyScore + ?Sized,
    K: for<'a> Kernel<AtNoise<'a, M>>,
{
    let mut moving = Some((start, noise));
    let last = ladder.levels().len() - 1;
    ladder.levels().iter().enumerate().flat_map(move |(i, &sigma)| {
        let (position, noise) = moving.take().expect("each level hands on to the next");
        let at_noise = model.at(sigma);
        let mut chain = Chain::start(&at_noise, kernel_at(sigma), position, noise);
        let position = chain.nth(steps - 1).expect("a chain does not end").position;
        let denoised =
            (i == last).then(|| Level { sigma: 0.0, position: at_noise.denoise(position.clone()) });
        moving = Some((position.clone(), chain.into_noise()));
        std::iter::once(Level { sigma, position }).chain(denoised)
    })
}
