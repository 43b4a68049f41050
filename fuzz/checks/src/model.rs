//! The model format: what [`mote::Model::parse`] and [`mote::Interpreter::new`] accept, runs.

use mote::format::{HEADER_WORDS, MAGIC, VERSION};
use mote::{Interpreter, Model, registry};

/// Largest arena and most work of a model that is run, in words and multiplications: a fuzzer wants many small ones.
const MAX_ARENA: usize = 1 << 14;
const MAX_WORK: usize = 1 << 21;

/// A model, taken as it is, and with its magic, version, length and checksum put right, which no fuzzer would guess.
/// What is accepted runs without an error, window after window; and words that are damaged after they were accepted
/// give errors or wrong results, but no worse.
pub fn model(bytes: &[u8]) -> bool {
    let mut words: Vec<u32> = bytes
        .chunks(4)
        .map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_le_bytes(word)
        })
        .collect();
    run(&words);
    repair(&mut words);
    if !run(&words) {
        return false;
    }
    // Damage, chosen by the model's own checksum.
    let mut state = words.last().copied().unwrap_or(1) | 1;
    for _ in 0..4 {
        state = state.wrapping_mul(0x9e37_79b1).rotate_left(15);
        let at = state as usize % words.len();
        words[at] ^= 1 << (state >> 27);
        if let Ok(network) = Interpreter::resume(&words, registry::ALL)
            && let Some(mut arena) = arena(&network)
        {
            let _ = network.run(&mut arena);
        }
    }
    true
}

fn repair(words: &mut Vec<u32>) {
    if words.len() <= HEADER_WORDS {
        words.resize(HEADER_WORDS + 1, 0);
    }
    words[0] = MAGIC;
    words[1] = words.len() as u32;
    words[2] = words[2] & !0xff | u32::from(VERSION);
    let last = words.len() - 1;
    words[last] = mote::crc32(&words[..last]);
}

/// Runs the model, if it is one; whether it is.
pub(crate) fn run(words: &[u32]) -> bool {
    let Ok(model) = Model::parse(words) else {
        return false;
    };
    let Ok(network) = Interpreter::new(model, registry::ALL) else {
        return false;
    };
    let Some(mut arena) = arena(&network) else {
        return false;
    };
    // Streams remember: the third run is not the first.
    for run in 0..3u32 {
        if let Ok(input) = network.input_f32(&mut arena) {
            for (i, x) in (0u32..).zip(input) {
                *x = (i.wrapping_mul(37 + run) % 256) as f32 / 32.0 - 4.0;
            }
        } else {
            for (i, x) in (0u32..).zip(network.input_i8(&mut arena).unwrap()) {
                *x = i.wrapping_mul(37 + run) as i8;
            }
        }
        network.run(&mut arena).unwrap();
        network.run_observed(&mut arena, |_, _| ()).unwrap();
    }
    if let Some(frontend) = model.frontend() {
        let input = model.input().unwrap();
        assert_eq!(frontend.len(), input.channels);
        let counts: Vec<i16> = (0..input.len()).map(|i| (i * 9973) as i16).collect();
        network.load_counts(&counts, &mut arena).unwrap();
        network.run(&mut arena).unwrap();
    }
    // Too small an arena is an error at worst.
    if let Some(small) = arena.get_mut(1..) {
        let _ = network.run(small);
    }
    true
}

/// The arena of a network that is small and fast enough.
fn arena(network: &Interpreter) -> Option<Vec<u32>> {
    let model = network.model();
    let words = model.arena_words();
    let mut work = 0usize;
    for node in model.nodes() {
        let (input, output) = (node.input().ok()?, node.output().ok()?);
        let field = match node.kernel() {
            0 => input.len(),
            kernel => kernel * node.group_inputs().max(1),
        };
        work = work.saturating_add(output.len().saturating_mul(field));
    }
    (words <= MAX_ARENA && work <= MAX_WORK).then(|| vec![0; words])
}
