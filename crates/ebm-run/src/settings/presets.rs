//! Configurations that come with the program.

use crate::error::{Result, anyhow, usage};
use crate::hint::near;

/// A configuration by name.
struct Preset {
    name: &'static str,
    /// What it is, in a line.
    what: &'static str,
    text: &'static str,
    /// What is set in the text, besides the name.
    changes: &'static [&'static str],
}

const fn whole(name: &'static str, what: &'static str, text: &'static str) -> Preset {
    Preset { name, what, text, changes: &[] }
}

/// An energy of two moons, trained in one of the ways there are.
const fn energy(name: &'static str, what: &'static str, changes: &'static [&'static str]) -> Preset {
    Preset { name, what, text: include_str!("../../presets/two-moons-energy.toml"), changes }
}

/// What contrastive divergence needs, whose energies grow sharper than its chains can follow. The squares of
/// energies flatten the density as well, by about 1/(1 + 4α), and more than α = 0.01 is seen in the likelihood.
const LONG_CHAINS: &str = "objective.contrast.sampler_steps=25";

/// What dual score matching needs.
const NORMALIZED: &str = "model.normalized=true";
const DUAL: &str = "objective=dual";

/// A configuration for images whose network is an energy.
const fn pictures(name: &'static str, what: &'static str, text: &'static str) -> Preset {
    Preset { name, what, text, changes: &["model=unet-energy"] }
}

/// Pictures of ten classes: as many of each are drawn.
const CLASSES: &str = "model.classes=10";
const LABELS: &str = "objective.label_dropout=0.1";
const PICTURE: &str = "record.picture_samples=80";

