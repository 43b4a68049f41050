//! Networks A and B on the host: time of one window, as evaluation pays it.
#![allow(missing_docs, reason = "criterion's macros")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot start should say where"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mote::{Elem, Interpreter, Model, registry};
use mote_import::tflite::import;
use mote_model::{Strategy, blob, plan};
use std::hint::black_box;

fn networks(c: &mut Criterion) {
    let mut group = c.benchmark_group("network");
    for name in ["A_int8", "A_f32", "B_int8", "B_f32"] {
        let path = format!(
            "{}/../mote-import/tests/models/{name}.tflite",
            env!("CARGO_MANIFEST_DIR")
        );
        let graph = import(name, &std::fs::read(path).unwrap()).unwrap();
        let words = blob::to_words(&graph, &plan(&graph, Strategy::Overlap).unwrap()).unwrap();
        let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
        let mut arena = vec![0; network.model().arena_words()];
        group.throughput(Throughput::Elements(graph.macs() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                match network.model().input().unwrap().elem {
                    Elem::I8 => network.input_i8(&mut arena).unwrap().fill(black_box(7)),
                    Elem::F32 => network.input_f32(&mut arena).unwrap().fill(black_box(0.5)),
                }
                network.run(&mut arena).unwrap();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, networks);
criterion_main!(benches);
