//! A drawing of `plotters` as a picture and as SVG.

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, DrawingAreaErrorKind, DrawingBackend, IntoDrawingArea, SVGBackend};
use plotters::style::RGBColor;

use super::canvas::Canvas;
use crate::{Colour, Picture, ReportError};

/// Coordinates are whole numbers of this part of a pixel: pixels are averages, and points of an SVG are not rounded to
/// pixels.
pub(super) const FINE: u32 = 4;

/// Where a chart is drawn, in fine coordinates.
pub(super) type Area<DB> = DrawingArea<DB, Shift>;

/// What drawing comes to.
pub(super) type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Something that is drawn with `plotters`.
pub(super) trait Chart {
    /// Width and height in pixels.
    fn size(&self) -> [u32; 2];

    /// Draws into a white area of that size.
    fn draw_on<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawn<DB>;
}

/// A length in pixels, in fine coordinates.
pub(super) fn fine(pixels: f64) -> i32 {
    (pixels * f64::from(FINE)).round() as i32
}

/// A colour for `plotters`.
pub(super) fn colour([r, g, b]: Colour) -> RGBColor {
    RGBColor(r, g, b)
}

/// The chart as a picture.
pub(super) fn picture(chart: &impl Chart) -> Result<Picture, ReportError> {
    let [width, height] = chart.size();
    let mut canvas = Canvas::white([width * FINE, height * FINE]);
    {
        let area = (&mut canvas).into_drawing_area();
        chart.draw_on(&area).map_err(|error| ReportError::Chart(error.to_string()))?;
    }
    Ok(canvas.reduced(FINE as usize))
}

/// The chart as an SVG document; text is text, in the viewer's sans-serif font.
pub(super) fn svg(chart: &impl Chart) -> Result<String, ReportError> {
    let failed = |error: String| ReportError::Chart(error);
    let [width, height] = chart.size();
    let fine = [width * FINE, height * FINE];
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (fine[0], fine[1])).into_drawing_area();
        area.fill(&RGBColor(255, 255, 255)).map_err(|error| failed(error.to_string()))?;
        chart.draw_on(&area).map_err(|error| failed(error.to_string()))?;
        area.present().map_err(|error| failed(error.to_string()))?;
    }
    // Fine coordinates inside, pixels outside.
    let [from, to] = [fine, [width, height]].map(|[w, h]| format!("<svg width=\"{w}\" height=\"{h}\""));
    Ok(text.replacen(&from, &to, 1))
}
