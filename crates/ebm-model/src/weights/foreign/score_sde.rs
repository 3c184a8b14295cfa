//! The networks of Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use super::{Change, NamedTensors, numbers};
use crate::layers::Filter;
use crate::{EncoderInput, ModelError, NoiseFeatures, SongUNetConfig};

/// What every tensor of a module is named after, with the module's number.
const MODULES: &str = "all_modules.";

/// Tensors that are no weights.
const IGNORED: &str = "sigmas";

const PLAIN: &[(&str, Change)] = &[("weight", Change::Renamed("weight")), ("bias", Change::Renamed("bias"))];

const DENSE: &[(&str, Change)] =
    &[("weight", Change::Transposed("weight")), ("bias", Change::Renamed("bias"))];

const FREQUENCIES: &[(&str, Change)] = &[("W", Change::Radians("frequencies"))];

const PICTURE: &[(&str, Change)] =
    &[("Conv2d_0.weight", Change::Renamed("weight")), ("Conv2d_0.bias", Change::Renamed("bias"))];

const BLOCK: &[(&str, Change)] = &[
    ("GroupNorm_0.weight", Change::Renamed("first_norm.weight")),
    ("GroupNorm_0.bias", Change::Renamed("first_norm.bias")),
    ("Conv_0.weight", Change::Renamed("first.weight")),
    ("Conv_0.bias", Change::Renamed("first.bias")),
    ("Dense_0.weight", Change::Transposed("shift.weight")),
    ("Dense_0.bias", Change::Renamed("shift.bias")),
    ("GroupNorm_1.weight", Change::Renamed("second_norm.weight")),
    ("GroupNorm_1.bias", Change::Renamed("second_norm.bias")),
    ("Conv_1.weight", Change::Renamed("second.weight")),
    ("Conv_1.bias", Change::Renamed("second.bias")),
    ("Conv_2.weight", Change::Renamed("skip.weight")),
    ("Conv_2.bias", Change::Renamed("skip.bias")),
];

const ATTENTION: &[(&str, Change)] = &[
    ("GroupNorm_0.weight", Change::Renamed("norm.weight")),
    ("GroupNorm_0.bias", Change::Renamed("norm.bias")),
    ("NIN_0.W", Change::Pixelwise("query.weight")),
    ("NIN_0.b", Change::Renamed("query.bias")),
    ("NIN_1.W", Change::Pixelwise("key.weight")),
    ("NIN_1.b", Change::Renamed("key.bias")),
    ("NIN_2.W", Change::Pixelwise("value.weight")),
    ("NIN_2.b", Change::Renamed("value.bias")),
    ("NIN_3.W", Change::Pixelwise("out.weight")),
    ("NIN_3.b", Change::Renamed("out.bias")),
];

/// The network that the weights of yang-song/score_sde_pytorch's `ncsnpp` are, for images of no size yet, and the
/// weights under our names.
///
/// Its modules have numbers in the order in which they are used, from which its shape follows: blocks that change the
/// resolution project what they do not change, and there are as many others at each resolution of the encoder, and one
/// more in the decoder. Where a convolution reads the halved picture the filter is \[1, 3, 3, 1\], where none does it
/// is \[1, 1\], as in their configurations of NCSN++ and DDPM++.
/// That sums are divided by √2 (`skip_rescale`) and the share that is dropped in training are in no tensor: they are
/// those of these configurations.
///
/// # Errors
/// [`ModelError::Mismatch`] with what such a network of this crate has not: blocks of DDPM, pyramids other than a
/// residual input, Fourier features without one, whose filter is not known; or with the module that is out of order and
/// the tensors that are unknown.
pub fn score_sde(tensors: NamedTensors) -> Result<(SongUNetConfig, NamedTensors), ModelError> {
    let modules = modules(tensors)?;
    let named = |(at, module): (usize, &NamedTensors)| {
        Part::of(module).map_err(|what| refused(format!("{MODULES}{at} is {what}")))
    };
    let parts: Vec<Part> = modules.iter().enumerate().map(named).collect::<Result<_, _>>()?;
    if 1 < parts.iter().filter(|part| **part == Part::Norm).count() {
        return Err(refused("progressive is output_skip or residual, expected none".into()));
    }
    let mut walk = Walk { parts: &parts, places: Vec::with_capacity(parts.len()) };
    let config = walk.network()?;
    let mut found = NamedTensors::new();
    let mut wrong = Vec::new();
    for (at, module) in modules.into_iter().enumerate() {
        for (name, data) in module {
            match parts[at].renamed(&name, data) {
                Ok((name, data)) => drop(found.insert(format!("network.{}.{name}", walk.places[at]), data)),
                Err(what) => wrong.push(format!("{MODULES}{at}.{name} {what}")),
            }
        }
    }
    if config.noise_features == NoiseFeatures::Positional {
        let frequencies = config.frequencies(|_| Vec::new());
        let shape = [frequencies.len()];
        found.insert("network.embedding.frequencies".into(), TensorData::new(frequencies, shape));
    }
    if wrong.is_empty() { Ok((config, found)) } else { Err(ModelError::Mismatch(wrong)) }
}

