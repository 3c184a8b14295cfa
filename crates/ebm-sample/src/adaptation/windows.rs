//! The windows of a warm-up.

/// The fewest steps in which a mass is adapted.
const LEAST: usize = 20;

/// The step from which draws count, and the steps, numbered from 0, after which the mass is set from the draws
/// since the last time.
///
/// 75 steps for a typical position and a first step size, then windows of 25, 50, 100, …, and 50 steps for the last
/// step size; where there are fewer than 150 steps, 15 % and 10 % for the first and the last part and one
/// window between.
///
/// # Reference
/// The Stan reference manual, *Automatic parameter tuning*.
pub(super) fn windows(n_steps: usize) -> Option<(usize, Vec<usize>)> {
    if n_steps < LEAST {
        return None;
    }
    let (first, last, base) = if n_steps < 150 {
        let (first, last) = (n_steps * 15 / 100, n_steps / 10);
        (first, last, n_steps - first - last)
    } else {
        (75, 50, 25)
    };
    let end = n_steps - last;
    let (mut ends, mut begin, mut width) = (vec![], first, base);
    while begin < end {
        // a window that would leave no room for the next takes what is left
        let stop = if end < begin + 3 * width { end } else { begin + width };
        ends.push(stop);
        (begin, width) = (stop, 2 * width);
    }
    Some((first, ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_steps_have_the_windows_of_stan() {
        assert_eq!(windows(1000), Some((75, vec![100, 150, 250, 450, 950])));
        assert_eq!(windows(150), Some((75, vec![100])));
        assert_eq!(windows(100), Some((15, vec![90])));
        assert_eq!(windows(19), None);
    }

    #[test]
    fn windows_follow_each_other_to_the_last_part() {
        for n in 20..1500 {
            let (first, ends) = windows(n).unwrap();
            assert!(first < ends[0] && ends.is_sorted() && *ends.last().unwrap() < n, "{n}: {ends:?}");
        }
    }
}
