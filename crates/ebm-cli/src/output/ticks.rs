//! Round numbers along an axis.

/// Round values 1, 2 or 5 times a power of ten apart, about five of them, and how to write them.
pub(super) fn ticks(low: f64, width: f64) -> Vec<(f64, String)> {
    let power = 10f64.powf((width / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| width / s <= 6.0);
    let step = step.unwrap_or(width);
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let first = (low / step).ceil() as i64;
    let last = ((low + width) / step).floor() as i64;
    let label = |value: f64| {
        if value.abs() < step / 2.0 {
            return "0".into();
        }
        if decimals <= 3 && value.abs() < 1e5 {
            return format!("{value:.decimals$}");
        }
        let digits = (value.abs() / step).log10().ceil().clamp(0.0, 3.0) as usize;
        let text = format!("{value:.digits$e}");
        text.replacen(&format!(".{}e", "0".repeat(digits)), "e", 1)
    };
    (first..=last).take(16).map(|i| i as f64 * step).map(|value| (value, label(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_few_and_inside() {
        for (low, width) in [(-1.3, 2.6), (0.0, 1e-4), (-30.0, 71.0), (995.0, 10.0), (-2e6, 4.4e6)] {
            let ticks = ticks(low, width);
            assert!((3..=7).contains(&ticks.len()), "{low} {width}: {ticks:?}");
            assert!(ticks.iter().all(|(v, _)| low <= *v && *v <= low + width), "{ticks:?}");
            let exact = |(v, text): &(f64, String)| (v - text.parse::<f64>().unwrap()).abs() < 1e-6 * width;
            assert!(ticks.iter().all(exact), "{ticks:?}");
        }
    }
}