fn refused(what: String) -> ModelError {
    ModelError::Mismatch(vec![what])
}

/// The tensors of each module.
fn modules(tensors: NamedTensors) -> Result<Vec<NamedTensors>, ModelError> {
    let (mut modules, mut wrong) = (BTreeMap::<usize, NamedTensors>::new(), Vec::new());
    for (name, data) in tensors.into_iter().filter(|(name, _)| name != IGNORED) {
        let shape = data.shape().as_slice();
        match numbers("all_modules.@.", &name) {
            Some(_) if shape.contains(&0) => wrong.push(format!("{name} {shape:?} has no numbers")),
            Some((at, rest)) => drop(modules.entry(at[0]).or_default().insert(rest.to_owned(), data)),
            None => wrong.push(format!("{name} {shape:?} is unknown")),
        }
    }
    if let Some(at) = (0..modules.len()).find(|at| !modules.contains_key(at)) {
        wrong.push(format!("{MODULES}{at} has no weights, as of resamp_with_conv = False, expected some"));
    }
    if wrong.is_empty() { Ok(modules.into_values().collect()) } else { Err(ModelError::Mismatch(wrong)) }
}

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Fourier features of the noise level.
    Frequencies,
    Dense {
        inputs: usize,
        outputs: usize,
    },
    Convolution {
        inputs: usize,
        outputs: usize,
    },
    Block {
        inputs: usize,
        outputs: usize,
        /// Whether a 1×1 convolution is beside it.
        projects: bool,
    },
    Attention,
    /// The convolution that reads the halved picture.
    Picture,
    Norm,
}

impl Part {
    /// The part whose tensors these are, or what they are that is none.
    fn of(module: &NamedTensors) -> Result<Self, &'static str> {
        let has = |name: &str| module.contains_key(name);
        let shape = |name: &str| -> Vec<usize> {
            module.get(name).map(|data| data.shape().as_slice().to_vec()).unwrap_or_default()
        };
        match (&shape("weight")[..], &shape("Conv_0.weight")[..]) {
            _ if has("W") => Ok(Self::Frequencies),
            _ if has("NIN_3.W") => Ok(Self::Attention),
            _ if has("Conv2d_0.weight") => Ok(Self::Picture),
            _ if has("NIN_0.W") => Err("a block of resblock_type ddpm, expected biggan"),
            _ if has("Conv.weight") => Err("of progressive_input input_skip, expected residual or none"),
            (_, &[outputs, inputs, _, _]) if has("GroupNorm_0.weight") => {
                Ok(Self::Block { inputs, outputs, projects: has("Conv_2.weight") })
            }
            (_, [_, ..]) => {
                Err("a convolution that changes the resolution, as of resblock_type ddpm, or of \
                 fir False and progressive_input residual; expected biggan, and fir True with residual")
            }
            (&[outputs, inputs], _) => Ok(Self::Dense { inputs, outputs }),
            (&[outputs, inputs, _, _], _) => Ok(Self::Convolution { inputs, outputs }),
            (&[_], _) => Ok(Self::Norm),
            _ => Err("of no kind that is known"),
        }
    }

    /// Whether it is a block that changes the resolution: such blocks keep the channels.
    fn resamples(self) -> bool {
        matches!(self, Self::Block { inputs, outputs, projects: true } if inputs == outputs)
    }

    /// A tensor under our name, or what is wrong with it.
    fn renamed(self, name: &str, data: TensorData) -> Result<(&'static str, TensorData), String> {
        let table = match self {
            Self::Frequencies => FREQUENCIES,
            Self::Dense { .. } => DENSE,
            Self::Convolution { .. } | Self::Norm => PLAIN,
            Self::Block { .. } => BLOCK,
            Self::Attention => ATTENTION,
            Self::Picture => PICTURE,
        };
        let shape = data.shape().as_slice().to_vec();
        let Some((_, change)) = table.iter().find(|(tensor, _)| *tensor == name) else {
            return Err(format!("{shape:?} is unknown"));
        };
        let changed = change.apply(data).and_then(|mut parts| parts.next());
        changed.ok_or_else(|| format!("has shape {shape:?}, which no {change:?} is made of"))
    }

    fn about(self) -> String {
        match self {
            Self::Frequencies => "Fourier features".into(),
            Self::Dense { .. } => "a dense layer".into(),
            Self::Convolution { .. } => "a convolution".into(),
            Self::Block { inputs, outputs, .. } if self.resamples() => {
                format!("a block from {inputs} to {outputs} channels that changes the resolution")
            }
            Self::Block { inputs, outputs, .. } => format!("a block from {inputs} to {outputs} channels"),
            Self::Attention => "attention".into(),
            Self::Picture => "a convolution of the halved picture".into(),
            Self::Norm => "a normalisation".into(),
        }
    }
}

