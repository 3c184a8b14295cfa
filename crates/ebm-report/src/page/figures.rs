//! Pictures of moments: one at a time, or all below one another.

use maud::{Markup, html};

use super::embedded::{Embedded, uri};
use super::pieces::{controls, short};

/// A picture with what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slide {
    /// When it is of, or of what, in a word or two.
    pub label: String,
    /// The picture.
    pub picture: Embedded,
    /// Whether it is a drawing on white, whose lightness a dark page turns round; pictures of pixels stay as they are.
    pub is_drawing: bool,
}

/// Pictures, one at a time behind a slider; without scripts beside one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slides {
    /// What they are.
    pub title: String,
    /// The pictures, the last one being seen first.
    pub slides: Vec<Slide>,
    /// Whether all of them are seen at once, scripts or not.
    pub is_gallery: bool,
}

/// One picture whose rows are moments, each with the same things from left to right; scripts show them one by one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// What it is.
    pub title: String,
    /// The whole.
    pub picture: Embedded,
    /// How many rows it has.
    pub rows: usize,
}

impl Slides {
    pub(super) fn html(&self) -> Markup {
        let n = self.slides.len();
        html! {
            figure.slides.gallery[self.is_gallery] {
                figcaption { strong { (short(&self.title)) } }
                ol tabindex="0" aria-label=(short(&self.title)) {
                    @for Slide { label, picture, is_drawing } in &self.slides {
                        li.drawing[*is_drawing] data-label=(short(label)) {
                            (image(picture, &format!("{}: {}", short(&self.title), short(label))))
                            span { (short(label)) }
                        }
                    }
                }
                @if 1 < n && !self.is_gallery { (controls(n, &short(&self.title))) }
            }
        }
    }
}

impl Strip {
    pub(super) fn html(&self) -> Markup {
        let [width, height] = self.picture.size;
        let row = f64::from(height) / self.rows.max(1) as f64;
        html! {
            figure.strip data-rows=(self.rows) {
                figcaption { strong { (short(&self.title)) } }
                div.film hidden style=(format!("aspect-ratio:{width}/{row:.2}")) {}
                @if 1 < self.rows { (controls(self.rows, &short(&self.title))) }
                (image(&self.picture, &format!("{}; one row for each moment, the last one below", short(&self.title))))
            }
        }
    }
}

fn image(picture: &Embedded, alternative: &str) -> Markup {
    let [width, height] = picture.size;
    html! { img src=(uri(&picture.png)) width=(width) height=(height) alt=(alternative); }
}
