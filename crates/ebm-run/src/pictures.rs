//! Samples as training goes.

use std::ops::ControlFlow;

use burn::tensor::Device;
use ebm_model::Network;
use ebm_ops::Noise;
use ebm_report::Format;
use ebm_train::{BoxError, Event, Observer};

use crate::card::Content;
use crate::folder::RunFolder;
use crate::landscape;
use crate::sampling::Drawing;

/// Draws a few samples with the averaged weights, always from the same noise, so that one sees the same
/// pictures grow better.
pub struct Pictures {
    /// Where they go.
    pub run: RunFolder,
    /// What draws them.
    pub drawing: Drawing,
    /// What they are.
    pub content: Content,
    /// Samples and numbers in a sample.
    pub shape: [usize; 2],
    /// What they are drawn from.
    pub noise: Noise,
    /// The noise level of an energy that is told one.
    pub sigma: f64,
    /// Where the network is.
    pub device: Device,
    /// Points of the data to be seen underneath, if it is of points in the plane.
    pub background: Vec<f32>,
    /// Is told the path of each picture.
    pub tell: Box<dyn Fn(&str)>,
    /// Whether a picture that is not done yet is given up.
    pub given_up: Box<dyn Fn() -> bool>,
}

impl Observer<Network> for Pictures {
    fn observe(&mut self, event: &Event<'_, Network>) -> Result<ControlFlow<()>, BoxError> {
        let network = event.state.average();
        let flow = |_| if (self.given_up)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let drawn = self.drawing.draw_while(&network, self.shape, &self.noise, &self.device, false, flow)?;
        let Some(drawn) = drawn else { return Ok(ControlFlow::Break(())) };
        let samples = self.content.samples(drawn.values, self.shape[0])?.over(self.background.clone())?;
        let samples = samples.titled(format!("{} samples after {} steps", self.shape[0], event.state.step()));
        let samples = landscape::under(samples, &network, self.sigma, &self.content, &self.device)?;
        if Format::Png.check(samples.shape()).is_ok() {
            let path = self.run.picture(event.state.step());
            ebm_report::write(&path, &samples)?;
            (self.tell)(&format!("samples after {} steps: {}", event.state.step(), path.display()));
        }
        Ok(ControlFlow::Continue(()))
    }
}
