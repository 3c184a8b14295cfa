//! Charts, drawn once for pixels and for SVG.

mod canvas;
mod chart;
mod contours;
mod landscape;
mod lettering;
mod panel;
mod scatter;
mod traces;
mod window;

pub use self::landscape::Landscape;
pub use self::scatter::Scatter;
pub use self::traces::Traces;
pub use self::window::Window;
