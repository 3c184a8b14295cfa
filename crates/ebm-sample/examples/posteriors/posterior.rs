//! What every posterior is.

use super::Reference;
use super::reference::Expected;

/// A posterior with known moments.
pub trait Posterior: Send + Sync {
    /// Its name in the reference folder.
    fn name(&self) -> &'static str;

    /// How many coordinates it is sampled in.
    fn dim(&self) -> usize;

    /// log p(x) up to a constant, x `[dim]`, and its gradient.
    fn log_density(&self, x: &[f64], gradient: &mut [f64]) -> f64;

    /// The parameters that the reference knows, at x.
    fn parameters(&self, x: &[f64]) -> Vec<f64>;

    /// Mean and variance of each parameter.
    fn expected(&self, reference: &Reference) -> Expected {
        reference.summary(self.name())
    }
}

/// The log density of a posterior, times `factor`: of another distribution unless that is 1.
pub fn steepened(posterior: &dyn Posterior, factor: f64) -> impl Fn(&[f64], &mut [f64]) -> f64 + Sync {
    move |x, gradient| {
        let value = posterior.log_density(x, gradient);
        gradient.iter_mut().for_each(|g| *g *= factor);
        factor * value
    }
}
