//! The model file, the model card, and what is refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{deployment, load, networks, with_frontend};
use mote::{Interpreter, Model, registry};
use mote_codegen::self_test::{DECISIONS, Scores, Signal, decisions, digest};
use mote_codegen::{Deployment, Evidence, Target, export};
use mote_model::Runtime;
use mote_report::{Data, DeviceFigures, FoldPredictions, Method, Results, Run, evaluate};
use std::fs;

#[test]
fn the_file_is_as_documented_and_decides_as_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    for deployment in networks() {
        let files = export(&deployment, Target::Blob, dir.path()).unwrap();
        let bytes = fs::read(&files[0]).unwrap();
        let words: Vec<u32> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|&b| u32::from_le_bytes(b))
            .collect();
        // docs/format.md.
        let graph = &deployment.graph;
        assert_eq!(&bytes[..4], b"MOTE");
        assert_eq!(words[1] as usize * 4, bytes.len());
        assert_eq!(usize::from(bytes[9]), graph.tensors.len());
        assert_eq!(usize::from(bytes[10]), graph.nodes.len());
        assert_eq!(usize::from(bytes[12]), graph.input);
        assert_eq!(usize::from(bytes[13]), graph.output);
        let input = &graph.tensors[graph.input];
        assert_eq!(f32::from_bits(words[5]), input.quant.unwrap().scale);
        let record = words[8 + 2 * graph.input];
        assert_eq!(record & 0xffff, input.shape.time as u32);
        assert_eq!(record >> 16, input.shape.channels as u32);
        let last = 8 + 2 * graph.tensors.len() + 5 * (graph.nodes.len() - 1);
        assert_eq!((words[last] >> 24) as usize, graph.output);

        let model = Model::parse(&words).unwrap();
        let network = Interpreter::new(model, registry::ALL_INT8).unwrap();
        let mut arena = vec![0; model.arena_words()];
        if graph.frontend.is_none() {
            continue;
        }
        let mut signal = Signal::new(3);
        let wanted = decisions(&deployment).unwrap();
        let mut found = None;
        while found.is_none() {
            let window: Vec<i16> = (0..input.shape.time)
                .flat_map(|_| signal.sample())
                .collect();
            network.load_counts(&window, &mut arena).unwrap();
            if network.run(&mut arena).unwrap() {
                found = Some(Scores::I8(network.output_i8(&arena).unwrap().to_vec()));
            }
        }
        assert_eq!(found.as_ref(), wanted.first());
    }
}

#[test]
fn a_decision_more_or_another_score_changes_the_digest() {
    let mut all = decisions(&networks()[1]).unwrap();
    assert_eq!(all.len(), DECISIONS);
    let whole = digest(&all);
    let last = all.pop().unwrap();
    assert_ne!(digest(&all), whole);
    let Scores::I8(mut scores) = last else {
        return assert_eq!(last, Scores::I8(vec![]));
    };
    scores[0] ^= 1;
    all.push(Scores::I8(scores));
    assert_ne!(digest(&all), whole);
}

/// A run over three users, on one board.
fn evidence() -> Evidence {
    let labels = ["walk", "jog"].map(String::from);
    let fold = |name, user| FoldPredictions {
        name,
        y_true: &[0, 0, 1, 1],
        y_pred: &[0, 1, 1, 1],
        users: user,
    };
    let folds = [fold("0", &[4, 4, 5, 5]), fold("1", &[6; 4])];
    let (metrics, fold_results) = evaluate(&labels, &folds).unwrap();
    let mut results = Results::new(
        "made-up/2",
        Data {
            digest: "abc123".into(),
            source: "three users that never were".into(),
            windows: 8,
            users: 3,
            window_s: Some(5.0),
            hop_s: Some(2.5),
            ..Data::default()
        },
    );
    results.command = "mote compare --task made-up/2".into();
    results.seed = 42;
    let device = DeviceFigures {
        board: "stm32l4r5".into(),
        flash_code: Some(5000),
        method: [("flash_code".to_owned(), Method::Elf)].into(),
        why: Some("the emulator was not there".into()),
        ..DeviceFigures::default()
    };
    results.runs.push(Run {
        folds: 2,
        fold_results,
        techniques: vec!["int8".into(), "flatten".into()],
        device: vec![device],
        warnings: vec!["Only three users.".into()],
        ..Run::new("cnn", "made-up/2", "group:2", metrics)
    });
    Evidence::new(&results, &results.runs[0])
}

fn card(deployment: &Deployment, target: Target) -> String {
    let dir = tempfile::tempdir().unwrap();
    let files = export(deployment, target, dir.path()).unwrap();
    assert!(files.iter().all(|file| file.is_file()));
    fs::read_to_string(dir.path().join("MODEL_CARD.md")).unwrap()
}

#[test]
fn the_card_has_the_evidence_and_says_where_there_is_none() {
    let mut deployment = deployment("B", with_frontend(load("B_int8")), Runtime::COMPILED, 50);
    let none = card(&deployment, Target::C);
    assert!(
        none.contains("do not rely on it") && !none.contains("## Protocol"),
        "{none}"
    );

    deployment.evidence = Some(evidence());
    let text = card(&deployment, Target::C);
    for part in [
        "100 samples (5.00 s); a decision every 50 samples (2.50 s)",
        "three users that never were",
        "abc123",
        "8 windows of 3 users",
        "Split `group:2`, 2 folds. No user is both",
        "**Only three users.**",
        "| accuracy | 0.750 |",
        "| walk | 4 | 1.000 | 0.500 | 0.667 |",
        "| walk | 2 | 2 |",
        "Over the 3 users tested",
        "5000 B (elf)",
        "the exported C was not measured",
        "the emulator was not there",
        "Techniques: int8, flatten.",
        "mote compare --task made-up/2",
        "Seed 42",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(!text.contains("SYNTHETIC"));
    assert!(!card(&deployment, Target::Rust).contains("was not measured"));

    let evidence = deployment.evidence.as_mut().unwrap();
    evidence.data.synthetic = true;
    evidence.run.leaks = true;
    let text = card(&deployment, Target::Blob);
    assert!(text.contains("SYNTHETIC") && text.contains("too high"));
}

#[test]
fn contradictions_are_named() {
    let whole = deployment("B", with_frontend(load("B_int8")), Runtime::COMPILED, 50);
    let refused = |change: fn(&mut Deployment)| {
        let mut deployment = whole.clone();
        change(&mut deployment);
        let dir = tempfile::tempdir().unwrap();
        let error = export(&deployment, Target::C, dir.path())
            .unwrap_err()
            .to_string();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        error
    };
    assert!(refused(|d| d.hop = 0).contains("hop"));
    assert!(refused(|d| d.hop = 101).contains("1 to 100"));
    assert!(refused(|d| d.window = 99).contains("100"));
    assert!(refused(|d| d.rate_hz = f64::NAN).contains("rate_hz"));
    assert!(refused(|d| d.graph.labels = vec!["walk".into()]).contains("labels"));
    let mut stream = networks().swap_remove(4);
    stream.hop = 40;
    let dir = tempfile::tempdir().unwrap();
    let error = export(&stream, Target::C, dir.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("every 20"), "{error}");
    assert!(
        "java"
            .parse::<Target>()
            .unwrap_err()
            .to_string()
            .contains("rust, c or blob")
    );
}
