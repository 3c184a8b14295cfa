//! Vector registers, one or several at a time.
//!
//! Out-of-order execution sees a few dozen operations ahead. The logistic function is a chain of nearly as many
//! dependent operations, so several registers go through it together to hide its latency.

use pulp::Simd;

/// Operations on all lanes of one or several registers.
pub(crate) trait Lanes: Copy {
    /// Single-precision numbers.
    type Floats: Copy;
    /// A Boolean per number.
    type Mask: Copy;

    /// `value` in every lane.
    fn all(self, value: f32) -> Self::Floats;
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a b + c, rounded once.
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    fn neg(self, a: Self::Floats) -> Self::Floats;
    fn abs(self, a: Self::Floats) -> Self::Floats;
    fn less_than(self, a: Self::Floats, b: Self::Floats) -> Self::Mask;
    /// `a` where the mask is true, `b` elsewhere.
    fn select(self, mask: Self::Mask, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The number whose exponent field is the low eight bits of `a`, whose sign is the ninth, and whose mantissa is
    /// zero.
    fn power(self, a: Self::Floats) -> Self::Floats;
}

impl<S: Simd> Lanes for S {
    type Floats = S::f32s;
    type Mask = S::m32s;

    #[inline(always)]
    fn all(self, value: f32) -> Self::Floats {
        self.splat_f32s(value)
    }

    #[inline(always)]
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats {
        self.add_f32s(a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats {
        self.sub_f32s(a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats {
        self.mul_f32s(a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
        self.mul_add_f32s(a, b, c)
    }

    #[inline(always)]
    fn neg(self, a: Self::Floats) -> Self::Floats {
        self.neg_f32s(a)
    }

    #[inline(always)]
    fn abs(self, a: Self::Floats) -> Self::Floats {
        self.abs_f32s(a)
    }

    #[inline(always)]
    fn less_than(self, a: Self::Floats, b: Self::Floats) -> Self::Mask {
        self.less_than_f32s(a, b)
    }

    #[inline(always)]
    fn select(self, mask: Self::Mask, a: Self::Floats, b: Self::Floats) -> Self::Floats {
        self.select_f32s(mask, a, b)
    }

    #[inline(always)]
    fn power(self, a: Self::Floats) -> Self::Floats {
        let bits = self.wrapping_dyn_shl_u32s(self.transmute_u32s_f32s(a), self.splat_u32s(23));
        self.transmute_f32s_u32s(bits)
    }
}

/// `N` registers at a time.
#[cfg(feature = "flex")]
#[derive(Clone, Copy)]
pub(crate) struct Several<S, const N: usize>(pub(crate) S);

/// Operations that are applied to each register separately.
#[cfg(feature = "flex")]
macro_rules! each {
    ($($name:ident($($argument:ident),*);)*) => {
        $(#[inline(always)]
        fn $name(self, $($argument: Self::Floats),*) -> Self::Floats {
            let mut result = [self.0.splat_f32s(0.0); N];
            for i in 0..N {
                result[i] = self.0.$name($($argument[i]),*);
            }
            result
        })*
    };
}

#[cfg(feature = "flex")]
impl<S: Simd, const N: usize> Lanes for Several<S, N> {
    type Floats = [S::f32s; N];
    type Mask = [S::m32s; N];

    each! {
        add(a, b);
        sub(a, b);
        mul(a, b);
        mul_add(a, b, c);
        neg(a);
        abs(a);
        power(a);
    }

    #[inline(always)]
    fn all(self, value: f32) -> Self::Floats {
        [self.0.splat_f32s(value); N]
    }

    #[inline(always)]
    fn less_than(self, a: Self::Floats, b: Self::Floats) -> Self::Mask {
        let mut result = [self.0.less_than_f32s(a[0], b[0]); N];
        for i in 1..N {
            result[i] = self.0.less_than_f32s(a[i], b[i]);
        }
        result
    }

    #[inline(always)]
    fn select(self, mask: Self::Mask, a: Self::Floats, b: Self::Floats) -> Self::Floats {
        let mut result = a;
        for i in 0..N {
            result[i] = self.0.select_f32s(mask[i], a[i], b[i]);
        }
        result
    }
}
