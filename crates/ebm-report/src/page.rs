//! A page about a run or about chains: one file of HTML with all it shows, which a browser opens from a disk.
//!
//! A [`Page`] is a list of sections of [`Block`]s. It loads nothing, and says so to the browser; it can be read without
//! scripts, and with them sliders move what they stand under. Charts are SVG, in the colours of the page, light or dark.
//! All text is escaped, whatever it is.

mod embedded;
mod figures;
mod line_chart;
mod pieces;
mod plane;
mod relief;
mod table;
mod ticks;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::pieces::short;

pub use self::embedded::Embedded;
pub use self::figures::{Slide, Slides, Strip};
pub use self::line_chart::{LineChart, Mark, Series};
pub use self::plane::{Frame, Plane};
pub use self::relief::Relief;
pub use self::table::{Cell, Table, Tone};
pub use self::ticks::{Scale, compact};

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// What the browser is told that the page may do: nothing from elsewhere.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The heading.
    pub title: String,
    /// How it stands, in a word or two; none if empty.
    pub status: String,
    /// What it is about, in a sentence.
    pub lead: String,
    /// Names and values to be seen first.
    pub facts: Vec<[String; 2]>,
    /// The rest, from top to bottom; sections without blocks are left out.
    pub sections: Vec<Section>,
}

/// A part of a page.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What is to be seen, in a sentence; none if empty.
    pub about: String,
    /// What it holds.
    pub blocks: Vec<Block>,
}

/// What a section holds.
#[derive(Clone, Debug)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Sentences that warn.
    Warnings(Vec<String>),
    /// Sentences beside a result.
    Notes(Vec<String>),
    /// Charts, beside one another where there is room.
    Charts(Vec<LineChart>),
    /// Pictures, one at a time.
    Slides(Slides),
    /// Pictures of many moments below one another.
    Strip(Strip),
    /// Points in the plane that move.
    Plane(Plane),
    /// A table.
    Table(Table),
    /// Lines in a font of one width.
    Code(String),
    /// Blocks that are seen when their title is opened.
    Folded(String, Vec<Block>),
}

impl Section {
    /// A section of these blocks.
    pub fn new(title: impl Into<String>, about: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { title: title.into(), about: about.into(), blocks }
    }
}

impl Page {
    /// The page as a file of HTML; the same page gives the same bytes.
    pub fn html(&self) -> String {
        let sections: Vec<&Section> =
            self.sections.iter().filter(|section| !section.blocks.is_empty()).collect();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    title { (short(&self.title)) }
                    // An icon of its own, so that a browser asks for none.
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (short(&self.title)) }
                        @if !self.status.is_empty() { p.status { (short(&self.status)) } }
                        @if !self.lead.is_empty() { p.lead { (short(&self.lead)) } }
                        @if !self.facts.is_empty() {
                            dl.facts {
                                @for [name, value] in &self.facts {
                                    div { dt { (short(name)) } dd { (short(value)) } }
                                }
                            }
                        }
                    }
                    @if 2 < sections.len() {
                        nav aria-label="Sections" {
                            @for (i, section) in sections.iter().enumerate() {
                                a href=(format!("#part-{i}")) { (short(&section.title)) }
                            }
                        }
                    }
                    main {
                        @for (i, section) in sections.iter().enumerate() {
                            section id=(format!("part-{i}")) {
                                h2 { (short(&section.title)) }
                                @if !section.about.is_empty() { p.about { (short(&section.about)) } }
                                @for block in &section.blocks { (block.html()) }
                            }
                        }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        page.into_string()
    }
}

impl Block {
    fn html(&self) -> Markup {
        match self {
            Self::Text(text) => html! { p { (short(text)) } },
            Self::Warnings(lines) => listed("warnings", lines),
            Self::Notes(lines) => listed("notes", lines),
            Self::Charts(charts) => html! {
                div.charts { @for chart in charts { (chart.html()) } }
            },
            Self::Slides(slides) => slides.html(),
            Self::Strip(strip) => strip.html(),
            Self::Plane(plane) => plane.html(),
            Self::Table(table) => table.html(),
            Self::Code(text) => html! { pre tabindex="0" { code { (short(text)) } } },
            Self::Folded(title, blocks) => html! {
                details {
                    summary { (short(title)) }
                    @for block in blocks { (block.html()) }
                }
            },
        }
    }
}

fn listed(class: &str, lines: &[String]) -> Markup {
    html! {
        @if !lines.is_empty() {
            ul class=(class) { @for line in lines { li { (short(line)) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pieces::LONGEST;
    use super::*;

    fn page() -> Page {
        let bad = "<script>alert(1)</script>\"'&";
        let series = Series { name: bad.into(), points: vec![[0.0, 1.0], [1.0, 2.0]], colour: 0 };
        let chart = LineChart { title: bad.into(), series: vec![series], ..LineChart::default() };
        let table = Table { heads: vec![bad.into()], rows: vec![vec![Cell::text(bad)]], caption: bad.into() };
        let frame = Frame { label: bad.into(), points: vec![[1, 2]] };
        let plane = Plane {
            title: bad.into(),
            names: [bad.into(), bad.into()],
            frames: vec![frame],
            ..Plane::default()
        };
        let blocks = vec![
            Block::Text(bad.into()),
            Block::Warnings(vec![bad.into()]),
            Block::Charts(vec![chart]),
            Block::Table(table),
            Block::Plane(plane),
            Block::Folded(bad.into(), vec![Block::Code(bad.into())]),
        ];
        Page {
            title: bad.into(),
            status: bad.into(),
            lead: bad.into(),
            facts: vec![[bad.into(), bad.into()]],
            sections: vec![Section::new(bad, bad, blocks)],
        }
    }

    #[test]
    fn whatever_a_text_is_it_is_text() {
        let html = page().html();
        assert!(!html.contains("<script>alert"), "{html}");
        assert_eq!(html.matches("<script>").count(), 1);
        // No attribute is ended by a text in it.
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{html}");
        assert!(!html.contains("</script>\""));
    }

    #[test]
    fn a_page_loads_nothing_and_is_the_same_twice() {
        let html = page().html();
        assert_eq!(html, page().html());
        for address in ["http://", "https://", "url(", "@import", "src=\"/", "href=\"/"] {
            assert!(!html.contains(address), "{address}");
        }
        assert!(html.contains("default-src 'none'"));
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_and_a_section_without_blocks_left_out() {
        let sections = vec![Section::new("empty", "", Vec::new())];
        let html = Page { title: "é".repeat(LONGEST + 1), sections, ..Page::default() }.html();
        assert!(html.contains(&("é".repeat(LONGEST) + "…")) && !html.contains(&"é".repeat(LONGEST + 1)));
        assert!(!html.contains("empty"));
    }
}
