//! Attributes and constants of the file.

use super::proto::{Attribute, Node, Tensor, kind};
use super::{Importer, View};
use crate::conv::Window;
use mote_model::Error;

impl<'a> Importer<'a> {
    pub(super) fn attribute(&self, node: &'a Node, name: &str) -> Option<&'a Attribute> {
        node.attributes.iter().find(|a| a.name == name)
    }

    pub(super) fn int(&self, node: &'a Node, name: &str, default: i64) -> i64 {
        self.attribute(node, name).map_or(default, |a| a.int)
    }

    pub(super) fn float(&self, node: &'a Node, name: &str, default: f32) -> f32 {
        self.attribute(node, name).map_or(default, |a| a.float)
    }

    /// The integers of the attribute `name`, or of the constant operand `n` that took its place in later versions.
    pub(super) fn ints(
        &self,
        node: &'a Node,
        name: &str,
        n: usize,
    ) -> Result<Option<Vec<i64>>, Error> {
        if let Some(attribute) = self.attribute(node, name) {
            return Ok(Some(attribute.ints.clone()));
        }
        let Some(operand) = self.optional(node, n) else {
            return Ok(None);
        };
        self.integers_of(operand).map(Some)
    }

    /// The integers of the constant `operand`, or of what has been computed from shapes.
    pub(super) fn integers_of(&self, operand: &str) -> Result<Vec<i64>, Error> {
        if let Some(values) = self.integers.get(operand) {
            return Ok(values.clone());
        }
        let tensor = self.constant(operand)?;
        let values = match tensor.kind {
            kind::INT64 if tensor.raw.is_empty() => tensor.int64s.clone(),
            kind::INT32 if tensor.raw.is_empty() => {
                tensor.int32s.iter().map(|&v| i64::from(v)).collect()
            }
            kind::INT64 => {
                let (words, _) = tensor.raw.as_chunks();
                words.iter().map(|w| i64::from_le_bytes(*w)).collect()
            }
            kind::INT32 => {
                let (words, _) = tensor.raw.as_chunks();
                words
                    .iter()
                    .map(|w| i32::from_le_bytes(*w).into())
                    .collect()
            }
            _ => return self.fail(format!("`{operand}` does not hold integers")),
        };
        Ok(values)
    }

    /// Operand `n`, if it is given.
    pub(super) fn optional(&self, node: &'a Node, n: usize) -> Option<&'a str> {
        let name = node.inputs.get(n).map(String::as_str);
        name.filter(|name| !name.is_empty())
    }

    /// Operand `n`.
    pub(super) fn operand(&self, node: &'a Node, n: usize) -> Result<&'a str, Error> {
        self.optional(node, n)
            .ok_or_else(|| self.error(format!("operand {n} is missing")))
    }

    /// The constant `name`.
    pub(super) fn constant(&self, name: &str) -> Result<&'a Tensor, Error> {
        let found = self.constants.get(name).copied();
        let tensor = found.ok_or_else(|| {
            self.error(format!(
                "`{name}` is computed by the network; only constants are supported there (export with constant \
                 folding and a fixed input shape)"
            ))
        })?;
        Ok(tensor)
    }

    /// Dimensions and values of the f32 constant `name`.
    pub(super) fn floats(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), Error> {
        let tensor = self.constant(name)?;
        let values = match (tensor.kind, tensor.raw.is_empty()) {
            (kind::FLOAT, true) => tensor.floats.clone(),
            (kind::FLOAT16, false) => {
                let (words, _) = tensor.raw.as_chunks();
                words
                    .iter()
                    .map(|w| crate::half(u16::from_le_bytes(*w)))
                    .collect()
            }
            (other, _) if other != kind::FLOAT => {
                return self.fail(format!(
                    "`{name}` has element type {other}; float (1) and float16 (10) are supported"
                ));
            }
            _ => {
                let (words, _) = tensor.raw.as_chunks();
                words.iter().map(|w| f32::from_le_bytes(*w)).collect()
            }
        };
        let dims: Option<Vec<usize>> = tensor
            .dims
            .iter()
            .map(|&d| usize::try_from(d).ok().filter(|d| *d > 0))
            .collect();
        let dims = dims.unwrap_or_default();
        let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if dims.len() != tensor.dims.len() || count != Some(values.len()) {
            return self.fail(format!(
                "`{name}` has {} values for a shape of {:?}",
                values.len(),
                tensor.dims
            ));
        }
        Ok((dims, values))
    }

    /// A single number, from the constant operand `n` or the attribute `name`.
    pub(super) fn number(
        &self,
        node: &'a Node,
        name: &str,
        n: usize,
    ) -> Result<Option<f32>, Error> {
        if let Some(operand) = self.optional(node, n) {
            let (_, values) = self.floats(operand)?;
            return match values.as_slice() {
                &[value] => Ok(Some(value)),
                _ => self.fail(format!("`{operand}` is not a single number")),
            };
        }
        Ok(self.attribute(node, name).map(|a| a.float))
    }

    /// Dimension number `axis`, counted from behind when negative, of `rank`.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Error> {
        let from_front = if axis < 0 { axis + rank as i64 } else { axis };
        let at = usize::try_from(from_front).ok().filter(|a| *a <= rank);
        at.ok_or_else(|| self.error(format!("axis {axis} of {rank} dimensions")))
    }

    /// The windows over `spatial` dimensions, `kernel` long.
    pub(super) fn windows(&self, node: &'a Node, kernel: &[usize]) -> Result<Vec<Window>, Error> {
        let list = |name: &str| {
            let values = self.attribute(node, name).map(|a| a.ints.as_slice());
            let values = values.filter(|v| !v.is_empty());
            let values = values.map_or_else(|| vec![1; kernel.len()], <[i64]>::to_vec);
            let small = |v: i64| {
                usize::try_from(v)
                    .ok()
                    .filter(|v| (1..=1 << 16).contains(v))
            };
            let values: Option<Vec<usize>> = values.into_iter().map(small).collect();
            values
                .filter(|v| v.len() == kernel.len())
                .ok_or_else(|| self.error(format!("{name} is zero, negative, huge or too long")))
        };
        let (strides, dilations) = (list("strides")?, list("dilations")?);
        if kernel.iter().any(|k| !(1..=1 << 16).contains(k)) {
            return self.fail(format!("a window of {kernel:?} is empty or huge"));
        }
        let all = kernel.iter().zip(strides).zip(dilations);
        Ok(all
            .map(|((&size, stride), dilation)| Window {
                size,
                stride,
                dilation,
            })
            .collect())
    }

    /// Padding before and after each spatial dimension of `extents` that the operator asks for itself.
    pub(super) fn padding(
        &self,
        node: &'a Node,
        windows: &[Window],
        extents: &[usize],
    ) -> Result<Vec<[usize; 2]>, Error> {
        let auto = self.attribute(node, "auto_pad").map(|a| a.text.as_slice());
        match auto.unwrap_or(b"NOTSET") {
            b"" | b"NOTSET" => {}
            b"VALID" => return Ok(vec![[0, 0]; windows.len()]),
            b"SAME_UPPER" => {
                let pairs = windows.iter().zip(extents);
                return Ok(pairs.map(|(w, &n)| w.same_padding(n)).collect());
            }
            other => {
                let name = String::from_utf8_lossy(other);
                return self.fail(format!("auto_pad {name} is not supported; give pads"));
            }
        }
        let Some(pads) = self.attribute(node, "pads") else {
            return Ok(vec![[0, 0]; windows.len()]);
        };
        let size = |&n: &i64| usize::try_from(n).ok().filter(|n| *n <= 1 << 16);
        let pads: Option<Vec<usize>> = pads.ints.iter().map(size).collect();
        match pads {
            Some(pads) if pads.len() == 2 * windows.len() => {
                let (before, after) = pads.split_at(windows.len());
                Ok(before.iter().zip(after).map(|(&b, &a)| [b, a]).collect())
            }
            _ => self.fail("pads are negative, huge or not two per dimension"),
        }
    }

    /// The constant `name` as one value per channel of `view`, with which it is combined element by element.
    pub(super) fn per_channel(&self, name: &str, view: &View) -> Result<Vec<f32>, Error> {
        use super::view::Axis::Channel;
        let (dims, values) = self.floats(name)?;
        let channels = view.extent(Channel);
        if let &[value] = values.as_slice() {
            return Ok(vec![value; channels]);
        }
        // Dimensions are aligned at the end.
        let mut behind = view.dims.iter().rev();
        let fits = dims.iter().rev().all(|&d| match behind.next() {
            Some(dim) => d == 1 || dim.as_slice() == [Channel] && d == channels,
            None => false,
        });
        match fits && values.len() == channels {
            true => Ok(values),
            false => self.fail(format!(
                "`{name}` of shape {dims:?} is not one number, or one per channel"
            )),
        }
    }
}
