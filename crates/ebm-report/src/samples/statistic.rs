//! Statistics of the draws of chains.

/// A statistic of each draw of chains, `[chain, draw]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    /// The name that ArviZ has for it.
    pub name: &'static str,
    /// One value per draw.
    pub values: StatisticValues,
}

/// The values of a [`Statistic`].
#[derive(Clone, Debug, PartialEq)]
pub enum StatisticValues {
    /// Numbers, which may be infinite or NaN.
    Numbers(Vec<f32>),
    /// Yes or no.
    Flags(Vec<bool>),
}
