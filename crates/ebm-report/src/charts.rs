//! Charts, drawn once for pixels and for SVG.

mod canvas;
mod chart;
mod colour_scale;
mod contours;
mod landscape;
mod lettering;
mod panel;
mod scatter;
mod sheet;
mod traces;
mod window;

pub use self::colour_scale::ColourScale;
pub(crate) use self::contours::contour;
pub(crate) use self::landscape::LEVELS;
pub use self::landscape::Landscape;
pub use self::scatter::Scatter;
pub use self::sheet::Sheet;
pub use self::traces::Traces;
pub use self::window::Window;
