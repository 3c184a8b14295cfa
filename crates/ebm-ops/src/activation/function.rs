//! The names of the functions.

/// An activation function σ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x s(x), s(x) = 1/(1 + exp(-x))
    Silu,
    /// ln(1 + exp(x))
    Softplus,
    /// tanh(x)
    Tanh,
}
