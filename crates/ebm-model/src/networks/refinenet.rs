//! The network of NCSN and NCSNv2.

mod block;
mod refinement;
mod rules;

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use ebm_ops::OutOfRange;

use crate::layers::{Activation, DilatedConvolution, InstanceNormPlus, PaddedImages, check_size};
use crate::{Init, ModelError};

use block::ResidualBlock;
use refinement::Refinement;
pub use rules::{ConditionedRefineNet, RefineNetTrace};

/// Dilations of the blocks at each of the four stages.
const DILATIONS: [usize; 4] = [1, 1, 2, 4];

/// Blocks of a stage.
const BLOCKS: usize = 2;

/// What a [`RefineNet`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct RefineNetShape {
    /// Colours, rows and columns of an image.
    pub image: [usize; 3],
    /// Channels of the first stage; the others have twice as many.
    pub features: usize,
    /// Classes of its normalisations; `None` for a network without a condition.
    pub classes: Option<usize>,
    /// The function between layers.
    pub activation: Activation,
}

impl RefineNetShape {
    /// # Errors
    /// [`ModelError::OutOfRange`] with a field whose value no network has.
    pub fn validate(&self) -> Result<(), ModelError> {
        for (what, size) in ["channels", "height", "width"].into_iter().zip(self.image) {
            check_size(what, size)?;
        }
        check_size("features", self.features)?;
        OutOfRange::at_least("features", 2, self.features)?;
        if let Some(classes) = self.classes {
            check_size("levels", classes)?;
        }
        Ok(())
    }

    /// Rows as images of even sides: the second stage halves them.
    fn images(&self) -> PaddedImages {
        PaddedImages::new(self.image, 2)
    }
}

/// A dilated RefineNet: four stages of residual blocks, of which the second halves height and width and the third and
/// fourth look further by dilation, and four refinements back up.
///
/// With classes, every normalisation is conditional, the refinements have normalisations too, and their pooling is a
/// mean; without, their pooling is a maximum.
/// Images of odd sides are padded by zeros, which the authors' code does not take.
///
/// # Reference
/// Lin, Milan, Shen and Reid (2017), *RefineNet: multi-path refinement networks for high-resolution semantic
/// segmentation*; Song and Ermon (2019), *Generative modeling by estimating gradients of the data distribution*,
/// appendix A; Song and Ermon (2020), *Improved techniques for training score-based generative models*, appendix B.1.
#[derive(Module, Debug)]
pub struct RefineNet {
    begin: DilatedConvolution,
    /// Two blocks each, from the finest down.
    stages: Vec<Vec<ResidualBlock>>,
    /// From the coarsest up.
    refinements: Vec<Refinement>,
    norm: InstanceNormPlus,
    end: DilatedConvolution,
    #[module(skip)]
    shape: RefineNetShape,
}

impl RefineNet {
    /// A new network.
    ///
    /// # Errors
    /// Those of [`RefineNetShape::validate`].
    pub fn new(shape: &RefineNetShape, init: &Init) -> Result<Self, ModelError> {
        shape.validate()?;
        let (features, classes) = (shape.features, shape.classes);
        let ([channels, ..], wide) = (shape.image, 2 * features);
        let block = |stage: usize, at: usize| {
            let inputs = if stage == 0 || (stage == 1 && at == 0) { features } else { wide };
            let outputs = if stage == 0 { features } else { wide };
            let is_down = at == 0 && 0 < stage;
            let init = init.part("stages").nth(stage).nth(at);
            ResidualBlock::new(inputs, outputs, is_down, DILATIONS[stage], classes, &init)
        };
        let stage = |stage: usize| (0..BLOCKS).map(|at| block(stage, at)).collect();
        // Channels of the two inputs, and of the result; from the coarsest up. The first has one input.
        let widths = [(wide, wide), (wide, wide), (wide, features), (features, features)];
        let refinement = |(at, (inputs, outputs)): (usize, (usize, usize))| {
            let (is_first, is_last) = (at == 0, at + 1 == widths.len());
            Refinement::new(inputs, outputs, [is_first, is_last], classes, &init.part("refinements").nth(at))
        };
        Ok(Self {
            begin: DilatedConvolution::new(channels, features, 3, 1, &init.part("begin")),
            stages: (0..DILATIONS.len()).map(stage).collect(),
            refinements: widths.into_iter().enumerate().map(refinement).collect(),
            norm: InstanceNormPlus::new(features, classes.unwrap_or(1), &init.part("norm")),
            end: DilatedConvolution::new(features, channels, 3, 1, &init.part("end")),
            shape: shape.clone(),
        })
    }

    /// The network for the class of each row, `[batch]`; without a condition for any batch.
    pub fn condition(&self, class: Option<&Tensor<1, Int>>) -> ConditionedRefineNet<'_> {
        let (activation, images) = (self.shape.activation, self.shape.images());
        let [fine, coarse] = [1, 2].map(|step| images.sides().map(|side| side / step));
        let to = [coarse, coarse, coarse, fine];
        ConditionedRefineNet {
            begin: &self.begin,
            stages: self
                .stages
                .iter()
                .map(|blocks| blocks.iter().map(|block| block.condition(class, activation)).collect())
                .collect(),
            refinements: self
                .refinements
                .iter()
                .zip(to)
                .map(|(refinement, to)| refinement.condition(class, activation, to))
                .collect(),
            end: (self.norm.condition(class), (activation, &self.end)),
            images,
        }
    }
}
