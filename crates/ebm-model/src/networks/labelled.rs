//! A network of classes or augmentations with the labels of each row fixed.

use burn::tensor::Tensor;
use ebm_ops::Noise;

use crate::{ConditionalLayer, NoiseConditional, RowLabels};

/// A network f(x, c, labels) for a batch of rows whose labels are known, as f(x, c).
#[derive(Debug)]
pub(crate) struct Labelled<'a, F> {
    network: &'a F,
    labels: RowLabels,
}

impl<'a, F> Labelled<'a, F> {
    /// `network` for rows with these labels.
    pub(crate) fn new(network: &'a F, labels: RowLabels) -> Self {
        Self { network, labels }
    }

    /// The labels, for a batch of as many rows as `c`.
    fn labels(&self, c: &Tensor<1>) -> RowLabels {
        let [rows] = c.dims();
        if let Some(class) = &self.labels.class {
            assert_eq!(class.dims()[0], rows, "classes of rows and noise levels");
        }
        if let Some(augmentations) = &self.labels.augmentations {
            assert_eq!(augmentations.dims()[0], rows, "augmentations of rows and noise levels");
        }
        self.labels.clone()
    }
}

impl<F: NoiseConditional> NoiseConditional for Labelled<'_, F> {
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2> {
        let labels = self.labels(&c);
        self.network.forward_given(x, c, labels)
    }

    fn forward_in_training(&self, x: Tensor<2>, c: Tensor<1>, noise: &mut Noise) -> Tensor<2> {
        let labels = self.labels(&c);
        self.network.forward_given_in_training(x, c, labels, noise)
    }
}

