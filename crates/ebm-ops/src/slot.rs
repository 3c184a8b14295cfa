//! A slice of numbers and the place for their updated values.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use pulp::Simd;

/// Numbers to update: in place, or read from one slice and written to another.
///
/// With two slices, an update out of place needs no copy first.
pub(crate) struct Slot<'a> {
    from: *const f32,
    to: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

/// Proof that a slice has been written: its address and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    at: *const f32,
    len: usize,
}

impl From<&mut [f32]> for Written {
    fn from(values: &mut [f32]) -> Self {
        Self { at: values.as_ptr(), len: values.len() }
    }
}

impl<'a> From<&'a mut [f32]> for Slot<'a> {
    fn from(values: &'a mut [f32]) -> Self {
        let to = values.as_mut_ptr();
        Self { from: to, to, len: values.len(), lifetime: PhantomData }
    }
}

impl<'a> Slot<'a> {
    /// A slot that reads from `source` and writes to `place`.
    ///
    /// # Panics
    /// If their lengths differ.
    pub(crate) fn between(source: &'a [f32], place: &'a mut [MaybeUninit<f32>]) -> Self {
        assert_eq!(source.len(), place.len(), "source and place must have the same length");
        let to = place.as_mut_ptr().cast();
        Self { from: source.as_ptr(), to, len: source.len(), lifetime: PhantomData }
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The numbers before the update.
    pub(crate) fn numbers(&self) -> &[f32] {
        // SAFETY: both constructors got the pointer from a slice of this length and lifetime, and nothing is
        // written during this borrow.
        unsafe { std::slice::from_raw_parts(self.from, self.len) }
    }

    /// The proof that is expected once all of it has been written.
    pub(crate) fn expected(&self) -> Written {
        Written { at: self.to, len: self.len }
    }

    /// Copies the numbers to the place of the result, if it is another one, and returns them there.
    pub(crate) fn copied(self) -> &'a mut [f32] {
        if !std::ptr::eq(self.from, self.to) {
            // SAFETY: both have this length and belong to different slices, one of them borrowed mutably.
            unsafe { std::ptr::copy_nonoverlapping(self.from, self.to, self.len) };
        }
        // SAFETY: every element was written just now, or was initialised before.
        unsafe { self.written() }
    }

    /// Runs `fill(i, chunk i)` on consecutive chunks of `length` elements (the last one may be shorter), one after
    /// another. `fill` returns the proof that its chunk has been written.
    ///
    /// # Panics
    /// If `fill` returns the proof of another slice, or `length` is 0.
    #[inline(always)]
    pub(crate) fn by(self, length: usize, mut fill: impl FnMut(usize, Slot<'_>) -> Written) -> &'a mut [f32] {
        for (i, first) in (0..self.len).step_by(length).enumerate() {
            let len = length.min(self.len - first);
            // SAFETY: `first + len ≤ self.len`; the chunks do not overlap, and live no longer than this step.
            let (from, to) = unsafe { (self.from.add(first), self.to.add(first)) };
            let chunk = Slot { from, to, len, lifetime: PhantomData };
            let expected = chunk.expected();
            assert_eq!(fill(i, chunk), expected, "fill must write its own chunk");
        }
        // SAFETY: every chunk has been written.
        unsafe { self.written() }
    }

    /// Reads `K` vectors from element `first` on.
    ///
    /// # Safety
    /// They must be in bounds.
    #[inline(always)]
    pub(crate) unsafe fn read<S: Simd, const K: usize>(&self, first: usize) -> [S::f32s; K] {
        // SAFETY: guaranteed by the caller; an array of vectors has the layout of its elements, and the read is
        // unaligned.
        unsafe { self.from.add(first).cast::<[S::f32s; K]>().read_unaligned() }
    }

    /// Writes `K` vectors from element `first` on.
    ///
    /// # Safety
    /// They must be in bounds.
    #[inline(always)]
    pub(crate) unsafe fn write<S: Simd, const K: usize>(&mut self, first: usize, vectors: [S::f32s; K]) {
        // SAFETY: as in `read`.
        unsafe { self.to.add(first).cast::<[S::f32s; K]>().write_unaligned(vectors) };
    }

    /// Writes the updated vector that [`last`](crate::elementwise::last) returned.
    #[inline(always)]
    pub(crate) fn write_last<S: Simd>(&mut self, simd: S, lanes: S::f32s) {
        if S::F32_LANES <= self.len {
            // SAFETY: it is the last vector in bounds.
            return unsafe { self.write::<S, 1>(self.len - S::F32_LANES, [lanes]) };
        }
        let mut few = [0.0; 16];
        simd.partial_store_f32s(&mut few[..self.len], lanes);
        // SAFETY: `self.len` is less than the number of lanes, which is at most 16.
        unsafe { std::ptr::copy_nonoverlapping(few.as_ptr(), self.to, self.len) };
    }

    /// The slice of updated numbers.
    ///
    /// # Safety
    /// Every element must have been written, unless the update is in place.
    pub(crate) unsafe fn written(self) -> &'a mut [f32] {
        // SAFETY: guaranteed by the caller; both constructors got the pointer from a slice of this length, borrowed
        // mutably.
        unsafe { std::slice::from_raw_parts_mut(self.to, self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_written_each_to_its_own_place() {
        let numbers: Vec<f32> = (0..10).map(|i| i as f32).collect();
        let mut place = [MaybeUninit::uninit(); 10];
        let whole = Slot::between(&numbers, &mut place).by(4, |i, chunk| {
            let chunk = chunk.copied();
            chunk.iter_mut().for_each(|x| *x += 100.0 * i as f32);
            chunk.into()
        });
        assert_eq!(whole, [0.0, 1.0, 2.0, 3.0, 104.0, 105.0, 106.0, 107.0, 208.0, 209.0]);
        assert_eq!(numbers[9], 9.0);
    }

    #[test]
    #[should_panic(expected = "fill must write its own chunk")]
    fn the_proof_of_another_slice_is_rejected() {
        let [mut here, mut there] = [[0.0; 4]; 2];
        Slot::from(&mut here[..]).by(4, |_, _| there[..].as_mut().into());
    }
}