/// The way through the modules in their order, with the place in our network of each that was passed.
struct Walk<'a> {
    parts: &'a [Part],
    places: Vec<String>,
}

impl Walk<'_> {
    /// The whole way.
    fn network(&mut self) -> Result<SongUNetConfig, ModelError> {
        let (levels, n) = self.counts()?;
        let fourier = self.passes("embedding", Part::Frequencies);
        let [inputs, _] = self.dense("embedding.hidden")?;
        let [_, embedding] = self.dense("embedding.out")?;
        let [channels, stem] = self.convolution("stem")?;
        let (mut widths, mut attention, mut residual) = (Vec::new(), Vec::new(), false);
        for level in 0..levels {
            if 0 < level {
                self.block(format!("encoder.{level}.down.block"), true)?;
                residual |= self.passes(&format!("encoder.{level}.down.image"), Part::Picture);
            }
            let (width, attends) = self.blocks(&format!("encoder.{level}.blocks"), n)?;
            widths.push(width);
            attention.extend(attends.then_some(level));
        }
        self.block("middle.0".into(), false)?;
        self.take("middle.0.attention".into(), "attention", |part| (part == Part::Attention).then_some(()))?;
        self.block("middle.1".into(), false)?;
        for level in 0..levels {
            if 0 < level {
                self.block(format!("decoder.{level}.up"), true)?;
            }
            self.blocks(&format!("decoder.{level}.blocks"), n + 1)?;
        }
        self.take("norm".into(), "a normalisation", |part| (part == Part::Norm).then_some(()))?;
        self.convolution("out")?;
        if let Some(part) = self.peek() {
            let at = self.places.len();
            return Err(refused(format!("{MODULES}{at} is {}, expected the end", part.about())));
        }
        if fourier && !residual && 1 < levels {
            let what = "Fourier features and progressive_input none, expected residual: no tensor says fir";
            return Err(refused(what.into()));
        }
        Ok(SongUNetConfig {
            channels,
            height: 0,
            width: 0,
            stem,
            widths,
            blocks: vec![n; levels],
            embedding,
            frequencies: inputs / 2,
            noise_features: if fourier { NoiseFeatures::Fourier } else { NoiseFeatures::Positional },
            encoder: if residual { EncoderInput::Residual } else { EncoderInput::Standard },
            filter: if residual { Filter::Binomial } else { Filter::Box },
            attention,
            attention_heads: 1,
            dropout: 0.1,
            ..SongUNetConfig::default()
        })
    }

    /// The number of resolutions, and of blocks at each in the encoder: n there, 2 between, n + 1 in the decoder.
    fn counts(&self) -> Result<(usize, usize), ModelError> {
        let blocks = self.parts.iter().filter(|part| matches!(part, Part::Block { .. })).count();
        let resampling = self.parts.iter().filter(|part| part.resamples()).count();
        let (plain, levels) = (blocks - resampling, resampling / 2 + 1);
        let rest = plain.checked_sub(levels + 2).filter(|rest| 0 < *rest && rest.is_multiple_of(2 * levels));
        let n = rest.map(|rest| rest / (2 * levels)).ok_or_else(|| {
            refused(format!(
                "{plain} blocks that keep the resolution and {resampling} that change it, expected \
                 L (2 n + 1) + 2 and 2 (L − 1)"
            ))
        })?;
        Ok((levels, n))
    }

    fn peek(&self) -> Option<Part> {
        self.parts.get(self.places.len()).copied()
    }

    /// Passes the next part, whose place this is, if it is `wanted`.
    fn passes(&mut self, place: &str, wanted: Part) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.places.push(place.to_owned());
        }
        is_next
    }

    /// What is read of the next part, whose place this is.
    fn take<T>(
        &mut self,
        place: String,
        expected: &str,
        read: impl FnOnce(Part) -> Option<T>,
    ) -> Result<T, ModelError> {
        let (at, next) = (self.places.len(), self.peek());
        let value = next.and_then(read).ok_or_else(|| {
            let found = next.map_or_else(|| "not there".to_owned(), Part::about);
            refused(format!("{MODULES}{at} is {found}, expected {expected}"))
        })?;
        self.places.push(place);
        Ok(value)
    }

    /// Inputs and outputs of a dense layer.
    fn dense(&mut self, place: &str) -> Result<[usize; 2], ModelError> {
        self.take(place.into(), "a dense layer", |part| match part {
            Part::Dense { inputs, outputs } => Some([inputs, outputs]),
            _ => None,
        })
    }

    /// Inputs and outputs of a convolution.
    fn convolution(&mut self, place: &str) -> Result<[usize; 2], ModelError> {
        self.take(place.into(), "a convolution", |part| match part {
            Part::Convolution { inputs, outputs } => Some([inputs, outputs]),
            _ => None,
        })
    }

    /// The channels that a block makes, which changes the resolution or not.
    fn block(&mut self, place: String, resamples: bool) -> Result<usize, ModelError> {
        let expected = if resamples {
            "a block that changes the resolution"
        } else {
            "a block that keeps the resolution"
        };
        self.take(place, expected, |part| match part {
            Part::Block { outputs, .. } if part.resamples() == resamples => Some(outputs),
            _ => None,
        })
    }

    /// The channels that `n` blocks at one resolution make, and whether there is attention behind any.
    fn blocks(&mut self, place: &str, n: usize) -> Result<(usize, bool), ModelError> {
        let (mut width, mut attends) = (0, false);
        for k in 0..n {
            width = self.block(format!("{place}.{k}"), false)?;
            attends |= self.passes(&format!("{place}.{k}.attention"), Part::Attention);
        }
        Ok((width, attends))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::{Input, NetworkConfig};

    type Module = Vec<(&'static str, Vec<usize>)>;

    fn dense(inputs: usize, outputs: usize) -> Module {
        vec![("weight", vec![outputs, inputs]), ("bias", vec![outputs])]
    }

    fn convolution(inputs: usize, outputs: usize) -> Module {
        vec![("weight", vec![outputs, inputs, 3, 3]), ("bias", vec![outputs])]
    }

    fn norm(channels: usize) -> Module {
        vec![("weight", vec![channels]), ("bias", vec![channels])]
    }

    fn picture(inputs: usize, outputs: usize) -> Module {
        vec![("Conv2d_0.weight", vec![outputs, inputs, 3, 3]), ("Conv2d_0.bias", vec![outputs])]
    }

    fn block(inputs: usize, outputs: usize, projects: bool) -> Module {
        let mut module = vec![
            ("GroupNorm_0.weight", vec![inputs]),
            ("GroupNorm_0.bias", vec![inputs]),
            ("Conv_0.weight", vec![outputs, inputs, 3, 3]),
            ("Conv_0.bias", vec![outputs]),
            ("Dense_0.weight", vec![outputs, 16]),
            ("Dense_0.bias", vec![outputs]),
            ("GroupNorm_1.weight", vec![outputs]),
            ("GroupNorm_1.bias", vec![outputs]),
            ("Conv_1.weight", vec![outputs, outputs, 3, 3]),
            ("Conv_1.bias", vec![outputs]),
        ];
        if projects {
            module.extend([("Conv_2.weight", vec![outputs, inputs, 1, 1]), ("Conv_2.bias", vec![outputs])]);
        }
        module
    }

    fn attention(channels: usize) -> Module {
        let mut module = norm(channels);
        (module[0].0, module[1].0) = ("GroupNorm_0.weight", "GroupNorm_0.bias");
        for (weight, bias) in
            [("NIN_0.W", "NIN_0.b"), ("NIN_1.W", "NIN_1.b"), ("NIN_2.W", "NIN_2.b"), ("NIN_3.W", "NIN_3.b")]
        {
            module.extend([(weight, vec![channels, channels]), (bias, vec![channels])]);
        }
        module
    }

    /// DDPM++ of four and eight channels with a block and attention at the second of its resolutions.
    fn ddpmpp() -> Vec<Module> {
        vec![
            dense(4, 16),
            dense(16, 16),
            convolution(3, 4),
            block(4, 4, false),
            block(4, 4, true),
            block(4, 8, true),
            attention(8),
            block(8, 8, false),
            attention(8),
            block(8, 8, false),
            block(16, 8, true),
            block(12, 8, true),
            attention(8),
            block(8, 8, true),
            block(12, 4, true),
            block(8, 4, true),
            norm(4),
            convolution(4, 3),
        ]
    }

    /// NCSN++ of the same sizes.
    fn ncsnpp() -> Vec<Module> {
        let mut modules = ddpmpp();
        modules[0] = dense(8, 16);
        modules.insert(5, picture(3, 4));
        modules.insert(0, vec![("W", vec![4])]);
        modules
    }

    fn named(modules: &[Module]) -> NamedTensors {
        let tensor = |at: usize, (name, shape): &(&str, Vec<usize>)| {
            let n = shape.iter().product();
            (format!("all_modules.{at}.{name}"), TensorData::new(vec![0.5f32; n], shape.clone()))
        };
        let named = modules.iter().enumerate();
        named.flat_map(|(at, module)| module.iter().map(move |entry| tensor(at, entry))).collect()
    }

    #[test]
    fn the_shape_of_a_network_follows_from_the_order_of_its_modules() {
        for (modules, kind) in [(ddpmpp(), SongUNetConfig::ddpmpp()), (ncsnpp(), SongUNetConfig::ncsnpp())] {
            let mut tensors = named(&modules);
            tensors.insert("sigmas".into(), TensorData::new(vec![1.0f32; 7], [7]));
            let (config, found) = score_sde(tensors).unwrap();
            let expected = SongUNetConfig {
                channels: 3,
                height: 0,
                width: 0,
                stem: 4,
                widths: vec![4, 8],
                blocks: vec![1, 1],
                embedding: 16,
                frequencies: if kind.encoder == EncoderInput::Residual { 4 } else { 2 },
                dropout: 0.1,
                ..kind
            };
            assert_eq!(config, expected);
            let shapes = config.fitted(Input::Image { channels: 3, height: 4, width: 4 });
            let shapes = shapes.shapes(&Device::flex()).unwrap();
            let found = found.into_iter().map(|(name, data)| {
                let name = name.strip_prefix("network.").expect("all are of the network").to_owned();
                (name, data.shape().as_slice().to_vec())
            });
            assert_eq!(found.collect::<BTreeMap<_, _>>(), shapes);
        }
    }

    /// The error of NCSN++ with its modules changed.
    fn changed(change: &dyn Fn(&mut Vec<Module>)) -> String {
        let mut modules = ncsnpp();
        change(&mut modules);
        score_sde(named(&modules)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_such_network_is_refused_by_what_it_is() {
        let ddpm = ("NIN_0.W", vec![4, 8]);
        let cases = [
            (
                changed(&|modules| modules[7].push(ddpm.clone())),
                "all_modules.7 is a block of resblock_type ddpm",
            ),
            (
                changed(&|modules| modules[6] = vec![("Conv_0.weight", vec![4; 4])]),
                "all_modules.6 is a convolution that",
            ),
            (changed(&|modules| modules[6] = vec![("Conv.weight", vec![4; 4])]), "input_skip"),
            (changed(&|modules| modules.insert(6, vec![])), "all_modules.6 has no weights"),
            (changed(&|modules| modules.push(norm(4))), "progressive is output_skip or residual"),
            (changed(&|modules| drop(modules.remove(6))), "no tensor says fir"),
            (
                changed(&|modules| drop(modules.remove(1))),
                "all_modules.2 is a convolution, expected a dense layer",
            ),
            (changed(&|modules| drop(modules.pop())), "all_modules.19 is not there, expected a convolution"),
            (
                changed(&|modules| modules.push(dense(4, 4))),
                "all_modules.20 is a dense layer, expected the end",
            ),
            (changed(&|modules| drop(modules.remove(4))), "expected L (2 n + 1) + 2 and 2 (L − 1)"),
            (
                changed(&|modules| modules[1][0].1 = vec![0, 1 << 60]),
                "all_modules.1.weight [0, 1152921504606846976] has no numbers",
            ),
            (changed(&|modules| modules[4].push(("extra", vec![1]))), "all_modules.4.extra [1] is unknown"),
        ];
        for (found, expected) in cases {
            assert!(found.contains(expected), "{found}, expected {expected}");
        }
    }
}
