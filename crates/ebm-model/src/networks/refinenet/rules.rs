//! The rules of differentiation of a [`RefineNet`](crate::RefineNet) for chosen classes.

use burn::tensor::Tensor;

use super::block::{BlockRules, Step};
use super::refinement::{Branch, RefinementRules, Tail};
use crate::layers::{DilatedConvolution, PaddedImages};
use crate::{Jet, Layer};

type Blocks<'a> = Box<[BlockRules<'a>]>;
type TraceOf<L> = <L as Layer<4>>::Trace;

/// A [`RefineNet`](crate::RefineNet) whose classes are chosen: a function of images as rows.
#[derive(Debug)]
pub struct ConditionedRefineNet<'a> {
    pub(super) begin: &'a DilatedConvolution,
    /// From the finest down.
    pub(super) stages: Vec<Blocks<'a>>,
    /// From the coarsest up.
    pub(super) refinements: Vec<RefinementRules<'a>>,
    pub(super) end: Step<'a>,
    pub(super) images: PaddedImages,
}

/// What a [`ConditionedRefineNet`] remembers of a forward pass.
#[derive(Debug)]
pub struct RefineNetTrace {
    stages: Vec<TraceOf<Blocks<'static>>>,
    refinements: Vec<RefinementTrace>,
    end: TraceOf<Step<'static>>,
}

#[derive(Debug)]
struct RefinementTrace {
    fine: Option<TraceOf<Branch<'static>>>,
    coarse: TraceOf<Branch<'static>>,
    tail: TraceOf<Tail<'static>>,
}

impl RefinementRules<'_> {
    fn forward(&self, fine: Tensor<4>, coarse: Tensor<4>) -> Tensor<4> {
        let h = self.coarse.forward(coarse);
        let h = match &self.fine {
            Some(branch) => branch.forward(fine) + h,
            None => h,
        };
        self.tail.forward(h)
    }

    fn trace(&self, fine: Tensor<4>, coarse: Tensor<4>) -> (Tensor<4>, RefinementTrace) {
        let (h, coarse) = self.coarse.trace(coarse);
        let (h, fine) = match &self.fine {
            Some(branch) => {
                let (beside, trace) = branch.trace(fine);
                (beside + h, Some(trace))
            }
            None => (h, None),
        };
        let (y, tail) = self.tail.trace(h);
        (y, RefinementTrace { fine, coarse, tail })
    }

    /// The cotangents of the finer and of the coarser input.
    fn pullback(&self, trace: RefinementTrace, cotangent: Tensor<4>) -> (Option<Tensor<4>>, Tensor<4>) {
        let g = self.tail.pullback(trace.tail, cotangent);
        let fine =
            self.fine.as_ref().zip(trace.fine).map(|(branch, trace)| branch.pullback(trace, g.clone()));
        (fine, self.coarse.pullback(trace.coarse, g))
    }

    fn push(&self, fine: Jet<4>, coarse: Jet<4>) -> Jet<4> {
        let h = self.coarse.push(coarse);
        let h = match &self.fine {
            Some(branch) => branch.push(fine) + h,
            None => h,
        };
        self.tail.push(h)
    }
}

impl Layer<2> for ConditionedRefineNet<'_> {
    type Trace = RefineNetTrace;

    fn trace(&self, x: Tensor<2>) -> (Tensor<2>, RefineNetTrace) {
        let mut h = self.begin.forward(self.images.pad(x));
        let (mut stages, mut features) = (vec![], vec![]);
        for blocks in &self.stages {
            let (y, trace) = blocks.trace(h);
            h = y;
            features.push(h.clone());
            stages.push(trace);
        }
        let mut refinements = vec![];
        for (refinement, fine) in self.refinements.iter().zip(features.into_iter().rev()) {
            let (y, trace) = refinement.trace(fine, h);
            h = y;
            refinements.push(trace);
        }
        let (y, end) = self.end.trace(h);
        (self.images.crop(y), RefineNetTrace { stages, refinements, end })
    }

    fn pullback(&self, trace: RefineNetTrace, cotangent: Tensor<2>) -> Tensor<2> {
        let RefineNetTrace { stages, refinements, end } = trace;
        let mut g = self.end.pullback(end, self.images.pad(cotangent));
        // From the finest stage down.
        let mut of_stages = vec![];
        for (refinement, trace) in self.refinements.iter().zip(refinements).rev() {
            let (fine, coarse) = refinement.pullback(trace, g);
            of_stages.extend(fine);
            g = coarse;
        }
        for (i, (blocks, trace)) in self.stages.iter().zip(stages).enumerate().rev() {
            if let Some(fine) = of_stages.get(i) {
                g = g + fine.clone();
            }
            g = blocks.pullback(trace, g);
        }
        self.images.crop(self.begin.pullback((), g))
    }

    fn push(&self, jet: Jet<2>) -> Jet<2> {
        let mut h = self.begin.push(jet.linear(|x| self.images.pad(x)));
        let mut features = vec![];
        for blocks in &self.stages {
            h = Layer::<4>::push(blocks, h);
            features.push(h.clone());
        }
        for (refinement, fine) in self.refinements.iter().zip(features.into_iter().rev()) {
            h = refinement.push(fine, h);
        }
        self.end.push(h).linear(|y| self.images.crop(y))
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut h = self.begin.forward(self.images.pad(x));
        let mut features = vec![];
        for blocks in &self.stages {
            h = blocks.forward(h);
            features.push(h.clone());
        }
        for (refinement, fine) in self.refinements.iter().zip(features.into_iter().rev()) {
            h = refinement.forward(fine, h);
        }
        self.images.crop(self.end.forward(h))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int, Tensor};

    use crate::layers::Activation;
    use crate::{Layer, RefineNet, RefineNetShape, testing};

    fn network(image: [usize; 3], classes: Option<usize>, activation: Activation) -> RefineNet {
        let shape = RefineNetShape { image, features: 4, classes, activation };
        testing::in_double(|init| RefineNet::new(&shape, init).unwrap())
    }

    /// With a smooth activation, since differences across the kink of ELU are none of its derivatives.
    #[test]
    fn with_a_condition_it_passes_the_tests_of_a_layer_at_even_and_odd_sizes() {
        let class = Tensor::<1, Int>::from_data([2, 0], &Device::flex());
        for image in [[1, 4, 6], [2, 3, 5]] {
            let network = network(image, Some(3), Activation::Silu);
            let dim = image.iter().product();
            testing::assert_layer_near::<2, 2>(&network.condition(Some(&class)), [2, dim], 90);
        }
    }

    #[test]
    fn without_a_condition_it_passes_the_tests_of_a_layer() {
        for image in [[1, 4, 4], [2, 3, 4]] {
            let network = network(image, None, Activation::Silu);
            let dim = image.iter().product();
            testing::assert_layer_near::<2, 2>(&network.condition(None), [2, dim], 91);
        }
    }

    #[test]
    fn a_forward_pass_is_that_of_a_trace_with_elu() {
        let network = network([1, 6, 6], None, Activation::Elu);
        let (x, rules) = (testing::points(2, 36, 92), network.condition(None));
        testing::assert_close(rules.forward(x.clone()), rules.trace(x).0, 1e-13, "f");
    }
}
