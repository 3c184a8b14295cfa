//! What happened to a picture.

use burn::tensor::{Device, Tensor, TensorData};
use ebm_ops::Noise;
use ebm_sample::restoring::{BlockMean, Blur, Grey, Identity, LinearOperator, Mask};

use crate::error::{Result, anyhow, ensure, usage};
use crate::sampling::host;

/// Of how many in the model's units a pixel in [0, 1] is one.
const UNITS: f64 = 2.0 * 255.0 * 255.0 / (256.0 * 256.0);

/// A standard deviation of pixels in [0, 1] in the model's units.
pub fn deviation(of_pixels: f64) -> f64 {
    UNITS * of_pixels
}

/// What is to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Missing pixels.
    Inpaint,
    /// Pixels with noise on them.
    Denoise,
    /// A blurred picture.
    Deblur,
    /// A small picture.
    Enlarge,
    /// A grey picture.
    Colour,
}

impl Task {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inpaint => "inpaint",
            Self::Denoise => "denoise",
            Self::Deblur => "deblur",
            Self::Enlarge => "enlarge",
            Self::Colour => "colour",
        }
    }

    /// The noise of pictures of this kind if nothing is said, as a deviation of pixels in [0, 1]: that of bytes, more
    /// where it is what keeps a blur from being undone to noise; none to be found where noise is the task.
    pub fn usual_noise(self) -> Option<f64> {
        match self {
            Self::Inpaint => Some(0.0),
            Self::Denoise => None,
            Self::Deblur => Some(0.01),
            Self::Enlarge | Self::Colour => Some(0.002),
        }
    }
}

/// What happened to pictures of one shape.
pub struct Degradation {
    task: Task,
    shape: [usize; 3],
    measured: [usize; 3],
    known: Vec<bool>,
    operator: Box<dyn LinearOperator>,
}

impl Degradation {
    /// Pixels are missing from pictures of `[channels, height, width]` where `known`, `[height · width]`, is false.
    ///
    /// # Errors
    /// A wrong use of the program unless some are known and some are missing.
    pub fn inpaint(shape: [usize; 3], known: &[bool]) -> Result<Self> {
        let some = known.contains(&true) && known.contains(&false);
        ensure!(some, usage(anyhow!("the mask: expected some pixels known and some missing")));
        let known = known.repeat(shape[0]);
        let operator = Mask::new(&known).map_err(usage)?;
        Ok(Self { task: Task::Inpaint, shape, measured: shape, known, operator: Box::new(operator) })
    }

    /// Noise on every pixel.
    ///
    /// # Errors
    /// A wrong use of the program if there is no pixel.
    pub fn denoise(shape: [usize; 3]) -> Result<Self> {
        Self::of(Task::Denoise, shape, shape, Identity::new(shape.iter().product()).map_err(usage)?)
    }

    /// A blur of so many pixels.
    ///
    /// # Errors
    /// A wrong use of the program for a deviation that no blur has.
    pub fn deblur(shape: [usize; 3], pixels: f64) -> Result<Self> {
        Self::of(Task::Deblur, shape, shape, Blur::new(shape, pixels).map_err(usage)?)
    }

    /// Squares of `factor` × `factor` pixels in one.
    ///
    /// # Errors
    /// A wrong use of the program for a factor that does not divide height and width.
    pub fn enlarge(shape @ [channels, height, width]: [usize; 3], factor: usize) -> Result<Self> {
        let operator = BlockMean::new(shape, factor).map_err(usage)?;
        Self::of(Task::Enlarge, shape, [channels, height / factor, width / factor], operator)
    }

    /// No colour.
    ///
    /// # Errors
    /// A wrong use of the program unless the pictures have three channels.
    pub fn colour(shape @ [channels, height, width]: [usize; 3]) -> Result<Self> {
        ensure!(channels == 3, usage(anyhow!("--task colour is for networks of coloured pictures")));
        Self::of(Task::Colour, shape, [1, height, width], Grey::new([height, width]).map_err(usage)?)
    }

