//! The sum over the shards of a step where they are computed by several ranks.
//!
//! Shard k is computed by rank k mod R, so round j has the shards jR … jR + R − 1, in the order of the ranks. In each
//! round every rank sends each other rank that one's segment of its gradient, and adds what it is sent to its segment of
//! the sum, in the order of the ranks, which is that of the shards. Segments are gathered after the last round.
//! So every sum is the one that a single process takes, to the last bit, and in a round a rank sends and receives about
//! as much as in an all-reduce.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::contrastive::report::{OLDEST, PARTS};
use crate::trainer::evaluation::Evaluation;
use crate::trainer::team::Team;
use crate::{ContrastReport, Optimizer, Shard, TrainError};

/// Bytes of a number.
const WIDTH: usize = size_of::<f32>();

/// The sum of one step.
pub(crate) struct Rounds<'a> {
    team: &'a Team,
    parameters: Vec<Parameter>,
    /// Numbers of all parameters.
    total: usize,
    /// This rank's segment of the sum of the gradients.
    segment: Vec<f32>,
    /// The sums of the loss and of the numbers of the report.
    sums: Option<Numbers>,
    /// A report of this rank's, for its bounds.
    report: Option<ContrastReport>,
    /// Where this rank's tensors are.
    device: Option<Device>,
}

/// A trained parameter within the numbers of all of them.
struct Parameter {
    name: String,
    start: usize,
    length: usize,
    /// Whether some shard so far has a gradient for it.
    is_known: bool,
}

/// The loss and the numbers of the report.
#[derive(Clone, Copy)]
struct Numbers {
    loss: f32,
    report: [Option<f32>; PARTS],
}

impl<'a> Rounds<'a> {
    pub fn new(team: &'a Team, optimizer: &Optimizer) -> Self {
        let mut total = 0;
        let parameters = optimizer.lengths().map(|(name, length)| {
            let start = total;
            total += length;
            Parameter { name: name.to_owned(), start, length, is_known: false }
        });
        let parameters: Vec<Parameter> = parameters.collect();
        let length = segment(team, team.ranks().rank()).rows(total).len();
        let segment = vec![0.0; length];
        Self { team, parameters, total, segment, sums: None, report: None, device: None }
    }

    /// The next round, with this rank's shard in it, if it has one.
    pub fn add(&mut self, mine: Option<Evaluation>) -> Result<(), TrainError> {
        let parts = match mine {
            Some(mine) => {
                let parts = self.team.or_tell(self.messages(&mine))?;
                self.device.get_or_insert_with(|| mine.loss.device());
                self.report = mine.report.or(self.report.take());
                parts
            }
            None => vec![Vec::new(); self.team.ranks().size()],
        };
        for (rank, message) in self.team.exchange(parts)?.into_iter().enumerate() {
            if !message.is_empty() {
                let received = self.receive(&message);
                received.ok_or_else(|| TrainError::Rank { rank, reason: "it has another network".into() })?;
            }
        }
        Ok(())
    }

    /// The sum over all shards, the same on every rank.
    pub fn finish(self) -> Result<Evaluation, TrainError> {
        let bytes: Vec<u8> = self.segment.iter().flat_map(|number| number.to_le_bytes()).collect();
        let whole = self.team.gather(&bytes)?.concat();
        let wrong = |reason: &str| TrainError::Rank { rank: self.team.ranks().rank(), reason: reason.into() };
        if whole.len() != self.total * WIDTH {
            return Err(wrong("the segments of the gradient are not those of its network"));
        }
        let (Some(sums), Some(device)) = (self.sums, self.device) else {
            return Err(wrong("it has no shard"));
        };
        let number = |number: f32| Tensor::<1>::from_data([number], (&device, DType::F32));
        let gradients = self.parameters.into_iter().filter(|parameter| parameter.is_known);
        let gradients = gradients.map(|Parameter { name, start, length, .. }| {
            let values: Vec<f32> = numbers(&whole[start * WIDTH..(start + length) * WIDTH]).collect();
            let values = TensorData::new(values, [length]);
            (name, Tensor::from_data(values, (&device, DType::F32)))
        });
        Ok(Evaluation {
            loss: number(sums.loss),
            gradients: gradients.collect(),
            report: self.report.map(|report| report.with_parts(sums.report.map(|part| part.map(number)))),
        })
    }

