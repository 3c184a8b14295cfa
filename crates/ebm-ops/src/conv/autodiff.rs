//! Gradients of both maps, each recorded by autodiff as one operation.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, TensorMetadata};

use super::{ConvOps, Geometry};
use crate::profile::span;

/// Backward operation of either map; its parents are the image, the weight and, if there is one, the bias.
#[derive(Clone, Copy, Debug)]
enum Step {
    Convolve,
    ConvTranspose,
}

/// Values saved for the backward pass: the node of the image, the weight, and the `size` (height and width) of x.
#[derive(Clone, Debug)]
struct Saved<F> {
    image: NodeId,
    size: [usize; 2],
    weight: F,
    geometry: Geometry,
}

impl Step {
    fn forward<B: ConvOps>(
        self,
        image: FloatTensor<B>,
        weight: FloatTensor<B>,
        bias: Option<FloatTensor<B>>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<B> {
        match (self, bias) {
            (Self::Convolve, None) => B::convolve(image, weight, geometry),
            (Self::Convolve, Some(bias)) => B::convolve_with_bias(image, weight, bias, geometry),
            (Self::ConvTranspose, None) => B::conv_transpose(image, weight, geometry, size),
            (Self::ConvTranspose, Some(bias)) => {
                B::conv_transpose_with_bias(image, weight, bias, geometry, size)
            }
        }
    }

    /// Registers the gradients of the tracked parents.
    fn gradients<B: ConvOps, const N: usize>(
        self,
        ops: Ops<Saved<FloatTensor<B>>, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { image, size, weight, geometry } = ops.state;
        let mut parents = ops.parents.into_iter();
        let [node_image, node_weight, node_bias] = [(); 3].map(|()| parents.next().flatten());

        if let Some(node) = node_bias {
            grads.register::<B>(node.id, span("bias gradient", || B::channel_sums(grad.clone())));
        }
        if let Some(node) = node_weight {
            let image = checkpointer.retrieve_node_output::<FloatTensor<B>>(image);
            let (weight, grad) = (weight.clone(), grad.clone());
            let gradient = span("weight gradient", || match self {
                Self::Convolve => B::convolve_weight_grad(image, weight, grad, geometry),
                Self::ConvTranspose => B::convolve_weight_grad(grad, weight, image, geometry),
            });
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = node_image {
            let gradient = span("input gradient", || match self {
                Self::Convolve => B::conv_transpose(grad, weight, geometry, size),
                Self::ConvTranspose => B::convolve(grad, weight, geometry),
            });
            grads.register::<B>(node.id, gradient);
        }
    }

    /// Computes the map, and records it if a parent is tracked.
    fn record<B: ConvOps, C: CheckpointStrategy>(
        self,
        image: FloatTensor<Autodiff<B, C>>,
        weight: FloatTensor<Autodiff<B, C>>,
        bias: Option<FloatTensor<Autodiff<B, C>>>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Autodiff<B, C>> {
        macro_rules! record {
            ($nodes:expr, $bias:expr) => {
                match self.prepare::<C>($nodes).compute_bound().stateful() {
                    OpsKind::Tracked(mut step) => {
                        let node = step.checkpoint(&image);
                        let (image, weight) = (image.into_primitive(), weight.into_primitive());
                        let y = self.forward::<B>(image, weight.clone(), $bias, geometry, size);
                        step.finish(Saved { image: node, size, weight, geometry }, y)
                    }
                    OpsKind::UnTracked(step) => {
                        let (image, weight) = (image.into_primitive(), weight.into_primitive());
                        step.finish(self.forward::<B>(image, weight, $bias, geometry, size))
                    }
                }
            };
        }
        match bias {
            Some(bias) => record!([image.node(), weight.node(), bias.node()], Some(bias.into_primitive())),
            None => record!([image.node(), weight.node()], None),
        }
    }
}

impl<B: ConvOps> Backward<B, 2> for Step {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        self.gradients::<B, 2>(ops, grads, checkpointer);
    }
}

impl<B: ConvOps> Backward<B, 3> for Step {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        self.gradients::<B, 3>(ops, grads, checkpointer);
    }
}

impl<B: ConvOps, C: CheckpointStrategy> ConvOps for Autodiff<B, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        let [.., height, width] = x.shape().dims::<4>();
        Step::Convolve.record::<B, C>(x, weight, None, geometry, [height, width])
    }

    fn convolve_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let [.., height, width] = x.shape().dims::<4>();
        Step::Convolve.record::<B, C>(x, weight, Some(bias), geometry, [height, width])
    }

    fn conv_transpose(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Self> {
        Step::ConvTranspose.record::<B, C>(y, weight, None, geometry, size)
    }

    fn conv_transpose_with_bias(
        y: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        size: [usize; 2],
    ) -> FloatTensor<Self> {
        Step::ConvTranspose.record::<B, C>(y, weight, Some(bias), geometry, size)
    }
}
