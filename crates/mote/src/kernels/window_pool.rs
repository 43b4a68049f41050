//! Pooling over windows of a stream, each longer than what one run brings.
//!
//! Window `w` covers steps `w * hop .. w * hop + steps`. The steps themselves are not kept. What is kept, in the
//! `state` tensor, is a count of steps and some rows of accumulators (*lanes*), as many as windows are in flight;
//! all zeros before the first run. The results are those of [`pool`] over the whole window, bit for bit:
//!
//! - int8 sums and maxima do not depend on the order, so a lane is what came between two window starts, each
//!   step is added once, and a window is what all lanes hold when it ends;
//! - f32 sums do, so a lane is a window, and a step is added to each window it belongs to, in order.

use super::{expect_len, part, pool};
use crate::Error;
use core::cell::Cell;

/// Geometry of the windows, in steps. None but `skip` is zero, and a run brings no more than `hop` steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Steps that one run brings.
    pub in_time: usize,
    /// Channels.
    pub channels: usize,
    /// Steps of one window.
    pub steps: usize,
    /// Steps from the start of one window to the start of the next.
    pub hop: usize,
    /// Steps at the beginning of the stream that belong to no window.
    pub skip: usize,
}

/// Bytes of the count in an int8 state.
const COUNT: usize = 4;

/// Most steps between two windows (or in one) for an int8 average: their sum has 16 bits.
pub const MAX_SUM: usize = 256;

impl Shape {
    /// Windows in flight at the same time.
    pub const fn lanes(&self) -> usize {
        match self.hop {
            0 => 0,
            hop => self.steps.div_ceil(hop),
        }
    }

    /// Elements of the state of an f32 pool.
    pub const fn state_f32(&self) -> usize {
        1 + self.lanes() * self.channels
    }

    /// Elements of the state of an int8 max pool.
    pub const fn state_max_i8(&self) -> usize {
        COUNT + self.lanes() * self.channels
    }

    /// Elements of the state of an int8 average pool.
    pub const fn state_average_i8(&self) -> usize {
        COUNT + self.lanes() * self.channels * 2
    }

    /// Whether the sums of an int8 average pool fit its state.
    pub const fn sums_fit(&self) -> bool {
        self.hop <= MAX_SUM || self.steps <= MAX_SUM
    }

