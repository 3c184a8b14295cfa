//! Rendering of strokes.

use super::hand::Hand;

/// Height and width of a glyph's image, in pixels.
pub(super) const SIDE: usize = 28;

/// Half the width of the soft edge of a line, in pixels.
const EDGE: f32 = 0.62;

/// A point of a line: its position, and half the width of the line there, in pixels.
#[derive(Clone, Copy)]
struct Ink {
    x: f32,
    y: f32,
    radius: f32,
}

/// The image of `strokes`, scaled by the longer side and centred by the centre of mass, as in MNIST.
pub(super) fn render(strokes: &[Vec<[f32; 2]>], hand: &Hand) -> Vec<u8> {
    let lines: Vec<Vec<Ink>> = place(strokes.iter().map(|stroke| spline(stroke)).collect(), hand);
    // Signed distance to the edge of the line, positive inside; the union of shapes is the maximum.
    let mut inside = [f32::NEG_INFINITY; SIDE * SIDE];
    for line in &lines {
        for pair in line.windows(2) {
            draw(&mut inside, pair[0], pair[1]);
        }
    }
    inside.iter().map(|&distance| shade(distance)).collect()
}

/// The grey level of a pixel whose centre is this far inside the line.
fn shade(distance: f32) -> u8 {
    let t = ((distance + EDGE) / (2.0 * EDGE)).clamp(0.0, 1.0);
    (255.0 * t * t * (3.0 - 2.0 * t)).round() as u8
}

/// Draws a segment whose width varies linearly from one end to the other.
fn draw(inside: &mut [f32; SIDE * SIDE], from: Ink, to: Ink) {
    let reach = from.radius.max(to.radius) + EDGE;
    // Pixel k covers [k, k + 1], its centre is k + ½.
    let span = |a: f32, b: f32| {
        let first = (a.min(b) - reach - 0.5).ceil().clamp(0.0, SIDE as f32) as usize;
        let end = (a.max(b) + reach - 0.5).floor().clamp(-1.0, SIDE as f32 - 1.0) + 1.0;
        first..end as usize
    };
    let (dx, dy, dr) = (to.x - from.x, to.y - from.y, to.radius - from.radius);
    let inverse = 1.0 / (dx * dx + dy * dy).max(1e-12);
    let columns = span(from.x, to.x);
    for row in span(from.y, to.y) {
        let y = row as f32 + 0.5 - from.y;
        for column in columns.clone() {
            let x = column as f32 + 0.5 - from.x;
            let t = ((x * dx + y * dy) * inverse).clamp(0.0, 1.0);
            let (u, v) = (x - t * dx, y - t * dy);
            let distance = from.radius + t * dr - (u * u + v * v).sqrt();
            let pixel = &mut inside[row * SIDE + column];
            *pixel = pixel.max(distance);
        }
    }
}

/// Maps lines from units of a digit's height to pixels, with their widths.
fn place(lines: Vec<Vec<[f32; 2]>>, hand: &Hand) -> Vec<Vec<Ink>> {
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    let (mut mass, mut moment) = (0.0, [0.0; 2]);
    for line in &lines {
        for point in line {
            for axis in 0..2 {
                (low[axis], high[axis]) = (low[axis].min(point[axis]), high[axis].max(point[axis]));
            }
        }
        for pair in line.windows(2) {
            let length = distance(pair[0], pair[1]);
            mass += length;
            for axis in 0..2 {
                moment[axis] += length * 0.5 * (pair[0][axis] + pair[1][axis]);
            }
        }
    }
    let extent = (high[0] - low[0]).max(high[1] - low[1]).max(1e-3);
    let scale = (hand.size - 2.0 * hand.radius) / extent;
    let [amplitude, phase] = hand.pressure;
    // Half a pixel more than the line's reach keeps the border of the image black.
    let margin = (1.0 + amplitude) * hand.radius + EDGE + 0.5;
    let shift: [f32; 2] = std::array::from_fn(|axis| {
        let centred = 0.5 * SIDE as f32 + hand.offset[axis] - scale * moment[axis] / mass.max(1e-6);
        centred.max(margin - scale * low[axis]).min(SIDE as f32 - margin - scale * high[axis])
    });
    lines
        .iter()
        .map(|line| {
            let mut way = 0.0;
            let mut previous = line[0];
            line.iter()
                .map(|&point| {
                    way += distance(previous, point);
                    previous = point;
                    let radius = hand.radius * (1.0 + amplitude * (5.0 * way + phase).sin());
                    Ink { x: scale * point[0] + shift[0], y: scale * point[1] + shift[1], radius }
                })
                .collect()
        })
        .collect()
}