    /// What is sent to each rank: the loss, the report, which parameters have a gradient, and the rank's segment of it.
    fn messages(&self, mine: &Evaluation) -> Result<Vec<Vec<u8>>, TrainError> {
        let rank = self.team.ranks().rank();
        let mut flat = vec![0u8; self.total * WIDTH];
        for (name, gradient) in &mine.gradients {
            let place = self.parameters.iter().find(|parameter| parameter.name == *name);
            let (Some(Parameter { start, length, .. }), DType::F32) = (place, gradient.dtype()) else {
                let reason = format!("the gradient of {name} is {:?}, expected F32", gradient.dtype());
                return Err(TrainError::Rank { rank, reason });
            };
            flat[start * WIDTH..(start + length) * WIDTH]
                .copy_from_slice(gradient.clone().into_data().as_bytes());
        }
        let mut head: Vec<u8> = Vec::new();
        let mut put = |number: f32| head.extend(number.to_le_bytes());
        let read = |tensor: &Tensor<1>| tensor.clone().into_scalar::<f32>();
        put(read(&mine.loss));
        let parts = mine.report.as_ref().map_or([None; PARTS], ContrastReport::parts);
        for part in parts {
            put(if part.is_some() { 1.0 } else { 0.0 });
            put(part.map_or(0.0, read));
        }
        for parameter in &self.parameters {
            put(if mine.gradients.contains_key(&parameter.name) { 1.0 } else { 0.0 });
        }
        let to = |rank: usize| {
            let range = segment(self.team, rank).rows(self.total);
            [&head[..], &flat[range.start * WIDTH..range.end * WIDTH]].concat()
        };
        Ok((0..self.team.ranks().size()).map(to).collect())
    }

    /// Adds a shard; `None` if the message is not of this network.
    fn receive(&mut self, message: &[u8]) -> Option<()> {
        let head = 1 + 2 * PARTS + self.parameters.len();
        if message.len() != (head + self.segment.len()) * WIDTH {
            return None;
        }
        let (head, values) = message.split_at(head * WIDTH);
        let head: Vec<f32> = numbers(head).collect();
        let (own, known) = head.split_at(1 + 2 * PARTS);
        let part = |i: usize| (own[1 + 2 * i] == 1.0).then_some(own[2 + 2 * i]);
        let next = Numbers { loss: own[0], report: std::array::from_fn(part) };
        self.sums = Some(self.sums.map_or(next, |sums| sums.plus(next)));

        let mine = segment(self.team, self.team.ranks().rank()).rows(self.total);
        for (parameter, known) in self.parameters.iter_mut().zip(known) {
            if *known != 1.0 {
                continue;
            }
            let start = parameter.start.clamp(mine.start, mine.end) - mine.start;
            let end = (parameter.start + parameter.length).clamp(mine.start, mine.end) - mine.start;
            let next = numbers(&values[start * WIDTH..end * WIDTH]);
            for (sum, next) in self.segment[start..end].iter_mut().zip(next) {
                *sum = if parameter.is_known { *sum + next } else { next };
            }
            parameter.is_known = true;
        }
        Some(())
    }
}

impl Numbers {
    fn plus(self, next: Self) -> Self {
        let sum = |i: usize| match (self.report[i], next.report[i]) {
            (Some(a), Some(b)) if i == OLDEST => Some(a.max(b)),
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        Self { loss: self.loss + next.loss, report: std::array::from_fn(sum) }
    }
}

/// The part of all numbers that `rank` sums.
fn segment(team: &Team, rank: usize) -> Shard {
    let mut all = Shard::all(team.ranks().size());
    all.nth(rank).unwrap_or(Shard::WHOLE)
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(WIDTH).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default()))
}