    /// Takes the steps in `input` and says whether `output` now holds the largest elements of a window.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn max_f32(
        &self,
        input: &[Cell<f32>],
        state: &[Cell<f32>],
        output: &[Cell<f32>],
    ) -> Result<bool, Error> {
        self.windows(input, state, output, |x| x, pool::larger, |max| max)
    }

    /// Takes the steps in `input` and says whether `output` now holds the means of a window.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn average_f32(
        &self,
        input: &[Cell<f32>],
        state: &[Cell<f32>],
        output: &[Cell<f32>],
    ) -> Result<bool, Error> {
        let first = |x| 0.0 + x; // as in a sum that begins with 0, -0 becomes 0
        let mean = |sum| sum / self.steps as f32;
        self.windows(input, state, output, first, |sum, x| sum + x, mean)
    }

    /// Takes the steps in `input` and says whether `output` now holds the largest elements of a window.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn max_i8(
        &self,
        input: &[Cell<i8>],
        state: &[Cell<i8>],
        output: &[Cell<i8>],
    ) -> Result<bool, Error> {
        expect_len(state, self.state_max_i8())?;
        let (count, lanes) = state
            .split_first_chunk::<COUNT>()
            .ok_or(Error::BufferLength)?;
        let sum = Sum {
            zero: i8::MIN,
            add: pool::larger,
            mean: |max| max,
        };
        self.blocks(input, count, lanes, output, sum)
    }

    /// Takes the steps in `input` and says whether `output` now holds the means of a window, rounded half away
    /// from zero. Right only when [`Shape::sums_fit`].
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn average_i8(
        &self,
        input: &[Cell<i8>],
        state: &[Cell<i8>],
        output: &[Cell<i8>],
    ) -> Result<bool, Error> {
        let mean = |sum| pool::mean(sum, self.steps as u32).unwrap_or(0);
        self.sums_i8(input, state, output, mean)
    }

    /// As [`Shape::average_i8`], where `mean` makes the result of a sum.
    #[inline(always)]
    pub(super) fn sums_i8(
        &self,
        input: &[Cell<i8>],
        state: &[Cell<i8>],
        output: &[Cell<i8>],
        mean: impl Fn(i32) -> i8,
    ) -> Result<bool, Error> {
        expect_len(state, self.state_average_i8())?;
        let (count, lanes) = state
            .split_first_chunk::<COUNT>()
            .ok_or(Error::BufferLength)?;
        let sum = Sum {
            zero: 0,
            add: |a: i32, b: i32| a + b,
            mean,
        };
        let lanes: &[[Cell<i8>; 2]] = lanes.as_chunks().0;
        self.blocks(input, count, lanes, output, sum)
    }

    /// A lane is a window: `first` and `next` make its accumulators, `last` its result.
    #[inline(always)]
    fn windows(
        &self,
        input: &[Cell<f32>],
        state: &[Cell<f32>],
        output: &[Cell<f32>],
        first: impl Fn(f32) -> f32,
        next: impl Fn(f32, f32) -> f32,
        last: impl Fn(f32) -> f32,
    ) -> Result<bool, Error> {
        expect_len(state, self.state_f32())?;
        expect_len(output, self.channels)?;
        let (count, lanes) = state.split_first().ok_or(Error::BufferLength)?;
        let mut complete = false;
        self.steps(input, &Bits(count), |x, now| {
            for (lane, age) in self.ages(now) {
                let lane = part(lanes, lane * self.channels, self.channels)?;
                if age == 0 {
                    for (acc, x) in lane.iter().zip(x) {
                        acc.set(first(x.get()));
                    }
                } else if age < self.steps {
                    for (acc, x) in lane.iter().zip(x) {
                        acc.set(next(acc.get(), x.get()));
                    }
                }
                if age + 1 == self.steps {
                    for (y, acc) in output.iter().zip(lane) {
                        y.set(last(acc.get()));
                    }
                    complete = true;
                }
            }
            Ok(())
        })?;
        Ok(complete)
    }

    /// A lane is what came between the starts of two windows, or until the first of them ended.
    #[inline(always)]
    fn blocks<S: Slot<Value: Copy + From<i8>>>(
        &self,
        input: &[Cell<i8>],
        count: &[Cell<i8>; COUNT],
        lanes: &[S],
        output: &[Cell<i8>],
        sum: Sum<S::Value, impl Fn(S::Value, S::Value) -> S::Value, impl Fn(S::Value) -> i8>,
    ) -> Result<bool, Error> {
        expect_len(output, self.channels)?;
        let (mut complete, period) = (false, self.period());
        self.steps(input, count, |x, now| {
            // The lane whose turn it is, and the steps in it; found without a division.
            let mut age = if now < period { now } else { now - period };
            let mut lane = lanes;
            while age >= self.hop {
                age -= self.hop;
                lane = lane.get(self.channels..).unwrap_or(&[]);
            }
            let lane = part(lane, 0, self.channels)?;
            if age == 0 {
                for (acc, x) in lane.iter().zip(x) {
                    acc.set(x.get().into());
                }
            } else if age < self.steps {
                for (acc, x) in lane.iter().zip(x) {
                    acc.set((sum.add)(acc.get(), x.get().into()));
                }
            }
            // The oldest window is all other lanes longer.
            let ends = age + period - self.hop + 1 == self.steps && now + 1 >= self.steps;
            if ends {
                for (channel, y) in output.iter().enumerate() {
                    let mut total = sum.zero;
                    let mut rest = lanes.get(channel..).unwrap_or(&[]);
                    while let Some(acc) = rest.first() {
                        total = (sum.add)(total, acc.get());
                        rest = rest.get(self.channels..).unwrap_or(&[]);
                    }
                    y.set((sum.mean)(total));
                }
                complete = true;
            }
            Ok(())
        })?;
        Ok(complete)
    }

    /// Calls `each` with the elements and the number of every step from the first window on; the number is taken
    /// modulo [`Shape::period`], but for the first steps of all.
    #[inline(always)]
    fn steps<T>(
        &self,
        input: &[Cell<T>],
        count: &impl Slot<Value = i32>,
        mut each: impl FnMut(&[Cell<T>], usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        expect_len(input, self.in_time * self.channels)?;
        let end = self.skip + 2 * self.period();
        let mut seen = (count.get() as u32 as usize).min(end - 1);
        for t in 0..self.in_time {
            let x = part(input, t * self.channels, self.channels)?;
            if let Some(now) = seen.checked_sub(self.skip) {
                each(x, now)?;
            }
            seen += 1;
            if seen == end {
                seen -= self.period();
            }
        }
        count.set(seen as i32);
        Ok(())
    }

    /// Steps after which a lane is free for another window.
    const fn period(&self) -> usize {
        self.lanes() * self.hop
    }

    /// The windows that have begun by step `now`: their lanes, and the steps since.
    #[inline(always)]
    fn ages(&self, now: usize) -> impl Iterator<Item = (usize, usize)> {
        let period = self.period();
        let mut next = if now < period { now } else { now - period };
        let hop = self.hop;
        let lanes = (0..self.lanes()).map(move |lane| {
            let age = next;
            next = if age < hop {
                age + period - hop
            } else {
                age - hop
            };
            (lane, age)
        });
        lanes.filter(move |&(_, age)| age <= now)
    }
}

