//! Gradients of the operation and of its reverse rule, each recorded by autodiff as one operation.

use burn::backend::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::GroupNormOps;
use crate::profile::span;

/// Backward operation; its parents are `x`, `gain` and `bias`.
#[derive(Debug)]
struct GroupNormSilu;

/// Values saved for the backward pass: the node of `x`, and the small tensors.
#[derive(Clone, Debug)]
struct Saved<F> {
    x: NodeId,
    gain: F,
    bias: F,
    statistics: F,
}

impl<B: GroupNormOps> Backward<B, 3> for GroupNormSilu {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { x, gain, bias, statistics } = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        let [node_x, node_gain, node_bias] = ops.parents;

        let (for_x, for_gain, for_bias) = span("normalisation gradient", || {
            B::group_norm_silu_backward(x, gain, bias, statistics, grad, node_x.is_some())
        });
        if let (Some(node), Some(gradient)) = (node_x, for_x) {
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = node_gain {
            grads.register::<B>(node.id, for_gain);
        }
        if let Some(node) = node_bias {
            grads.register::<B>(node.id, for_bias);
        }
    }
}

/// Backward operation of the reverse rule; its parents are `x`, `gain`, `bias` and `grad`.
#[derive(Debug)]
struct Pullback;

impl<B: GroupNormOps> Backward<B, 4> for Pullback {
    /// The values, and the node of `grad`.
    type State = (Saved<FloatTensor<B>>, NodeId);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let tangent = grads.consume::<B>(&ops.node);
        let (Saved { x, gain, bias, statistics }, grad) = ops.state;
        let [x, grad] = [x, grad].map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));

        let (for_x, for_gain, for_bias, for_grad) = span("normalisation pullback gradient", || {
            B::group_norm_silu_pullback_backward(x, gain, bias, statistics, grad, tangent)
        });
        for (node, gradient) in ops.parents.into_iter().zip([for_x, for_gain, for_bias, for_grad]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: GroupNormOps, C: CheckpointStrategy> GroupNormOps for Autodiff<B, C> {
    fn group_norm_silu(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), gain.node(), bias.node()];
        match GroupNormSilu.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let kept = step.checkpoint(&x);
                let (gain, bias) = (gain.into_primitive(), bias.into_primitive());
                let (y, statistics) =
                    B::group_norm_silu(x.into_primitive(), gain.clone(), bias.clone(), groups, epsilon);
                let constant = FloatTensor::<Self>::new(statistics.clone());
                (step.finish(Saved { x: kept, gain, bias, statistics }, y), constant)
            }
            OpsKind::UnTracked(step) => {
                let (y, statistics) = B::group_norm_silu(
                    x.into_primitive(),
                    gain.into_primitive(),
                    bias.into_primitive(),
                    groups,
                    epsilon,
                );
                (step.finish(y), FloatTensor::<Self>::new(statistics))
            }
        }
    }

    fn group_norm_silu_pullback(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gain.node(), bias.node(), grad.node()];
        let statistics = statistics.into_primitive();
        match Pullback.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let (kept, kept_grad) = (step.checkpoint(&x), step.checkpoint(&grad));
                let (gain, bias) = (gain.into_primitive(), bias.into_primitive());
                let saved =
                    Saved { x: kept, gain: gain.clone(), bias: bias.clone(), statistics: statistics.clone() };
                let (x, grad) = (x.into_primitive(), grad.into_primitive());
                let y = B::group_norm_silu_pullback(x, gain, bias, statistics, grad);
                step.finish((saved, kept_grad), y)
            }
            OpsKind::UnTracked(step) => {
                let [x, gain, bias, grad] = [x, gain, bias, grad].map(|tensor| tensor.into_primitive());
                step.finish(B::group_norm_silu_pullback(x, gain, bias, statistics, grad))
            }
        }
    }
}
