//! Writes an image of glyphs, one row for each digit: `cargo run --release -p ebm-data --example glyphs -- glyphs.png`.

use std::error::Error;

use ebm_data::Glyphs;
use ebm_ops::Noise;
use image::{GrayImage, Luma};

const COLUMNS: u32 = 20;
const SIDE: u32 = 28;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("expected the path of the image to write")?;
    let glyphs = Glyphs::new(&Noise::seeded(1));
    let mut picture = GrayImage::new(COLUMNS * SIDE, 10 * SIDE);
    for digit in 0..10 {
        for column in 0..COLUMNS {
            let pixels = glyphs.draw(digit as usize, u64::from(digit * COLUMNS + column));
            for (i, &pixel) in (0..).zip(&pixels) {
                picture.put_pixel(column * SIDE + i % SIDE, digit * SIDE + i / SIDE, Luma([pixel]));
            }
        }
    }
    picture.save(path)?;
    Ok(())
}
