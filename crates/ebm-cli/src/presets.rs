//! Configurations that come with the program.

use anyhow::{Result, anyhow};

use crate::usage::usage;

/// Each preset's name, what it is, and its text.
const PRESETS: &[(&str, &str, &str)] = &[
    (
        "glyphs",
        "handwritten-looking digits that the program draws itself; needs no file",
        include_str!("../presets/glyphs.toml"),
    ),
    ("mnist", "MNIST, the best that ten minutes on two cores give", include_str!("../presets/mnist.toml")),
    (
        "mnist-reference",
        "MNIST by the reference network and run",
        include_str!("../presets/mnist-reference.toml"),
    ),
    ("fashion-mnist", "Fashion-MNIST", include_str!("../presets/fashion-mnist.toml")),
    (
        "cifar10",
        "CIFAR-10, 32x32 in colour; a first try, not yet a good one",
        include_str!("../presets/cifar10.toml"),
    ),
    ("images", "a folder of your own images, --data FOLDER", include_str!("../presets/images.toml")),
    (
        "table",
        "a table of your own numbers, --data FILE.csv or FILE.npy",
        include_str!("../presets/table.toml"),
    ),
    ("two-moons", "two half circles in the plane", include_str!("../presets/two-moons.toml")),
    (
        "eight-gaussians",
        "eight normal distributions on a circle",
        include_str!("../presets/eight-gaussians.toml"),
    ),
    ("checkerboard", "the dark squares of a board", include_str!("../presets/checkerboard.toml")),
    ("rings", "concentric circles", include_str!("../presets/rings.toml")),
    ("spirals", "two spirals", include_str!("../presets/spirals.toml")),
    ("pinwheel", "five bent blades", include_str!("../presets/pinwheel.toml")),
    ("swiss-roll", "one rolled-up sheet", include_str!("../presets/swiss-roll.toml")),
];

/// The preset that is trained if none is named.
pub const DEFAULT: &str = "glyphs";

/// The names.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, ..)| *name)
}

/// A line for each preset: its name and what it is.
pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRESETS.iter().map(|(name, what, _)| (*name, *what))
}

/// The TOML of a preset.
///
/// # Errors
/// A wrong use of the command line, with the names that there are.
pub fn text(name: &str) -> Result<&'static str> {
    let found = PRESETS.iter().find(|(preset, ..)| *preset == name);
    found.map(|(.., text)| *text).ok_or_else(|| {
        let known = names().collect::<Vec<_>>().join(", ");
        usage(anyhow!("there is no preset {name}, and it is no .toml file; presets: {known}"))
    })
}
