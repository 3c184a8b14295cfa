//! An energy over the plane, as colour and contour lines.

use anyhow::{Result, bail};

use super::Window;
use super::picture::Colour;

/// Cells of a landscape on each side.
pub const CELLS: usize = 192;

/// Contour lines, in nats above the lowest energy.
const LINES: [f32; 6] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

const LOW: Colour = [150, 205, 170];
const HIGH: Colour = [250, 250, 247];
const CONTOUR: Colour = [168, 184, 172];

/// Energies at the centres of the cells of a window, row by row from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Landscape {
    energies: Vec<f32>,
    lowest: f32,
}

impl Landscape {
    /// Where the energy is asked for, `[CELLS², 2]`.
    pub fn points(window: &Window) -> Vec<f32> {
        let at = |cell: usize| (cell as f32 + 0.5) / CELLS as f32;
        let cells = (0..CELLS).flat_map(|row| (0..CELLS).map(move |column| [at(column), 1.0 - at(row)]));
        cells.flat_map(|unit| window.point(unit)).collect()
    }

    /// The landscape with these energies at [`points`](Self::points).
    ///
    /// # Errors
    /// Unless there is one for each, and one of them is finite.
    pub fn new(energies: Vec<f32>) -> Result<Self> {
        if energies.len() != CELLS * CELLS {
            bail!("{} energies for a landscape of {}", energies.len(), CELLS * CELLS);
        }
        let lowest = energies.iter().copied().filter(|energy| energy.is_finite()).reduce(f32::min);
        let Some(lowest) = lowest else { bail!("no energy of the landscape is finite") };
        Ok(Self { energies, lowest })
    }

    /// The colour at `[x, y]` of a square of `side` pixels, y downwards.
    pub fn colour(&self, [x, y]: [usize; 2], side: usize) -> Colour {
        let cell = |pixel: usize| (pixel * CELLS / side).min(CELLS - 1);
        let (row, column) = (cell(y), cell(x));
        let here = self.height(row, column);
        let beside =
            [self.height((row + 1).min(CELLS - 1), column), self.height(row, (column + 1).min(CELLS - 1))];
        let crossed = |line: f32| beside.iter().any(|&there| (here < line) != (there < line));
        if LINES.into_iter().any(crossed) {
            return CONTOUR;
        }
        // half of the colour is gone at two nats
        let likely = (-0.35 * here).exp();
        std::array::from_fn(|c| (f32::from(HIGH[c]) * (1.0 - likely) + f32::from(LOW[c]) * likely) as u8)
    }

    /// Nats above the lowest energy; what is not finite is out of reach.
    fn height(&self, row: usize, column: usize) -> f32 {
        let energy = self.energies[row * CELLS + column];
        if energy.is_finite() { energy - self.lowest } else { f32::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ½‖x − (1, 0)‖²/0.04 on [−2, 2]².
    fn well() -> Landscape {
        let window = Window::around(&[-2.0 / 1.1, -2.0 / 1.1, 2.0 / 1.1, 2.0 / 1.1]);
        let points = Landscape::points(&window);
        let energy = |p: &[f32]| ((p[0] - 1.0).powi(2) + p[1].powi(2)) / 0.08;
        Landscape::new(points.chunks(2).map(energy).collect()).unwrap()
    }

    #[test]
    fn the_lowest_energy_is_greenest_and_lies_where_it_is() {
        let landscape = well();
        let green = |at| 255 - i32::from(landscape.colour(at, 576)[0]);
        // x = 1 is three quarters of the way to the right
        assert!(95 < green([432, 288]), "{}", green([432, 288]));
        assert!(green([144, 288]) < 10 && green([432, 100]) < 10);
    }

    #[test]
    fn a_contour_runs_where_the_energy_passes_its_level() {
        let landscape = well();
        // two nats are at a distance of 0.4, which is 57.6 pixels
        let line = (432..576).find(|&x| 50 <= x - 432 && landscape.colour([x, 288], 576) == CONTOUR).unwrap();
        assert!((line as f32 - 432.0 - 57.6).abs() < 4.0, "{line}");
    }

    #[test]
    fn what_is_no_number_is_far_away_and_nothing_finite_is_refused() {
        let mut energies = vec![0.0; CELLS * CELLS];
        energies[0] = f32::NAN;
        assert_ne!(Landscape::new(energies).unwrap().colour([0, 0], CELLS), LOW);
        assert!(Landscape::new(vec![f32::NAN; CELLS * CELLS]).is_err());
        assert!(Landscape::new(vec![0.0; 7]).is_err());
    }
}
