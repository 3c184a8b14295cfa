//! The order in which training sees the data.

use std::num::NonZeroUsize;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use ebm_ops::Noise;

use crate::permutation::Permutation;
use crate::{Augmentation, Batch, Data, DataError};

/// Batches of a dataset: batch `step` is a pure function of the stream of noise and `step`.
///
/// Finite data is read in epochs, each a random permutation of the items; that of more than 2²⁴ items takes no memory. Batch `step` takes positions `step · size` to
/// `step · size + size − 1` of the sequence of all epochs, so a batch may span two epochs and none is short.
/// Of endless data it takes the items with these indices.
/// Resuming in the middle of an epoch needs nothing but the step.
///
/// [`Data`] opens datasets by name, and takes rows in memory ([`Data::from_rows`]) or a generator
/// ([`Data::generated`]).
#[derive(Clone)]
pub struct Batches {
    data: Arc<Data>,
    size: NonZeroUsize,
    order: Noise,
    bins: Noise,
    moves: Noise,
    augmentation: Augmentation,
    /// The epoch read last, and its order.
    epoch: Option<(u64, Permutation)>,
}

impl Batches {
    /// Batches of `size` items each.
    pub fn new(data: impl Into<Arc<Data>>, size: NonZeroUsize, noise: &Noise) -> Self {
        Self {
            data: data.into(),
            size,
            order: noise.derive("order"),
            bins: noise.derive("bins"),
            moves: noise.derive("augmentation"),
            augmentation: Augmentation::default(),
            epoch: None,
        }
    }

    /// The same data in the same order, in batches of another size.
    pub fn with_size(self, size: NonZeroUsize) -> Self {
        Self { size, ..self }
    }

    /// The same batches with their images flipped, shifted and moved: row `i` of batch `step` is a function of the stream
    /// of noise, `step` and `i`, and of nothing that came before. Points stay as they are.
    pub fn augmented(self, augmentation: Augmentation) -> Self {
        Self { augmentation, ..self }
    }

    /// The dataset.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Values in a row.
    pub fn dim(&self) -> usize {
        self.data.dim()
    }

    /// Rows in a batch.
    pub fn size(&self) -> usize {
        self.size.get()
    }

    /// Batch `step` as `[batch, dim]`; bytes of images are spread uniformly over their bins.
    ///
    /// # Errors
    /// If an item cannot be read.
    pub fn batch(&mut self, step: u64, device: &Device) -> Result<Tensor<2>, DataError> {
        Ok(self.read(step)?.tensor(device))
    }

    /// Batch `step` as rows in memory, with labels if they are known.
    ///
    /// # Errors
    /// If an item cannot be read.
    pub fn read(&mut self, step: u64) -> Result<Batch, DataError> {
        let indices = self.indices(step);
        let bins = Some(&mut self.bins.child(step));
        if self.augmentation.is_none() {
            return self.data.read(&indices, bins);
        }
        self.data.read_augmented(&indices, bins, self.augmentation, &mut self.moves.child(step))
    }

    /// The indices of the items of batch `step`.
    pub fn indices(&mut self, step: u64) -> Vec<usize> {
        let size = self.size.get() as u128;
        let positions = u128::from(step) * size..(u128::from(step) + 1) * size;
        match self.data.len() {
            // The indices wrap around after 2⁶⁴ items.
            None => positions.map(|position| position as usize).collect(),
            Some(n) => positions
                .map(|position| self.item((position / n as u128) as u64, (position % n as u128) as usize, n))
                .collect(),
        }
    }

