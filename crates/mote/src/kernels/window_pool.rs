//! Pooling over windows of a stream, each longer than what one run brings.
//!
//! Window `w` covers steps `w * hop .. w * hop + steps`. A new step is added to every window it belongs to, so the
//! steps themselves need not be kept. What is kept, in the `state` tensor, is a count of steps and one row of
//! accumulators (a *lane*) for each window in flight; all zeros before the first run. The results are those of
//! [`pool`] over the whole window, bit for bit: the same arithmetic in the same order.

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

/// Longest window whose int8 sums fit 16 bits.
const SHORT: usize = 256;

impl Shape {
    /// Windows in flight at the same time.
    pub const fn lanes(&self) -> usize {
        self.steps.div_ceil(self.hop)
    }

    /// Elements of the state of an f32 pool.
    pub const fn state_f32(&self) -> usize {
        1 + self.lanes() * self.channels
    }

    /// Elements of the state of an int8 max pool.
    pub const fn state_max_i8(&self) -> usize {
        COUNT + self.lanes() * self.channels
    }

    /// Elements of the state of an int8 average pool: sums have 16 bits where that is enough, else 32.
    pub const fn state_average_i8(&self) -> usize {
        let sum = if self.steps <= SHORT { 2 } else { 4 };
        COUNT + self.lanes() * self.channels * sum
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
        expect_len(state, self.state_f32())?;
        let rule = Rule {
            first: |x| x,
            next: pool::larger,
            last: |max| max,
        };
        self.run_f32(input, state, output, rule)
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
        expect_len(state, self.state_f32())?;
        let rule = Rule {
            first: |x| 0.0 + x, // as in a sum that begins with 0, -0 becomes 0
            next: |sum, x| sum + x,
            last: |sum| sum / self.steps as f32,
        };
        self.run_f32(input, state, output, rule)
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
        let rule = Rule {
            first: |x| x,
            next: pool::larger,
            last: |max| max,
        };
        self.run(input, count, lanes, output, rule)
    }

    /// Takes the steps in `input` and says whether `output` now holds the means of a window, rounded half away
    /// from zero.
    ///
    /// # Errors
    /// When a buffer does not have the length the shape says.
    pub fn average_i8(
        &self,
        input: &[Cell<i8>],
        state: &[Cell<i8>],
        output: &[Cell<i8>],
    ) -> Result<bool, Error> {
        expect_len(state, self.state_average_i8())?;
        let (count, lanes) = state
            .split_first_chunk::<COUNT>()
            .ok_or(Error::BufferLength)?;
        let rule = Rule {
            first: |x: i8| i32::from(x),
            next: |sum, x: i8| sum + i32::from(x),
            last: |sum| pool::mean(sum, self.steps as u32).unwrap_or(0),
        };
        if self.steps <= SHORT {
            let lanes: &[[Cell<i8>; 2]] = lanes.as_chunks().0;
            self.run(input, count, lanes, output, rule)
        } else {
            let lanes: &[[Cell<i8>; 4]] = lanes.as_chunks().0;
            self.run(input, count, lanes, output, rule)
        }
    }

    fn run_f32(
        &self,
        input: &[Cell<f32>],
        state: &[Cell<f32>],
        output: &[Cell<f32>],
        rule: Rule<impl Fn(f32) -> f32, impl Fn(f32, f32) -> f32, impl Fn(f32) -> f32>,
    ) -> Result<bool, Error> {
        let (count, lanes) = state.split_first().ok_or(Error::BufferLength)?;
        self.run(input, &Bits(count), lanes, output, rule)
    }

    /// Adds every step to the windows it belongs to.
    #[inline(always)]
    fn run<T: Copy, S: Slot>(
        &self,
        input: &[Cell<T>],
        count: &impl Slot<Value = i32>,
        lanes: &[S],
        output: &[Cell<T>],
        rule: Rule<
            impl Fn(T) -> S::Value,
            impl Fn(S::Value, T) -> S::Value,
            impl Fn(S::Value) -> T,
        >,
    ) -> Result<bool, Error> {
        let channels = self.channels;
        expect_len(input, self.in_time * channels)?;
        expect_len(output, channels)?;
        // A lane is free for the window `period` steps later.
        let period = self.lanes() * self.hop;
        let end = self.skip + 2 * period;
        let mut seen = (count.get() as u32 as usize).min(end - 1);
        let mut complete = false;
        for t in 0..self.in_time {
            let x = part(input, t * channels, channels)?;
            if let Some(now) = seen.checked_sub(self.skip) {
                let mut age = if now < period { now } else { now - period };
                for lane in 0..self.lanes() {
                    let lane = part(lanes, lane * channels, channels)?;
                    // A window older than the stream has never begun.
                    if age < self.steps && age <= now {
                        for (acc, x) in lane.iter().zip(x) {
                            acc.set(match age {
                                0 => (rule.first)(x.get()),
                                _ => (rule.next)(acc.get(), x.get()),
                            });
                        }
                        if age == self.steps - 1 {
                            for (y, acc) in output.iter().zip(lane) {
                                y.set((rule.last)(acc.get()));
                            }
                            complete = true;
                        }
                    }
                    age = if age < self.hop {
                        age + period - self.hop
                    } else {
                        age - self.hop
                    };
                }
            }
            seen += 1;
            if seen == end {
                seen -= period;
            }
        }
        count.set(seen as i32);
        Ok(complete)
    }
}

/// What is done with the steps of a window.
struct Rule<First, Next, Last> {
    /// An accumulator of one step.
    first: First,
    /// The accumulator with a further step.
    next: Next,
    /// The result.
    last: Last,
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
        i32::from(i16::from_le_bytes(self.each_ref().map(|b| b.get() as u8)))
    }

    #[inline(always)]
    fn set(&self, value: i32) {
        for (cell, byte) in self.iter().zip((value as i16).to_le_bytes()) {
            cell.set(byte as i8);
        }
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
        (1usize..6, 1usize..4, steps, 0usize..8, 0usize..20).prop_map(
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
        fn equals_pooling_each_window_on_its_own(shape in geometry(), windows in 0usize..20, seed: u64) {
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
