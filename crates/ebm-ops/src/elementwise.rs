//! Elementwise functions on slices, several registers at a time.

use pulp::Simd;

use crate::lanes::{Lanes, Several};
use crate::slot::Slot;

/// A function that updates `M` numbers, given `N` others.
pub(crate) trait Elementwise<const M: usize, const N: usize> {
    /// The updated numbers, in every lane.
    fn at<L: Lanes>(&self, lanes: L, x: [L::Floats; M], others: [L::Floats; N]) -> [L::Floats; M];
}

/// Updates each element of `values` by `function`, given the corresponding elements of `others`; returns the
/// updated slices.
///
/// # Panics
/// If the slots and slices differ in length.
#[inline(always)]
pub(crate) fn update<'a, S: Simd, const M: usize, const N: usize>(
    simd: S,
    values: [Slot<'a>; M],
    others: [&[f32]; N],
    function: &impl Elementwise<M, N>,
) -> [&'a mut [f32]; M] {
    // As many registers at a time as fit into the register file with their intermediate values.
    if S::F32_LANES < 16 {
        by::<S, 2, M, N>(simd, values, others, function)
    } else {
        by::<S, 4, M, N>(simd, values, others, function)
    }
}

/// [`update`] with `K` registers at a time.
#[inline(always)]
fn by<'a, S: Simd, const K: usize, const M: usize, const N: usize>(
    simd: S,
    mut values: [Slot<'a>; M],
    others: [&[f32]; N],
    function: &impl Elementwise<M, N>,
) -> [&'a mut [f32]; M] {
    let n = values[0].len();
    let lengths = values.iter().map(Slot::len).chain(others.iter().map(|other| other.len()));
    lengths.for_each(|length| assert_eq!(length, n, "slices must have the same length"));
    // The last vectors overlap the ones before, so they are computed before anything is written.
    let end = if n.is_multiple_of(S::F32_LANES) {
        None
    } else {
        let (x, beside) =
            (values.each_ref().map(|x| last(simd, x.numbers()).0), others.map(|other| last(simd, other).0));
        Some(function.at(simd, x, beside))
    };

    let vectors = n / S::F32_LANES;
    let (blocks, rest) = (vectors / K, vectors % K);
    let beside = others.map(|other| S::as_simd_f32s(other).0.as_chunks::<K>());
    for i in 0..blocks {
        let first = i * K * S::F32_LANES;
        // SAFETY: the `K` vectors from `first` on are among the whole vectors of each slot.
        let x = unsafe { values.each_ref().map(|x| x.read::<S, K>(first)) };
        let y = function.at(Several::<S, K>(simd), x, beside.map(|other| other.0[i]));
        for (value, y) in values.iter_mut().zip(y) {
            // SAFETY: as above.
            unsafe { value.write::<S, K>(first, y) };
        }
    }
    for i in 0..rest {
        let first = (blocks * K + i) * S::F32_LANES;
        // SAFETY: it is one of the whole vectors.
        let x = unsafe { values.each_ref().map(|x| x.read::<S, 1>(first)[0]) };
        let y = function.at(simd, x, beside.map(|other| other.1[i]));
        for (value, y) in values.iter_mut().zip(y) {
            // SAFETY: as above.
            unsafe { value.write::<S, 1>(first, [y]) };
        }
    }
    if let Some(end) = end {
        values.iter_mut().zip(end).for_each(
            #[inline(always)]
            |(value, end)| value.write_last(simd, end),
        );
    }
    // SAFETY: the whole vectors and the last lanes together are all elements.
    values.map(|value| unsafe { value.written() })
}

/// The last vector of `values`, and a mask of its elements that no whole vector contains, that is, those beyond the
/// last multiple of the lanes. With fewer elements than lanes, the vector is padded with zeros, and the mask
/// selects all elements.
#[inline(always)]
pub(crate) fn last<S: Simd>(simd: S, values: &[f32]) -> (S::f32s, S::m32s) {
    let (n, lanes) = (values.len(), S::F32_LANES);
    if n < lanes {
        return (simd.partial_load_f32s(values), simd.mask_between_m32s(0, n as u32).mask());
    }
    let old = simd.mask_between_m32s(0, (lanes - n % lanes) as u32).mask();
    (S::as_simd_f32s(&values[n - lanes..]).0[0], simd.not_m32s(old))
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
    fn an_update_changes_every_element_once_for_every_length() {
        struct Update<'a>([&'a mut [f32]; 2], &'a [f32]);
        impl pulp::WithSimd for Update<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                update(simd, self.0.map(Slot::from), [self.1], &Double);
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

    #[test]
    fn an_update_between_buffers_leaves_the_source_unchanged() {
        struct Update<'a>([Slot<'a>; 2], &'a [f32]);
        impl pulp::WithSimd for Update<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                update(simd, self.0, [self.1], &Double);
            }
        }
        for n in 0..150 {
            let count = |from: usize| (0..n).map(|i| (from + i) as f32).collect::<Vec<f32>>();
            let (x, y, mut z) = (count(0), count(1), count(2));
            let mut place = Vec::with_capacity(n);
            let there = Slot::between(&x, &mut place.spare_capacity_mut()[..n]);
            pulp::Arch::new().dispatch(Update([there, Slot::from(&mut z[..])], &y));
            // SAFETY: an update writes every element.
            unsafe { place.set_len(n) };
            assert_eq!(place, (0..n).map(|i| (i * (i + 2)) as f32).collect::<Vec<_>>());
            assert_eq!(x, count(0));
            assert_eq!(z, (0..n).map(|i| (2 * i + 2) as f32).collect::<Vec<_>>());
        }
    }
}
