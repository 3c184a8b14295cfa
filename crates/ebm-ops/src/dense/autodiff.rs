//! Gradients of both maps, each recorded by autodiff as one operation.

use burn::backend::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::DenseOps;
use crate::profile::span;

/// Backward operation of x W or x W + b; its parents are `x`, the weight and, if there is one, the bias.
#[derive(Debug)]
struct Dense;

/// Backward operation of g Wᵀ; its parents are `g` and the weight.
#[derive(Debug)]
struct Pullback;

/// Values saved for the backward pass: the node of the first argument, and the weight.
#[derive(Clone, Debug)]
struct Saved<F> {
    input: NodeId,
    weight: F,
}

impl Dense {
    /// Registers the gradients of the tracked parents.
    fn gradients<B: DenseOps, const N: usize>(
        ops: Ops<Saved<FloatTensor<B>>, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { input, weight } = ops.state;
        let mut parents = ops.parents.into_iter();
        let [node_x, node_weight, node_bias] = [(); 3].map(|()| parents.next().flatten());

        match (node_weight, node_bias) {
            (Some(node_weight), Some(node_bias)) => {
                let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(input);
                let (weight, bias) =
                    span("weight gradient", || B::dense_weight_and_bias_grad(x, grad.clone()));
                grads.register::<B>(node_weight.id, weight);
                grads.register::<B>(node_bias.id, bias);
            }
            (Some(node), None) => {
                let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(input);
                let gradient = span("weight gradient", || B::dense_weight_grad(x, grad.clone()));
                grads.register::<B>(node.id, gradient);
            }
            (None, Some(node)) => {
                let gradient = span("bias gradient", || B::dense_bias_grad(grad.clone()));
                grads.register::<B>(node.id, gradient);
            }
            (None, None) => {}
        }
        if let Some(node) = node_x {
            let gradient = span("input gradient", || B::dense_pullback(grad, weight));
            grads.register::<B>(node.id, gradient);
        }
    }
}

impl<B: DenseOps> Backward<B, 2> for Dense {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        Self::gradients::<B, 2>(ops, grads, checkpointer);
    }
}

impl<B: DenseOps> Backward<B, 3> for Dense {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        Self::gradients::<B, 3>(ops, grads, checkpointer);
    }
}

impl<B: DenseOps> Backward<B, 2> for Pullback {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { input, weight } = ops.state;
        let [node_g, node_weight] = ops.parents;
        if let Some(node) = node_weight {
            let g = checkpointer.retrieve_node_output::<FloatTensor<B>>(input);
            let gradient = span("weight gradient", || B::dense_weight_grad(grad.clone(), g));
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = node_g {
            let gradient = span("input gradient", || B::dense(grad, weight));
            grads.register::<B>(node.id, gradient);
        }
    }
}

impl<B: DenseOps, C: CheckpointStrategy> DenseOps for Autodiff<B, C> {
    fn dense(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        match Backward::<B, 2>::prepare::<C>(Dense, [x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let input = step.checkpoint(&x);
                let weight = weight.into_primitive();
                let y = B::dense(x.into_primitive(), weight.clone());
                step.finish(Saved { input, weight }, y)
            }
            OpsKind::UnTracked(step) => step.finish(B::dense(x.into_primitive(), weight.into_primitive())),
        }
    }

    fn dense_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        match Backward::<B, 3>::prepare::<C>(Dense, nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let input = step.checkpoint(&x);
                let weight = weight.into_primitive();
                let y = B::dense_with_bias(x.into_primitive(), weight.clone(), bias.into_primitive());
                step.finish(Saved { input, weight }, y)
            }
            OpsKind::UnTracked(step) => {
                let (weight, bias) = (weight.into_primitive(), bias.into_primitive());
                step.finish(B::dense_with_bias(x.into_primitive(), weight, bias))
            }
        }
    }

    fn dense_pullback(g: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        match Pullback.prepare::<C>([g.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let input = step.checkpoint(&g);
                let weight = weight.into_primitive();
                let x = B::dense_pullback(g.into_primitive(), weight.clone());
                step.finish(Saved { input, weight }, x)
            }
            OpsKind::UnTracked(step) => {
                step.finish(B::dense_pullback(g.into_primitive(), weight.into_primitive()))
            }
        }
    }
}
