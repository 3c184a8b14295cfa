//! Pictures in rows and columns, with words.

use super::colour_scale::ColourScale;
use super::lettering;
use super::panel::INK;
use crate::{Colour, Picture, ReportError};

/// Pixels between pictures and around them.
const GAP: usize = 8;

/// Height of a line of text, and of its letters from the lowest to the highest point of the font, in pixels.
const LINE: usize = 20;
const LETTERS: f32 = 15.0;

/// Pictures are enlarged by a whole number while their longer side stays within so many pixels.
const SIDE: usize = 140;

/// Height of a scale of colours.
const SCALE: usize = 14;

/// Most pixels of a side.
const MOST: usize = 16_384;

const PAPER: Colour = [255, 255, 255];

/// Pictures of one size in columns with headings, each with a line of text beneath, and the scale of their colours at
/// the end.
///
/// ```
/// use ebm_report::{ColourScale, Picture, Sheet};
///
/// let scale = ColourScale::up_to(4.0, "nats");
/// let mut sheet = Sheet::of(["picture", "map"]).with_scale(scale.clone());
/// sheet.push(Picture::of_image(&[0.0, 0.5, 0.5, 1.0], [1, 2, 2]), "7.png");
/// sheet.push(scale.picture(&[0.0, 0.0, 4.0, 1.0], [2, 2]), "5.00 nats");
/// assert!(sheet.draw()?.png()?.starts_with(b"\x89PNG"));
/// # Ok::<(), ebm_report::ReportError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sheet {
    headings: Vec<String>,
    cells: Vec<(Picture, String)>,
    scale: Option<ColourScale>,
}

impl Sheet {
    /// A sheet without pictures, with a column for each heading.
    pub fn of<S: Into<String>>(headings: impl IntoIterator<Item = S>) -> Self {
        Self { headings: headings.into_iter().map(Into::into).collect(), cells: Vec::new(), scale: None }
    }

    /// The sheet with a scale of colours beneath.
    pub fn with_scale(self, scale: ColourScale) -> Self {
        Self { scale: Some(scale), ..self }
    }

    /// Adds a picture with its text, left to right and row after row.
    pub fn push(&mut self, picture: Picture, text: impl Into<String>) {
        self.cells.push((picture, text.into()));
    }

    /// The sheet as a picture; text that is wider than its column is cut.
    ///
    /// # Errors
    /// [`ReportError::Layout`] without a column or a picture, if pictures differ in size, or if a side of the sheet
    /// would exceed 16,384 pixels.
    pub fn draw(&self) -> Result<Picture, ReportError> {
        let columns = self.headings.len();
        let Some((first, _)) = self.cells.first().filter(|_| 0 < columns) else {
            return Err(ReportError::Layout("a sheet without columns or pictures".into()));
        };
        let (width, height) = (first.width(), first.height());
        if let Some((other, _)) = self.cells.iter().find(|(p, _)| (p.width(), p.height()) != (width, height))
        {
            let found = format!("{} x {}", other.width(), other.height());
            return Err(ReportError::Layout(format!("pictures of {width} x {height} beside one of {found}")));
        }
        let zoom = (SIDE / width.max(height).max(1)).max(1);
        let cell = [zoom * width.max(1), zoom * height + LINE];
        let (room, rows) = (cell[0].max(SIDE), self.cells.len().div_ceil(columns));
        let head = GAP + LINE;
        let foot = if self.scale.is_some() { GAP + SCALE + LINE } else { 0 };
        let across = columns.saturating_mul(room + GAP).saturating_add(GAP);
        let down = rows.saturating_mul(cell[1] + GAP).saturating_add(head + GAP + foot);
        if MOST < across.max(down) {
            return Err(ReportError::Layout(format!(
                "a sheet of {} pictures is {across} x {down} pixels, more than {MOST} a side",
                self.cells.len()
            )));
        }
        let mut sheet = Picture::plain(across, down, PAPER);
        let left = |column: usize| GAP + column * (room + GAP);
        for (column, heading) in self.headings.iter().enumerate() {
            write(&mut sheet, heading, [left(column), GAP], room);
        }
        for (i, (picture, text)) in self.cells.iter().enumerate() {
            let at = [left(i % columns), head + GAP + (i / columns) * (cell[1] + GAP)];
            for y in 0..height {
                for x in 0..width {
                    sheet.fill([at[0] + zoom * x, at[1] + zoom * y], [zoom; 2], picture.at(x, y));
                }
            }
            write(&mut sheet, text, [at[0], at[1] + zoom * height], room);
        }
        if let Some(scale) = &self.scale {
            draw_scale(&mut sheet, scale, [GAP, down - foot], across - 2 * GAP);
        }
        Ok(sheet)
    }
}