/// A sum, in the widest sense, whose order does not matter.
struct Sum<V, Add, Mean> {
    /// Of nothing.
    zero: V,
    add: Add,
    /// What becomes of it.
    mean: Mean,
}

/// A number in the state.
trait Slot {
    type Value;
    fn get(&self) -> Self::Value;
    fn set(&self, value: Self::Value);
}

impl<T: Copy> Slot for Cell<T> {
    type Value = T;

    #[inline(always)]
    fn get(&self) -> T {
        Cell::get(self)
    }

    #[inline(always)]
    fn set(&self, value: T) {
        Cell::set(self, value);
    }
}

impl Slot for [Cell<i8>; 2] {
    type Value = i32;

    #[inline(always)]
    fn get(&self) -> i32 {
        let [low, high] = self;
        i32::from(i16::from_le_bytes([low.get() as u8, high.get() as u8]))
    }

    #[inline(always)]
    fn set(&self, value: i32) {
        let ([low, high], [low_byte, high_byte]) = (self, (value as i16).to_le_bytes());
        low.set(low_byte as i8);
        high.set(high_byte as i8);
    }
}

impl Slot for [Cell<i8>; 4] {
    type Value = i32;

    #[inline(always)]
    fn get(&self) -> i32 {
        i32::from_le_bytes(self.each_ref().map(|b| b.get() as u8))
    }

    #[inline(always)]
    fn set(&self, value: i32) {
        for (cell, byte) in self.iter().zip(value.to_le_bytes()) {
            cell.set(byte as i8);
        }
    }
}

/// An integer in the place of a float.
struct Bits<'a>(&'a Cell<f32>);

