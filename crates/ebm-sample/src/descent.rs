//! Ways down a ladder of noise levels.

use burn::tensor::Tensor;
use ebm_model::{AtNoise, NoisyScore};
use ebm_ops::Noise;

use crate::level::Level;
use crate::level_steps::LevelSteps;
use crate::{Chain, Kernel, NoiseLadder};

/// From each level to the next, and from the last one to 0, by `step(x, from, to)`: an item for each level
/// reached.
pub(crate) fn fall(
    ladder: &NoiseLadder,
    start: Tensor<2>,
    mut step: impl FnMut(Tensor<2>, f64, f64) -> Tensor<2>,
) -> impl Iterator<Item = Level> {
    let mut position = start;
    ladder.pairs().map(move |(from, to)| {
        position = step(position.clone(), from, to);
        Level { sigma: to, position: position.clone() }
    })
}

/// Where a descent ends.
pub(crate) fn end(levels: impl Iterator<Item = Level>) -> Tensor<2> {
    levels.last().expect("a ladder has a level").position
}

/// `steps` at each level of the kernel that `kernel(η)` makes: an item for each level when its steps are
/// done, then one for the denoised positions, E[x₀ | x] at the lowest level.
pub(crate) fn descend<M, K>(
    ladder: &NoiseLadder,
    steps: LevelSteps,
    kernel: impl Fn(f64) -> K,
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
        let at_noise = AtNoise::new(model, sigma);
        let mut chain = Chain::start(&at_noise, kernel(steps.step_size(sigma)), position, noise);
        let position = chain.nth(steps.count() - 1).expect("a chain does not end").position;
        let denoised =
            (i == last).then(|| Level { sigma: 0.0, position: at_noise.denoise(position.clone()) });
        moving = Some((position.clone(), chain.into_noise()));
        std::iter::once(Level { sigma, position }).chain(denoised)
    })
}
