//! Pixels that `plotters` draws on.

use std::convert::Infallible;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

use super::lettering;
use crate::Picture;

type Done = Result<(), DrawingErrorKind<Infallible>>;

/// A white picture of fine pixels; what is drawn outside is left out.
pub(super) struct Canvas {
    size: [u32; 2],
    rgb: Vec<u8>,
    /// The last stroke that touched a pixel: a line that crosses itself is not darker there.
    touched: Vec<u32>,
    stroke: u32,
}

impl Canvas {
    pub fn white(size: [u32; 2]) -> Self {
        let n = size[0] as usize * size[1] as usize;
        Self { size, rgb: vec![255; 3 * n], touched: vec![0; n], stroke: 0 }
    }

    /// The picture of averages over squares of `side` fine pixels.
    pub fn reduced(&self, side: usize) -> Picture {
        let [width, height] = self.size.map(|length| length as usize);
        let (n, area) = ([width / side, height / side], (side * side) as u32);
        let mut rgb = Vec::with_capacity(3 * n[0] * n[1]);
        let mut sums = vec![0u32; 3 * n[0]];
        for row in 0..n[1] {
            sums.fill(0);
            for line in self.rgb.chunks_exact(3 * width).skip(row * side).take(side) {
                for (sum, block) in sums.chunks_exact_mut(3).zip(line.chunks_exact(3 * side)) {
                    for (i, value) in block.iter().enumerate() {
                        sum[i % 3] += u32::from(*value);
                    }
                }
            }
            rgb.extend(sums.iter().map(|sum| ((sum + area / 2) / area) as u8));
        }
        Picture::new(n[0], n[1], rgb)
    }

    fn index(&self, x: i32, y: i32) -> Option<usize> {
        let [width, height] = self.size.map(|length| length as i32);
        ((0..width).contains(&x) && (0..height).contains(&y)).then(|| (y * width + x) as usize)
    }

    fn blend(&mut self, (x, y): BackendCoord, colour: BackendColor) {
        let Some(i) = self.index(x, y) else { return };
        let (opacity, (r, g, b)) = (colour.alpha as f32, colour.rgb);
        for (below, above) in self.rgb[3 * i..3 * i + 3].iter_mut().zip([r, g, b]) {
            *below = (f32::from(*below) + opacity * (f32::from(above) - f32::from(*below))).round() as u8;
        }
    }

    /// Blends once in a stroke.
    fn touch(&mut self, x: i32, y: i32, colour: BackendColor) {
        let Some(i) = self.index(x, y) else { return };
        if self.touched[i] != self.stroke {
            self.touched[i] = self.stroke;
            self.blend((x, y), colour);
        }
    }

    /// A segment of a stroke, along its longer side a pixel at a time.
    fn segment(&mut self, from: BackendCoord, to: BackendCoord, colour: BackendColor, thickness: u32) {
        let is_steep = (to.0 - from.0).abs() < (to.1 - from.1).abs();
        let turned = |(x, y): BackendCoord| if is_steep { (y, x) } else { (x, y) };
        let (mut from, mut to) = (turned(from), turned(to));
        if to.0 < from.0 {
            (from, to) = (to, from);
        }
        let slope = f64::from(to.1 - from.1) / f64::from((to.0 - from.0).max(1));
        let across = (f64::from(thickness.max(1)) * slope.hypot(1.0)).round().max(1.0) as i32;
        let edge = self.size.map(|length| length as i32)[usize::from(is_steep)];
        // Square ends, so that the corners of a path are closed.
        let reach = thickness as i32 / 2;
        for along in (from.0 - reach).max(0)..=(to.0 + reach).min(edge - 1) {
            let nearest = along.clamp(from.0, to.0);
            let middle = f64::from(from.1) + slope * f64::from(nearest - from.0);
            let first = (middle - f64::from(across - 1) / 2.0).round() as i32;
            for beside in first..first + across {
                let (x, y) = turned((along, beside));
                self.touch(x, y, colour);
            }
        }
    }
}

impl DrawingBackend for &mut Canvas {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.size[0], self.size[1])
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, colour: BackendColor) -> Done {
        self.blend(point, colour);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Done {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Done {
        self.stroke += 1;
        let mut path = path.into_iter();
        let Some(mut from) = path.next() else { return Ok(()) };
        for to in path {
            self.segment(from, to, style.color(), style.stroke_width());
            from = to;
        }
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        is_filled: bool,
    ) -> Done {
        if !is_filled {
            let corners = [from, (to.0, from.1), to, (from.0, to.1), from];
            return self.draw_path(corners, style);
        }
        let [width, height] = self.size.map(|length| length as i32);
        let columns = from.0.min(to.0).max(0)..from.0.max(to.0).min(width);
        let colour = style.color();
        let (r, g, b) = colour.rgb;
        for y in from.1.min(to.1).max(0)..from.1.max(to.1).min(height) {
            if colour.alpha < 1.0 {
                columns.clone().for_each(|x| self.blend((x, y), colour));
            } else if !columns.is_empty() {
                let [first, end] = [columns.start, columns.end].map(|x| 3 * (y * width + x) as usize);
                self.rgb[first..end].as_chunks_mut::<3>().0.fill([r, g, b]);
            }
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        _is_filled: bool,
    ) -> Done {
        let r = radius as i32;
        for (dx, dy) in (-r..=r).flat_map(|dy| (-r..=r).map(move |dx| (dx, dy))) {
            if dx * dx + dy * dy <= r * r {
                self.blend((x + dx, y + dy), style.color());
            }
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Done {
        let (size, colour) = (style.size() as f32, style.color());
        let anchor = style.anchor();
        let dx = match anchor.h_pos {
            HPos::Left => 0.0,
            HPos::Center => -lettering::width(text, size) / 2.0,
            HPos::Right => -lettering::width(text, size),
        };
        let dy = match anchor.v_pos {
            VPos::Top => 0.0,
            VPos::Center => -size / 2.0,
            VPos::Bottom => -size,
        };
        let (dx, dy) = (dx.round() as i32, dy.round() as i32);
        let turn = style.transform();
        lettering::rasterize(text, size, |x, y, coverage| {
            let (x, y) = turn.transform(x + dx, y + dy);
            let alpha = colour.alpha * f64::from(coverage);
            self.blend((at.0 + x, at.1 + y), BackendColor { alpha, ..colour });
        });
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size() as f32;
        Ok((lettering::width(text, size).ceil() as u32, size.ceil() as u32))
    }
}
