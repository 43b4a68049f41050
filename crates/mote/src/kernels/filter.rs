//! A filter over decisions: each class is as likely as what was likely before allows, and as what is seen now says.
//!
//! The state holds a level per class, the logarithm of its posterior probability up to a constant: 0 for the likeliest
//! class, less for the others, all 0 before the first step. Per step, `level[to]` becomes the largest
//! `level[from] - cost[from][to]` plus `weight` times the score of `to`, and the largest level is taken from all. That is
//! the Viterbi recursion of a hidden Markov model (Viterbi 1967) whose transitions have the probabilities
//! `exp(-cost)`. The first `skip` steps are not counted. A run may bring several steps; levels are written after the last.
//!
//! In int8, levels and costs have 16 bits, and nothing overflows: a cost is at most [`LIMIT`], and what a class loses by
//! the scores of one step against the best of them saturates there.

use super::{expect_len, part};
use crate::Error;
use core::cell::Cell;

/// Steps of an int8 filter's levels and costs in one nat.
pub const STEPS_PER_NAT: i32 = 1024;

/// Bits of a step behind the point in the weight of an int8 filter.
pub const WEIGHT_BITS: u32 = 8;

/// Largest cost of an int8 filter, and the most that a class may lose by the scores of one step: the sum fits a level.
pub const LIMIT: u32 = 16383;

/// Bits of a level that an int8 output leaves out: it has sixteen steps per nat.
const OUTPUT_SHIFT: u32 = 6;

/// A filter over int8 scores, with levels of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterI8<'m> {
    /// Steps at the beginning of a stream that are not counted.
    pub skip: u16,
    /// Steps that a level gains per step of a score, times 2^[`WEIGHT_BITS`].
    pub weight: u16,
    /// Costs in steps, `[from][to]`, two to a word with the first in the lower half; at most [`LIMIT`].
    pub costs: &'m [u32],
}

/// As [`FilterI8`], when all changes cost the same, and none is free of cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeI8 {
    /// Steps at the beginning of a stream that are not counted.
    pub skip: u16,
    /// Steps that a level gains per step of a score, times 2^[`WEIGHT_BITS`].
    pub weight: u16,
    /// Cost of a change in steps; at most [`LIMIT`].
    pub cost: u16,
}

/// A filter over f32 scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilterF32<'m> {
    /// Steps at the beginning of a stream that are not counted.
    pub skip: u16,
    /// Nats that a level gains per unit of a score.
    pub weight: f32,
    /// Bits of the costs in nats, `[from][to]`.
    pub costs: &'m [u32],
}

/// Returns the length of the state in bytes, for [`FilterI8`] over `classes`: the count of steps that were skipped, the
/// levels, and room for those of the step before.
pub const fn state_i8(classes: usize) -> usize {
    2 + 4 * classes
}

/// Returns the length of the state in bytes, for [`ChangeI8`] over `classes`: the count of steps that were skipped, and
/// the levels.
pub const fn state_change_i8(classes: usize) -> usize {
    2 + 2 * classes
}

/// Returns the number of f32 elements of the state of an f32 filter over `classes`.
pub const fn state_f32(classes: usize) -> usize {
    1 + 2 * classes
}

/// Returns the number of words that hold the costs of [`FilterI8`] over `classes`.
pub const fn cost_words_i8(classes: usize) -> usize {
    (classes * classes).div_ceil(2)
}

impl FilterI8<'_> {
    /// Takes the scores in `input`, `[steps][classes]`, and says whether `output` now holds levels, in sixteenths of a nat
    /// below 127. Only the likeliest class has 127.
    ///
    /// # Errors
    /// When a buffer, or the list of costs, does not have the length that the classes ask for.
    pub fn run(
        &self,
        input: &[Cell<i8>],
        state: &[Cell<i8>],
        output: &[Cell<i8>],
    ) -> Result<bool, Error> {
        let classes = output.len();
        expect_len(state, state_i8(classes))?;
        let (halves, _) = state.as_chunks::<2>();
        let (seen, levels) = halves.split_first().ok_or(Error::BufferLength)?;
        let (levels, before) = levels
            .split_at_checked(classes)
            .ok_or(Error::BufferLength)?;
        let gains = Gains {
            skip: self.skip,
            weight: self.weight,
        };
        gains.run(input, seen, levels, output, |scores, top| {
            for (before, level) in before.iter().zip(levels) {
                store(before, load(level));
            }
            for (to, (score, level)) in scores.iter().zip(levels).enumerate() {
                let mut most = i32::MIN;
                let mut at = to;
                for before in before {
                    let word = self.costs.get(at / 2).ok_or(Error::BufferLength)?;
                    let cost = (word >> (16 * (at % 2) as u32)) & 0xffff;
                    most = most.max(load(before).wrapping_sub(cost as i32));
                    at += classes;
                }
                store_level(level, most.wrapping_add(gains.of(score.get(), top)));
            }
            Ok(())
        })
    }
}

impl ChangeI8 {
    /// As [`FilterI8::run`].
    ///
    /// # Errors
    /// When a buffer does not have the length that the classes ask for.
    pub fn run(
        &self,
        input: &[Cell<i8>],
        state: &[Cell<i8>],
        output: &[Cell<i8>],
    ) -> Result<bool, Error> {
        expect_len(state, state_change_i8(output.len()))?;
        let (halves, _) = state.as_chunks::<2>();
        let (seen, levels) = halves.split_first().ok_or(Error::BufferLength)?;
        let gains = Gains {
            skip: self.skip,
            weight: self.weight,
        };
        gains.run(input, seen, levels, output, |scores, top| {
            for (score, level) in scores.iter().zip(levels) {
                // The cheapest change is one from the likeliest class, whose level is 0.
                let most = load(level).max(-i32::from(self.cost));
                store_level(level, most.wrapping_add(gains.of(score.get(), top)));
            }
            Ok(())
        })
    }
}

