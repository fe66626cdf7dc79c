//! Products, convolutions and pooling: sums of products and least, greatest or summed values over windows.

use super::kernel::{AXES, Kernel};
use super::{Axis, EXTENTS, Format, Tensor, listed};

/// An index of a tensor, with the extent of what it indexes.
type Dim = (String, i64);

/// What moves over one dimension of an image.
struct Window {
    size: i64,
    stride: i64,
    pad: i64,
    /// How many places it has.
    places: i64,
}

impl Window {
    fn index(&self, place: &str, offset: &str) -> String {
        let at = if self.stride == 1 { place.to_string() } else { format!("{place} * {}", self.stride) };
        let pad = if self.pad == 0 { String::new() } else { format!(" - {}", self.pad) };
        if self.size == 1 { format!("0 + {at}{pad}") } else { format!("{at} + {offset}{pad}") }
    }
}

impl Kernel<'_, '_> {
    /// A stage that computes a product or goes over windows.
    pub fn product(&mut self, is_last: bool) {
        match self.choices.below(4) {
            2 => self.convolution(is_last),
            3 => self.pooling(is_last),
            _ => self.contraction(is_last),
        }
    }

    /// A sum over one dimension of two tensors: products of matrices and vectors, either of them turned.
    pub fn contraction(&mut self, is_last: bool) {
        let left = self.some_bytes(None);
        let reduced = self.choices.below(left.shape.len());
        let extent = left.shape[reduced];
        let right =
            self.tensors.iter().filter(|t| !t.format.is_wide && t.name != left.name && t.shape.contains(&extent));
        let right: Vec<Tensor> = right.cloned().collect();
        let mut axes: Vec<Axis> = Vec::new();
        let first = indexed(&left.shape, reduced, &mut axes);
        let second = match !right.is_empty() && self.choices.percent(50) {
            true => {
                let right = self.choices.of(&right);
                let at = right.shape.iter().position(|n| *n == extent).expect("chosen by it");
                (right.format, format!("{}[{}]", right.name, indexed(&right.shape, at, &mut axes)))
            }
            false => {
                // Several products that are alike may each have their own factor.
                let batch = (axes.len() > 1 && self.choices.percent(40)).then(|| axes[0]);
                let own = (AXES[axes.len()], self.choices.of(&EXTENTS));
                axes.push(own);
                let mut dims = vec![(own.0.to_string(), own.1), ("r".to_string(), extent)];
                if self.choices.percent(40) {
                    dims.reverse();
                }
                let dims: Vec<Dim> = batch.iter().map(|(axis, n)| (axis.to_string(), *n)).chain(dims).collect();
                self.factor(&dims)
            }
        };
        if self.choices.percent(20) {
            axes.reverse();
        }
        let value = format!("sum(r < {extent}: i32({}[{first}]) * i32({}))", left.name, second.1);
        self.product_of((left.format, second.0), &axes, &value, is_last);
    }

    /// Defines a sum of products.
    fn product_of(&mut self, (left, right): (Format, Format), axes: &[Axis], value: &str, is_last: bool) {
        let fraction = left.fraction + right.fraction;
        if axes.is_empty() {
            self.defined(&[("i", 1)], value, Format { is_wide: true, fraction }, is_last);
        } else {
            self.defined(axes, value, Format { is_wide: true, fraction }, is_last);
        }
    }

    /// A tensor of bytes, of a rank if one is given: one that there is, or an input.
    fn some_bytes(&mut self, rank: Option<usize>) -> Tensor {
        let mut bytes = self.bytes();
        bytes.retain(|t| rank.is_none_or(|rank| t.shape.len() == rank));
        match bytes.is_empty() {
            false => self.choices.of(&bytes),
            true => {
                let rank = rank.unwrap_or(2);
                let shape: Vec<i64> = (0..rank).map(|_| self.choices.of(&EXTENTS)).collect();
                let format = Format { is_wide: false, fraction: self.fraction() };
                let outside = self.choices.percent(50).then(|| self.outside(format));
                self.input(shape, format, outside)
            }
        }
    }

    /// A tensor of bytes that can be read with these indices: an input, or one that there is.
    fn factor(&mut self, dims: &[Dim]) -> (Format, String) {
        let shape: Vec<i64> = dims.iter().map(|(_, n)| *n).collect();
        let mut fitting = self.bytes();
        fitting.retain(|t| t.shape == shape);
        let tensor = match !fitting.is_empty() && self.choices.percent(50) {
            true => self.choices.of(&fitting),
            false => {
                let format = Format { is_wide: false, fraction: self.fraction() };
                self.input(shape, format, None)
            }
        };
        let indices: Vec<&str> = dims.iter().map(|(index, _)| index.as_str()).collect();
        (tensor.format, format!("{}[{}]", tensor.name, listed(&indices)))
    }

