//! Log likelihoods in place of energies.

use std::cell::RefCell;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::{Device, Tensor};
use ebm_eval::{BIN, Estimate, bits_per_dim};
use ebm_model::{Capabilities, JointPotential, Network, NetworkConfig};
use ebm_ops::Noise;
use ebm_run::card::{Content, ModelCard};
use ebm_run::normalization::Normalization;
use ebm_run::normalization_of_run;
use ebm_run::rows::Rows;

use crate::terminal::say;
use crate::terminal::usage::usage;

/// The density of a network whose noise levels compare, at one of them.
pub struct Density<'a> {
    model: &'a dyn JointPotential,
    content: &'a Content,
    dim: usize,
    level: f64,
    normalization: Normalization,
}

impl<'a> Density<'a> {
    /// The density of `network` at the noise level `sigma`, by default the lowest that it was trained at.
    ///
    /// # Errors
    /// A wrong use of the program if the network was not trained by dual score matching, or not at this level.
    pub fn of(
        run: &Path,
        card: &'a ModelCard,
        network: &'a Network,
        sigma: Option<f64>,
        device: &Device,
    ) -> Result<Self> {
        let normalization = normalization_of_run::of_model(run, card, network, device)?;
        let Some((model, normalization)) = network.as_joint_energy().zip(normalization) else {
            return Err(usage(anyhow!(
                "--normalised: the energies of {} do not compare across noise levels; a network that is trained with `--set \
                 objective=dual` and `--set model.normalized=true`, as by the presets two-moons-dual and \
                 mnist-energy-dual, has a density",
                run.display()
            )));
        };
        let Normalization { bottom, top, .. } = normalization;
        let level = sigma.unwrap_or(bottom);
        ensure!(
            (bottom..=top).contains(&level),
            usage(anyhow!("--sigma {level}: the network was trained at noise levels from {bottom} to {top}"))
        );
        if !normalization.is_reliable() {
            say(&format!(
                "log Z rests on {:.0} effective draws at the noise level {top}: its error is larger than {:.3} nats; a \
                 higher objective.noise.top makes it certain",
                normalization.effective_sample_size, normalization.standard_error
            ));
        }
        Ok(Self { model, content: &card.content, dim: card.architecture.dim(), level, normalization })
    }

    /// The noise level: the density is that of the data with so much noise.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The stream of `noise` from which bytes of pictures are spread over their bins, block after block.
    pub fn stream(noise: &Noise) -> Noise {
        noise.derive("dequantization")
    }

    /// −log p of each row in nats and in the units of the data; bytes of pictures are spread uniformly over their bins by
    /// draws of `noise`, and the units are pixels from −1 to 1.
    ///
    /// # Errors
    /// If the numbers cannot be read back.
    pub fn energies(&self, rows: &Rows, noise: &RefCell<Noise>, device: &Device) -> Result<Vec<f64>> {
        let number = |x: Tensor<2>| {
            let x = match self.content {
                Content::Image { .. } => {
                    let u = noise.borrow_mut().uniform(x.dims(), device);
                    x + (u - 0.5) * BIN
                }
                Content::Row { .. } => x,
            };
            let sigma = Tensor::full([x.dims()[0]], self.level, device);
            self.model.joint_energy_at(x, sigma)
        };
        let energies = rows.each(device, number)?.into_iter().enumerate();
        let in_units = |(row, energy): (usize, f64)| {
            energy + self.normalization.log_normalizer - self.content.log_jacobian(rows.row(row))
        };
        Ok(energies.map(in_units).collect())
    }

    /// Bits per dimension of −log p of a picture; nothing for a row of a table.
    pub fn bits(&self, energy: f64) -> Option<f64> {
        match self.content {
            Content::Image { .. } => {
                Some(bits_per_dim(Estimate { value: -energy, standard_error: 0.0 }, self.dim).value)
            }
            Content::Row { .. } => None,
        }
    }
}
