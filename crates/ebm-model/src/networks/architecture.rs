//! The networks by name.

use burn::module::Module;
use serde::{Deserialize, Serialize};

use crate::{
    AugmentationConditional, Capabilities, ClassConditional, ClassConditionalPotential, DirectionalPotential,
    DirectionalScore, Init, Input, JointPotential, ModelError, NetworkConfig, NoisyDirectionalScore,
    NoisyPotential, PreconditionedConfig,
};

/// From a list of files, names and configurations, everything that is done by name; what is public in each file is
/// re-exported.
macro_rules! networks {
    ($($file:ident: $kind:tt => $variant:ident($config:ty),)+) => {
        $(
            #[allow(unused_imports, reason = "several kinds may be in one file")]
            pub use crate::networks::$file::*;
        )+

        /// The description of any of the networks.
        ///
        /// As text it is the fields of one configuration and its `kind`, in JSON and TOML alike.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Architecture {
            $(
                #[doc = concat!("`kind = \"", $kind, "\"`.")]
                #[serde(rename = $kind)]
                $variant($config),
            )+
        }

        /// Any of the networks; ask for what it can do by [`Capabilities`].
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant, reason = "one network lives at a time")]
        pub enum Network {
            $(
                #[doc = concat!("Built from `kind = \"", $kind, "\"`.")]
                $variant(<$config as NetworkConfig>::Network),
            )+
        }

        const KINDS: &[&str] = &[$($kind),+];

        impl NetworkConfig for Architecture {
            type Network = Network;

            fn construct(&self, init: &Init) -> Result<Network, ModelError> {
                Ok(match self {
                    $(Self::$variant(config) => Network::$variant(config.construct(init)?),)+
                })
            }

            fn input(&self) -> Input {
                match self {
                    $(Self::$variant(config) => config.input(),)+
                }
            }

            fn fitted(self, found: Input) -> Self {
                match self {
                    $(Self::$variant(config) => Self::$variant(config.fitted(found)),)+
                }
            }

            fn classes(&self) -> usize {
                match self {
                    $(Self::$variant(config) => config.classes(),)+
                }
            }

            fn augmentations(&self) -> usize {
                match self {
                    $(Self::$variant(config) => config.augmentations(),)+
                }
            }

            fn kinds() -> &'static [&'static str] {
                KINDS
            }

            fn named(kind: &str) -> Option<Self> {
                match kind {
                    $($kind => Some(Self::$variant(Default::default())),)+
                    _ => None,
                }
            }
        }

        impl Capabilities for Network {
            fn as_score(&self) -> Option<&dyn DirectionalScore> {
                match self {
                    $(Self::$variant(network) => network.as_score(),)+
                }
            }

            fn as_energy(&self) -> Option<&dyn DirectionalPotential> {
                match self {
                    $(Self::$variant(network) => network.as_energy(),)+
                }
            }

            fn as_noisy_score(&self) -> Option<&dyn NoisyDirectionalScore> {
                match self {
                    $(Self::$variant(network) => network.as_noisy_score(),)+
                }
            }

            fn as_noisy_energy(&self) -> Option<&dyn NoisyPotential> {
                match self {
                    $(Self::$variant(network) => network.as_noisy_energy(),)+
                }
            }

            fn as_joint_energy(&self) -> Option<&dyn JointPotential> {
                match self {
                    $(Self::$variant(network) => network.as_joint_energy(),)+
                }
            }

            fn as_class_conditional(&self) -> Option<&dyn ClassConditional> {
                match self {
                    $(Self::$variant(network) => network.as_class_conditional(),)+
                }
            }

            fn as_class_conditional_energy(&self) -> Option<&dyn ClassConditionalPotential> {
                match self {
                    $(Self::$variant(network) => network.as_class_conditional_energy(),)+
                }
            }

            fn as_augmentation_conditional(&self) -> Option<&dyn AugmentationConditional> {
                match self {
                    $(Self::$variant(network) => network.as_augmentation_conditional(),)+
                }
            }
        }
    };
}