impl Slot for Bits<'_> {
    type Value = i32;

    fn get(&self) -> i32 {
        self.0.get().to_bits() as i32
    }

    fn set(&self, value: i32) {
        self.0.set(f32::from_bits(value as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells;
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    /// Runs a whole recording through the pool, `shape.in_time` steps at a time, and collects the windows.
    fn stream<T: Copy + Default>(
        shape: &Shape,
        state: usize,
        recording: &[T],
        pool: impl Fn(&[Cell<T>], &[Cell<T>], &[Cell<T>]) -> Result<bool, Error>,
    ) -> Vec<T> {
        let mut state = vec![T::default(); state];
        let mut output = vec![T::default(); shape.channels];
        let mut windows = Vec::new();
        for tick in recording.chunks_exact(shape.in_time * shape.channels) {
            let mut tick = tick.to_vec();
            if pool(cells(&mut tick), cells(&mut state), cells(&mut output)).unwrap() {
                windows.extend_from_slice(&output);
            }
        }
        windows
    }

    /// Pools every whole window of the recording on its own.
    fn windowed<T: Copy + Default>(
        shape: &Shape,
        recording: &[T],
        pool: impl Fn(&pool::Shape, &[Cell<T>], &[Cell<T>]) -> Result<(), Error>,
    ) -> Vec<T> {
        let whole = pool::Shape {
            in_time: shape.steps,
            channels: shape.channels,
            out_time: 1,
            kernel: shape.steps,
            stride: 1,
            padding: 0,
        };
        let whole_ticks = shape.in_time * shape.channels;
        let end = recording.len() / whole_ticks * whole_ticks;
        let mut windows = Vec::new();
        let mut first = shape.skip * shape.channels;
        while first + shape.steps * shape.channels <= end {
            let mut window = recording[first..][..shape.steps * shape.channels].to_vec();
            let mut output = vec![T::default(); shape.channels];
            pool(&whole, cells(&mut window), cells(&mut output)).unwrap();
            windows.extend(output);
            first += shape.hop * shape.channels;
        }
        windows
    }

    fn geometry() -> impl Strategy<Value = Shape> {
        let steps = prop_oneof![4 => 1usize..30, 1 => 250usize..270];
        let longer = prop_oneof![4 => 0usize..8, 1 => 245usize..251];
        (1usize..6, 1usize..4, steps, longer, 0usize..20).prop_map(
            |(in_time, channels, steps, longer, skip)| Shape {
                in_time,
                channels,
                steps,
                hop: in_time + longer,
                skip,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
        #[test]
        fn equals_pooling_each_window_on_its_own(shape in geometry(), windows in 0usize..12, seed: u64) {
            let mut random = seed;
            let len = (shape.skip + shape.steps + windows * shape.hop) * shape.channels;
            let x: Vec<i8> = (0..len).map(|_| {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                // Extremes are frequent, so that sums overflow if they can.
                match random >> 61 { 0 => -128, 1 => 127, _ => (random >> 40) as i8 }
            }).collect();
            // Eighths would sum exactly; with elevenths the order of additions shows.
            let xf: Vec<f32> = x.iter().map(|&x| -f32::from(x) / 11.0).collect();

            let found = stream(&shape, shape.state_max_i8(), &x, |x, s, y| shape.max_i8(x, s, y));
            prop_assert_eq!(found, windowed(&shape, &x, pool::Shape::max_i8));
            let found = stream(&shape, shape.state_average_i8(), &x, |x, s, y| shape.average_i8(x, s, y));
            prop_assert_eq!(found, windowed(&shape, &x, pool::Shape::average_i8));
            let bits = |y: Vec<f32>| y.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
            let found = stream(&shape, shape.state_f32(), &xf, |x, s, y| shape.max_f32(x, s, y));
            prop_assert_eq!(bits(found), bits(windowed(&shape, &xf, pool::Shape::max_f32)));
            let found = stream(&shape, shape.state_f32(), &xf, |x, s, y| shape.average_f32(x, s, y));
            prop_assert_eq!(bits(found), bits(windowed(&shape, &xf, pool::Shape::average_f32)));
        }
    }

    #[test]
    fn buffers_of_another_length_are_refused() {
        let shape = Shape {
            in_time: 2,
            channels: 3,
            steps: 5,
            hop: 2,
            skip: 0,
        };
        assert_eq!(shape.state_average_i8(), 4 + 3 * 3 * 2);
        let (mut x, mut y, mut s) = ([0i8; 6], [0i8; 3], [0i8; 22]);
        let mut pool = |x: usize, s_len: usize, y_len: usize, xs: &mut [i8]| {
            shape.average_i8(
                cells(&mut xs[..x]),
                cells(&mut s[..s_len]),
                cells(&mut y[..y_len]),
            )
        };
        assert_eq!(pool(6, 22, 3, &mut x), Ok(false));
        assert_eq!(pool(5, 22, 3, &mut x), Err(Error::BufferLength));
        assert_eq!(pool(6, 21, 3, &mut x), Err(Error::BufferLength));
        assert_eq!(pool(6, 22, 2, &mut x), Err(Error::BufferLength));
    }
}
