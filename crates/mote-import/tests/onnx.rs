//! Reading ONNX models: what is refused, and how.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_import::onnx::import;
use mote_model::stream::stream;
use mote_model::{Shape, Strategy, plan};
use proptest::prelude::*;

fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/models/{name}.onnx", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

/// The error after every `from` has become `to`, which is as long.
fn error(name: &str, from: &str, to: &str) -> String {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes(name);
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    import("x", &bytes).unwrap_err().to_string()
}

#[test]
fn inputs_are_time_major() {
    for (name, shape) in [
        ("cnn", Shape::new(50, 3)),
        ("image", Shape::new(30, 3)),
        ("steps", Shape::new(40, 4)),
    ] {
        let graph = import(name, &bytes(name)).unwrap();
        assert_eq!(graph.tensor(graph.input).unwrap().shape, shape, "{name}");
    }
}

#[test]
fn imported_networks_are_streamed_where_that_is_legal() {
    let error = stream(&import("cnn", &bytes("cnn")).unwrap(), 4, None).unwrap_err();
    assert!(error.to_string().contains("conv1d_1"), "{error}");
}

#[test]
fn an_unknown_operator_is_named_with_its_place() {
    let error = error("cnn", "Relu", "Selu");
    assert!(
        error.contains("operator 2, Selu, which writes `v2`") && error.contains("use ReLU"),
        "{error}"
    );
}

#[test]
fn what_an_operator_cannot_do_is_said() {
    let error = error("image", "kernel_shape", "kernel_shapf");
    assert!(error.contains("AveragePool"), "{error}");
}

#[test]
fn what_is_not_a_model_is_said_to_be_none() {
    for bytes in [&b""[..], b"TFL3....", b"PK\x03\x04 and more"] {
        let error = import("x", bytes).unwrap_err().to_string();
        assert!(error.contains("no ONNX file"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn corrupt_models_never_panic(
        name in prop::sample::select(&["cnn", "image", "steps"][..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut model = bytes(name);
        for (at, value) in changes {
            let at = at.index(model.len());
            model[at] = value;
        }
        if let Some(cut) = cut {
            model.truncate(cut.index(model.len()));
        }
        if let Ok(graph) = import("x", &model) {
            prop_assert!(graph.validate().is_ok());
            prop_assert!(plan(&graph, Strategy::Lifetimes).is_ok());
        }
    }
}
