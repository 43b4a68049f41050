//! Operators that only rename or feed shapes; padding, blocks, and swapped axes.

use super::schema::{Operator, kind};
use super::{Importer, View, fold};
use mote_model::{Error, Op, Tensor, Transpose};

/// Most numbers of a folded shape.
const MAX_INTS: usize = 64;

impl<'a> Importer<'a> {
    /// Computes the operator now if it makes integers. Whether it did.
    pub(super) fn fold_ints(
        &mut self,
        operator: &Operator<'a>,
        compute: impl Fn(&Self, &Operator<'a>) -> Result<Vec<i32>, Error>,
    ) -> Result<bool, Error> {
        let output = self.operand(&operator.outputs, 0)?;
        if !matches!(self.tensor(output)?.kind, kind::INT32 | kind::INT64) {
            return Ok(false);
        }
        let values = compute(self, operator)?;
        if values.len() > MAX_INTS {
            return self.fail(format!(
                "{} integers; at most {MAX_INTS} are folded",
                values.len()
            ));
        }
        self.ints.insert(output, values);
        Ok(true)
    }

    pub(super) fn shape_of(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let folded = self.fold_ints(operator, |importer, operator| {
            let input = importer.operand(&operator.inputs, 0)?;
            let shape = &importer.tensor(input)?.shape;
            // A batch of any size is run one window at a time.
            Ok(shape.iter().map(|&d| d.max(1)).collect())
        })?;
        self.folded(folded)
    }

    pub(super) fn strided_slice(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let folded = self.fold_ints(operator, |importer, operator| {
            let values = importer.ints(importer.operand(&operator.inputs, 0)?)?;
            let number = |n: usize| -> Result<i32, Error> {
                let all = importer.ints(importer.operand(&operator.inputs, n)?)?;
                all.first()
                    .copied()
                    .ok_or_else(|| importer.error("slices nothing"))
            };
            let len = values.len() as i32;
            let place = |at: i32| if at < 0 { at.saturating_add(len) } else { at }.clamp(0, len);
            let masked = |field: usize| Ok::<_, Error>(operator.options.int(field, 0)? & 1 != 0);
            let begin = if masked(0)? { 0 } else { place(number(1)?) };
            let end = if masked(1)? { len } else { place(number(2)?) };
            let step = number(3)?;
            if step < 1 {
                return importer.fail("only forward slices of shapes are supported");
            }
            // One element, whatever the end says.
            let end = if masked(4)? { begin + 1 } else { end };
            let count = (end - begin).max(0) as usize;
            let chosen = values.iter().skip(begin as usize).take(count);
            Ok(chosen.step_by(step as usize).copied().collect())
        })?;
        match folded {
            true => Ok(()),
            false => self.slice(operator),
        }
    }

    /// Takes steps of a computed tensor.
    fn slice(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let view = self.view(input)?;
        let rank = self.tensor(input)?.shape.len();
        let [begin, end, step] = [1, 2, 3].map(|n| {
            self.operand(&operator.inputs, n)
                .and_then(|id| self.ints(id))
        });
        let (begin, end, step) = (begin?, end?, step?);
        let mask = |field: usize| operator.options.int(field, 0);
        let (begin_mask, end_mask, shrink) = (mask(0)?, mask(1)?, mask(4)?);
        if mask(2)? != 0 || mask(3)? != 0 || step.iter().any(|&s| s != 1) {
            return self.fail("only slices in steps of one, without new axes, are supported");
        }
        let (mut start, mut kept, [h, ..]) = (0, None, view.dims);
        for (axis, (&first, &last)) in begin.iter().zip(&end).enumerate() {
            let Some(place) = self.axis(axis as i32, rank)? else {
                continue;
            };
            let extent = view.dims.get(place).copied().unwrap_or(1);
            let bit = 1i32.checked_shl(axis as u32).unwrap_or(0);
            let at = |x: i32| {
                let x = i64::from(x);
                let x = if x < 0 { x + extent as i64 } else { x };
                usize::try_from(x.clamp(0, extent as i64)).unwrap_or(0)
            };
            let first = if begin_mask & bit != 0 { 0 } else { at(first) };
            let last = match (shrink & bit != 0, end_mask & bit != 0) {
                (true, _) => first + 1,
                (false, true) => extent,
                (false, false) => at(last),
            };
            if first == 0 && last == extent {
                continue;
            }
            let is_time = place == 0 && h > 1 || place == 1 && h == 1;
            if !is_time || last <= first || last > extent || kept.is_some() {
                return self.fail(format!(
                    "takes {first}..{last} of {extent} on axis {axis}; only steps over time are taken"
                ));
            }
            (start, kept) = (first, Some(last - first));
        }
        let Some(kept) = kept else {
            let output = self.operand(&operator.outputs, 0)?;
            let dims = self.dims(output)?;
            return self.rename(operator, View { dims, ..view });
        };
        let source = self.shaped(&view, fold(view.dims))?;
        let Some(tensor) = self.builder.slice(source, start, kept) else {
            return self.fail("leaves out more than 255 steps on a side");
        };
        let mut dims = view.dims;
        let time = if h > 1 { 0 } else { 1 };
        if let Some(d) = dims.get_mut(time) {
            *d = kept;
        }
        let output = self.operand(&operator.outputs, 0)?;
        self.check_output(output, dims)?;
        self.rename(operator, View::new(tensor, dims))
    }

    pub(super) fn pack(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let folded = self.fold_ints(operator, |importer, operator| {
            let mut all = Vec::new();
            for &id in &operator.inputs {
                all.extend(importer.ints(id)?);
            }
            Ok(all)
        })?;
        self.folded(folded)
    }

    pub(super) fn gather(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let folded = self.fold_ints(operator, |importer, operator| {
            let values = importer.ints(importer.operand(&operator.inputs, 0)?)?;
            let places = importer.ints(importer.operand(&operator.inputs, 1)?)?;
            let value = |&at: &i32| {
                usize::try_from(at)
                    .ok()
                    .and_then(|at| values.get(at).copied())
            };
            let chosen: Option<Vec<i32>> = places.iter().map(value).collect();
            chosen.ok_or_else(|| importer.error("an index is outside of the shape"))
        })?;
        self.folded(folded)
    }

    pub(super) fn product(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let folded = self.fold_ints(operator, |importer, operator| {
            let values = importer.ints(importer.operand(&operator.inputs, 0)?)?;
            Ok(vec![values.iter().fold(1, |n: i32, v| n.wrapping_mul(*v))])
        })?;
        self.folded(folded)
    }

    pub(super) fn cast(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let folded = self.fold_ints(operator, |importer, operator| {
            importer.ints(importer.operand(&operator.inputs, 0)?)
        })?;
        self.folded(folded)
    }

    fn folded(&self, folded: bool) -> Result<(), Error> {
        match folded {
            true => Ok(()),
            false => self.fail("of a computed tensor is not supported; it may only make a shape"),
        }
    }

    pub(super) fn reshape(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let output = self.operand(&operator.outputs, 0)?;
        if let Some(values) = self.ints.get(&input).cloned() {
            self.ints.insert(output, values);
            return Ok(());
        }
        if self.is_constant(input) {
            return self.fail("of a constant is not supported; export with constant folding");
        }
        let view = self.padded_view(input)?;
        if view.block != [1, 1] {
            // Between the blocks only axes of one come and go.
            return self.rename(operator, view);
        }
        let [h, w, c] = view.dims;
        let padded = {
            let [ph, pw, pc] = view.pad;
            [h + ph[0] + ph[1], w + pw[0] + pw[1], c + pc[0] + pc[1]]
        };
        let mut dims = self.dims(output)?;
        if let Some(asked) = self.asked_shape(operator, padded.iter().product()) {
            dims = asked;
        }
        if dims.iter().product::<usize>() != padded.iter().product::<usize>() {
            return self.fail(format!("makes {dims:?} of {padded:?}"));
        }
        if view.is_plain() {
            return self.rename(operator, View { dims, ..view });
        }
        // Padding goes along with the axis it belongs to, if only axes of one come and go.
        let kept = |dims: [usize; 3]| dims.into_iter().filter(|&d| d > 1).collect::<Vec<_>>();
        if kept(dims) != kept(padded) {
            let plain = self.view(input)?;
            return self.rename(operator, View { dims, ..plain });
        }
        let mut old = view.dims.into_iter().zip(view.pad).zip(padded);
        let mut renamed = View::new(view.tensor, dims);
        for ((dim, pad), &extent) in renamed.dims.iter_mut().zip(&mut renamed.pad).zip(&dims) {
            if extent == 1 {
                continue;
            }
            if let Some(((own, own_pad), _)) = old.find(|(_, padded)| *padded > 1) {
                (*dim, *pad) = (own, own_pad);
            }
        }
        self.rename(operator, renamed)
    }

    /// The shape that a RESHAPE asks for, as far as it is known now, of so many elements.
    fn asked_shape(&self, operator: &Operator<'a>, elements: usize) -> Option<[usize; 3]> {
        let shape = self
            .operand(&operator.inputs, 1)
            .ok()
            .filter(|_| operator.code == 22)?;
        let mut asked = self.ints(shape).ok()?;
        let known = asked.iter().filter(|&&d| d > 0);
        let known = known.fold(1usize, |n, &d| {
            n.saturating_mul(usize::try_from(d).unwrap_or(1))
        });
        let open = i32::try_from(elements.checked_div(known)?).ok()?;
        for d in &mut asked {
            if *d == -1 {
                *d = open;
            }
        }
        super::dims_of(&asked)
    }

    pub(super) fn pad(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let view = self.padded_view(self.operand(&operator.inputs, 0)?)?;
        if let Ok(value) = self.operand(&operator.inputs, 2) {
            let quant = self.builder.graph.tensor(view.tensor)?.quant;
            let zero = match quant {
                None => self.floats(value)?.iter().all(|&v| v == 0.0),
                Some(quant) => {
                    let data = self.tensor(value)?.data;
                    data.iter().all(|&b| b.cast_signed() == quant.zero_point)
                }
            };
            if !zero {
                return self.fail("only padding with zeros is supported");
            }
        }
        let paddings = self.ints(self.operand(&operator.inputs, 1)?)?;
        let Some(more) = pairs(&paddings) else {
            return self.fail(format!("paddings {paddings:?} are not supported"));
        };
        let (batch, own) = more.split_at(more.len().saturating_sub(3));
        let own = match more.len() {
            2 => more.get(1..).unwrap_or(&[]),
            3 => more.get(1..).unwrap_or(&[]),
            _ => own,
        };
        if batch.iter().any(|p| *p != [0, 0]) || more.first().is_some_and(|p| *p != [0, 0]) {
            return self.fail(format!("paddings {paddings:?} pad the batch"));
        }
        let mut padded = view;
        for (pad, more) in padded.pad.iter_mut().rev().zip(own.iter().rev()) {
            *pad = [pad[0] + more[0], pad[1] + more[1]];
        }
        self.rename(operator, padded)
    }

    pub(super) fn space_to_batch(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let mut view = self.padded_view(input)?;
        let block = self.ints(self.operand(&operator.inputs, 1)?)?;
        let paddings = self.ints(self.operand(&operator.inputs, 2)?)?;
        let size = |&n: &i32| {
            usize::try_from(n)
                .ok()
                .filter(|n| (1..=1 << 12).contains(n))
        };
        let sizes: Option<Vec<usize>> = block.iter().map(size).collect();
        let (Some(sizes), Some(paddings)) = (sizes, pairs(&paddings)) else {
            return self.fail("its blocks or paddings are negative or huge");
        };
        if view.block != [1, 1] || sizes.len() > 2 || sizes.len() != paddings.len() {
            return self.fail("only one or two axes are cut into blocks, and once");
        }
        // The last axes before the channels.
        let [pad_h, pad_w, _] = &mut view.pad;
        let [block_h, block_w] = &mut view.block;
        let places = [(pad_w, block_w), (pad_h, block_h)];
        for ((pad, block), (more, size)) in
            places.into_iter().zip(paddings.iter().zip(&sizes).rev())
        {
            *pad = [pad[0] + more[0], pad[1] + more[1]];
            *block = *size;
        }
        if view.block == [1, 1] {
            return self.rename(operator, view);
        }
        self.rename(operator, view)
    }

    pub(super) fn batch_to_space(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let mut view = self.padded_view(self.operand(&operator.inputs, 0)?)?;
        if view.pad != super::NO_PADDING || view.block == [1, 1] {
            return self.fail("without a convolution between it and SPACE_TO_BATCH_ND");
        }
        view.block = [1, 1];
        self.check_output(self.operand(&operator.outputs, 0)?, view.dims)?;
        self.rename(operator, view)
    }

    /// What the `BATCH_TO_SPACE_ND` behind tensor `id` crops of height and width.
    pub(super) fn crops(&self, id: i32, block: [usize; 2]) -> Result<[[usize; 2]; 2], Error> {
        let mut at = id;
        // Reshapes and changes of nothing may stand between.
        for _ in 0..8 {
            let mut readers = self
                .model
                .operators
                .iter()
                .filter(|o| o.inputs.contains(&at));
            let Some(reader) = readers.next() else { break };
            match reader.code {
                37 => {
                    let crops = self.ints(self.operand(&reader.inputs, 2)?)?;
                    let Some(crops) = pairs(&crops) else { break };
                    return match *crops.as_slice() {
                        [w] if block[0] == 1 => Ok([[0, 0], w]),
                        [h, w] => Ok([h, w]),
                        _ => self
                            .fail("BATCH_TO_SPACE_ND crops other axes than SPACE_TO_BATCH_ND made"),
                    };
                }
                22 | 43 | 70 => at = self.operand(&reader.outputs, 0)?,
                _ => break,
            }
        }
        self.fail("stands between SPACE_TO_BATCH_ND and no BATCH_TO_SPACE_ND")
    }

    pub(super) fn transpose(&mut self, operator: &Operator<'a>) -> Result<(), Error> {
        let input = self.operand(&operator.inputs, 0)?;
        let rank = self.tensor(input)?.shape.len();
        let order = self.ints(self.operand(&operator.inputs, 1)?)?;
        let view = self.view(input)?;
        let extents = self.tensor(input)?.shape.clone();
        let long = |at: usize| extents.get(at).is_some_and(|&d| d != 1);
        let moved: Vec<usize> = order
            .iter()
            .filter_map(|&a| usize::try_from(a).ok())
            .filter(|&a| long(a))
            .collect();
        if moved.is_sorted() && order.len() == rank {
            // Only axes of one change their places.
            let dims = self.dims(self.operand(&operator.outputs, 0)?)?;
            if dims.iter().product::<usize>() == view.dims.iter().product::<usize>() {
                return self.rename(operator, View { dims, ..view });
            }
        }
        let missing = 3usize.saturating_sub(rank.saturating_sub(1));
        // Where each of height, width and channels comes from; axes that the file does not have stay.
        let mut from: Vec<usize> = (0..missing).collect();
        let behind = order.iter().skip(rank.saturating_sub(3).max(1));
        for &axis in behind {
            let Some(axis) = self.axis(axis, rank)? else {
                return self.fail("moves the batch");
            };
            from.push(axis);
        }
        let mut sorted = from.clone();
        sorted.sort_unstable();
        if sorted != [0, 1, 2] || order.first() != Some(&0) {
            return self.fail(format!("permutation {order:?} is not supported"));
        }
        let Some(dims) = from
            .iter()
            .map(|&a| view.dims.get(a).copied())
            .collect::<Option<Vec<_>>>()
            .and_then(|d| <[usize; 3]>::try_from(d).ok())
        else {
            return self.fail(format!("permutation {order:?} is not supported"));
        };
        let quant = self.builder.graph.tensor(view.tensor)?.quant;
        let mut tensor = view.tensor;
        // Axes as they lie, without those of one.
        let extent = |axis: usize| view.dims.get(axis).copied().unwrap_or(1);
        let mut now: Vec<usize> = (0..3).filter(|&a| extent(a) > 1).collect();
        let wanted: Vec<usize> = from.iter().copied().filter(|&a| extent(a) > 1).collect();
        while now != wanted {
            // Swaps two neighbouring groups of axes: at most twice for three axes.
            let Some((split, len)) = swap(&now, &wanted) else {
                return self.fail(format!("permutation {order:?} is not supported"));
            };
            let product = |axes: &[usize]| axes.iter().map(|&a| extent(a)).product::<usize>();
            let (moved, kept) = now.split_at(len);
            let (first, second) = moved.split_at(split);
            let turned: Vec<usize> = second.iter().chain(first).chain(kept).copied().collect();
            let shape = fold(dims);
            let turn = Transpose {
                rows: product(first),
                columns: product(second),
                len: product(kept),
                shape,
            };
            let op = Op::Transpose(turn);
            tensor = self.builder.node(op, vec![tensor], Tensor { shape, quant });
            now = turned;
        }
        self.rename(operator, View::new(tensor, dims))
    }
}

/// Where to cut the first axes of `now`, and how many take part, so that swapping the parts leads to `wanted`.
fn swap(now: &[usize], wanted: &[usize]) -> Option<(usize, usize)> {
    let turned = |split: usize, len: usize| -> Vec<usize> {
        let (moved, kept) = now.split_at(len);
        let (first, second) = moved.split_at(split);
        second.iter().chain(first).chain(kept).copied().collect()
    };
    let all = (2..=now.len()).flat_map(|len| (1..len).map(move |split| (split, len)));
    let cuts: Vec<(usize, usize)> = all.collect();
    let direct = cuts.iter().find(|&&(s, l)| turned(s, l) == wanted);
    direct.copied().or_else(|| {
        // One step on the way to another.
        let leads = |&&(s, l): &&(usize, usize)| {
            let next = turned(s, l);
            next != now
                && cuts.iter().any(|&(split, len)| {
                    let (moved, kept) = next.split_at(len);
                    let (first, second) = moved.split_at(split);
                    second.iter().chain(first).chain(kept).eq(wanted.iter())
                })
        };
        cuts.iter().find(leads).copied()
    })
}

/// Pairs of small numbers.
fn pairs(values: &[i32]) -> Option<Vec<[usize; 2]>> {
    let size = |n: i32| usize::try_from(n).ok().filter(|n| *n <= 1 << 16);
    let pair = |pair: &[i32]| match pair {
        &[before, after] => Some([size(before)?, size(after)?]),
        _ => None,
    };
    values.chunks(2).map(pair).collect()
}
