//! Mutations of files.

use ebm_ops::Noise;

/// Numbers at which lengths, counts and offsets go wrong.
const EXTREMES: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x10_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    u64::MAX / 8,
    i64::MAX as u64,
    u64::MAX,
];

/// The same as text.
const TEXTS: [&str; 16] = [
    "0",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "-1e999",
    "nan",
    "inf",
    "\"",
    "'",
    "[",
    "{",
    "}",
    "\n",
    "\0",
    "\u{fffd}",
];

/// Mutations, a pure function of the noise.
pub struct Mutator {
    noise: Noise,
}

impl Mutator {
    pub fn new(noise: Noise) -> Self {
        Self { noise }
    }

    /// One of these files, with one to four mutations.
    pub fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut file = seeds[self.below(seeds.len())].clone();
        for _ in 0..1 + self.below(4) {
            self.mutate(&mut file, seeds);
        }
        file
    }

    fn mutate(&mut self, file: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        // Headers are short and decide everything: half of the places are there.
        let near = if self.below(2) == 0 { file.len().min(64) } else { file.len() };
        let at = self.below(near + 1);
        match self.below(9) {
            0 if at < file.len() => file[at] ^= 1 << self.below(8),
            1 if at < file.len() => file[at] = self.byte(),
            2 => file.truncate(self.below(file.len() + 1)),
            3 => {
                let bytes: Vec<u8> = (0..1 + self.below(16)).map(|_| self.byte()).collect();
                file.splice(at..at, bytes);
            }
            4 => {
                let end = at + self.below(file.len() - at + 1);
                file.drain(at..end);
            }
            5 => self.number(file, at),
            6 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                file.truncate(at);
                file.extend(&other[from..]);
            }
            7 => {
                let end = at + self.below((file.len() - at + 1).min(64));
                let again = file[at..end].repeat(1 + self.below(4));
                file.splice(at..at, again);
            }
            _ => {
                let text = TEXTS[self.below(TEXTS.len())];
                let end = (at + self.below(text.len() + 1)).min(file.len());
                file.splice(at..end, text.bytes());
            }
        }
    }

    /// Writes an extreme number over one to eight bytes, in either order.
    fn number(&mut self, file: &mut [u8], at: usize) {
        let size = 1 << self.below(4);
        let number = EXTREMES[self.below(EXTREMES.len())].to_le_bytes();
        let mut bytes = number[..size].to_vec();
        if self.below(2) == 0 {
            bytes.reverse();
        }
        file.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = new);
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    fn below(&mut self, bound: usize) -> usize {
        self.noise.indices(1, bound)[0]
    }
}
