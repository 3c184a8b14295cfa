//! Gradient of the operation, recorded by autodiff as one operation.

use burn::backend::Autodiff;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::AttentionOps;
use crate::profile::span;

/// Backward operation; its parents are `q`, `k` and `v`.
#[derive(Debug)]
struct Attention;

/// Values saved for the backward pass: the nodes of `q`, `k` and `v`, and the weights.
#[derive(Clone, Debug)]
struct Saved<F> {
    nodes: [NodeId; 3],
    weights: F,
}

impl<B: AttentionOps> Backward<B, 3> for Attention {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { nodes, weights } = ops.state;
        let [q, k, v] = nodes.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
        let (of_q, of_k, of_v) = span("attention gradient", || B::attention_backward(q, k, v, weights, grad));
        for (node, gradient) in ops.parents.into_iter().zip([of_q, of_k, of_v]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: AttentionOps, C: CheckpointStrategy> AttentionOps for Autodiff<B, C> {
    fn dot_product_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [q.node(), k.node(), v.node()];
        match Attention.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let nodes = [step.checkpoint(&q), step.checkpoint(&k), step.checkpoint(&v)];
                let (y, weights) =
                    B::attention_and_weights(q.into_primitive(), k.into_primitive(), v.into_primitive());
                step.finish(Saved { nodes, weights }, y)
            }
            OpsKind::UnTracked(step) => step.finish(B::dot_product_attention(
                q.into_primitive(),
                k.into_primitive(),
                v.into_primitive(),
            )),
        }
    }
}
