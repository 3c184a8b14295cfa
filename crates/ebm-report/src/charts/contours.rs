//! Lines along which a function on a grid has one value.

use std::collections::HashMap;

/// A point in units of cells from the first value, column before row.
pub(crate) type Point = [f64; 2];

/// The lines on which `heights`, `[n, n]` row by row, has the value `level`, by marching squares; a closed one ends
/// where it begins.
///
/// Squares with a corner that is not finite have no line.
pub(crate) fn contour(heights: &[f32], n: usize, level: f32) -> Vec<Vec<Point>> {
    let mut segments = Vec::new();
    for (row, column) in (0..n.saturating_sub(1)).flat_map(|row| (0..n - 1).map(move |column| (row, column)))
    {
        // Around the square: its corners, and where the line crosses the edge to the next one.
        let corners = [[0, 0], [0, 1], [1, 1], [1, 0]].map(|[y, x]| [row + y, column + x]);
        let values = corners.map(|[y, x]| heights[y * n + x]);
        if values.iter().any(|value| !value.is_finite()) {
            continue;
        }
        let crossings: Vec<Point> = (0..4)
            .map(|i| [i, (i + 1) % 4])
            .filter(|[i, j]| (values[*i] < level) != (values[*j] < level))
            .map(|ends| {
                // From the lower end up, so that both squares of an edge find the same point.
                let [low, high] = if values[ends[0]] < level { ends } else { [ends[1], ends[0]] };
                let [below, above] = [low, high].map(|i| f64::from(values[i]));
                let part = (f64::from(level) - below) / (above - below);
                let [from, to] = [low, high].map(|i| corners[i].map(|v| v as f64));
                [1, 0].map(|axis| from[axis] + part * (to[axis] - from[axis]))
            })
            .collect();
        // A saddle has four crossings; the middle decides which belong together.
        let middle = values.iter().sum::<f32>() / 4.0;
        match crossings[..] {
            [a, b] => segments.push([a, b]),
            [a, b, c, d] if (middle < level) == (values[0] < level) => segments.extend([[a, b], [c, d]]),
            [a, b, c, d] => segments.extend([[d, a], [b, c]]),
            _ => {}
        }
    }
    joined(&segments)
}

/// The segments, joined where they share an end.
fn joined(segments: &[[Point; 2]]) -> Vec<Vec<Point>> {
    let key = |point: Point| point.map(f64::to_bits);
    let mut at: HashMap<[u64; 2], Vec<usize>> = HashMap::new();
    for (i, ends) in segments.iter().enumerate() {
        ends.iter().for_each(|end| at.entry(key(*end)).or_default().push(i));
    }
    let mut is_used = vec![false; segments.len()];
    let mut follow = |line: &mut Vec<Point>, mut end: Point| {
        while let Some(&i) = at[&key(end)].iter().find(|&&i| !is_used[i]) {
            is_used[i] = true;
            let [a, b] = segments[i];
            end = if key(a) == key(end) { b } else { a };
            line.push(end);
        }
    };
    let mut lines = Vec::new();
    for &[from, _] in segments {
        // Both ways from the first end: the way back is laid in front.
        let mut line = vec![from];
        follow(&mut line, from);
        line.reverse();
        follow(&mut line, from);
        if 1 < line.len() {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contour_of_a_cone_is_a_circle() {
        const N: usize = 41;
        let heights: Vec<f32> =
            (0..N * N).map(|i| ((i % N) as f32 - 20.0).hypot((i / N) as f32 - 15.0)).collect();
        let lines = contour(&heights, N, 9.3);
        let [line] = &lines[..] else { panic!("{} lines", lines.len()) };
        assert_eq!(line.first(), line.last(), "it is closed");
        for [x, y] in line {
            assert!(((x - 20.0).hypot(y - 15.0) - 9.3).abs() < 0.02, "{x} {y}");
        }
        let length: f64 =
            line.windows(2).map(|ends| (ends[0][0] - ends[1][0]).hypot(ends[0][1] - ends[1][1])).sum();
        assert!((length - std::f64::consts::TAU * 9.3).abs() < 0.2, "{length}");
    }

    #[test]
    fn a_saddle_has_two_lines_that_do_not_cross() {
        // The middle, 0.5, is above the level: the two low corners are cut off.
        let lines = contour(&[0.0, 1.0, 1.0, 0.0], 2, 0.4);
        for [x, y] in lines.iter().flatten() {
            assert!(((x + y).min(2.0 - x - y) - 0.4).abs() < 1e-6, "{lines:?}");
        }
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn an_open_line_is_one_line() {
        // A slope: the line runs from edge to edge.
        let heights: Vec<f32> = (0..25).map(|i| (i % 5) as f32).collect();
        let lines = contour(&heights, 5, 1.5);
        assert_eq!((lines.len(), lines[0].len()), (1, 5));
        assert!(lines[0].iter().all(|[x, _]| *x == 1.5));
        let mut hole = heights;
        hole[12] = f32::INFINITY;
        assert!(contour(&hole, 5, 1.5).iter().flatten().all(|[_, y]| *y <= 1.0 || 3.0 <= *y));
    }
}