networks! {
    unet: "unet" => Unet(PreconditionedConfig<UNetConfig>),
    mlp: "mlp" => Mlp(PreconditionedConfig<MlpConfig>),
    noisy_energy: "noisy-energy" => NoisyEnergy(NoisyEnergyConfig<MlpConfig>),
    unet: "unet-energy" => UnetEnergy(NoisyEnergyConfig<UNetConfig>),
    song_unet: "song-unet" => SongUnet(PreconditionedConfig<SongUNetConfig>),
    song_unet: "song-unet-energy" => SongUnetEnergy(NoisyEnergyConfig<SongUNetConfig>),
    mlp_score: "mlp-score" => MlpScore(MlpScoreConfig),
    mlp_energy: "mlp-energy" => MlpEnergy(MlpEnergyConfig),
    conv_energy: "conv-energy" => ConvEnergy(ConvEnergyConfig),
    ncsn: "ncsn" => Ncsn(NcsnConfig),
    ncsnv2: "ncsnv2" => NcsnV2(NcsnV2Config),
}

impl Default for Architecture {
    /// The first kind of the list.
    fn default() -> Self {
        Self::named(KINDS[0]).expect("the list names its first kind")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::Device;
    use ebm_ops::Noise;

    use super::*;
    use crate::weights;

    fn of(text: &str) -> Architecture {
        serde_json::from_str(text).unwrap()
    }

    fn init(device: &Device) -> Init<'_> {
        Init::new(Noise::seeded(1), device)
    }

    /// The default of a kind for small images or points in the plane.
    fn fitted(kind: &str) -> Architecture {
        let architecture = Architecture::named(kind).unwrap();
        let found = match architecture.input() {
            Input::Image { .. } => Input::Image { channels: 1, height: 28, width: 28 },
            Input::Row { .. } => Input::Row { dim: 2 },
        };
        let fitted = architecture.fitted(found);
        assert_eq!(fitted.input(), found, "{kind}");
        fitted
    }

    #[test]
    fn every_kind_is_a_network_once_it_knows_the_data() {
        let device = Device::flex();
        for kind in Architecture::kinds() {
            let network = fitted(kind).build(&init(&device)).unwrap();
            let has_score = network.as_score().is_some();
            assert_ne!(has_score, network.as_noisy_score().is_some(), "{kind}");
            assert!(has_score || network.as_energy().is_none(), "{kind}");
        }
        assert_eq!(Architecture::named("transformer"), None);
        assert_eq!(Architecture::default(), Architecture::named("unet").unwrap());
    }

    #[test]
    fn energies_at_noise_levels_compare_if_they_are_asked_to() {
        let mut kinds = vec![];
        for kind in Architecture::kinds() {
            let plain = fitted(kind);
            let mut text = serde_json::to_value(&plain).unwrap();
            text["normalized"] = true.into();
            let asked: Architecture = serde_json::from_value(text.clone()).unwrap();
            let network = asked.build(&init(&Device::flex())).unwrap();
            assert!(plain.build(&init(&Device::flex())).unwrap().as_joint_energy().is_none(), "{kind}");
            if network.as_joint_energy().is_some() {
                assert_eq!(serde_json::to_value(&asked).unwrap(), text);
                kinds.push(*kind);
            }
        }
        assert_eq!(kinds, ["noisy-energy", "unet-energy", "song-unet-energy"]);
    }

