//! Operators that only rename: they change which dimension runs along which axis.

use super::Importer;
use super::proto::Node;
use super::view::{Axis, View};
use mote_model::Error;

impl<'a> Importer<'a> {
    pub(super) fn reshape(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        if self.is_integers(name) {
            return self.reshape_integers(node, name);
        }
        let view = self.view(self.operand(node, 0)?)?;
        let old = view.extents();
        let asked = self.ints(node, "shape", 1)?.unwrap_or_default();
        let total: usize = old.iter().product();
        let keep_zero = self.int(node, "allowzero", 0) == 0;
        let mut extents: Vec<usize> = Vec::new();
        for (i, &n) in asked.iter().enumerate() {
            extents.push(match n {
                0 if keep_zero => old.get(i).copied().unwrap_or(0),
                // Found out below.
                -1 => 0,
                n => usize::try_from(n).unwrap_or(0),
            });
        }
        if let Some(open) = asked.iter().position(|&n| n == -1) {
            let others = extents.iter().enumerate().filter(|(i, _)| *i != open);
            let known = others.fold(1usize, |n, (_, &d)| n.saturating_mul(d));
            if let Some(slot) = extents.get_mut(open) {
                *slot = total.checked_div(known).unwrap_or(0);
            }
        }
        if let Some(dims) = view.reshaped(&extents) {
            return self.rename(node, View { dims, ..view });
        }
        // The caller fills the input row by row, whatever its dimensions are called.
        let same = extents.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) == Some(total);
        let anew = View::input(view.tensor, &extents).filter(|_| same);
        match anew {
            Some(anew) if self.rename_input(&view, &anew) => self.rename(node, anew),
            _ => self.fail(format!(
                "makes {asked:?} of {old:?}, which tears an axis apart"
            )),
        }
    }

    pub(super) fn flatten(&mut self, node: &'a Node) -> Result<(), Error> {
        let view = self.view(self.operand(node, 0)?)?;
        let at = self.axis(self.int(node, "axis", 1), view.dims.len())?;
        let (before, behind) = view.dims.split_at(at.min(view.dims.len()));
        let dims = vec![before.concat(), behind.concat()];
        self.rename(node, View { dims, ..view })
    }

    pub(super) fn squeeze(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        if self.is_integers(name) {
            let values = self.integers_of(name)?;
            return self.put_integers(node, values);
        }
        let view = self.view(self.operand(node, 0)?)?;
        let rank = view.dims.len();
        let axes = match self.ints(node, "axes", 1)? {
            Some(axes) => {
                let axes = axes.iter().map(|&a| self.axis(a, rank));
                axes.collect::<Result<Vec<_>, _>>()?
            }
            None => (0..rank).collect(),
        };
        let given = self.attribute(node, "axes").is_some() || self.optional(node, 1).is_some();
        let mut dims = Vec::new();
        for (i, dim) in view.dims.iter().enumerate() {
            match (axes.contains(&i), dim.is_empty()) {
                (true, true) => {}
                (true, false) if given => {
                    return self.fail(format!("dimension {i} is not 1"));
                }
                _ => dims.push(dim.clone()),
            }
        }
        self.rename(node, View { dims, ..view })
    }

    pub(super) fn unsqueeze(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        if self.is_integers(name) {
            let values = self.integers_of(name)?;
            return self.put_integers(node, values);
        }
        let view = self.view(self.operand(node, 0)?)?;
        let axes = self.ints(node, "axes", 1)?.unwrap_or_default();
        let rank = view.dims.len() + axes.len();
        let axes: Vec<usize> = axes
            .iter()
            .map(|&a| self.axis(a, rank))
            .collect::<Result<_, _>>()?;
        let mut old = view.dims.iter();
        let mut dims: Vec<Vec<Axis>> = Vec::new();
        for i in 0..rank {
            dims.push(match axes.contains(&i) {
                true => Vec::new(),
                false => old.next().cloned().unwrap_or_default(),
            });
        }
        self.rename(node, View { dims, ..view })
    }

    pub(super) fn transpose(&mut self, node: &'a Node) -> Result<(), Error> {
        let name = self.operand(node, 0)?;
        if self.is_integers(name) {
            return self.transpose_integers(node, name);
        }
        let view = self.padded_view(name)?;
        let rank = view.dims.len();
        let order = self.attribute(node, "perm").map(|a| a.ints.clone());
        let order = order.unwrap_or_else(|| (0..rank as i64).rev().collect());
        let dims: Option<Vec<Vec<Axis>>> = order
            .iter()
            .map(|&i| view.dims.get(usize::try_from(i).ok()?).cloned())
            .collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        match dims {
            Some(dims) if sorted.iter().copied().eq(0..rank as i64) => {
                self.rename(node, View { dims, ..view })
            }
            _ => self.fail(format!("perm {order:?} of {rank} dimensions")),
        }
    }

    pub(super) fn pad(&mut self, node: &'a Node) -> Result<(), Error> {
        let mut view = self.view(self.operand(node, 0)?)?;
        let mode = self.attribute(node, "mode").map(|a| a.text.as_slice());
        if !matches!(mode.unwrap_or(b"constant"), b"constant")
            || self.number(node, "value", 2)?.unwrap_or(0.0) != 0.0
        {
            return self.fail("only padding with zeros is supported");
        }
        let mut pads = self.ints(node, "pads", 1)?.unwrap_or_default();
        if let Some(axes) = self.optional(node, 3) {
            let (rank, given) = (view.dims.len(), pads);
            let axes = self.integers_of(axes)?;
            pads = vec![0; 2 * rank];
            for (i, &axis) in axes.iter().enumerate() {
                let axis = self.axis(axis, rank)?;
                for (to, from) in [(axis, i), (rank + axis, axes.len() + i)] {
                    if let (Some(slot), Some(&pad)) = (pads.get_mut(to), given.get(from)) {
                        *slot = pad;
                    }
                }
            }
        }
        let size = |&n: &i64| usize::try_from(n).ok().filter(|n| *n <= 1 << 16);
        let sizes: Option<Vec<usize>> = pads.iter().map(size).collect();
        let sizes = sizes.filter(|s| s.len() == 2 * view.dims.len());
        let Some(sizes) = sizes else {
            return self.fail(format!(
                "pads {pads:?} are negative, huge or not two per dimension"
            ));
        };
        let (before, after) = sizes.split_at(view.dims.len());
        for ((dim, &before), &after) in view.dims.iter().zip(before).zip(after) {
            match (dim.as_slice(), [before, after]) {
                (_, [0, 0]) => {}
                ([Axis::Time], pad) => view.pad[0] = pad,
                ([Axis::Width], pad) => view.pad[1] = pad,
                _ => return self.fail(format!("pads {pads:?}; only time can be padded")),
            }
        }
        self.rename(node, view)
    }
}
