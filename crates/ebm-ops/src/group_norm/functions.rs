//! The elementwise functions.

use crate::elementwise::Elementwise;
use crate::lanes::Lanes;
use crate::vector;

/// gain · x̂ + bias as slope · (x - centre) + level.
pub(super) struct Map {
    centre: f32,
    slope: f32,
    level: f32,
}

impl Map {
    #[inline(always)]
    pub(super) fn new(gain: f32, bias: f32, [centre, remainder, inverse]: [f32; 3]) -> Self {
        let slope = gain * inverse;
        Self { centre, slope, level: bias - slope * remainder }
    }
}

impl Elementwise<1, 0> for Map {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], _: [L::Floats; 0]) -> [L::Floats; 1] {
        let d = lanes.sub(x, lanes.all(self.centre));
        [lanes.mul_add(d, lanes.all(self.slope), lanes.all(self.level))]
    }
}

/// x̂ as (x - centre) · inverse + level.
pub(super) struct Normal {
    centre: f32,
    inverse: f32,
    level: f32,
}

impl Normal {
    #[inline(always)]
    pub(super) fn new([centre, remainder, inverse]: [f32; 3]) -> Self {
        Self { centre, inverse, level: -inverse * remainder }
    }

    /// x̂.
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, x: L::Floats) -> L::Floats {
        let d = lanes.sub(x, lanes.all(self.centre));
        lanes.mul_add(d, lanes.all(self.inverse), lanes.all(self.level))
    }

    /// gain · x̂ + bias.
    #[inline(always)]
    fn image<L: Lanes>(&self, lanes: L, x: L::Floats, gain: L::Floats, bias: L::Floats) -> L::Floats {
        lanes.mul_add(gain, self.at(lanes, x), bias)
    }
}

/// SiLU(gain · x̂ + bias), with gain and bias as further arguments.
pub(super) struct SiluPerPixel(pub Normal);

impl Elementwise<1, 2> for SiluPerPixel {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [x]: [L::Floats; 1], [gain, bias]: [L::Floats; 2]) -> [L::Floats; 1] {
        [vector::silu(lanes, self.0.image(lanes, x, gain, bias))]
    }
}

/// [`SiluBackward`] with x, gain and bias as further arguments.
pub(super) struct SiluBackwardPerPixel(pub Normal);

impl Elementwise<1, 3> for SiluBackwardPerPixel {
    #[inline(always)]
    fn at<L: Lanes>(
        &self,
        lanes: L,
        [grad]: [L::Floats; 1],
        [x, gain, bias]: [L::Floats; 3],
    ) -> [L::Floats; 1] {
        [lanes.mul(grad, vector::silu_slope(lanes, self.0.image(lanes, x, gain, bias)))]
    }
}

pub(super) struct Silu;

impl Elementwise<1, 0> for Silu {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [z]: [L::Floats; 1], _: [L::Floats; 0]) -> [L::Floats; 1] {
        [vector::silu(lanes, z)]
    }
}

/// A gradient times silu'(z), where z is the image of x.
pub(super) struct SiluBackward(pub Map);

impl Elementwise<1, 1> for SiluBackward {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [grad]: [L::Floats; 1], x: [L::Floats; 1]) -> [L::Floats; 1] {
        let [z] = self.0.at(lanes, x, []);
        [lanes.mul(grad, vector::silu_slope(lanes, z))]
    }
}

/// scale · g + (x - centre) · per_x + level, with x as a further argument.
pub(super) struct Combination {
    pub scale: f32,
    pub centre: f32,
    pub per_x: f32,
    pub level: f32,
}

impl Elementwise<1, 1> for Combination {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [g]: [L::Floats; 1], [x]: [L::Floats; 1]) -> [L::Floats; 1] {
        let d = lanes.sub(x, lanes.all(self.centre));
        let level = lanes.mul_add(d, lanes.all(self.per_x), lanes.all(self.level));
        [lanes.mul_add(g, lanes.all(self.scale), level)]
    }
}

