//! What each coordinate of a point adds to its −log p.

mod path;
mod score_map;

pub use path::path_contributions;
pub use score_map::{ScoreMap, ScoreMaps};
