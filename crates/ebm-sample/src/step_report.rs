//! What a kernel reports about a step.

use std::sync::OnceLock;

use burn::tensor::{Bool, Tensor};

/// What a kernel's [`Info`](crate::Kernel::Info) can report about a step.
///
/// Diagnostics, files of draws and contrastive divergence read every kernel through this trait; a kernel of your
/// own implements it for its info.
/// Each method defaults to "not known". The tensors stay on the device.
pub trait StepReport {
    /// The probability with which each proposal was accepted, `[chains]`; `None` for a kernel without a test.
    fn acceptance(&self) -> Option<&Tensor<1>> {
        None
    }

    /// Minus the logarithm of the acceptance ratio, `[chains]`; not finite where the proposal diverged.
    fn energy_error(&self) -> Option<&Tensor<1>> {
        None
    }

    /// Whether each proposal diverged, `[chains]`; of a kernel without a test, whether the chain is not finite.
    fn diverged(&self) -> Option<&Tensor<1, Bool>> {
        None
    }

    /// Potential and kinetic energy where each trajectory began, `[chains]`; `None` for a kernel without momentum.
    fn total_energy(&self) -> Option<&Tensor<1>> {
        None
    }

    /// For each pair of neighbouring temperatures that was tried, the index of the colder one and the probability
    /// of the swap, `[chains]`.
    fn swaps(&self) -> &[(usize, Tensor<1>)] {
        &[]
    }

    /// A score that the step evaluated, where it began or where it ended, `[chains, dim]`.
    fn score(&self) -> Option<&Tensor<2>> {
        None
    }
}

/// Reports nothing.
impl StepReport for () {}

impl<R: StepReport + ?Sized> StepReport for Box<R> {
    fn acceptance(&self) -> Option<&Tensor<1>> {
        (**self).acceptance()
    }

    fn energy_error(&self) -> Option<&Tensor<1>> {
        (**self).energy_error()
    }

    fn diverged(&self) -> Option<&Tensor<1, Bool>> {
        (**self).diverged()
    }

    fn total_energy(&self) -> Option<&Tensor<1>> {
        (**self).total_energy()
    }

    fn swaps(&self) -> &[(usize, Tensor<1>)] {
        (**self).swaps()
    }

    fn score(&self) -> Option<&Tensor<2>> {
        (**self).score()
    }
}

/// Which rows are not finite, found when it is first asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct NonFinite(OnceLock<Tensor<1, Bool>>);

impl NonFinite {
    /// The rows of `x`, `[chains, dim]`, the same at every call.
    pub(crate) fn of(&self, x: &Tensor<2>) -> &Tensor<1, Bool> {
        self.0.get_or_init(|| x.clone().is_finite().bool_not().any_dim(1).squeeze_dim::<1>(1))
    }
}
