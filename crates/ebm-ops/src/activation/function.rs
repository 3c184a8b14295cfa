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
    /// x where x is positive, else exp(x) - 1; σ″ jumps at 0, where it is 0.
    Elu,
}