    /// The texts that model files and configurations of earlier versions hold, field by field.
    #[test]
    fn every_kind_has_the_text_that_files_hold() {
        let unet = r#""sigma_data":0.5,"channels":1,"height":28,"width":28,"patch":2,"widths":[32,64],"blocks":[1,3],"groups":8,"embedding":128,"frequencies":32"#;
        let song = r#""sigma_data":0.5,"channels":1,"height":28,"width":28,"stem":64,"widths":[64,128,128],"blocks":[2,2,2],"groups":32,"embedding":256,"frequencies":32,"noise_features":"positional","encoder":"standard","filter":"box","attention":[1],"attention_heads":1,"dropout":0.0,"residual_scale":0.7071067811865476"#;
        let mlp = r#""sigma_data":1.0,"dim":2,"hidden":128,"layers":3,"embedding":64,"frequencies":16"#;
        let score = r#""dim":2,"hidden":[128,128],"activation":"silu","residual":false"#;
        let conv = r#""channels":1,"height":28,"width":28,"widths":[32,64],"blocks":[1,1],"activation":"silu","downsampling":"mean-pool","confinement":0.01"#;
        let energy = format!(r#"{score},"confinement":0.01"#);
        let sides = r#""channels":1,"height":28,"width":28,"features":128"#;
        let ncsn =
            format!(r#"{sides},"levels":10,"top":2.0,"bottom":0.02,"pixels":"unit","activation":"elu""#);
        let ncsnv2 = format!(r#"{sides},"activation":"elu""#);
        let texts = [
            ("unet", unet),
            ("mlp", mlp),
            ("noisy-energy", mlp),
            ("unet-energy", unet),
            ("song-unet", song),
            ("song-unet-energy", song),
            ("mlp-score", score),
            ("mlp-energy", &energy),
            ("conv-energy", conv),
            ("ncsn", &ncsn),
            ("ncsnv2", &ncsnv2),
        ];
        assert_eq!(texts.map(|(kind, _)| kind), Architecture::kinds());
        for (kind, fields) in texts {
            let text = format!(r#"{{"kind":"{kind}",{fields}}}"#);
            assert_eq!(serde_json::to_string(&fitted(kind)).unwrap(), text);
            assert_eq!(of(&text), fitted(kind));
        }
    }

    /// The names under which model files and checkpoints of earlier versions hold parameters.
    #[test]
    fn every_kind_has_the_parameters_that_files_hold() {
        let mut expected = BTreeMap::<&str, BTreeMap<String, Vec<usize>>>::new();
        for line in include_str!("parameters.txt").lines() {
            let mut words = line.split_whitespace();
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            let shape = words.map(|size| size.parse().unwrap()).collect();
            expected.entry(kind).or_default().insert(name.to_owned(), shape);
        }
        assert_eq!(expected.len(), KINDS.len());
        for kind in Architecture::kinds() {
            let shapes = fitted(kind).shapes(&Device::flex()).unwrap();
            assert_eq!(shapes, expected[kind], "{kind}");
        }
    }

    #[test]
    fn the_shapes_of_a_plan_are_those_of_the_network() {
        let device = Device::flex();
        for kind in Architecture::kinds() {
            let architecture = fitted(kind);
            let network = architecture.build(&init(&device)).unwrap();
            assert_eq!(architecture.shapes(&device).unwrap(), weights::shapes(&network), "{kind}");
        }
    }

    #[test]
    fn a_network_beyond_all_memory_is_refused_before_any_is_taken() {
        let wide = of(r#"{"kind":"mlp","sigma_data":1.0,"dim":2,"hidden":65536,"layers":3,"embedding":64,
            "frequencies":16}"#);
        let sizes = |side: usize, width: usize| {
            of(&format!(
                r#"{{"kind":"conv-energy","channels":65536,"height":{side},"width":{side},"widths":[{width}],
                "blocks":[64],"activation":"silu","downsampling":"stride","confinement":0.01}}"#
            ))
        };
        for (architecture, what, found) in [
            (wide, "parameters: expected at most 1073741824, ", ""),
            (sizes(1, 65_536), "parameters: expected at most 1073741824, ", ""),
            (sizes(65_536, 1), "dim: expected at most 67108864, ", "found 281474976710656"),
        ] {
            let error = architecture.build(&init(&Device::flex())).unwrap_err().to_string();
            assert!(error.starts_with(what) && error.contains(found), "{error}");
        }
    }
}
