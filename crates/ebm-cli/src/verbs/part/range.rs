//! One part of so many.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What stands in a file's name for the number of the part.
const PLACE: &str = "{part}";

/// One part of so many, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    number: usize,
    of: usize,
}

/// The part that is asked for: `3/8`, or `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// As a job array or MPI says.
    Auto,
    /// This one.
    This(Part),
}

impl Part {
    /// The only part of one.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Part `number` of `of`.
    ///
    /// # Errors
    /// Unless the number is from 1 to `of`.
    pub fn new(number: usize, of: usize) -> Result<Self, String> {
        if 0 < number && number <= of {
            return Ok(Self { number, of });
        }
        Err(format!("part {number} of {of}: expected a number from 1 to that of the parts"))
    }

    /// Its number, from 1.
    pub fn number(self) -> usize {
        self.number
    }

    /// The number of parts.
    pub fn of(self) -> usize {
        self.of
    }

    /// Which of `n` items are in it: parts differ by at most one item.
    pub fn of_items(self, n: usize) -> Range<usize> {
        let border = |part: usize| (part as u128 * n as u128 / self.of as u128) as usize;
        border(self.number - 1)..border(self.number)
    }

    /// The path with the part's number where it says `{part}`, with as many digits as the last part needs.
    pub fn path(self, path: &Path) -> PathBuf {
        let digits = self.of.to_string().len();
        let number = format!("{:0digits$}", self.number);
        match path.to_str() {
            Some(text) => text.replace(PLACE, &number).into(),
            None => path.to_owned(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let numbers = text.split_once('/').and_then(|(number, of)| number.parse().ok().zip(of.parse().ok()));
        let (number, of) = numbers.ok_or("expected a part as in 3/8, or auto")?;
        Ok(Self::This(Part::new(number, of)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_item_once_and_differ_by_at_most_one() {
        for of in 1..20 {
            for n in of..60 {
                let ranges: Vec<_> = (1..=of).map(|i| Part::new(i, of).unwrap().of_items(n)).collect();
                let all: Vec<usize> = ranges.iter().cloned().flatten().collect();
                assert_eq!(all, (0..n).collect::<Vec<_>>());
                let lengths = || ranges.iter().map(ExactSizeIterator::len);
                assert!(lengths().max().unwrap() - lengths().min().unwrap() <= 1, "{ranges:?}");
            }
        }
        let last = Part::new(usize::MAX, usize::MAX).unwrap().of_items(usize::MAX);
        assert_eq!(last, usize::MAX - 1..usize::MAX);
    }

    #[test]
    fn a_part_is_read_as_it_is_written() {
        let part = Part::new(3, 8).unwrap();
        assert_eq!((part.to_string().parse(), "auto".parse()), (Ok(Wanted::This(part)), Ok(Wanted::Auto)));
        for text in ["", "3", "0/8", "9/8", "3/0", "/", "-1/8", "3/8/9", "a/b", "Auto"] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_number_in_a_name_has_the_digits_of_the_last_part() {
        let name = |number, of| Part::new(number, of).unwrap().path(Path::new("d/a-{part}.npy"));
        assert_eq!([name(3, 8), name(3, 12)], ["d/a-3.npy", "d/a-03.npy"].map(PathBuf::from));
    }
}
