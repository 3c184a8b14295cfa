//! Which pixels of a picture are known.

use std::path::Path;

use ebm_data::{DataSpec, DatasetName, Fit, ImageFolder, ImageSize, Preparation};
use ebm_ops::Noise;

use crate::error::{Result, anyhow, usage};
use crate::hint::near;

/// The names of masks.
const NAMES: [&str; 7] = ["left", "right", "top", "bottom", "half", "box", "random"];

/// The share of pixels that `random` takes away.
const SHARE: f64 = 0.5;

/// Which pixels a mask leaves known, `[height · width]`, row by row.
///
/// `left`, `right`, `top` and `bottom` take that half away, `half` is `right`, `box` takes the middle half of the rows
/// and columns, `random` half of the pixels and `random=SHARE` that share of them; anything else is the file of a
/// picture, brought to the size, whose white pixels are missing.
///
/// # Errors
/// A wrong use of the program for a share outside of 0 to 1, or a name that is neither a mask's nor a file's.
pub fn known(mask: &str, [height, width]: [usize; 2], noise: &Noise) -> Result<Vec<bool>> {
    let of = |is_known: &dyn Fn(usize, usize) -> bool| {
        (0..height * width).map(|i| is_known(i / width, i % width)).collect::<Vec<_>>()
    };
    let middle = |at: usize, side: usize| (side / 4..side - side / 4).contains(&at);
    Ok(match mask {
        "left" => of(&|_, x| width / 2 <= x),
        "right" | "half" => of(&|_, x| x < width / 2),
        "top" => of(&|y, _| height / 2 <= y),
        "bottom" => of(&|y, _| y < height / 2),
        "box" => of(&|y, x| !(middle(y, height) && middle(x, width))),
        "random" => random(SHARE, height * width, noise),
        _ => match (mask.strip_prefix("random="), Path::new(mask)) {
            (Some(share), _) => {
                let found = share.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
                let refused = || usage(anyhow!("--mask random={share}: expected a share from 0 to 1"));
                random(found.ok_or_else(refused)?, height * width, noise)
            }
            (None, file) if file.is_file() => of_file(file, [height, width])?,
            _ => {
                let names = NAMES.join(", ");
                let error = anyhow!(
                    "--mask {mask}: expected one of {names}, or the file of a picture whose white pixels are missing{}",
                    near(mask, NAMES)
                );
                return Err(usage(error));
            }
        },
    })
}

/// `share` of the pixels away, rounded.
fn random(share: f64, n: usize, noise: &Noise) -> Vec<bool> {
    let order = noise.derive("mask").permutation(n);
    let n_missing = (share * n as f64).round() as usize;
    let mut known = vec![true; n];
    order.into_iter().take(n_missing).for_each(|i| known[i] = false);
    known
}

/// Pixels of a picture that are nearer to black than to white.
fn of_file(file: &Path, size: [usize; 2]) -> Result<Vec<bool>> {
    let spec = DataSpec {
        size: Some(ImageSize::Rectangle(size)),
        fit: Some(Fit::Stretch),
        channels: Some(1),
        ..DataSpec::new(DatasetName::Folder, None)
    };
    let set = ImageFolder::read_file(file, Preparation::of(&spec)?)?;
    Ok(set.pixels(0).iter().map(|&byte| byte < 128).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_mask_takes_its_part_away() {
        let known = |mask: &str| known(mask, [4, 6], &Noise::seeded(1)).unwrap();
        assert_eq!(known("right")[..6], [true, true, true, false, false, false]);
        assert_eq!(known("half"), known("right"));
        assert!(known("left").iter().zip(known("right")).all(|(left, right)| *left != right));
        assert!(known("top").iter().zip(known("bottom")).all(|(top, bottom)| *top != bottom));
        let missing = |mask: &str| known(mask).iter().filter(|known| !**known).count();
        assert_eq!((missing("box"), missing("random"), missing("random=0.25")), (8, 12, 6));
        assert!(!known("box")[6 + 1] && known("box")[6]);
    }

    #[test]
    fn white_pixels_of_a_file_are_missing_and_other_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mask.png");
        image::GrayImage::from_fn(2, 2, |x, _| image::Luma([if x == 0 { 255 } else { 0 }]))
            .save(&file)
            .unwrap();
        let found = known(file.to_str().unwrap(), [2, 2], &Noise::seeded(1)).unwrap();
        assert_eq!(found, [false, true, false, true]);
        let error = |mask: &str| known(mask, [2, 2], &Noise::seeded(1)).unwrap_err().to_string();
        assert!(error("rihgt").ends_with("did you mean right?"), "{}", error("rihgt"));
        assert!(error("random=2").contains("from 0 to 1"));
    }
}
