//! A network of classes with the class of each row fixed.

use burn::tensor::{Int, Tensor};
use ebm_ops::Noise;

use crate::{ConditionalLayer, NoiseConditional};

/// A network f(x, c, class) for a batch of rows of known classes, as f(x, c).
#[derive(Debug)]
pub(crate) struct OfClass<'a, F> {
    network: &'a F,
    /// `[batch]`.
    class: Tensor<1, Int>,
}

impl<'a, F> OfClass<'a, F> {
    /// `network` for rows of these classes, `[batch]`.
    pub(crate) fn new(network: &'a F, class: Tensor<1, Int>) -> Self {
        Self { network, class }
    }

    /// The classes, for a batch of as many rows as `c`.
    fn class(&self, c: &Tensor<1>) -> Tensor<1, Int> {
        assert_eq!(self.class.dims(), c.dims(), "classes of rows and noise levels");
        self.class.clone()
    }
}

impl<F: NoiseConditional> NoiseConditional for OfClass<'_, F> {
    fn forward(&self, x: Tensor<2>, c: Tensor<1>) -> Tensor<2> {
        let class = self.class(&c);
        self.network.forward_given(x, c, class)
    }

    fn forward_in_training(&self, x: Tensor<2>, c: Tensor<1>, noise: &mut Noise) -> Tensor<2> {
        let class = self.class(&c);
        self.network.forward_given_in_training(x, c, class, noise)
    }
}

impl<F: ConditionalLayer> ConditionalLayer for OfClass<'_, F> {
    type Conditioned<'b>
        = F::Conditioned<'b>
    where
        Self: 'b;

    fn condition(&self, c: Tensor<1>) -> Self::Conditioned<'_> {
        let class = self.class(&c);
        self.network.condition_given(c, class)
    }

    fn condition_in_training(&self, c: Tensor<1>, noise: &mut Noise) -> Self::Conditioned<'_> {
        let class = self.class(&c);
        self.network.condition_given_in_training(c, class, noise)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::Device;

    use super::*;
    use crate::{
        Architecture, Capabilities, Given, Init, Input, Layer, Mlp, MlpConfig, Network, NetworkConfig,
        NoisyEnergy, NoisyScore, Preconditioned, SongUNet, SongUNetConfig, UNet, UNetConfig, testing,
        weights,
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
        let found = network.forward_given(x.clone(), c.clone(), classes(&of));
        let layer = network.condition_given(c.clone(), classes(&of));
        testing::assert_close(Layer::<2>::forward(&layer, x.clone()), found.clone(), 1e-12, "f by layers");
        for (row, class) in of.into_iter().enumerate() {
            let (x, c) = (x.clone().narrow(0, row, 1), c.clone().narrow(0, row, 1));
            let alone = network.forward_given(x.clone(), c.clone(), classes(&[class]));
            testing::assert_close(found.clone().narrow(0, row, 1), alone.clone(), 1e-12, "f of a row");
            if row == 2 {
                testing::assert_close(network.forward(x, c), alone, 1e-12, "f without a class");
            }
        }
    }

    #[test]
    fn every_network_has_each_row_of_its_class() {
        let reference =
            UNetConfig { height: 8, width: 8, groups: 2, embedding: 6, ..UNetConfig::reference() };
        let unet = UNetConfig { widths: vec![4, 4], blocks: vec![1, 1], classes: 2, ..reference };
        let song = SongUNetConfig {
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
            ..SongUNetConfig::default()
        };
        assert_given(&mlp(), 2, 350);
        assert_given(&testing::in_double(|init| UNet::new(&unet, init).unwrap()), 64, 352);
        assert_given(&testing::in_double(|init| SongUNet::new(&song, init).unwrap()), 64, 354);
    }

    const KINDS: [&str; 6] = ["unet", "unet-energy", "mlp", "noisy-energy", "song-unet", "song-unet-energy"];

    /// A small network of this kind with so many classes.
    fn network(kind: &str, classes: usize) -> Network {
        let mut text = serde_json::to_value(Architecture::named(kind).unwrap()).unwrap();
        if classes != 0 {
            text["classes"] = classes.into();
        }
        let architecture: Architecture = serde_json::from_value(text).unwrap();
        let input = match architecture.input() {
            Input::Image { .. } => Input::Image { channels: 1, height: 8, width: 8 },
            Input::Row { .. } => Input::Row { dim: 2 },
        };
        let architecture = architecture.fitted(input);
        assert_eq!(architecture.classes(), classes, "{kind}");
        architecture.build(&Init::new(Noise::seeded(1), &Device::flex())).unwrap()
    }

    #[test]
    fn classes_add_one_table_of_weights_and_change_no_other() {
        for kind in KINDS {
            let (without, with) = (network(kind, 0), network(kind, 10));
            assert!(without.as_class_conditional().is_none(), "{kind}");
            assert_eq!(with.as_class_conditional().unwrap().n_classes(), 10, "{kind}");
            let is_energy = with.as_noisy_energy().is_some();
            assert_eq!(with.as_class_conditional_energy().is_some(), is_energy, "{kind}");
            let [without, with] = [&without, &with].map(weights::collect);
            let added: BTreeMap<_, _> =
                with.iter().filter(|(name, _)| !without.contains_key(*name)).collect();
            assert!(
                added.keys().map(|name| name.as_str()).eq(["network.classes.weight"]),
                "{kind}: {added:?}"
            );
            assert!(without.iter().all(|(name, data)| with[name] == *data), "{kind}");
        }
    }
}
