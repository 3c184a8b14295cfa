//! An energy over the plane, as colour and contour lines.

use plotters::prelude::{DrawingBackend, PathElement, Rectangle};
use plotters::style::Color;

use super::chart::{Drawn, colour};
use super::contours::contour;
use super::panel::{Axes, line};
use super::window::Window;
use crate::{Colour, ReportError};

/// Cells of a landscape on each side.
const CELLS: usize = 192;

/// Contour lines, in nats above the lowest energy.
pub(crate) const LEVELS: [f32; 6] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

const LOW: Colour = [150, 205, 170];
const HIGH: Colour = [250, 250, 247];
pub(super) const CONTOUR: Colour = [142, 166, 150];

/// Energies at the centres of the cells of a window, row by row from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Landscape {
    window: Window,
    /// Nats above the lowest energy; infinite where the energy is not finite.
    heights: Vec<f32>,
}

impl Landscape {
    /// The landscape of `energy`, which maps points `[n, 2]` to `n` energies, over `window`.
    ///
    /// # Errors
    /// If there is not one energy for each point, or none of them is finite.
    pub fn of(window: &Window, energy: impl FnOnce(&[f32]) -> Vec<f32>) -> Result<Self, ReportError> {
        let at = |cell: usize| (cell as f32 + 0.5) / CELLS as f32;
        let cells = (0..CELLS).flat_map(|row| (0..CELLS).map(move |column| [at(column), 1.0 - at(row)]));
        let points: Vec<f32> = cells.flat_map(|unit| window.point(unit)).collect();
        let energies = energy(&points);
        if energies.len() != CELLS * CELLS {
            return Err(ReportError::length("energies of a landscape", CELLS * CELLS, energies.len()));
        }
        let finite = energies.iter().copied().filter(|energy| energy.is_finite());
        let lowest = finite.reduce(f32::min).ok_or(ReportError::NoEnergy)?;
        let height = |energy: f32| if energy.is_finite() { energy - lowest } else { f32::INFINITY };
        Ok(Self { window: *window, heights: energies.into_iter().map(height).collect() })
    }

    /// Nats above the lowest energy, row by row from the top, and how many of them are in a row.
    pub(crate) fn heights(&self) -> (&[f32], usize) {
        (&self.heights, CELLS)
    }

    /// Draws the landscape into axes over a window.
    pub(super) fn draw_on<DB: DrawingBackend>(&self, axes: &Axes<'_, DB>) -> Drawn<DB> {
        let area = axes.plotting_area();
        let [[left, right], [low, high]] = [0, 1].map(|c| self.window.range(c));
        let place = |column: f64, row: f64| {
            let n = CELLS as f64;
            (left + column / n * (right - left), high - row / n * (high - low))
        };
        for (row, heights) in self.heights.chunks_exact(CELLS).enumerate() {
            let mut column = 0;
            while column < CELLS {
                let shade = shade(heights[column]);
                let run =
                    heights[column..].iter().take_while(|&&height| self::shade(height) == shade).count();
                // One cell further right and down, under what is drawn next: a viewer leaves no seam.
                let (end, below) = ((column + run + 1).min(CELLS), (row + 2).min(CELLS));
                let corners = [place(column as f64, row as f64), place(end as f64, below as f64)];
                area.draw(&Rectangle::new(corners, colour(shade).filled()))?;
                column += run;
            }
        }
        for level in LEVELS {
            for points in contour(&self.heights, CELLS, level) {
                let points: Vec<_> =
                    points.iter().map(|[column, row]| place(column + 0.5, row + 0.5)).collect();
                area.draw(&PathElement::new(points, line(CONTOUR, 1.0)))?;
            }
        }
        Ok(())
    }
}

/// The colour at a height, one of 32.
fn shade(height: f32) -> Colour {
    // Half of the colour is gone at two nats.
    let likely = ((-0.35 * height).exp() * 31.0).round() / 31.0;
    std::array::from_fn(|c| (f32::from(HIGH[c]) * (1.0 - likely) + f32::from(LOW[c]) * likely) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_energy_is_asked_at_the_centres_of_cells_from_the_top() {
        let window = Window::around(&[-2.0 / 1.1, -2.0 / 1.1, 2.0 / 1.1, 2.0 / 1.1]);
        Landscape::of(&window, |points| {
            let cell = 4.0 / CELLS as f32;
            let close = |i: usize, expected: [f32; 2]| {
                (0..2).for_each(|c| assert!((points[2 * i + c] - expected[c]).abs() < 1e-5));
            };
            close(0, [-2.0 + cell / 2.0, 2.0 - cell / 2.0]);
            close(1, [-2.0 + 1.5 * cell, 2.0 - cell / 2.0]);
            close(CELLS, [-2.0 + cell / 2.0, 2.0 - 1.5 * cell]);
            vec![0.0; CELLS * CELLS]
        })
        .unwrap();
    }

    #[test]
    fn energies_that_are_missing_or_never_finite_are_refused() {
        let window = Window::around(&[]);
        assert!(Landscape::of(&window, |_| vec![f32::NAN; CELLS * CELLS]).is_err());
        assert!(Landscape::of(&window, |_| vec![0.0; 7]).is_err());
        let mostly = |_: &[f32]| (0..CELLS * CELLS).map(|i| if i == 0 { f32::NAN } else { 0.0 }).collect();
        assert_eq!(Landscape::of(&window, mostly).unwrap().heights[..2], [f32::INFINITY, 0.0]);
    }
}