const PRESETS: &[Preset] = &[
    whole(
        "glyphs",
        "handwritten-looking digits that the program draws itself; needs no file",
        include_str!("../../presets/glyphs.toml"),
    ),
    whole("mnist", "MNIST, in four minutes on two cores", include_str!("../../presets/mnist.toml")),
    whole(
        "mnist-reference",
        "MNIST by the reference network and run",
        include_str!("../../presets/mnist-reference.toml"),
    ),
    whole("fashion-mnist", "Fashion-MNIST", include_str!("../../presets/fashion-mnist.toml")),
    whole(
        "cifar10",
        "CIFAR-10, 32x32 in colour, in half an hour on two cores",
        include_str!("../../presets/cifar10.toml"),
    ),
    whole(
        "mnist-ncsn",
        "MNIST by the network and the settings of Song and Ermon (2019); for a GPU",
        include_str!("../../presets/mnist-ncsn.toml"),
    ),
    whole(
        "cifar10-ncsn",
        "CIFAR-10 by the network and the settings of Song and Ermon (2019); for a GPU",
        include_str!("../../presets/cifar10-ncsn.toml"),
    ),
    whole(
        "cifar10-ncsnv2",
        "CIFAR-10 by the network and the settings of Song and Ermon (2020); for a GPU",
        include_str!("../../presets/cifar10-ncsnv2.toml"),
    ),
    whole(
        "cifar10-edm",
        "CIFAR-10 by a network with attention, for a GPU",
        include_str!("../../presets/cifar10-edm.toml"),
    ),
    pictures(
        "glyphs-energy",
        "the drawn digits by an energy, whose score draws them",
        include_str!("../../presets/glyphs.toml"),
    ),
    pictures("mnist-energy", "MNIST by an energy", include_str!("../../presets/mnist.toml")),
    Preset {
        name: "mnist-energy-dual",
        what: "MNIST by an energy whose likelihood is read off in one evaluation",
        text: include_str!("../../presets/mnist.toml"),
        changes: &[
            "model=unet-energy",
            NORMALIZED,
            DUAL,
            "objective.sigma_data=0.5",
            "objective.noise.top=20.0",
            "objective.noise.bottom=0.02",
            "sample.heun.bottom=0.02",
        ],
    },
    Preset {
        name: "glyphs-classes",
        what: "the drawn digits by class: `ebm sample RUN --class 7`",
        text: include_str!("../../presets/glyphs.toml"),
        changes: &[CLASSES, LABELS, PICTURE],
    },
    Preset {
        name: "mnist-classes",
        what: "MNIST by class, in eleven minutes on two cores",
        text: include_str!("../../presets/mnist.toml"),
        changes: &[CLASSES, LABELS, PICTURE, "train.steps=30000"],
    },
    Preset {
        name: "mnist-classes-energy",
        what: "MNIST by an energy of each class, which classifies as well",
        text: include_str!("../../presets/mnist.toml"),
        changes: &["model=unet-energy", CLASSES, LABELS, PICTURE],
    },
    Preset {
        name: "cifar10-classes",
        what: "CIFAR-10 by class, by the network with attention; for a GPU",
        text: include_str!("../../presets/cifar10-edm.toml"),
        changes: &[CLASSES, LABELS, PICTURE],
    },
    whole(
        "images",
        "your own images, --data FOLDER or ARRAY.npy; --set data.size=32 brings them to one size",
        include_str!("../../presets/images.toml"),
    ),
    whole(
        "table",
        "a table of your own numbers, --data FILE.csv or FILE.npy",
        include_str!("../../presets/table.toml"),
    ),
    whole("two-moons", "two half circles in the plane", include_str!("../../presets/two-moons.toml")),
    whole(
        "eight-gaussians",
        "eight normal distributions on a circle",
        include_str!("../../presets/eight-gaussians.toml"),
    ),
    whole("checkerboard", "the dark squares of a board", include_str!("../../presets/checkerboard.toml")),
    whole("rings", "concentric circles", include_str!("../../presets/rings.toml")),
    whole("spirals", "two spirals", include_str!("../../presets/spirals.toml")),
    whole("pinwheel", "five bent blades", include_str!("../../presets/pinwheel.toml")),
    whole("swiss-roll", "one rolled-up sheet", include_str!("../../presets/swiss-roll.toml")),
    energy("two-moons-ssm", "an energy of two moons by sliced score matching", &["batch_size=1024"]),
    energy("two-moons-ism", "the same by Hyvärinen's exact score matching", &["objective=implicit"]),
    energy("two-moons-fd", "the same by differences of the energy", &["objective=finite-difference"]),
    energy(
        "two-moons-dsm",
        "the same by denoising at one noise level",
        &["objective=denoising-at", "objective.sigma=0.05", "batch_size=1024", "train.steps=12000"],
    ),
    energy(
        "two-moons-cd",
        "the same by contrastive divergence",
        &["objective=contrastive-divergence", LONG_CHAINS],
    ),
    energy(
        "two-moons-pcd",
        "the same by persistent contrastive divergence",
        &["objective=persistent-contrastive-divergence", LONG_CHAINS],
    ),
    energy("two-moons-nce", "the same by noise-contrastive estimation", &["objective=noise-contrastive"]),
    energy(
        "two-moons-ncsn",
        "an energy of two moons at every noise level, by denoising",
        &["model=noisy-energy", "objective=denoising", "sample.sampler=heun"],
    ),
    energy(
        "two-moons-dual",
        "the same with its derivative along the level, so that it is normalised",
        &[
            "model=noisy-energy",
            NORMALIZED,
            DUAL,
            "objective.noise.bottom=0.02",
            "sample.sampler=heun",
            "sample.heun.bottom=0.02",
        ],
    ),
];

/// What a configuration is where nothing else says otherwise.
pub const DEFAULTS: &str = include_str!("../../presets/defaults.toml");

/// The preset that is trained if none is named.
pub const DEFAULT: &str = "glyphs";

/// The names.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}

/// A line for each preset: its name and what it is.
pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRESETS.iter().map(|preset| (preset.name, preset.what))
}

/// The TOML of a preset, and what is to be set in it.
///
/// # Errors
/// A wrong use of the command line, with the names that there are.
pub fn find(name: &str) -> Result<(&'static str, Vec<String>)> {
    let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
        let known = names().collect::<Vec<_>>().join(", ");
        let near = near(name, names());
        return Err(usage(anyhow!(
            "there is no preset {name}, and it is no .toml file; presets: {known}{near}"
        )));
    };
    let changes = preset.changes.iter().map(|&change| change.to_owned());
    Ok((preset.text, std::iter::once(format!("name={name}")).chain(changes).collect()))
}