    fn of(
        task: Task,
        shape: [usize; 3],
        measured: [usize; 3],
        operator: impl LinearOperator + 'static,
    ) -> Result<Self> {
        Ok(Self { task, shape, measured, known: Vec::new(), operator: Box::new(operator) })
    }

    /// What is to be restored.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Channels, height and width of a restored picture.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Those of a picture before it is restored.
    pub fn measured_shape(&self) -> [usize; 3] {
        self.measured
    }

    /// Which values of a picture are known, channel by channel; empty where none or all are.
    pub fn known(&self) -> &[bool] {
        &self.known
    }

    /// The linear map from a picture to what was measured of it.
    pub fn operator(&self) -> &dyn LinearOperator {
        &*self.operator
    }

    /// What is measured of a picture of the measured shape: of one with missing pixels, the others.
    pub fn measured(&self, picture: &[f32]) -> Vec<f32> {
        match self.known.is_empty() {
            true => picture.to_vec(),
            false => self.known_of(picture),
        }
    }

    /// A whole picture with this done to it, and noise of the deviation τ, all in the model's units.
    ///
    /// # Errors
    /// If the numbers cannot be read back.
    pub fn applied(&self, picture: &[f32], tau: f64, noise: &mut Noise, device: &Device) -> Result<Vec<f32>> {
        let x = Tensor::<2>::from_data(TensorData::new(picture.to_vec(), [1, picture.len()]), device);
        let y = self.operator.apply(x);
        host(if 0.0 < tau { y.clone() + noise.normal_like(&y) * tau } else { y })
    }

    /// Measurements as a picture of the whole shape: grey where pixels are missing, small pixels as squares.
    pub fn shown(&self, measured: &[f32]) -> Vec<f32> {
        let ([_, height, width], [_, rows, columns]) = (self.shape, self.measured);
        match self.task {
            Task::Inpaint => {
                let mut values = measured.iter();
                let value = |known: &bool| if *known { values.next().copied() } else { None };
                self.known.iter().map(value).map(|value| value.unwrap_or(0.0)).collect()
            }
            Task::Colour => measured.repeat(self.shape[0]),
            Task::Enlarge => {
                let (down, across) = (height / rows, width / columns);
                let pixel = |plane: &[f32], i: usize| plane[i / width / down * columns + i % width / across];
                let planes = measured.chunks(rows * columns);
                planes.flat_map(|plane| (0..height * width).map(move |i| pixel(plane, i))).collect()
            }
            Task::Denoise | Task::Deblur => measured.to_vec(),
        }
    }

    fn known_of(&self, picture: &[f32]) -> Vec<f32> {
        picture.iter().zip(&self.known).filter(|(_, known)| **known).map(|(value, _)| *value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_shown_where_they_belong() {
        let (device, noise) = (Device::flex(), || Noise::seeded(1));
        let picture: Vec<f32> = (0..8).map(|i| i as f32).collect();
        let masked = Degradation::inpaint([2, 2, 2], &[true, false, false, true]).unwrap();
        assert_eq!(masked.measured(&picture), [0.0, 3.0, 4.0, 7.0]);
        assert_eq!(masked.applied(&picture, 0.0, &mut noise(), &device).unwrap(), [0.0, 3.0, 4.0, 7.0]);
        assert_eq!(masked.shown(&[9.0, 3.0, 4.0, 7.0]), [9.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0, 7.0]);
        let small = Degradation::enlarge([1, 2, 4], 2).unwrap();
        assert_eq!(small.applied(&picture, 0.0, &mut noise(), &device).unwrap(), [2.5, 4.5]);
        assert_eq!(small.shown(&[1.0, 2.0]), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
        assert!(Degradation::enlarge([1, 2, 3], 2).is_err() && Degradation::colour([1, 2, 2]).is_err());
        assert!(Degradation::inpaint([1, 1, 2], &[true, true]).is_err());
    }
}