/// The smooth curve through `points`, as a polygon.
///
/// # Reference
/// Yuksel, Schaefer and Keyser (2011), *Parameterization and applications of Catmull-Rom curves* (the centripetal one).
fn spline(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let n = points.len();
    let closed = 3 < n && points[0] == points[n - 1];
    let [before, after] = match n {
        0..3 => return points.to_vec(),
        _ if closed => [points[n - 2], points[1]],
        _ => [beyond(points[0], points[1], points[2]), beyond(points[n - 1], points[n - 2], points[n - 3])],
    };
    let at = |i: usize| match i {
        0 => before,
        i if i <= n => points[i - 1],
        _ => after,
    };
    let mut polygon = vec![points[0]];
    for i in 0..n - 1 {
        let [p0, p1, p2, p3] = [at(i), at(i + 1), at(i + 2), at(i + 3)];
        let knot = |a, b| distance(a, b).sqrt().max(1e-3);
        let (a, b, c) = (knot(p0, p1), knot(p1, p2), knot(p2, p3));
        let tangent = |axis: usize| {
            let (first, middle, last) = (p1[axis] - p0[axis], p2[axis] - p1[axis], p3[axis] - p2[axis]);
            let start = b * (first / a - (first + middle) / (a + b)) + middle;
            let end = middle - b * ((middle + last) / (b + c) - last / c);
            [start, end]
        };
        let [mx, my] = [tangent(0), tangent(1)];
        let pieces = (distance(p1, p2) * 16.0).ceil().clamp(2.0, 8.0);
        for k in 1..=pieces as usize {
            let t = k as f32 / pieces;
            let hermite = |axis: usize, [start, end]: [f32; 2]| {
                let (t2, t3) = (t * t, t * t * t);
                (2.0 * t3 - 3.0 * t2 + 1.0) * p1[axis]
                    + (t3 - 2.0 * t2 + t) * start
                    + (3.0 * t2 - 2.0 * t3) * p2[axis]
                    + (t3 - t2) * end
            };
            polygon.push([hermite(0, mx), hermite(1, my)]);
        }
    }
    polygon
}

/// A point before the first, such that the curve starts with half of its curvature.
fn beyond(first: [f32; 2], second: [f32; 2], third: [f32; 2]) -> [f32; 2] {
    std::array::from_fn(|axis| 2.5 * first[axis] - 2.0 * second[axis] + 0.5 * third[axis])
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_its_width_a_soft_edge_and_round_ends() {
        let mut inside = [f32::NEG_INFINITY; SIDE * SIDE];
        draw(&mut inside, Ink { x: 6.5, y: 14.5, radius: 1.5 }, Ink { x: 20.5, y: 14.5, radius: 1.5 });
        let shades = |pixels: &[usize]| pixels.iter().map(|&pixel| shade(inside[pixel])).collect::<Vec<_>>();

        let across = shades(&[11, 12, 13, 14, 15, 16, 17].map(|row| row * SIDE + 12));
        // The centres lie 3, 2, 1, 0 … pixels from the line, the edge between 0.88 and 2.12: smoothstep there.
        assert_eq!(across, [0, 7, 248, 255, 248, 7, 0]);
        let beyond_the_end = shades(&[20, 21, 22, 23].map(|column| 14 * SIDE + column));
        assert_eq!(beyond_the_end, [255, 248, 7, 0]);
        let corner = shades(&[15 * SIDE + 21]);
        assert!(corner[0] < 248, "the end is round: {corner:?}");
    }

    #[test]
    fn a_curve_passes_through_its_points_and_a_closed_one_has_no_corner() {
        let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]];
        let polygon = spline(&square);
        for point in square {
            assert!(polygon.iter().any(|&p| distance(p, point) < 1e-5), "{point:?}");
        }
        let last = polygon.len() - 1;
        let (leaving, arriving) = (polygon[1], polygon[last - 1]);
        let cosine = -(leaving[0] * arriving[0] + leaving[1] * arriving[1])
            / (distance(leaving, [0.0; 2]) * distance(arriving, [0.0; 2]));
        // The polygon's corner at (0, 0) is the curve's curvature over a piece, not the square's right angle.
        assert!(0.8 < cosine, "{cosine}");
    }
}