impl<F: ConditionalLayer> ConditionalLayer for Labelled<'_, F> {
    type Conditioned<'b>
        = F::Conditioned<'b>
    where
        Self: 'b;

    fn condition(&self, c: Tensor<1>) -> Self::Conditioned<'_> {
        let labels = self.labels(&c);
        self.network.condition_given(c, labels)
    }

    fn condition_in_training(&self, c: Tensor<1>, noise: &mut Noise) -> Self::Conditioned<'_> {
        let labels = self.labels(&c);
        self.network.condition_given_in_training(c, labels, noise)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::{Device, Int};

    use super::*;
    use crate::{
        Architecture, AtNoise, AugmentationConditional, Capabilities, Given, Init, Input, Layer, Mlp,
        MlpConfig, Network, NetworkConfig, NoisyEnergy, NoisyScore, Preconditioned, SongUNet, SongUNetConfig,
        UNet, UNetConfig, testing, weights,
    };

    const CONFIG: MlpConfig = MlpConfig {
        dim: 2,
        hidden: 6,
        layers: 2,
        embedding: 5,
        frequencies: 3,
        fourier_features: 0,
        classes: 3,
    };

    fn mlp() -> Mlp {
        testing::in_double(|init| Mlp::new(&CONFIG, init).unwrap())
    }

    fn classes(classes: &[i64]) -> Tensor<1, Int> {
        Tensor::from_data(classes, &Device::flex())
    }

    #[test]
    fn a_score_of_a_class_passes_the_tests_of_a_score_and_is_trained_exactly() {
        let model = Preconditioned::new(mlp(), 0.5);
        for (class, sigma, seed) in [(0, 0.1, 340), (2, 3.0, 341), (3, 0.7, 342)] {
            testing::assert_directional(&Given::class(&model, class).unwrap().at(sigma), 2, seed);
            testing::assert_trainable(&model, 2, seed, |model, x, v| {
                testing::losses(&Given::class(model, class).unwrap().at(sigma), x, v)
            });
        }
        testing::assert_reverse_rule(&Given::class(&model, 1).unwrap(), 2, 343);
    }

    #[test]
    fn an_energy_of_a_class_passes_the_tests_of_a_potential_and_is_trained_exactly() {
        let model = NoisyEnergy::new(mlp(), 0.5).unwrap();
        for (class, sigma, seed) in [(0, 0.1, 344), (2, 3.0, 345), (3, 0.7, 346)] {
            testing::assert_potential(&Given::class(&model, class).unwrap().at(sigma), 2, seed);
            testing::assert_trainable(&model, 2, seed, |model, x, v| {
                testing::losses_and_energy(&Given::class(model, class).unwrap().at(sigma), x, v)
            });
        }
    }

    #[test]
    fn without_a_class_it_is_the_network_of_no_class_and_classes_differ() {
        let model = Preconditioned::new(mlp(), 0.5);
        let x = testing::points(4, 2, 347);
        let sigma = Tensor::full([4], 0.8, (&x.device(), x.dtype()));
        let of = |class| Given::class(&model, class).unwrap().score_at(x.clone(), sigma.clone());
        testing::assert_close(
            model.score_at(x.clone(), sigma.clone()),
            of(3),
            1e-14,
            "the score of no class",
        );
        for (a, b) in [(0, 1), (1, 2), (2, 3)] {
            let difference = (of(a) - of(b)).abs().max().into_scalar::<f64>();
            assert!(1e-3 < difference, "classes {a} and {b} differ by {difference}");
        }
    }

    /// Both ways to compute a network, for rows of several classes, each by itself as well.
    fn assert_given<F: ConditionalLayer>(network: &F, dim: usize, seed: u64) {
        let (x, c) = (testing::points(3, dim, seed), testing::normal([3], seed + 1));
        let of = [1, 0, network.n_classes() as i64];
        let found = network.forward_given(x.clone(), c.clone(), classes(&of).into());
        let layer = network.condition_given(c.clone(), classes(&of).into());
        testing::assert_close(Layer::<2>::forward(&layer, x.clone()), found.clone(), 1e-12, "f by layers");
        for (row, class) in of.into_iter().enumerate() {
            let (x, c) = (x.clone().narrow(0, row, 1), c.clone().narrow(0, row, 1));
            let alone = network.forward_given(x.clone(), c.clone(), classes(&[class]).into());
            testing::assert_close(found.clone().narrow(0, row, 1), alone.clone(), 1e-12, "f of a row");
            if row == 2 {
                testing::assert_close(network.forward(x, c), alone, 1e-12, "f without a class");
            }
        }
    }

    /// A small network of two classes with so many parameters of augmentations.
    fn unet(augmentations: usize) -> UNet {
        let reference =
            UNetConfig { height: 8, width: 8, groups: 2, embedding: 6, ..UNetConfig::reference() };
        let config = UNetConfig { widths: vec![4, 4], blocks: vec![1, 1], classes: 2, ..reference };
        testing::in_double(|init| UNet::new(&UNetConfig { augmentations, ..config }, init).unwrap())
    }

    /// The same of the other kind.
    fn song_unet(augmentations: usize) -> SongUNet {
        let config = SongUNetConfig {
            channels: 1,
            height: 8,
            width: 8,
            stem: 4,
            widths: vec![4, 4],
            blocks: vec![1, 1],
            groups: 2,
            embedding: 6,
            frequencies: 3,
            classes: 2,
            augmentations,
            ..SongUNetConfig::default()
        };
        testing::in_double(|init| SongUNet::new(&config, init).unwrap())
    }

    #[test]
    fn every_network_has_each_row_of_its_class() {
        assert_given(&mlp(), 2, 350);
        assert_given(&unet(0), 64, 352);
        assert_given(&song_unet(0), 64, 354);
    }

    /// Both ways to compute a network, for rows to which something was done and for one to which nothing was.
    fn assert_augmented<F: ConditionalLayer>(network: &F, seed: u64) {
        assert_eq!(network.n_augmentations(), 3);
        let (x, c) = (testing::points(3, 64, seed), testing::normal([3], seed + 1));
        let rows = testing::doubles(&[[1.0, 0.0, 0.5], [0.0, -0.7, 0.0], [0.0, 0.0, 0.0]]);
        let found = network.forward_given(x.clone(), c.clone(), rows.clone().into());
        let layer = network.condition_given(c.clone(), rows.clone().into());
        testing::assert_close(Layer::<2>::forward(&layer, x.clone()), found.clone(), 1e-12, "f by layers");

        let without = network.forward(x.clone(), c.clone());
        let nothing = network.forward_given(x.clone(), c.clone(), rows.zeros_like().into());
        assert_eq!(nothing.into_data(), without.clone().into_data(), "zero is not nothing");
        let difference = (found - without).abs();
        let of_rows = [0, 1, 2].map(|row| difference.clone().narrow(0, row, 1).max().into_scalar::<f64>());
        assert!(1e-3 < of_rows[0] && 1e-3 < of_rows[1] && of_rows[2] < 1e-12, "{of_rows:?}");

        // beside classes
        let (class, none) = (Some(classes(&[1, 0, 1])), Some(classes(&[2, 2, 2])));
        let given = |class| {
            let labels = RowLabels { class, augmentations: Some(rows.clone()) };
            network.forward_given(x.clone(), c.clone(), labels)
        };
        let of_none = network.forward_given(x.clone(), c.clone(), rows.clone().into());
        testing::assert_close(given(none), of_none.clone(), 1e-12, "augmentations of no class");
        let difference = (given(class) - of_none).abs().max().into_scalar::<f64>();
        assert!(1e-3 < difference, "{difference}");
    }

    #[test]
    fn networks_of_images_are_given_what_was_done_to_each_row_and_zero_is_nothing() {
        assert_augmented(&unet(3), 356);
        assert_augmented(&song_unet(3), 358);
        assert_eq!((mlp().n_augmentations(), unet(0).n_augmentations()), (0, 0));
    }

    #[test]
    fn the_embedding_of_augmentations_is_trained_exactly() {
        let rows = || testing::points(5, 3, 360);
        testing::assert_trainable(&Preconditioned::new(unet(3), 0.5), 64, 361, |model, x, v| {
            testing::losses(&AtNoise::new(&*model.score_given(rows().into()), 0.7), x, v)
        });
        testing::assert_trainable(&NoisyEnergy::new(unet(3), 0.5).unwrap(), 64, 362, |model, x, v| {
            testing::losses(&AtNoise::new(&*model.score_given(rows().into()), 0.7), x, v)
        });
    }

    const KINDS: [&str; 6] = ["unet", "unet-energy", "mlp", "noisy-energy", "song-unet", "song-unet-energy"];

    /// A small network of this kind with so many classes, or parameters of augmentations.
    fn network(kind: &str, key: &str, n: usize) -> Network {
        let mut text = serde_json::to_value(Architecture::named(kind).unwrap()).unwrap();
        if n != 0 {
            text[key] = n.into();
        }
        let architecture: Architecture = serde_json::from_value(text).unwrap();
        let input = match architecture.input() {
            Input::Image { .. } => Input::Image { channels: 1, height: 8, width: 8 },
            Input::Row { .. } => Input::Row { dim: 2 },
        };
        let architecture = architecture.fitted(input);
        assert_eq!(architecture.classes() + architecture.augmentations(), n, "{kind}");
        architecture.build(&Init::new(Noise::seeded(1), &Device::flex())).unwrap()
    }

    #[test]
    fn classes_add_one_table_of_weights_and_change_no_other() {
        for kind in KINDS {
            let (without, with) = (network(kind, "classes", 0), network(kind, "classes", 10));
            assert!(without.as_class_conditional().is_none(), "{kind}");
            assert_eq!(with.as_class_conditional().unwrap().n_classes(), 10, "{kind}");
            let is_energy = with.as_noisy_energy().is_some();
            assert_eq!(with.as_class_conditional_energy().is_some(), is_energy, "{kind}");
            assert_one_table_more(kind, [&without, &with], "network.classes.weight");
        }
    }

    /// The second network has the parameters of the first, and one more of this name.
    fn assert_one_table_more(kind: &str, networks: [&Network; 2], name: &str) {
        let [without, with] = networks.map(weights::collect);
        let added: BTreeMap<_, _> = with.iter().filter(|(name, _)| !without.contains_key(*name)).collect();
        assert!(added.keys().map(|name| name.as_str()).eq([name]), "{kind}: {added:?}");
        assert!(without.iter().all(|(name, data)| with[name] == *data), "{kind}");
    }

    #[test]
    fn augmentations_add_one_table_of_weights_and_change_no_other() {
        for kind in ["unet", "unet-energy", "song-unet", "song-unet-energy"] {
            let (without, with) = (network(kind, "augmentations", 0), network(kind, "augmentations", 9));
            assert!(without.as_augmentation_conditional().is_none(), "{kind}");
            assert_eq!(with.as_augmentation_conditional().unwrap().n_augmentations(), 9, "{kind}");
            assert_one_table_more(kind, [&without, &with], "network.augmentations.weight");
        }
    }
}
