//! The pages of the tour and the READMEs of the crates: their lines of Rust are compiled and run as tests of
//! documentation.
//!
//! They are here because this crate sees every library.

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(#[doc = include_str!($path)] struct $name;)*
    };
}

pages! {
    Introduction: "../../../docs/tour/src/introduction.md",
    Energies: "../../../docs/tour/src/energies.md",
    Langevin: "../../../docs/tour/src/langevin.md",
    StepSize: "../../../docs/tour/src/step-size.md",
    Score: "../../../docs/tour/src/score.md",
    ScoreMatching: "../../../docs/tour/src/score-matching.md",
    Sliced: "../../../docs/tour/src/sliced.md",
    Denoising: "../../../docs/tour/src/denoising.md",
    ContrastiveDivergence: "../../../docs/tour/src/contrastive-divergence.md",
    NoiseLevels: "../../../docs/tour/src/noise-levels.md",
    Mnist: "../../../docs/tour/src/mnist.md",
    Cifar10: "../../../docs/tour/src/cifar10.md",
    Likelihoods: "../../../docs/tour/src/likelihoods.md",
    Further: "../../../docs/tour/src/further.md",

    OpsReadme: "../../ebm-ops/README.md",
    ModelReadme: "../../ebm-model/README.md",
    DataReadme: "../../ebm-data/README.md",
    SampleReadme: "../../ebm-sample/README.md",
    TrainReadme: "../../ebm-train/README.md",
    EvalReadme: "../../ebm-eval/README.md",
    FilesReadme: "../../ebm-files/README.md",
    ReportReadme: "../../ebm-report/README.md",
    RunReadme: "../README.md",
    CliReadme: "../../ebm-cli/README.md",
}
