//! Everything about a run that changes from step to step.

use burn::module::Module;
use burn::tensor::Tensor;
use ebm_model::weights;
use ebm_ops::Noise;

use crate::Optimizer;

/// How much of the running loss stays when a new loss comes in.
const LOSS_DECAY: f64 = 0.98;

/// Where a run is: with the settings and the data it determines the rest of the run to the last bit.
#[derive(Clone, Debug)]
pub struct TrainState<M> {
    /// Empty only while a step replaces it: an update in place needs the weights to itself.
    model: Option<M>,
    pub(crate) optimizer: Optimizer,
    pub(crate) step: u64,
    pub(crate) running: Option<Tensor<1>>,
    pub(crate) noise: Noise,
}

impl<M: Module> TrainState<M> {
    /// The beginning: `model` may be on a plain device; `noise` is the objective's.
    pub fn new(model: M, noise: Noise) -> Self {
        let model = model.train();
        let optimizer = Optimizer::new(&model);
        Self { model: Some(model), optimizer, step: 0, running: None, noise }
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The network as the last step left it, tracked by autodiff.
    pub fn model(&self) -> &M {
        self.model.as_ref().expect("a step puts the model back")
    }

    /// The running loss, 98 % of the one before and 2 % of the last batch's; NaN before the first step.
    ///
    /// Reading it waits for the device.
    pub fn loss(&self) -> f64 {
        self.running.clone().map_or(f64::NAN, |loss| loss.into_scalar::<f64>())
    }

    /// The network with the averaged weights, not tracked: what one samples from.
    pub fn average(&self) -> M {
        let plain = self.model().valid();
        let mut tensors = weights::collect(&plain);
        tensors.extend(self.optimizer.averages(&plain));
        weights::apply(plain, tensors).expect("averages have the names and shapes of the weights")
    }

    /// Replaces the model by what `step` makes of it.
    pub(crate) fn update(&mut self, step: impl FnOnce(&mut Optimizer, M) -> M) {
        let model = self.model.take().expect("a step puts the model back");
        self.model = Some(step(&mut self.optimizer, model));
    }

    pub(crate) fn restore(
        model: M,
        optimizer: Optimizer,
        step: u64,
        running: Option<Tensor<1>>,
        noise: Noise,
    ) -> Self {
        Self { model: Some(model), optimizer, step, running, noise }
    }

    pub(crate) fn record(&mut self, loss: Tensor<1>) {
        let loss = loss.inner();
        self.running = Some(match self.running.take() {
            None => loss,
            Some(running) => running * LOSS_DECAY + loss * (1.0 - LOSS_DECAY),
        });
    }
}
