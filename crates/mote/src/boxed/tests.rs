extern crate std;

use super::*;
use crate::testing::{exiting, graphs, load, words};
use crate::{Interpreter, registry};

/// Sample `i` of window `n`, over the whole range.
fn sample(n: usize, i: usize) -> i16 {
    let x = (n * 7919 + i * 104_729) % 65_521;
    ((x * x % 65_521) as i32 - 32_760) as i16
}

/// Runs both on the same windows and compares their outputs bit for bit.
fn agrees_with_the_interpreter(words: Vec<u32>) {
    let words: &'static [u32] = words.leak();
    for (kinds, keep, lazy) in [
        (layer::ALL, Keep::Copied, false),
        (layer::ALL, Keep::InPlace, true),
    ] {
        let settings = Settings {
            kinds,
            keep,
            lazy,
            labels: &[],
        };
        agrees(words, settings);
    }
}

fn agrees(words: &'static [u32], settings: Settings<'_>) {
    let model = Model::parse(words).unwrap();
    let engine = Interpreter::new(model, registry::ALL).unwrap();
    let mut arena = vec![0; model.arena_words()];
    let mut network = Network::new(words, settings).unwrap();
    let len = model.input().unwrap().len();
    let mut outputs = Vec::new();
    for n in 0..8 {
        let window: Vec<i16> = (0..len).map(|i| sample(n, i)).collect();
        if model.frontend().is_some() {
            engine.load_counts(&window, &mut arena).unwrap();
            network.counts().unwrap().copy_from_slice(&window);
        } else if let Ok(input) = network.input_i8() {
            let theirs = engine.input_i8(&mut arena).unwrap();
            for ((x, y), w) in input.iter_mut().zip(theirs).zip(window) {
                (*x, *y) = ((w / 256) as i8, (w / 256) as i8);
            }
        } else {
            let input = network.input_f32().unwrap();
            let theirs = engine.input_f32(&mut arena).unwrap();
            for ((x, y), w) in input.iter_mut().zip(theirs).zip(window) {
                (*x, *y) = (f32::from(w) * 1e-3, f32::from(w) * 1e-3);
            }
        }
        let decided = engine.run(&mut arena).unwrap();
        assert_eq!(network.run(), Ok(decided));
        if !decided {
            continue;
        }
        let output: Vec<u32> = match engine.output_i8(&arena) {
            Ok(theirs) => {
                assert_eq!(network.output_i8().unwrap(), theirs);
                theirs.iter().map(|&y| y as u32).collect()
            }
            Err(_) => {
                let bits = |y: &[f32]| y.iter().map(|y| y.to_bits()).collect::<Vec<u32>>();
                let theirs = bits(engine.output_f32(&arena).unwrap());
                assert_eq!(bits(network.output_f32().unwrap()), theirs);
                theirs
            }
        };
        outputs.push(output);
    }
    outputs.dedup();
    assert!(outputs.len() > 1, "windows must not all look the same");
}

#[test]
fn an_early_exit_leaves_its_scores_unclamped() {
    let words = words(&exiting(None)).leak();
    let mut network = Network::new(words, Settings::BASELINE).unwrap();
    let mut outputs = |x: f32| {
        let window = [-1.0, 0.0, x, -1.0, 0.0, x];
        network.input_f32().unwrap().copy_from_slice(&window);
        assert_eq!(network.run(), Ok(true));
        network.output_f32().unwrap().to_vec()
    };
    assert_eq!(outputs(30.0), [-1.0, 0.0, 30.0]);
    assert_eq!(outputs(10.0), [0.0, 0.0, 10.0]);
}

#[test]
fn a_lazy_network_loads_what_a_run_reaches() {
    let words = words(&exiting(None)).leak();
    let settings = Settings {
        lazy: true,
        ..Settings::BASELINE
    };
    let mut network = Network::new(words, settings).unwrap();
    let loaded = |n: &Network| n.steps.iter().filter(|s| s.layer.is_some()).count();
    assert_eq!(loaded(&network), 0);
    network.input_f32().unwrap().fill(0.0);
    if let Some(x) = network.input_f32().unwrap().last_mut() {
        *x = 100.0;
    }
    network.run().unwrap();
    assert_eq!(loaded(&network), 2);
    network.input_f32().unwrap().fill(0.0);
    network.run().unwrap();
    assert_eq!(loaded(&network), 3);
}

#[test]
fn outputs_are_the_interpreters() {
    let graphs = graphs();
    let mut seen = Vec::new();
    for graph in &graphs {
        let words = words(graph);
        seen.extend(Model::parse(&words).unwrap().nodes().map(|node| node.op()));
        agrees_with_the_interpreter(words);
    }
    let unseen = registry::ALL
        .iter()
        .map(|k| k.op)
        .filter(|op| !seen.contains(op));
    assert_eq!(unseen.collect::<Vec<u8>>(), []);
}

#[test]
fn the_front_end_is_the_interpreters() {
    for name in ["B_int8", "B_f32"] {
        let mut graph = load(name);
        graph.frontend = Some(mote_model::Frontend {
            offset: vec![100, -4000, 0],
            scale: vec![1e-3, 2e-3, 0.5e-3],
        });
        agrees_with_the_interpreter(words(&graph));
    }
}

#[test]
fn labels_are_kept() {
    let words = words(&load("B_int8"));
    let settings = Settings {
        labels: &["walking", "standing"],
        ..Settings::BASELINE
    };
    let network = Network::new(words.leak(), settings).unwrap();
    assert_eq!(network.labels(), ["walking", "standing"]);
}

#[test]
fn what_the_interpreter_refuses_is_refused() {
    let mut words = words(&load("B_int8"));
    let error = |words: &[u32]| Network::new(words.to_vec().leak(), Settings::BASELINE).err();
    assert_eq!(error(&words[..20]), Some(Error::Length));
    // The first node's operator, behind header and tensors.
    let tensors = Model::parse(&words).unwrap().tensors().count();
    words[8 + 2 * tensors] |= 0xff;
    let last = words.len() - 1;
    words[last] = crate::crc32(&words[..last]);
    assert_eq!(error(&words), Some(Error::UnsupportedOp));
}

#[test]
fn a_layer_that_writes_its_own_input_is_refused() {
    let mut words = words(&load("B_int8"));
    let tensors = Model::parse(&words).unwrap().tensors().count();
    let [op, input, second, _] = words[8 + 2 * tensors].to_le_bytes();
    words[8 + 2 * tensors] = u32::from_le_bytes([op, input, second, input]);
    let last = words.len() - 1;
    words[last] = crate::crc32(&words[..last]);
    let network = Network::new(words.leak(), Settings::BASELINE);
    assert_eq!(network.err(), Some(Error::Corrupt));
}
