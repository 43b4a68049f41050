//! Reading TensorFlow Lite models.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_import::tflite::import;
use mote_model::{Activation, Graph, Op, Shape, Strategy, Weights, plan};
use proptest::prelude::*;

fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/models/{name}.tflite", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn load(name: &str) -> Graph {
    import(name, &bytes(name)).unwrap()
}

fn operators(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|n| n.op.name()).collect()
}

#[test]
fn network_a_is_what_its_description_says() {
    for name in ["A_f32", "A_int8", "A_int8_pt"] {
        let graph = load(name);
        assert_eq!(
            operators(&graph),
            [
                "conv1d",
                "conv1d",
                "conv1d",
                "average_pool",
                "dense",
                "softmax"
            ]
        );
        assert_eq!(graph.tensor(graph.input).unwrap().shape, Shape::new(100, 3));
        assert_eq!((graph.parameters(), graph.macs()), (8_198, 280_192));
        assert_eq!(graph.is_int8(), name != "A_f32");
        let Op::Conv1d(second) = &graph.nodes[1].op else {
            panic!("{:?}", graph.nodes[1]);
        };
        assert_eq!(
            (second.kernel, second.stride, second.activation),
            (5, 2, Activation::Relu)
        );
        // SAME on an even length with stride 2: one zero before, two after.
        assert_eq!(second.padding, [1, 2]);
    }
}

#[test]
fn sizes_of_the_other_reference_networks() {
    for (name, parameters, macs) in [
        ("A_valid_int8_pt", 8_198, 248_512),
        ("B_f32", 886, 19_936),
        ("B_int8", 886, 19_936),
        ("B_int8_pt", 886, 19_936),
    ] {
        let graph = load(name);
        assert_eq!(
            (graph.parameters(), graph.macs()),
            (parameters, macs),
            "{name}"
        );
    }
}

/// The three columns of C24 share one filter; in one dimension they are three groups with a copy each.
#[test]
fn a_short_second_axis_folds_into_channels() {
    for name in ["C24_f32", "C24_int8"] {
        let graph = load(name);
        assert_eq!(graph.tensor(graph.input).unwrap().shape, Shape::new(24, 3));
        let Op::Conv1d(conv) = &graph.nodes[0].op else {
            panic!("{:?}", graph.nodes[0]);
        };
        assert_eq!((conv.groups, conv.out_channels, conv.kernel), (3, 72, 16));
        assert_eq!(graph.macs(), 13_008);
    }
}

#[test]
fn per_channel_and_per_tensor_dense_scales() {
    for (name, equal) in [("A_int8", false), ("A_int8_pt", true)] {
        let graph = load(name);
        let Some(Weights::I8 { scales, .. }) = graph.nodes[4].op.weights() else {
            panic!("{:?}", graph.nodes[4]);
        };
        assert_eq!(scales.len(), 6);
        assert_eq!(scales.windows(2).all(|s| s[0] == s[1]), equal);
    }
}

#[test]
fn chains_alternate_between_the_two_ends_of_the_arena() {
    let plan = plan(&load("A_int8"), Strategy::Lifetimes).unwrap();
    // conv 16 reads 100 x 16 and writes 50 x 32.
    assert_eq!((plan.arena, plan.optimal), (3200, true));
}

#[test]
fn what_is_not_a_model_is_said_to_be_none() {
    for bytes in [&b""[..], b"TFL3", b"PK\x03\x04 and more", &[0; 64]] {
        let error = import("x", bytes).unwrap_err().to_string();
        assert!(error.contains("header"), "{error}");
    }
}

#[test]
fn truncation_is_an_error_at_every_length() {
    let model = bytes("B_int8_pt");
    for len in 0..model.len() {
        // The last bytes may be padding that nothing refers to.
        if let Ok(graph) = import("x", &model[..len]) {
            assert!(len + 8 >= model.len());
            assert_eq!(graph.nodes, load("B_int8_pt").nodes);
        }
    }
}

#[test]
fn an_unknown_operator_is_named_with_its_place() {
    // Turn ones into PRELU (54) until it is the byte with the code of AVERAGE_POOL_2D (1).
    let model = bytes("B_f32");
    let errors = (0..model.len()).filter(|&i| model[i] == 1).filter_map(|i| {
        let mut changed = model.clone();
        changed[i] = 54;
        import("x", &changed).err().map(|e| e.to_string())
    });
    let error = errors
        .into_iter()
        .find(|e| e.contains("not supported: PRELU"))
        .unwrap();
    assert!(
        error.contains("model file, operator 2") && error.contains("which writes `"),
        "{error}"
    );
    assert!(error.contains("use ReLU"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn corrupt_models_never_panic(
        int8: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut model = bytes(if int8 { "C24_int8" } else { "B_int8" });
        // Most bytes are weights, which may be anything: aim at the tables before and after them.
        let tables: Vec<usize> = (0..model.len().min(400)).chain(model.len() - 3000..model.len()).collect();
        for (at, value) in changes {
            model[tables[at.index(tables.len())]] = value;
        }
        if let Ok(graph) = import("x", &model) {
            prop_assert!(graph.validate().is_ok());
            prop_assert!(plan(&graph, Strategy::Lifetimes).is_ok());
        }
    }
}