/// [`Combination`] with x and gain as further arguments; `scale` is that of a gain of one.
pub(super) struct CombinationPerPixel(pub Combination);

impl Elementwise<1, 2> for CombinationPerPixel {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [g]: [L::Floats; 1], [x, gain]: [L::Floats; 2]) -> [L::Floats; 1] {
        self.0.at(lanes, [lanes.mul(g, gain)], [x])
    }
}

/// Σ (x - centre) and Σ (x - centre)².
pub(super) struct Moments {
    pub centre: f32,
}

impl Elementwise<2, 1> for Moments {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [sum, squares]: [L::Floats; 2], [x]: [L::Floats; 1]) -> [L::Floats; 2] {
        let d = lanes.sub(x, lanes.all(self.centre));
        [lanes.add(sum, d), lanes.mul_add(d, d, squares)]
    }
}

/// Σ g (x - centre) and Σ g.
pub(super) struct Products {
    pub centre: f32,
}

impl Elementwise<2, 2> for Products {
    #[inline(always)]
    fn at<L: Lanes>(
        &self,
        lanes: L,
        [product, sum]: [L::Floats; 2],
        [g, x]: [L::Floats; 2],
    ) -> [L::Floats; 2] {
        let d = lanes.sub(x, lanes.all(self.centre));
        [lanes.mul_add(g, d, product), lanes.add(sum, g)]
    }
}

/// From a gradient g, a tangent v and anything: gain · t · SiLU′(z), g · gain · t · SiLU″(z) and g · SiLU′(z), where z
/// is the image of x, the further argument, and t = r (v − mean − along · x̂).
pub(super) struct SecondOrder {
    pub map: Map,
    pub normal: Normal,
    pub gain: f32,
    /// The means of v and of v x̂ over the group.
    pub mean: f32,
    pub along: f32,
}

impl Elementwise<3, 1> for SecondOrder {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [g, v, _]: [L::Floats; 3], [x]: [L::Floats; 1]) -> [L::Floats; 3] {
        let [z] = self.map.at(lanes, [x], []);
        let [slope, second] = vector::silu_slopes(lanes, z);
        let normal = self.normal.at(lanes, x);
        let centred = lanes.sub(v, lanes.all(self.mean));
        let rest = lanes.mul_add(normal, lanes.all(-self.along), centred);
        let gained = lanes.mul(rest, lanes.all(self.gain * self.normal.inverse));
        let s = lanes.mul(g, slope);
        [lanes.mul(gained, slope), lanes.mul(lanes.mul(g, second), gained), s]
    }
}

/// Σ s (x - centre), Σ s and Σ s v.
pub(super) struct Triples {
    pub centre: f32,
}

impl Elementwise<3, 3> for Triples {
    #[inline(always)]
    fn at<L: Lanes>(
        &self,
        lanes: L,
        [product, sum, along]: [L::Floats; 3],
        [s, x, v]: [L::Floats; 3],
    ) -> [L::Floats; 3] {
        let d = lanes.sub(x, lanes.all(self.centre));
        [lanes.mul_add(s, d, product), lanes.add(sum, s), lanes.mul_add(s, v, along)]
    }
}

/// per_h · h + per_s · s + per_v · v + per_x · (x - centre) + level, with s, v and x as further arguments.
pub(super) struct Gathered {
    pub per_h: f32,
    pub per_s: f32,
    pub per_v: f32,
    pub per_x: f32,
    pub centre: f32,
    pub level: f32,
}

impl Elementwise<1, 3> for Gathered {
    #[inline(always)]
    fn at<L: Lanes>(&self, lanes: L, [h]: [L::Floats; 1], [s, v, x]: [L::Floats; 3]) -> [L::Floats; 1] {
        let d = lanes.sub(x, lanes.all(self.centre));
        let sum = lanes.mul_add(d, lanes.all(self.per_x), lanes.all(self.level));
        let sum = lanes.mul_add(v, lanes.all(self.per_v), sum);
        let sum = lanes.mul_add(s, lanes.all(self.per_s), sum);
        [lanes.mul_add(h, lanes.all(self.per_h), sum)]
    }
}
