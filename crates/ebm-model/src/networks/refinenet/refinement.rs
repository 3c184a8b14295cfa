//! The refinement of features by coarser ones.

use burn::module::Module;
use burn::tensor::{Int, Tensor};

use crate::layers::{
    Activation, Bilinear, DilatedConvolution, InstanceNormPlus, InstanceNormRules, Residual, SlidingMax,
    SlidingMean,
};
use crate::{Init, Jet, Layer};

/// The side of the squares that are pooled.
const POOLED: usize = 5;

type Norm = Option<InstanceNormRules>;
type Unit<'a> = (Norm, (Activation, &'a DilatedConvolution));
type Units<'a> = Box<[Residual<(Unit<'a>, Unit<'a>)>]>;
type Path<'a> = (Norm, (&'a DilatedConvolution, Bilinear));
/// Residual units, then the way to the size and the channels of the result.
pub(super) type Branch<'a> = (Units<'a>, Option<Path<'a>>);
type Link<'a> = (Norm, (Pool, &'a DilatedConvolution));
/// Chained pooling, then residual units.
pub(super) type Tail<'a> = ((Activation, Residual<(Link<'a>, Residual<Link<'a>>)>), Units<'a>);

/// A RefineNet block: residual convolution units on each input, their sum at the finer size, chained residual pooling,
/// and residual convolution units.
#[derive(Module, Debug)]
pub(super) struct Refinement {
    /// Two units for each input, the finer input first.
    adapt: Vec<Vec<[Layered; 2]>>,
    /// For each input; none where there is one input.
    merge: Vec<Layered>,
    /// Of which each continues the one before.
    chain: Vec<Layered>,
    out: Vec<[Layered; 2]>,
}

/// A convolution and the normalisation before it, if the network has a condition.
#[derive(Module, Debug)]
struct Layered {
    norm: Option<InstanceNormPlus>,
    convolution: DilatedConvolution,
}

impl Layered {
    fn new(inputs: usize, outputs: usize, classes: Option<usize>, init: &Init) -> Self {
        let norm = classes.map(|classes| InstanceNormPlus::new(inputs, classes, &init.part("norm")));
        Self { norm, convolution: DilatedConvolution::new(inputs, outputs, 3, 1, &init.part("convolution")) }
    }

    fn without_bias(self) -> Self {
        Self { convolution: self.convolution.without_bias(), ..self }
    }

    fn norm(&self, class: Option<&Tensor<1, Int>>) -> Norm {
        self.norm.as_ref().map(|norm| norm.condition(class))
    }

    fn unit(&self, class: Option<&Tensor<1, Int>>, sigma: Activation) -> Unit<'_> {
        (self.norm(class), (sigma, &self.convolution))
    }

    fn path(&self, class: Option<&Tensor<1, Int>>, to: [usize; 2]) -> Path<'_> {
        (self.norm(class), (&self.convolution, Bilinear::new(to)))
    }

    fn link(&self, class: Option<&Tensor<1, Int>>) -> Link<'_> {
        let pool = match self.norm {
            Some(_) => Pool::Mean(SlidingMean::new(POOLED)),
            None => Pool::Max(SlidingMax::new(POOLED)),
        };
        (self.norm(class), (pool, &self.convolution))
    }
}

fn units<'a>(units: &'a [[Layered; 2]], class: Option<&Tensor<1, Int>>, sigma: Activation) -> Units<'a> {
    let unit = |[first, second]: &'a [Layered; 2]| {
        Residual::new((first.unit(class, sigma), second.unit(class, sigma)))
    };
    units.iter().map(unit).collect()
}

/// A [`Refinement`] whose classes are chosen.
#[derive(Debug)]
pub(super) struct RefinementRules<'a> {
    /// Of the finer features; none where there is one input.
    pub(super) fine: Option<Branch<'a>>,
    pub(super) coarse: Branch<'a>,
    pub(super) tail: Tail<'a>,
}

impl Refinement {
    /// The first has one input, the last three units at its end.
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        [is_first, is_last]: [bool; 2],
        classes: Option<usize>,
        init: &Init,
    ) -> Self {
        let n = if is_first { 1 } else { 2 };
        let plain = |width, init: &Init| Layered::new(width, width, classes, init).without_bias();
        let units = |width, n: usize, init: &Init| -> Vec<[Layered; 2]> {
            (0..n).map(|i| [0, 1].map(|k| plain(width, &init.nth(i).nth(k)))).collect()
        };
        let (adapt, merge, chain) = (init.part("adapt"), init.part("merge"), init.part("chain"));
        let merged = if is_first { 0 } else { n };
        Self {
            adapt: (0..n).map(|i| units(inputs, 2, &adapt.nth(i))).collect(),
            merge: (0..merged).map(|i| Layered::new(inputs, outputs, classes, &merge.nth(i))).collect(),
            chain: (0..2).map(|i| plain(outputs, &chain.nth(i))).collect(),
            out: units(outputs, if is_last { 3 } else { 1 }, &init.part("out")),
        }
    }

    /// The refinement for the class of each row, whose result has the sides `to`.
    pub(super) fn condition(
        &self,
        class: Option<&Tensor<1, Int>>,
        sigma: Activation,
        to: [usize; 2],
    ) -> RefinementRules<'_> {
        let branch = |i: usize| -> Branch<'_> {
            (units(&self.adapt[i], class, sigma), self.merge.get(i).map(|layer| layer.path(class, to)))
        };
        let [first, second] = [0, 1].map(|i: usize| self.chain[i].link(class));
        let chain = (sigma, Residual::new((first, Residual::new(second))));
        let last = self.adapt.len() - 1;
        RefinementRules {
            fine: (0 < last).then(|| branch(0)),
            coarse: branch(last),
            tail: (chain, units(&self.out, class, sigma)),
        }
    }
}

/// What is done with the squares of 5×5 pixels in the chain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pool {
    Mean(SlidingMean),
    Max(SlidingMax),
}

impl Layer<4> for Pool {
    /// The places of the maxima.
    type Trace = Option<Tensor<3, Int>>;

    fn trace(&self, x: Tensor<4>) -> (Tensor<4>, Self::Trace) {
        match self {
            Self::Mean(pool) => (pool.forward(x), None),
            Self::Max(pool) => {
                let (y, places) = pool.trace(x);
                (y, Some(places))
            }
        }
    }

    fn pullback(&self, places: Self::Trace, cotangent: Tensor<4>) -> Tensor<4> {
        match (self, places) {
            (Self::Max(pool), Some(places)) => pool.pullback(places, cotangent),
            (Self::Mean(pool), _) => pool.pullback((), cotangent),
            (Self::Max(_), None) => unreachable!("the trace of a maximum has its places"),
        }
    }

    fn push(&self, jet: Jet<4>) -> Jet<4> {
        match self {
            Self::Mean(pool) => pool.push(jet),
            Self::Max(pool) => pool.push(jet),
        }
    }
}
