//! Axes around a part of a chart.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, DrawingAreaErrorKind, DrawingBackend, PathElement,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, ShapeStyle, TextStyle};

use super::chart::{Area, Drawn, colour, fine};
use crate::Colour;

/// Of axes and text.
pub(super) const INK: Colour = [70, 70, 70];

/// Of the lines that carry ticks through the panel.
const MESH: Colour = [232, 232, 232];

/// Height of the letters of labels, and of titles, in pixels from the lowest to the highest point of the font.
pub(super) const LABEL: f64 = 17.0;
pub(super) const TITLE: f64 = 20.0;

/// A panel with axes, ready to be drawn into.
pub(super) type Axes<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A panel: its place in the chart, what it shows, and what is written around it.
pub(super) struct Panel<'a> {
    /// Upper left corner of the plot, in pixels.
    pub at: [u32; 2],
    /// Width and height of the plot, in pixels.
    pub size: [u32; 2],
    /// Range of each axis.
    pub range: [[f64; 2]; 2],
    /// Above the plot; may be empty.
    pub title: &'a str,
    /// Names of the axes.
    pub names: [&'a str; 2],
    /// Ticks of the vertical axis; without any, marks of its own are drawn.
    pub has_y_ticks: bool,
    /// Lines through the plot at the ticks.
    pub has_mesh: bool,
}

/// Room for the labels and the name of the vertical and of the horizontal axis, in pixels.
pub(super) const LEFT: u32 = 78;
pub(super) const BOTTOM: u32 = 50;

impl Panel<'_> {
    /// Draws axes, ticks, names and title.
    pub fn axes<'b, DB: DrawingBackend>(
        &self,
        area: &'b Area<DB>,
    ) -> Result<Axes<'b, DB>, DrawingAreaErrorKind<DB::ErrorType>> {
        let [left, top] = self.at.map(|v| fine(f64::from(v)));
        let [width, height] = self.size.map(|v| fine(f64::from(v)));
        let (whole_width, whole_height) = area.dim_in_pixel();
        let (room_left, room_below) = (fine(f64::from(LEFT)), fine(f64::from(BOTTOM)));
        text(
            area,
            self.title,
            [f64::from(self.at[0]), f64::from(self.at[1]) - 7.0],
            LABEL + 1.0,
            HPos::Left,
            VPos::Bottom,
        )?;
        let [x, y] = self.range;
        let mut axes = ChartBuilder::on(area)
            .margin_left(left - room_left)
            .margin_top(top)
            .margin_right(whole_width as i32 - left - width)
            .margin_bottom(whole_height as i32 - top - height - room_below)
            .set_label_area_size(plotters::chart::LabelAreaPosition::Left, room_left)
            .set_label_area_size(plotters::chart::LabelAreaPosition::Bottom, room_below)
            .build_cartesian_2d(x[0]..x[1], y[0]..y[1])?;
        let format = [x, y].map(|range| move |value: &f64| number(*value, range));
        let none = |_: &f64| String::new();
        let mut mesh = axes.configure_mesh();
        mesh.label_style(style(LABEL))
            .axis_desc_style(style(LABEL))
            .axis_style(line(INK, 1.0))
            .bold_line_style(line(MESH, 1.0))
            .light_line_style(ShapeStyle { color: colour(MESH).mix(0.0), filled: false, stroke_width: 0 })
            .set_all_tick_mark_size(fine(5.0))
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&format[0])
            .y_label_formatter(&format[1])
            .x_desc(self.names[0])
            .y_desc(self.names[1]);
        if !self.has_mesh {
            mesh.disable_mesh();
        }
        if !self.has_y_ticks {
            mesh.disable_y_mesh().y_labels(0).y_label_formatter(&none);
        }
        mesh.draw()?;
        Ok(axes)
    }

    /// A frame, drawn last, over what is at the edge.
    pub fn frame<DB: DrawingBackend>(&self, axes: &Axes<'_, DB>) -> Drawn<DB> {
        let [[left, right], [low, high]] = self.range;
        let corners = [(left, low), (right, low), (right, high), (left, high), (left, low)];
        axes.plotting_area().draw(&PathElement::new(corners.to_vec(), line(INK, 1.0)))
    }
}

/// Writes `words` into the chart, `at` in pixels.
pub(super) fn text<DB: DrawingBackend>(
    area: &Area<DB>,
    words: &str,
    at: [f64; 2],
    size: f64,
    h: HPos,
    v: VPos,
) -> Drawn<DB> {
    area.draw_text(words, &style(size).pos(Pos::new(h, v)), (fine(at[0]), fine(at[1])))
}

/// A line of `width` pixels.
pub(super) fn line(of: Colour, width: f64) -> ShapeStyle {
    colour(of).stroke_width(fine(width) as u32)
}

fn style(size: f64) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", f64::from(fine(size))).into_font());
    style.color = colour(INK).to_backend_color();
    style
}

/// A tick's number with the digits that tell it from its neighbours.
fn number(value: f64, [low, high]: [f64; 2]) -> String {
    let step = (high - low) / 10.0;
    if value.abs() < step / 100.0 {
        return "0".into();
    }
    let max_decimal = (1.0 - step.log10().floor()).clamp(0.0, 300.0) as i32;
    if value.abs() < 1e5 && max_decimal <= 4 {
        let text = format!("{value:.*}", max_decimal as usize);
        return if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').into()
        } else {
            text
        };
    }
    let digits = (value.abs() / step).log10().ceil().clamp(0.0, 5.0) as usize;
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    format!("{mantissa}e{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_ticks_are_short_and_exact() {
        let range = [-1.3, 1.3];
        assert_eq!([-1.0, 0.5, 1e-17].map(|v| number(v, range)), ["-1", "0.5", "0"]);
        assert_eq!(number(4000.0, [0.0, 10_000.0]), "4000");
        assert_eq!(number(2e-5, [0.0, 1e-4]), "2e-5");
        assert_eq!(number(-2e6, [-2e6, 2.4e6]), "-2e6");
        assert_eq!(number(996.5, [995.0, 1000.0]), "996.5");
        assert_eq!(number(1.5e38, [-3e38, 3e38]), "1.5e38");
    }
}
