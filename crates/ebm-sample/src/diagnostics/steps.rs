//! What the steps of chains come to, in numbers.

/// What the steps of chains reported, in numbers; see [`StepTotals`](crate::StepTotals).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    /// Steps of each chain.
    pub n_steps: usize,
    /// The mean acceptance of each chain; `None` for a kernel without a Metropolis test.
    pub acceptance: Option<Vec<f64>>,
    /// How many steps of each chain diverged, or were not finite where there is no test.
    pub diverged: Option<Vec<usize>>,
    /// The total energies of consecutive draws, `[chain][draw]`, of Hamiltonian Monte Carlo.
    pub energies: Option<Vec<Vec<f64>>>,
}

impl Steps {
    /// These chains and others that made as many steps; total energies are dropped.
    #[must_use]
    pub fn beside(self, others: Self) -> Self {
        fn both<T>(a: Option<Vec<T>>, b: Option<Vec<T>>) -> Option<Vec<T>> {
            Some(a?.into_iter().chain(b?).collect())
        }
        Self {
            n_steps: self.n_steps,
            acceptance: both(self.acceptance, others.acceptance),
            diverged: both(self.diverged, others.diverged),
            energies: None,
        }
    }
}
