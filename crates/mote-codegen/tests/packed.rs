//! Weights of four bits: the outputs of an int8 network with the same weights, in half the bytes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote::{Interpreter, Model, registry};
use mote_import::tflite::import;
use mote_model::stream::stream;
use mote_model::{Graph, Op, Strategy, Weights, blob, plan};

/// The network `name`, whose convolutions but the first have weights of -7 to 7 in `stored` bits.
fn load(name: &str, stored: u8) -> Graph {
    let path = format!(
        "{}/../mote-import/tests/models/{name}.tflite",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut graph = import(name, &std::fs::read(path).unwrap()).unwrap();
    for node in graph.nodes.iter_mut().skip(1) {
        if let Op::Conv1d(conv) = &mut node.op
            && let Weights::I8 {
                weights,
                bits,
                scales,
                ..
            } = &mut conv.weights
        {
            *bits = stored;
            weights.iter_mut().for_each(|w| *w /= 16);
            scales.iter_mut().for_each(|s| *s *= 16.0);
        }
    }
    graph
}

/// The model's words, and all scores of a recording of `runs` inputs.
fn run(graph: &Graph, runs: usize) -> (Vec<u32>, Vec<i8>) {
    let plan = plan(graph, Strategy::Overlap).unwrap();
    let words = blob::to_words(graph, &plan).unwrap();
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL_INT8).unwrap();
    let mut arena = vec![0; plan.arena / 4];
    let mut scores = Vec::new();
    for n in 0..runs {
        for (i, x) in network.input_i8(&mut arena).unwrap().iter_mut().enumerate() {
            *x = ((i + 7 * n) * 37 % 251) as u8 as i8;
        }
        if network.run(&mut arena).unwrap() {
            scores.extend_from_slice(network.output_i8(&arena).unwrap());
        }
    }
    (words, scores)
}

#[test]
fn outputs_stay_and_half_of_the_weights_go() {
    for name in ["A_int8", "B_int8"] {
        let (wide, packed) = (load(name, 8), load(name, 4));
        let (wide_words, expected) = run(&wide, 8);
        let (packed_words, found) = run(&packed, 8);
        assert_eq!(found, expected, "{name}");
        let distinct: std::collections::BTreeSet<i8> = found.into_iter().collect();
        assert!(distinct.len() > 4, "{name}: {distinct:?}");

        // Channels of these networks are even and their taps are multiples of four: nothing is padding.
        let bytes = |graph: &Graph| -> usize {
            let weights = graph.nodes.iter().filter_map(|n| n.op.weights());
            weights.map(Weights::bytes).sum()
        };
        let saved = bytes(&wide) - bytes(&packed);
        assert_eq!(4 * (wide_words.len() - packed_words.len()), saved, "{name}");
        assert!(10 * saved > 3 * bytes(&wide), "{name}: {saved}");
    }
}

#[test]
fn streams_decide_the_same() {
    let streamed = |bits| {
        run(
            &stream(&load("A_valid_int8_pt", bits), 20, None).unwrap(),
            60,
        )
        .1
    };
    let expected = streamed(8);
    assert!(expected.len() > 20);
    assert_eq!(streamed(4), expected);
}
