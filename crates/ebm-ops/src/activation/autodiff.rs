//! Gradients of the operations, each recorded by autodiff as one operation.

use burn::backend::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::tensor::FloatTensor;

use super::{Activation, ActivationFunctionOps};
use crate::profile::span;

/// Backward operation of a derivative; its parent is `x`.
#[derive(Debug)]
struct Derivative;

impl<B: ActivationFunctionOps> Backward<B, 1> for Derivative {
    type State = (NodeId, Activation, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let (x, function, order) = ops.state;
        let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(x);
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            span("activation gradient", || B::activation_backward(x, grad, function, order + 1))
        });
    }
}

/// Backward operation of g σ′(z); its parents are `z` and `g`.
#[derive(Debug)]
struct Pullback;

impl<B: ActivationFunctionOps> Backward<B, 2> for Pullback {
    type State = (NodeId, NodeId, Activation);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (z, g, function) = ops.state;
        let z = checkpointer.retrieve_node_output::<FloatTensor<B>>(z);
        let [node_z, node_g] = ops.parents;
        let (for_z, for_g) = span("activation gradient", || match &node_z {
            Some(_) => {
                let g = checkpointer.retrieve_node_output::<FloatTensor<B>>(g);
                let (for_z, for_g) = B::activation_pullback_backward(z, g, grad, function);
                (Some(for_z), for_g)
            }
            None => (None, B::activation_backward(z, grad, function, 1)),
        });
        if let (Some(node), Some(gradient)) = (node_z, for_z) {
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = node_g {
            grads.register::<B>(node.id, for_g);
        }
    }
}

/// Backward operation of σ″(z) ż² + σ′(z) z̈; its parents are z, ż and z̈.
#[derive(Debug)]
struct Curvature;

impl<B: ActivationFunctionOps> Backward<B, 3> for Curvature {
    type State = ([NodeId; 3], Activation);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (kept, function) = ops.state;
        let [z, slope, curvature] = kept.map(|id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id));
        let gradients = || B::activation_curvature_backward(z, slope, curvature, grad, function);
        let (for_z, for_slope, for_curvature) = span("activation gradient", gradients);
        for (node, gradient) in ops.parents.into_iter().zip([for_z, for_slope, for_curvature]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: ActivationFunctionOps, C: CheckpointStrategy> ActivationFunctionOps for Autodiff<B, C> {
    fn activation(x: FloatTensor<Self>, function: Activation, order: usize) -> FloatTensor<Self> {
        match Derivative.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let kept = step.checkpoint(&x);
                step.finish((kept, function, order), B::activation(x.into_primitive(), function, order))
            }
            OpsKind::UnTracked(step) => step.finish(B::activation(x.into_primitive(), function, order)),
        }
    }

    fn activation_pullback(
        z: FloatTensor<Self>,
        g: FloatTensor<Self>,
        function: Activation,
    ) -> FloatTensor<Self> {
        match Pullback.prepare::<C>([z.node(), g.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let kept = (step.checkpoint(&z), step.checkpoint(&g), function);
                let y = B::activation_pullback(z.into_primitive(), g.into_primitive(), function);
                step.finish(kept, y)
            }
            OpsKind::UnTracked(step) => {
                step.finish(B::activation_pullback(z.into_primitive(), g.into_primitive(), function))
            }
        }
    }

    fn activation_curvature(
        z: FloatTensor<Self>,
        slope: FloatTensor<Self>,
        curvature: FloatTensor<Self>,
        function: Activation,
    ) -> FloatTensor<Self> {
        let tracked = [z, slope, curvature];
        let nodes = tracked.each_ref().map(|tensor| tensor.node());
        let step = Curvature.prepare::<C>(nodes).compute_bound().stateful();
        let value = |tracked: [FloatTensor<Self>; 3]| {
            let [z, slope, curvature] = tracked.map(|tensor| tensor.into_primitive());
            B::activation_curvature(z, slope, curvature, function)
        };
        match step {
            OpsKind::Tracked(mut step) => {
                let kept = tracked.each_ref().map(|tensor| step.checkpoint(tensor));
                step.finish((kept, function), value(tracked))
            }
            OpsKind::UnTracked(step) => step.finish(value(tracked)),
        }
    }
}
