//! Functions applied to slices, a few registers at a time.

use pulp::Simd;

use crate::lanes::{Lanes, Several};

/// What becomes of `M` numbers, given `N` others beside them.
pub(crate) trait Elementwise<const M: usize, const N: usize> {
    /// On all lanes.
    fn at<L: Lanes>(&self, lanes: L, x: [L::Floats; M], others: [L::Floats; N]) -> [L::Floats; M];
}

/// Replaces the elements of `values` by the `function` of them and of the elements of `others` beside them.
///
/// # Panics
/// If the slices are not all of one length.
#[inline(always)]
pub(crate) fn update<S: Simd, const M: usize, const N: usize>(
    simd: S,
    values: [&mut [f32]; M],
    others: [&[f32]; N],
    function: &impl Elementwise<M, N>,
) {
    // As many registers side by side as there are names for what they hold meanwhile.
    if S::F32_LANES < 16 {
        by::<S, 2, M, N>(simd, values, others, function);
    } else {
        by::<S, 4, M, N>(simd, values, others, function);
    }
}

/// [`update`] with `K` registers at a time.
#[inline(always)]
fn by<S: Simd, const K: usize, const M: usize, const N: usize>(
    simd: S,
    mut values: [&mut [f32]; M],
    others: [&[f32]; N],
    function: &impl Elementwise<M, N>,
) {
    let n = values[0].len();
    let lengths = values.iter().map(|values| values.len()).chain(others.iter().map(|other| other.len()));
    lengths.for_each(|length| assert_eq!(length, n, "slices of one length"));
    // The last vectors overlap those before them, so they are made before anything is written.
    let end = if n.is_multiple_of(S::F32_LANES) {
        None
    } else {
        let (x, beside) =
            (values.each_ref().map(|x| last(simd, x).0), others.map(|other| last(simd, other).0));
        Some(function.at(simd, x, beside))
    };

    let vectors = n / S::F32_LANES;
    let (blocks, rest) = (vectors / K, vectors % K);
    let mut parts = values.each_mut().map(|x| S::as_mut_simd_f32s(x).0.as_chunks_mut::<K>());
    let others = others.map(|other| S::as_simd_f32s(other).0.as_chunks::<K>());
    for i in 0..blocks {
        let (x, beside) = (parts.each_ref().map(|part| part.0[i]), others.map(|other| other.0[i]));
        let y = function.at(Several::<S, K>(simd), x, beside);
        parts.iter_mut().zip(y).for_each(|(part, y)| part.0[i] = y);
    }
    for i in 0..rest {
        let (x, beside) = (parts.each_ref().map(|part| part.1[i]), others.map(|other| other.1[i]));
        let y = function.at(simd, x, beside);
        parts.iter_mut().zip(y).for_each(|(part, y)| part.1[i] = y);
    }
    if let Some(end) = end {
        values.into_iter().zip(end).for_each(
            #[inline(always)]
            |(values, end)| put_last(simd, values, end),
        );
    }
}

/// The last lanes of `values`, and which of them are in no whole vector before: all beyond the last multiple of the
/// lanes. Of fewer elements than lanes, these and then zeros, and all lanes that are elements.
#[inline(always)]
pub(crate) fn last<S: Simd>(simd: S, values: &[f32]) -> (S::f32s, S::m32s) {
    let (n, lanes) = (values.len(), S::F32_LANES);
    if n < lanes {
        return (simd.partial_load_f32s(values), simd.mask_between_m32s(0, n as u32).mask());
    }
    let old = simd.mask_between_m32s(0, (lanes - n % lanes) as u32).mask();
    (S::as_simd_f32s(&values[n - lanes..]).0[0], simd.not_m32s(old))
}

/// Puts back what [`last`] gave.
#[inline(always)]
pub(crate) fn put_last<S: Simd>(simd: S, values: &mut [f32], lanes: S::f32s) {
    let n = values.len();
    if n < S::F32_LANES {
        return simd.partial_store_f32s(values, lanes);
    }
    S::as_mut_simd_f32s(&mut values[n - S::F32_LANES..]).0[0] = lanes;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x + x y and z + x
    struct Double;

    impl Elementwise<2, 1> for Double {
        #[inline(always)]
        fn at<L: Lanes>(&self, lanes: L, [x, z]: [L::Floats; 2], [y]: [L::Floats; 1]) -> [L::Floats; 2] {
            [lanes.mul_add(x, y, x), lanes.add(z, x)]
        }
    }

    #[test]
    fn an_update_touches_every_element_once_at_every_length() {
        struct Update<'a>([&'a mut [f32]; 2], &'a [f32]);
        impl pulp::WithSimd for Update<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                update(simd, self.0, [self.1], &Double);
            }
        }
        for n in 0..150 {
            let count = |from: usize| (0..n).map(|i| (from + i) as f32).collect::<Vec<f32>>();
            let (mut x, y, mut z) = (count(0), count(1), count(2));
            pulp::Arch::new().dispatch(Update([&mut x, &mut z], &y));
            assert_eq!(x, (0..n).map(|i| (i * (i + 2)) as f32).collect::<Vec<_>>());
            assert_eq!(z, (0..n).map(|i| (2 * i + 2) as f32).collect::<Vec<_>>());
        }
    }
}