    fn item(&mut self, epoch: u64, position: usize, n: usize) -> usize {
        if self.epoch.as_ref().is_none_or(|(known, _)| *known != epoch) {
            self.epoch = Some((epoch, Permutation::of(n, &mut self.order.child(epoch))));
        }
        self.epoch.as_ref().map_or(position, |(_, order)| order.at(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageSet, ImageShape, Toy, dequantize};

    fn size(size: usize) -> NonZeroUsize {
        NonZeroUsize::new(size).unwrap()
    }

    /// Images of two pixels; both bytes are the image's index.
    fn numbered(n: u8) -> Arc<Data> {
        let pixels = (0..n).flat_map(|i| [i, i]).collect();
        let labels = (0..u32::from(n)).map(|i| i % 3).collect();
        let classes = ["a", "b", "c"].map(String::from).to_vec();
        Arc::new(
            ImageSet::new(ImageShape { channels: 1, height: 1, width: 2 }, pixels, Some(labels), classes)
                .into(),
        )
    }

    #[test]
    fn a_batch_depends_on_the_seed_and_the_step_only() {
        let noise = Noise::seeded(3);
        let mut forwards = Batches::new(numbered(10), size(4), &noise);
        let mut backwards = forwards.clone();
        let batches: Vec<Batch> = (0..12).map(|step| forwards.read(step).unwrap()).collect();
        for step in (0..12).rev() {
            assert_eq!(backwards.read(step).unwrap(), batches[step as usize], "step {step}");
        }
        let mut resumed = Batches::new(numbered(10), size(4), &noise);
        assert_eq!(resumed.read(7).unwrap(), batches[7]);
        let other = Batches::new(numbered(10), size(4), &Noise::seeded(4)).read(7).unwrap();
        assert_ne!(other, batches[7]);
    }

    #[test]
    fn every_epoch_is_a_permutation_whatever_the_batch_size() {
        let n = 10;
        let sequence = |batch_size: usize| -> Vec<usize> {
            let mut batches = Batches::new(numbered(n), size(batch_size), &Noise::seeded(5));
            (0..).flat_map(|step| batches.indices(step)).take(60).collect()
        };
        let whole = sequence(1);
        let epochs: Vec<&[usize]> = whole.chunks(10).collect();
        for epoch in &epochs {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        }
        assert!(epochs.windows(2).all(|pair| pair[0] != pair[1]), "every epoch has its own order");
        for batch_size in [3, 4, 7, 10, 25] {
            assert_eq!(sequence(batch_size), whole, "batches of {batch_size}");
        }
    }

    #[test]
    fn rows_have_their_items_labels_and_noise_stays_within_the_bin() {
        let mut batches = Batches::new(numbered(200), size(64), &Noise::seeded(6));
        let mut spread = Vec::new();
        for step in 0..10 {
            let indices = batches.indices(step);
            let batch = batches.read(step).unwrap();
            assert_eq!(batch.labels.unwrap(), indices.iter().map(|&i| i as u32 % 3).collect::<Vec<_>>());
            for (row, &byte) in batch.values.chunks(2).zip(&indices) {
                let (low, high) = (dequantize(byte as u8, 0.0), dequantize(byte as u8, 1.0));
                assert!(row.iter().all(|value| (low..=high).contains(value)), "{row:?} of byte {byte}");
                assert_ne!(row[0], row[1], "each pixel has noise of its own");
                spread.extend(row.iter().map(|value| f64::from((value - low) / (high - low))));
            }
        }
        let n = spread.len() as f64;
        let mean = spread.iter().sum::<f64>() / n;
        let variance = spread.iter().map(|u| (u - 0.5).powi(2)).sum::<f64>() / n;
        assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12.0 / n).sqrt(), "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 5.0 * (1.0 / 180.0 / n).sqrt(), "{variance}");
    }

    #[test]
    fn augmented_batches_depend_on_seed_step_and_row_and_none_at_all_is_no_change() {
        let noise = Noise::seeded(3);
        let plain = Batches::new(numbered(40), size(8), &noise);
        // Both bytes of an image are the same: only the noise on them would tell that they are mirrored.
        let two: Arc<Data> = {
            let pixels = (0..40u8).flat_map(|i| [i, 200 - i]).collect();
            let shape = ImageShape { channels: 1, height: 1, width: 2 };
            Arc::new(ImageSet::new(shape, pixels, None, Vec::new()).into())
        };
        let flip = Augmentation::new(true, 0, two.image_shape().unwrap()).unwrap();
        let mut forwards = Batches::new(two.clone(), size(8), &noise).augmented(flip);
        let batches: Vec<Batch> = (0..12).map(|step| forwards.read(step).unwrap()).collect();
        let mut resumed = Batches::new(two.clone(), size(8), &noise).augmented(flip);
        for step in (0..12).rev() {
            assert_eq!(resumed.read(step).unwrap(), batches[step as usize], "step {step}");
        }
        let is_mirrored = |row: &[f32]| row[1] < row[0];
        let mirrored = batches.iter().flat_map(|batch| batch.values.chunks(2)).filter(|row| is_mirrored(row));
        assert!((20..76).contains(&mirrored.count()), "96 rows, half of them mirrored");
        // An image is met in one epoch mirrored, and in another not.
        assert_ne!(batches[0], Batches::new(two, size(8), &noise).read(0).unwrap());
        let (mut plain, mut none) = (plain.clone(), plain.augmented(Augmentation::default()));
        assert_eq!(plain.read(5).unwrap(), none.read(5).unwrap());
    }

    #[test]
    fn images_moved_as_in_edm_depend_on_seed_step_and_row_and_say_what_was_done() {
        let shape = ImageShape { channels: 1, height: 6, width: 6 };
        let pixels = (0..40 * shape.dim()).map(|i| (i * 97 % 251) as u8).collect();
        let data: Arc<Data> = Arc::new(ImageSet::new(shape, pixels, None, Vec::new()).into());
        let moved = Augmentation::new(false, 0, shape).unwrap().non_leaking(0.12).unwrap();
        let plain = |n: usize| Batches::new(data.clone(), size(n), &Noise::seeded(9));
        let mut forwards = plain(8).augmented(moved);
        let batches: Vec<Batch> = (0..12).map(|step| forwards.read(step).unwrap()).collect();
        let mut resumed = plain(8).augmented(moved);
        for step in (0..12).rev() {
            assert_eq!(resumed.read(step).unwrap(), batches[step as usize], "step {step}");
        }
        let mut same = 0;
        for (step, batch) in batches.iter().enumerate() {
            let original = plain(8).read(step as u64).unwrap();
            assert_eq!(original.augmentations, None);
            let parameters = batch.augmentations.as_ref().unwrap().chunks_exact(Augmentation::PARAMETERS);
            assert_eq!(parameters.len(), 8);
            let rows = batch.values.chunks(36).zip(original.values.chunks(36));
            for (parameters, (found, original)) in parameters.zip(rows) {
                // with the noise of their bins too
                if parameters.iter().all(|parameter| *parameter == 0.0) {
                    assert_eq!(found, original);
                    same += 1;
                }
            }
        }
        // 96 rows, of which 0.28 stay as they are
        assert!((10..50).contains(&same), "{same}");
    }

    #[test]
    fn without_noise_a_byte_is_the_middle_of_its_bin() {
        let batch = numbered(5).read(&[4, 0], None).unwrap();
        assert_eq!(batch.values, [4, 4, 0, 0].map(|byte| dequantize(byte, 0.5)));
    }

    #[test]
    fn endless_data_is_read_in_the_order_of_its_indices() {
        let data = Arc::new(Data::toy(Toy::Rings, &Noise::seeded(7)));
        let mut batches = Batches::new(data.clone(), size(6), &Noise::seeded(8));
        assert_eq!((data.len(), batches.dim()), (None, 2));
        assert_eq!(batches.indices(3), (18..24).collect::<Vec<_>>());
        let device = Device::flex();
        let tensor = batches.batch(3, &device).unwrap();
        assert_eq!(tensor.dims(), [6, 2]);
        assert_eq!(
            tensor.into_data().try_to_vec::<f32>().unwrap(),
            data.read(&[18, 19, 20, 21, 22, 23], None).unwrap().values
        );
        assert_eq!(batches.indices(u64::MAX).len(), 6);
    }
}
