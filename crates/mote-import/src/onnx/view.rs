//! What a value of the file is in the graph: which dimension runs along which axis.
//!
//! The graph stores `[time][width][channel]`, where the width (the axes of a sensor seen as an image) is mostly 1.
//! ONNX values are `[1, channels, time]` or `[1, channels, time, width]`, and flattening them merges dimensions in
//! that order. So every dimension is a list of axes, and transposing and reshaping only rewrite the lists.

use mote_model::{Shape, TensorId};

/// An axis of a stored tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Time,
    Width,
    Channel,
}

use Axis::{Channel, Time, Width};

/// A value.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub tensor: TensorId,
    /// Extents of time, width and channels.
    pub size: [usize; 3],
    /// The axes of each dimension, slowest first. Axes of extent 1 are in no list.
    pub dims: Vec<Vec<Axis>>,
    /// Zeros before and after, per axis, that a `Pad` asked for.
    pub pad: [[usize; 2]; 3],
    /// Whether some other value than this one sees the same tensor.
    pub shared: bool,
}

pub(super) const NO_PADDING: [[usize; 2]; 3] = [[0; 2]; 3];

/// The axes of `[1, channels]`, `[1, channels, time]` and `[1, channels, time, width]`.
pub(super) fn channels_first(rank: usize) -> Option<Vec<Vec<Axis>>> {
    let axes: &[&[Axis]] = match rank {
        2 => &[&[], &[Channel]],
        3 => &[&[], &[Channel], &[Time]],
        4 => &[&[], &[Channel], &[Time], &[Width]],
        _ => return None,
    };
    Some(axes.iter().map(|a| a.to_vec()).collect())
}

impl View {
    /// The view of a tensor of `size` that nobody else sees, without its axes of extent 1.
    pub fn new(tensor: TensorId, size: [usize; 3], dims: Vec<Vec<Axis>>) -> Self {
        let mut view = Self {
            tensor,
            size,
            dims,
            pad: NO_PADDING,
            shared: false,
        };
        let kept = |axis: &Axis| view.extent(*axis) > 1;
        let dims = view.dims.iter();
        view.dims = dims
            .map(|dim| dim.iter().copied().filter(kept).collect())
            .collect();
        view
    }

    /// The view of an input with dimensions of these extents, channels first. Where an image has a height of 1, its
    /// width is time.
    pub fn input(tensor: TensorId, extents: &[usize]) -> Option<Self> {
        let mut dims = channels_first(extents.len())?;
        if let (&[_, _, 1, _], [_, _, height, width]) = (extents, dims.as_mut_slice()) {
            std::mem::swap(height, width);
        }
        let size = [Time, Width, Channel].map(|axis| {
            let mut of_axis = dims.iter().zip(extents);
            let found = of_axis.find(|(dim, _)| dim.contains(&axis));
            found.map_or(1, |(_, &extent)| extent)
        });
        let batch_is_one = extents.first() == Some(&1);
        batch_is_one.then(|| Self::new(tensor, size, dims))
    }

    /// Steps along `axis`.
    pub fn extent(&self, axis: Axis) -> usize {
        let [time, width, channels] = self.size;
        match axis {
            Time => time,
            Width => width,
            Channel => channels,
        }
    }

    /// Extent of each dimension, padding not counted.
    pub fn extents(&self) -> Vec<usize> {
        let extent = |dim: &Vec<Axis>| dim.iter().map(|&a| self.extent(a)).product();
        self.dims.iter().map(extent).collect()
    }

    /// The shape of the stored tensor.
    pub fn shape(&self) -> Shape {
        let [time, width, channels] = self.size;
        Shape::new(time, width * channels)
    }

    /// Whether its axes may be called otherwise, if it is the input: nobody else relies on what they are called now.
    pub fn may_be_renamed(&self) -> bool {
        self.pad == NO_PADDING && !self.shared
    }

    /// Whether the dimensions are `wanted`, axes of extent 1 aside.
    pub fn is(&self, wanted: &[Vec<Axis>]) -> bool {
        let kept = |axis: &&Axis| self.extent(**axis) > 1;
        self.dims.len() == wanted.len()
            && self
                .dims
                .iter()
                .zip(wanted)
                .all(|(a, b)| a.iter().eq(b.iter().filter(kept)))
    }

    /// The lists of axes of the same values in dimensions of `extents`; `None` when a dimension would end within an
    /// axis.
    pub fn reshaped(&self, extents: &[usize]) -> Option<Vec<Vec<Axis>>> {
        let mut axes = self.dims.iter().flatten().copied();
        let mut dims = Vec::new();
        for &extent in extents {
            let (mut dim, mut product) = (Vec::new(), 1usize);
            while product < extent {
                let axis = axes.next()?;
                product = product.checked_mul(self.extent(axis))?;
                dim.push(axis);
            }
            if product != extent {
                return None;
            }
            dims.push(dim);
        }
        axes.next().is_none().then_some(dims)
    }

    /// For each stored element, its place in the file's order.
    pub fn file_order(&self) -> Vec<usize> {
        self.order(&self.dims.concat(), [Time, Width, Channel])
    }

    /// For each stored element of one dimension, its index in that dimension. The dimension must hold all axes in
    /// `axes` of extent above 1.
    pub fn order(&self, dim: &[Axis], axes: [Axis; 3]) -> Vec<usize> {
        let stride = |axis: Axis| match dim.iter().position(|&a| a == axis) {
            Some(at) => dim
                .iter()
                .skip(at + 1)
                .map(|&a| self.extent(a))
                .product::<usize>(),
            None => 0,
        };
        let steps = axes.map(|axis| match dim.contains(&axis) {
            true => (self.extent(axis), stride(axis)),
            false => (1, 0),
        });
        let [(slow, slow_by), (mid, mid_by), (fast, fast_by)] = steps;
        (0..slow)
            .flat_map(|i| (0..mid).map(move |j| i * slow_by + j * mid_by))
            .flat_map(|at| (0..fast).map(move |k| at + k * fast_by))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(extents: &[usize]) -> View {
        View::input(0, extents).unwrap()
    }

    #[test]
    fn flattening_is_channel_major_and_storage_time_major() {
        let mut view = view(&[1, 2, 3]);
        view.dims = view.reshaped(&[1, 6]).unwrap();
        assert_eq!(view.dims, [vec![], vec![Channel, Time]]);
        let order = view.order(&view.dims[1], [Time, Width, Channel]);
        assert_eq!(order, [0, 3, 1, 4, 2, 5]);
        assert_eq!(view.reshaped(&[1, 2, 3]).unwrap()[2], [Time]);
        assert_eq!(view.reshaped(&[3, 2]), None);
        assert_eq!(view.reshaped(&[1, 2]), None);
    }

    #[test]
    fn a_height_of_one_leaves_time_to_the_width() {
        assert_eq!(view(&[1, 3, 1, 50]).size, [50, 1, 3]);
        assert_eq!(view(&[1, 1, 50, 3]).size, [50, 3, 1]);
        assert!(View::input(0, &[2, 3, 50]).is_none());
        assert!(View::input(0, &[1, 3, 5, 5, 5]).is_none());
    }
}
