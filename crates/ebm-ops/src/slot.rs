//! Numbers and the place for what becomes of them.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use pulp::Simd;

/// Numbers that become others: in their own place, or read in one place and written to another.
///
/// With two places, what is computed in one pass needs no copy before it.
pub(crate) struct Slot<'a> {
    from: *const f32,
    to: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

/// That numbers have been written, and where: there was a slice of them.
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
    /// From `source` to `place`.
    ///
    /// # Panics
    /// If their lengths differ.
    pub(crate) fn between(source: &'a [f32], place: &'a mut [MaybeUninit<f32>]) -> Self {
        assert_eq!(source.len(), place.len(), "a place for every number");
        let to = place.as_mut_ptr().cast();
        Self { from: source.as_ptr(), to, len: source.len(), lifetime: PhantomData }
    }

    /// How many numbers.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The numbers as they are before.
    pub(crate) fn numbers(&self) -> &[f32] {
        // SAFETY: both constructors had them from a slice of this length and of this lifetime, and while they are
        // borrowed from here nothing is written.
        unsafe { std::slice::from_raw_parts(self.from, self.len) }
    }

    /// What there will be to say when all of it has been written.
    pub(crate) fn expected(&self) -> Written {
        Written { at: self.to, len: self.len }
    }

    /// The numbers in the place for what becomes of them.
    pub(crate) fn copied(self) -> &'a mut [f32] {
        if !std::ptr::eq(self.from, self.to) {
            // SAFETY: both are of this length, and two places of different slices, one of them borrowed for writing.
            unsafe { std::ptr::copy_nonoverlapping(self.from, self.to, self.len) };
        }
        // SAFETY: every element was written just now, or was there before.
        unsafe { self.written() }
    }

    /// Runs `fill(i, chunk i)` on chunks of `length`, the last of which may be shorter, one after the other; it returns
    /// that the place of its chunk has been written.
    ///
    /// # Panics
    /// If it returns that of another place, or `length` is 0.
    #[inline(always)]
    pub(crate) fn by(self, length: usize, mut fill: impl FnMut(usize, Slot<'_>) -> Written) -> &'a mut [f32] {
        for (i, first) in (0..self.len).step_by(length).enumerate() {
            let len = length.min(self.len - first);
            // SAFETY: `first + len ≤ self.len`; the chunks do not overlap, and live no longer than this step.
            let (from, to) = unsafe { (self.from.add(first), self.to.add(first)) };
            let chunk = Slot { from, to, len, lifetime: PhantomData };
            let expected = chunk.expected();
            assert_eq!(fill(i, chunk), expected, "the place of the chunk");
        }
        // SAFETY: every chunk has been written.
        unsafe { self.written() }
    }

    /// `K` vectors from element `first` on.
    ///
    /// # Safety
    /// They must be among the numbers.
    #[inline(always)]
    pub(crate) unsafe fn read<S: Simd, const K: usize>(&self, first: usize) -> [S::f32s; K] {
        // SAFETY: the caller's; an array of vectors is these vectors, and nothing is said of its alignment.
        unsafe { self.from.add(first).cast::<[S::f32s; K]>().read_unaligned() }
    }

    /// Writes `K` vectors from element `first` on.
    ///
    /// # Safety
    /// There must be a place for them.
    #[inline(always)]
    pub(crate) unsafe fn write<S: Simd, const K: usize>(&mut self, first: usize, vectors: [S::f32s; K]) {
        // SAFETY: as in `read`.
        unsafe { self.to.add(first).cast::<[S::f32s; K]>().write_unaligned(vectors) };
    }

    /// Writes the lanes that [`last`](crate::elementwise::last) gave, or what became of them.
    #[inline(always)]
    pub(crate) fn write_last<S: Simd>(&mut self, simd: S, lanes: S::f32s) {
        if S::F32_LANES <= self.len {
            // SAFETY: the last vector of those that there are.
            return unsafe { self.write::<S, 1>(self.len - S::F32_LANES, [lanes]) };
        }
        let mut few = [0.0; 16];
        simd.partial_store_f32s(&mut few[..self.len], lanes);
        // SAFETY: fewer than the lanes, of which there are 16 at the most.
        unsafe { std::ptr::copy_nonoverlapping(few.as_ptr(), self.to, self.len) };
    }

    /// The place, with what became of the numbers.
    ///
    /// # Safety
    /// Every element must have been written, unless the place is the numbers' own.
    pub(crate) unsafe fn written(self) -> &'a mut [f32] {
        // SAFETY: the caller's; both constructors had it from a slice of this length, borrowed for writing.
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
    #[should_panic(expected = "the place of the chunk")]
    fn another_place_than_that_of_the_chunk_is_refused() {
        let [mut here, mut there] = [[0.0; 4]; 2];
        Slot::from(&mut here[..]).by(4, |_, _| there[..].as_mut().into());
    }
}