    fn window(&mut self, extent: i64, is_bordered: bool) -> Window {
        let size = (1 + self.choices.below(3) as i64).min(extent);
        let stride = 1 + self.choices.below(2) as i64;
        let pad = if is_bordered { self.choices.below(size as usize) as i64 } else { 0 };
        Window { size, stride, pad, places: (extent + 2 * pad - size) / stride + 1 }
    }

    /// A convolution of an image with its channels first or last, or one of each channel alone.
    fn convolution(&mut self, is_last: bool) {
        let image = self.some_bytes(Some(3));
        let is_first = !self.choices.percent(30);
        let (channel, sides) = if is_first { (0, [1, 2]) } else { (2, [0, 1]) };
        let [rows, columns] = sides.map(|dim| self.window(image.shape[dim], image.outside.is_some()));
        let (places, offsets) = (["j", "k"], ["r", "s"]);
        let moved = [rows.index(places[0], offsets[0]), columns.index(places[1], offsets[1])];
        let is_depthwise = self.choices.percent(25);
        let channels = image.shape[channel];
        let own = if is_depthwise { channels } else { self.choices.of(&EXTENTS) };
        let in_image = if is_depthwise { "i" } else { "c" };
        let at = if is_first { [in_image, &moved[0], &moved[1]] } else { [&moved[0], &moved[1], in_image] };
        let mut dims: Vec<Dim> = vec![("i".to_string(), own)];
        if !is_depthwise {
            dims.push(("c".to_string(), channels));
        }
        let mut bounds: Vec<String> = if is_depthwise { Vec::new() } else { vec![format!("c < {channels}")] };
        for (window, offset) in [&rows, &columns].into_iter().zip(offsets).filter(|(window, _)| window.size > 1) {
            dims.push((offset.to_string(), window.size));
            bounds.push(format!("{offset} < {}", window.size));
        }
        if self.choices.percent(25) {
            dims.reverse();
        }
        let (format, factor) = self.factor(&dims);
        let product = format!("i32({}[{}]) * i32({factor})", image.name, listed(&at));
        let value = if bounds.is_empty() { product } else { format!("sum({}: {product})", bounds.join(", ")) };
        let mut axes: Vec<Axis> = vec![("i", own), ("j", rows.places), ("k", columns.places)];
        if self.choices.percent(30) {
            axes.rotate_left(1);
        }
        self.product_of((image.format, format), &axes, &value, is_last);
    }

    /// The least, the greatest or the summed value of windows over one or two dimensions.
    fn pooling(&mut self, is_last: bool) {
        let image = self.choices.of(&self.tensors);
        let from = self.choices.below(image.shape.len());
        let (mut axes, mut indices, mut bounds): (Vec<Axis>, Vec<String>, Vec<String>) = Default::default();
        for (dim, extent) in image.shape.iter().enumerate() {
            let (axis, offset) = (AXES[dim], ["r", "s"].get(dim.wrapping_sub(from)));
            match offset {
                None => {
                    axes.push((axis, *extent));
                    indices.push(axis.to_string());
                }
                Some(offset) => {
                    let window = self.window(*extent, image.outside.is_some());
                    axes.push((axis, window.places));
                    indices.push(window.index(axis, offset));
                    if window.size > 1 {
                        bounds.push(format!("{offset} < {}", window.size));
                    }
                }
            }
        }
        let read = format!("{}[{}]", image.name, listed(&indices));
        let reducer = self.choices.of(&["max", "sum", "min"]);
        let (read, format) = match reducer == "sum" || self.choices.percent(30) {
            true => (format!("i32({read})"), Format { is_wide: true, ..image.format }),
            false => (read, image.format),
        };
        let value = if bounds.is_empty() { read } else { format!("{reducer}({}: {read})", bounds.join(", ")) };
        self.defined(&axes, &value, format, is_last);
    }
}

/// The indices of a tensor of which one dimension is reduced: each of the others has an axis, as long as there are some.
fn indexed(shape: &[i64], reduced: usize, axes: &mut Vec<Axis>) -> String {
    let index = |(dim, extent): (usize, &i64)| match AXES.get(axes.len()) {
        _ if dim == reduced => "r".to_string(),
        Some(axis) => {
            axes.push((axis, *extent));
            axis.to_string()
        }
        None => "0".to_string(),
    };
    let indices: Vec<String> = shape.iter().enumerate().map(index).collect();
    listed(&indices)
}