/// The scale from `at` on, `width` pixels long, with its numbers beneath.
fn draw_scale(sheet: &mut Picture, scale: &ColourScale, [left, top]: [usize; 2], width: usize) {
    for x in 0..width {
        let share = x as f32 / (width - 1).max(1) as f32;
        sheet.fill([left + x, top], [1, SCALE], scale.along(share));
    }
    let [first, middle, last] = scale.ticks();
    let length = |text: &str| (lettering::width(text, LETTERS).ceil() as usize).min(width);
    let below = top + SCALE;
    write(sheet, &first, [left, below], width);
    write(sheet, &middle, [left + (width - length(&middle)) / 2, below], width);
    write(sheet, &last, [left + width - length(&last), below], width);
}

/// Writes the beginning of `text` that fits into `room` pixels.
fn write(sheet: &mut Picture, text: &str, [left, top]: [usize; 2], room: usize) {
    let text = lettering::fitted(text, LETTERS, room as f32);
    lettering::rasterize(&text, LETTERS, |column, row, coverage| {
        let place = |from: usize, by: i32| from.checked_add_signed(by as isize);
        let (Some(x), Some(y)) = (place(left, column), place(top + 2, row)) else { return };
        if x < sheet.width() && y < sheet.height() {
            let under = sheet.at(x, y);
            let blend = |c: usize| {
                let (paper, ink) = (f32::from(under[c]), f32::from(INK[c]));
                (paper + coverage.clamp(0.0, 1.0) * (ink - paper)).round() as u8
            };
            sheet.set(x, y, [blend(0), blend(1), blend(2)]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_in_their_columns_enlarged_with_words_and_a_scale_of_colours() {
        let scale = ColourScale::up_to(1.0, "nats");
        let mut sheet = Sheet::of(["picture", "map"]).with_scale(scale.clone());
        for colour in [[10; 3], [20; 3], [30; 3], [40; 3]] {
            sheet.push(Picture::plain(20, 10, colour), "words");
        }
        let drawn = sheet.draw().unwrap();
        // seven times as large: 140 x 70
        let (left, top, row) = (GAP + 140 + GAP, GAP + LINE + GAP, 70 + LINE + GAP);
        assert_eq!((drawn.width(), drawn.height()), (left + 140 + GAP, top + 2 * row + GAP + SCALE + LINE));
        for (x, y, colour) in
            [(GAP, top, 10), (left, top, 20), (left + 139, top + 69, 20), (GAP, top + row, 30)]
        {
            assert_eq!(drawn.at(x, y), [colour; 3], "{x}, {y}");
        }
        assert_eq!(drawn.at(left - 1, top), PAPER);
        let bar = drawn.height() - GAP - LINE - SCALE;
        assert_eq!(drawn.at(GAP, bar), scale.along(0.0));
        assert_eq!(drawn.at(drawn.width() - GAP - 1, bar + SCALE - 1), scale.along(1.0));
        let dark = |rows: std::ops::Range<usize>| {
            rows.flat_map(|y| (0..drawn.width()).map(move |x| (x, y)))
                .filter(|&(x, y)| drawn.at(x, y)[0] < 128)
                .count()
        };
        assert!(0 < dark(GAP..GAP + LINE) && 0 < dark(top + 70..top + 70 + LINE), "headings and words");
        assert!(0 < dark(bar + SCALE..drawn.height()), "the numbers of the scale");
    }

    #[test]
    fn text_is_cut_at_its_column_and_large_pictures_keep_their_size() {
        let mut sheet = Sheet::of(["a heading that is much longer than a column of this width has room for"]);
        sheet.push(Picture::plain(300, 1, [9; 3]), "");
        let drawn = sheet.draw().unwrap();
        assert_eq!((drawn.width(), drawn.at(GAP + 299, GAP + LINE + GAP)), (300 + 2 * GAP, [9; 3]));
        assert!((0..drawn.height()).all(|y| drawn.at(drawn.width() - 1, y) == PAPER));
    }

    #[test]
    fn what_cannot_be_laid_out_is_refused() {
        assert!(Sheet::of(["a"]).draw().is_err());
        let mut none = Sheet::of(Vec::<String>::new());
        none.push(Picture::plain(2, 2, PAPER), "");
        assert!(none.draw().is_err());
        let mut mixed = Sheet::of(["a"]);
        mixed.push(Picture::plain(2, 2, PAPER), "");
        mixed.push(Picture::plain(2, 3, PAPER), "");
        assert!(mixed.draw().unwrap_err().to_string().contains("2 x 2 beside one of 2 x 3"));
        let mut long = Sheet::of(["a"]);
        (0..200).for_each(|_| long.push(Picture::plain(100, 100, PAPER), ""));
        assert!(long.draw().unwrap_err().to_string().contains("16384"));
    }
}
