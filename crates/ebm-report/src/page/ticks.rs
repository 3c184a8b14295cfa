//! Where the ticks of an axis are, and what is written at them.

/// How an axis goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// In even steps.
    #[default]
    Linear,
    /// In even ratios, if all numbers are positive and go over more than a factor of 30; else linear.
    LogIfWide,
    /// In even ratios; numbers that are not positive are left out.
    Log,
}

/// An axis: its ends, and how it goes between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    /// Ends, the logarithms of the numbers if `is_log`.
    ends: [f64; 2],
    is_log: bool,
}

/// Most ticks.
const TICKS: usize = 5;

impl Axis {
    /// An axis for these numbers, with a margin unless `is_tight`; those that are not finite do not count.
    pub fn of(numbers: impl Iterator<Item = f64> + Clone, scale: Scale, is_tight: bool) -> Self {
        let finite = numbers.filter(|number| number.is_finite());
        let least = finite.clone().fold(f64::INFINITY, f64::min);
        let greatest = finite.clone().fold(f64::NEG_INFINITY, f64::max);
        let is_log = match scale {
            Scale::Linear => false,
            Scale::LogIfWide => 0.0 < least && 30.0 * least < greatest,
            Scale::Log => 0.0 < greatest,
        };
        let [low, high] = if is_log {
            let positive = finite.filter(|number| 0.0 < *number).fold(f64::INFINITY, f64::min);
            [positive.log10(), greatest.log10()]
        } else {
            [least, greatest]
        };
        if high < low || !(high - low).is_finite() {
            // Nothing to be shown, or too far apart for a number.
            return Self {
                ends: if high < low { [0.0, 1.0] } else { [low / 4.0, high / 4.0] },
                is_log: false,
            };
        }
        let width = high - low;
        let margin = match () {
            () if width == 0.0 => (0.1 * low.abs()).max(if is_log { 0.3 } else { 1e-3 }),
            () if is_tight => 0.0,
            () => 0.06 * width,
        };
        Self { ends: [low - margin, high + margin], is_log }
    }

    /// Where a number is, from 0 to 1; none if it has no place on the axis.
    pub fn place(&self, number: f64) -> Option<f64> {
        let number = if self.is_log { number.log10() } else { number };
        let place = (number - self.ends[0]) / (self.ends[1] - self.ends[0]);
        place.is_finite().then_some(place)
    }

    /// The ends as numbers.
    pub fn range(&self) -> [f64; 2] {
        self.ends.map(|end| if self.is_log { 10f64.powf(end) } else { end })
    }

    /// Whether it goes in even ratios.
    pub fn is_log(&self) -> bool {
        self.is_log
    }

    /// Places from 0 to 1, and what is written there.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let numbers = if self.is_log { self.log_ticks() } else { self.even_ticks() };
        let within = |number: &f64| self.place(*number).is_some_and(|at| (-1e-9..=1.0 + 1e-9).contains(&at));
        let shown = numbers.into_iter().filter(within);
        shown.filter_map(|number| Some((self.place(number)?.clamp(0.0, 1.0), compact(number)))).collect()
    }

    fn even_ticks(&self) -> Vec<f64> {
        let [low, high] = self.ends;
        let step = nice((high - low) / (TICKS - 1) as f64);
        if !(step.is_finite() && 0.0 < step) {
            return Vec::new();
        }
        let first = (low / step).ceil();
        // Products, so that a tick at 0 is 0.
        (0..=TICKS + 1)
            .map(|i| (first + i as f64) * step)
            .take_while(|tick| *tick <= high + 1e-9 * step)
            .collect()
    }

    fn log_ticks(&self) -> Vec<f64> {
        let [low, high] = self.ends;
        let decades = || low.floor() as i32..=high.ceil() as i32;
        let parts: &[f64] = match high - low {
            width if width < 1.3 => &[1.0, 2.0, 5.0],
            width if width < 2.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let stride = (((high - low) / TICKS as f64).ceil() as i32).max(1);
        let kept = decades().filter(|decade| parts.len() > 1 || decade.rem_euclid(stride) == 0);
        kept.flat_map(|decade| parts.iter().map(move |part| part * 10f64.powi(decade))).collect()
    }
}

/// The least of 1, 2, 2.5 and 5 times a power of ten that is no less than `width`.
fn nice(width: f64) -> f64 {
    let power = 10f64.powf(width.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| width <= factor * power * (1.0 + 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A number of about four digits, as short as it is written: `0.25`, `12,000`, `2e-5`.
pub fn compact(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        return "not a number".into();
    }
    if number.is_infinite() {
        return if 0.0 < number { "∞" } else { "−∞" }.into();
    }
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e7).contains(&size) {
        let text = format!("{size:.3e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}{}e{exponent}", sign(number), trimmed(mantissa));
    }
    let digits = (3 - size.log10().floor() as i32).clamp(0, 7) as usize;
    let text = format!("{size:.digits$}");
    format!("{}{}", sign(number), grouped(trimmed(&text)))
}

fn sign(number: f64) -> &'static str {
    if number < 0.0 { "−" } else { "" }
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// The digits before the point in groups of three.
fn grouped(text: &str) -> String {
    let (whole, rest) = text.split_once('.').map_or((text, String::new()), |(w, r)| (w, format!(".{r}")));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if 0 < i && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(numbers: &[f64], scale: Scale) -> Vec<String> {
        let axis = Axis::of(numbers.iter().copied(), scale, true);
        axis.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers_within_the_axis() {
        assert_eq!(ticks(&[0.0, 300.0], Scale::Linear), ["0", "100", "200", "300"]);
        assert_eq!(ticks(&[-1.1, 1.1], Scale::Linear), ["−1", "0", "1"]);
        assert_eq!(ticks(&[1.0, 1e4], Scale::LogIfWide), ["1", "10", "100", "1,000", "10,000"]);
        assert_eq!(ticks(&[1.0, 7.0], Scale::Log), ["1", "2", "5"]);
        assert_eq!(ticks(&[1.0, 7.0], Scale::LogIfWide), ticks(&[1.0, 7.0], Scale::Linear));
    }

    #[test]
    fn every_axis_has_ends_and_places_whatever_the_numbers_are() {
        let cases: [&[f64]; 7] = [
            &[],
            &[f64::NAN],
            &[2.0, 2.0],
            &[0.0],
            &[f64::MAX, f64::MIN],
            &[1e-300, 1e300],
            &[-5.0, f64::INFINITY],
        ];
        for numbers in cases {
            for scale in [Scale::Linear, Scale::LogIfWide, Scale::Log] {
                let axis = Axis::of(numbers.iter().copied(), scale, false);
                assert!(
                    axis.ends[0] < axis.ends[1] && axis.ends.iter().all(|e| e.is_finite()),
                    "{numbers:?}"
                );
                assert!(axis.ticks().len() <= 12, "{numbers:?}: {:?}", axis.ticks());
                assert!(axis.ticks().iter().all(|(at, _)| (0.0..=1.0).contains(at)));
            }
        }
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.25, "0.25"),
            (1234567.0, "1,234,567"),
            (12000.0, "12,000"),
            (2e-5, "2e-5"),
            (5e-4, "0.0005"),
            (-0.5, "−0.5"),
            (1.23456, "1.235"),
            (f64::NAN, "not a number"),
        ];
        for (number, expected) in cases {
            assert_eq!(compact(number), expected);
        }
    }
}
