//! Integers that are known now: shapes, and what is computed from them to reshape with.

use super::Importer;
use super::proto::Node;
use mote_model::Error;

/// Most numbers of a folded shape.
const MAX_INTEGERS: usize = 64;

impl<'a> Importer<'a> {
    /// Whether `name` holds integers that are known now.
    pub(super) fn is_integers(&self, name: &str) -> bool {
        self.integers.contains_key(name)
            || self.constants.get(name).is_some_and(|c| {
                matches!(
                    c.kind,
                    super::proto::kind::INT32 | super::proto::kind::INT64
                )
            })
    }

    /// Makes `values` the operator's result.
    pub(super) fn put_integers(&mut self, node: &'a Node, values: Vec<i64>) -> Result<(), Error> {
        if values.len() > MAX_INTEGERS {
            return self.fail(format!(
                "{} integers; at most {MAX_INTEGERS} are folded",
                values.len()
            ));
        }
        self.integers.insert(self.output(node)?, values);
        Ok(())
    }

    pub(super) fn shape_of(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.padded_view(self.operand(node, 0)?)?;
        let extents: Vec<i64> = view.extents().iter().map(|&d| d as i64).collect();
        let place = |at: i64| {
            let at = if at < 0 {
                at + extents.len() as i64
            } else {
                at
            };
            at.clamp(0, extents.len() as i64) as usize
        };
        let start = place(self.int(node, "start", 0));
        let end = place(self.int(node, "end", extents.len() as i64));
        let part = extents.get(start..end).unwrap_or(&[]).to_vec();
        self.put_integers(node, part)
    }

    pub(super) fn cast(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        match self.is_integers(name) {
            true => {
                let values = self.integers_of(name)?;
                self.put_integers(node, values)
            }
            // From f32 to f32, which is all there is.
            false if self.int(node, "to", 1) == 1 => self.identity(node),
            false => self.fail("only shapes are cast to integers"),
        }
    }

    pub(super) fn constant_of_shape(&mut self, node: &'a Node) -> Result<(), Error> {
        let shape = self.integers_of(self.operand(node, 0)?)?;
        let value = self
            .attribute(node, "value")
            .and_then(|a| a.tensor.as_ref());
        let value = match value {
            Some(t) => t.int64s.first().copied().or_else(|| {
                let (words, _) = t.raw.as_chunks();
                words.first().map(|w| i64::from_le_bytes(*w))
            }),
            None => Some(0),
        };
        let count = shape.iter().fold(1i64, |n, d| n.saturating_mul(*d));
        match (usize::try_from(count), value) {
            (Ok(count @ 0..=MAX_INTEGERS), Some(value)) => {
                self.put_integers(node, vec![value; count])
            }
            _ => self.fail(format!("makes {shape:?}; it may only make a shape")),
        }
    }

    pub(super) fn expand(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.padded_view(self.operand(node, 0)?)?;
        let shape = self.integers_of(self.operand(node, 1)?)?;
        let extents = view.extents();
        let mut own = extents.iter().rev();
        let same = shape.iter().rev().all(|&d| {
            let own = own.next().copied().unwrap_or(1) as i64;
            d == own || d == 1
        });
        match same {
            true => self.rename(node, view),
            false => self.fail(format!(
                "repeats {extents:?} to {shape:?}, which is not supported"
            )),
        }
    }

    /// The rows of integers from the last to the first, as PyTorch turns paddings over.
    fn turn_over(&mut self, node: &'a Node, name: &'a str) -> Result<(), Error> {
        let values = self.integers_of(name)?;
        let columns = self.columns.get(name).copied().unwrap_or(1).max(1);
        let rows: Vec<&[i64]> = values.chunks(columns).rev().collect();
        let turned = rows.concat();
        self.columns.insert(self.output(node)?, columns);
        self.put_integers(node, turned)
    }

    /// Integers in rows of another length.
    pub(super) fn reshape_integers(&mut self, node: &'a Node, name: &'a str) -> Result<(), Error> {
        let values = self.integers_of(name)?;
        let asked = match self.optional(node, 1) {
            Some(shape) => self.integers_of(shape)?,
            None => Vec::new(),
        };
        if let &[_, columns] = asked.as_slice() {
            let columns = usize::try_from(columns).unwrap_or(1);
            self.columns.insert(self.output(node)?, columns.max(1));
        }
        self.put_integers(node, values)
    }

