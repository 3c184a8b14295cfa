//! What several parts of a page have.

use maud::{Markup, html};

/// Most characters of a text that is shown.
pub(super) const LONGEST: usize = 4000;

/// A text that is not too long to be shown.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The controls of something that moves through `n` moments, shown once the script has taken them.
pub(super) fn controls(n: usize, what: &str) -> Markup {
    html! {
        div.controls hidden {
            button type="button" { "Play" }
            input type="range" min="0" max=(n.saturating_sub(1)) value=(n.saturating_sub(1)) step="1"
                aria-label=(what);
            output {}
        }
    }
}