/// What scores add to levels.
#[derive(Clone, Copy)]
struct Gains {
    skip: u16,
    weight: u16,
}

impl Gains {
    /// Returns what a level gains by `score`, 0 or less, where `top` is the largest of its step. That differs from the
    /// definition by the same amount for all levels.
    #[inline(always)]
    fn of(self, score: i8, top: i8) -> i32 {
        let below = i32::from(score).wrapping_sub(i32::from(top));
        let gain = below.wrapping_mul(i32::from(self.weight));
        let rounded = gain.wrapping_add(1 << (WEIGHT_BITS - 1)) >> WEIGHT_BITS;
        rounded.max(-(LIMIT as i32))
    }

    /// Calls `step` with the scores of each step that counts and the largest of them, takes the largest level from all
    /// levels, and writes them to `output` after the last step.
    #[inline(always)]
    fn run(
        self,
        input: &[Cell<i8>],
        seen: &[Cell<i8>; 2],
        levels: &[[Cell<i8>; 2]],
        output: &[Cell<i8>],
        step: impl Fn(&[Cell<i8>], i8) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let classes = output.len();
        let mut count = load(seen) as u16;
        let mut counts = false;
        let mut first = 0;
        while first < input.len() {
            let scores = part(input, first, classes)?;
            if classes == 0 {
                return Err(Error::BufferLength);
            }
            first += classes;
            if count < self.skip {
                count += 1;
                continue;
            }
            counts = true;
            step(scores, largest(scores))?;
            subtract_largest(levels);
        }
        store(seen, i32::from(count));
        if !counts {
            return Ok(false);
        }
        write(levels, output);
        Ok(true)
    }
}

/// Returns the largest score. As the two below, one function for both kinds of filters.
#[inline(never)]
fn largest(scores: &[Cell<i8>]) -> i8 {
    let mut top = i8::MIN;
    for score in scores {
        top = top.max(score.get());
    }
    top
}

/// Takes the largest level from all.
#[inline(never)]
fn subtract_largest(levels: &[[Cell<i8>; 2]]) {
    let mut best = i32::MIN;
    for level in levels {
        best = best.max(load(level));
    }
    for level in levels {
        store_level(level, load(level).wrapping_sub(best));
    }
}

/// Writes levels in sixteenths of a nat below 127.
#[inline(never)]
fn write(levels: &[[Cell<i8>; 2]], output: &[Cell<i8>]) {
    let mut likeliest = 127;
    for (level, output) in levels.iter().zip(output) {
        // 127 belongs to the first of the likeliest classes alone, so that output and levels decide alike.
        let value = match load(level) {
            0 => core::mem::replace(&mut likeliest, 126),
            below => {
                let rounded = 127 + ((below + (1 << (OUTPUT_SHIFT - 1))) >> OUTPUT_SHIFT);
                rounded.clamp(-128, 126)
            }
        };
        output.set(value as i8);
    }
}

fn load(half: &[Cell<i8>; 2]) -> i32 {
    let [low, high] = half;
    i32::from(i16::from_le_bytes([low.get() as u8, high.get() as u8]))
}

fn store(half: &[Cell<i8>; 2], value: i32) {
    let [low, high] = half;
    let [a, b, ..] = value.to_le_bytes();
    low.set(a as i8);
    high.set(b as i8);
}

/// Stores a level, which is 0 or less; saturates.
fn store_level(half: &[Cell<i8>; 2], value: i32) {
    store(half, value.max(i32::from(i16::MIN)));
}

impl FilterF32<'_> {
    /// Takes the scores in `input`, `[steps][classes]`, and says whether `output` now holds the levels, in nats.
    ///
    /// # Errors
    /// When a buffer, or the list of costs, does not have the length that the classes ask for.
    pub fn run(
        &self,
        input: &[Cell<f32>],
        state: &[Cell<f32>],
        output: &[Cell<f32>],
    ) -> Result<bool, Error> {
        let classes = output.len();
        expect_len(state, state_f32(classes))?;
        let (seen, levels) = state.split_first().ok_or(Error::BufferLength)?;
        let (levels, before) = levels
            .split_at_checked(classes)
            .ok_or(Error::BufferLength)?;
        let mut counts = false;
        let mut first = 0;
        while first < input.len() {
            let scores = part(input, first, classes)?;
            if scores.is_empty() {
                return Err(Error::BufferLength);
            }
            first += classes;
            if seen.get() < f32::from(self.skip) {
                seen.set(seen.get() + 1.0);
                continue;
            }
            counts = true;
            for (before, level) in before.iter().zip(levels) {
                before.set(level.get());
            }
            let mut best = f32::NEG_INFINITY;
            for (to, (score, level)) in scores.iter().zip(levels).enumerate() {
                let mut most = f32::NEG_INFINITY;
                let mut at = to;
                for before in before {
                    let cost = self.costs.get(at).ok_or(Error::BufferLength)?;
                    let level = before.get() - f32::from_bits(*cost);
                    if level > most {
                        most = level;
                    }
                    at += classes;
                }
                let now = most + self.weight * score.get();
                if now > best {
                    best = now;
                }
                level.set(now);
            }
            for level in levels {
                level.set(level.get() - best);
            }
        }
        for (level, output) in levels.iter().zip(output) {
            output.set(level.get());
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests;