    /// Rows of integers as columns.
    pub(super) fn transpose_integers(
        &mut self,
        node: &'a Node,
        name: &'a str,
    ) -> Result<(), Error> {
        let values = self.integers_of(name)?;
        let columns = self.columns.get(name).copied().unwrap_or(1).max(1);
        let column = |c: usize| values.iter().skip(c).step_by(columns).copied();
        let turned: Vec<i64> = (0..columns).flat_map(column).collect();
        self.columns
            .insert(self.output(node)?, values.len().div_ceil(columns).max(1));
        self.put_integers(node, turned)
    }

    /// Sums and products of integers. Whether it was one.
    pub(super) fn fold_arithmetic(&mut self, node: &'a Node) -> Result<bool, Error> {
        let (a, b) = (self.operand(node, 0)?, self.operand(node, 1)?);
        if !self.is_integers(a) || !self.is_integers(b) {
            return Ok(false);
        }
        let (a, b) = (self.integers_of(a)?, self.integers_of(b)?);
        let count = a.len().max(b.len());
        let pairs = a.iter().cycle().zip(b.iter().cycle()).take(count);
        let operator = node.operator.as_str();
        let values: Option<Vec<i64>> = pairs
            .map(|(&a, &b)| match operator {
                "Add" => a.checked_add(b),
                "Sub" => a.checked_sub(b),
                "Mul" => a.checked_mul(b),
                _ => a.checked_div(b),
            })
            .collect();
        match values {
            Some(values) => self.put_integers(node, values).map(|()| true),
            None => self.fail("computes an impossible shape"),
        }
    }

    pub(super) fn gather(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        let places = self.integers_of(self.operand(node, 1)?)?;
        if self.is_integers(name) {
            let values = self.integers_of(name)?;
            let value = |&at: &i64| {
                let at = if at < 0 { at + values.len() as i64 } else { at };
                usize::try_from(at)
                    .ok()
                    .and_then(|at| values.get(at).copied())
            };
            let chosen: Option<Vec<i64>> = places.iter().map(value).collect();
            return match chosen {
                Some(chosen) => self.put_integers(node, chosen),
                None => self.fail("an index is outside of the shape"),
            };
        }
        let (&[at], scalar) = (places.as_slice(), self.is_scalar(self.operand(node, 1)?)) else {
            return self.fail("of several places of a computed tensor is not supported");
        };
        let view = self.view(name)?;
        let axis = self.axis(self.int(node, "axis", 0), view.dims.len())?;
        let view = self.cut(view, axis, at, at.wrapping_add(1), Some(at))?;
        let mut dims = view.dims.clone();
        if scalar && axis < dims.len() {
            dims.remove(axis);
        }
        self.rename(node, super::View { dims, ..view })
    }

    /// Whether the constant `name` has no dimensions.
    fn is_scalar(&self, name: &str) -> bool {
        self.constants.get(name).is_none_or(|c| c.dims.is_empty())
    }

    pub(super) fn slice(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        let list = |what: &str, n: usize| self.ints(node, what, n);
        let (starts, ends) = (list("starts", 1)?, list("ends", 2)?);
        let (starts, ends) = (starts.unwrap_or_default(), ends.unwrap_or_default());
        let axes = list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = list("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        if ends.len() != starts.len() || axes.len() != starts.len() {
            return self.fail("starts, ends and axes are not as many");
        }
        if self.is_integers(name) && steps == [-1] && axes == [0] {
            return self.turn_over(node, name);
        }
        if steps.iter().any(|&s| s != 1) {
            return self.fail("only slices in steps of one are supported");
        }
        if self.is_integers(name) {
            let mut values = self.integers_of(name)?;
            let len = values.len() as i64;
            let place =
                |at: i64| if at < 0 { at.saturating_add(len) } else { at }.clamp(0, len) as usize;
            if let (&[start], &[end]) = (starts.as_slice(), ends.as_slice()) {
                let part = place(start)..place(end).max(place(start));
                values = values.get(part).unwrap_or(&[]).to_vec();
            }
            return self.put_integers(node, values);
        }
        let mut view = self.view(name)?;
        for ((&axis, &start), &end) in axes.iter().zip(&starts).zip(&ends) {
            let axis = self.axis(axis, view.dims.len())?;
            view = self.cut(view, axis, start, end, None)?;
        }
        self.rename(node, view)
    }
}
