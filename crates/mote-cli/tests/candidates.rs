//! Candidates of `mote fit`: as trials, as rows of a comparison, explained.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{answer, complaint, json, path};

/// A network that trains in a moment.
const TINY: &str = "window=5,hop=1,pad=valid,net=c4k5s2-c8k3s2,epochs=2,qat=1,run=stream";

#[test]
fn a_spec_is_a_row_of_a_comparison_with_its_own_window() {
    let folder = tempfile::tempdir().unwrap();
    let (out, file) = (path(folder.path(), "out"), path(folder.path(), "mine.toml"));
    let text = format!(
        "[[pipeline]]\nname = \"plain\"\nmodel = \"lda\"\n\n\
         [[pipeline]]\nname = \"tiny\"\nspec = \"{TINY}\"\nbaseline = \"plain\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let compare = [
        "compare",
        "--pipelines",
        &file,
        "--folds",
        "2",
        "--no-device",
        "--out",
        &out,
    ];
    let table = answer(&compare);
    assert!(
        table.contains("windows of 5 s, a decision every 1 s"),
        "{table}"
    );

    let results = json(&[&compare[..], &["--json"]].concat());
    let (plain, tiny) = (&results["runs"][0], &results["runs"][1]);
    assert_eq!(
        (&plain["window_s"], &plain["hop_s"]),
        (&3.0.into(), &1.5.into())
    );
    assert_eq!(
        (&tiny["window_s"], &tiny["hop_s"]),
        (&5.0.into(), &1.0.into())
    );
    assert_eq!(
        (&plain["spec"], &tiny["spec"]),
        (&serde_json::Value::Null, &TINY.into())
    );
    assert!(
        tiny["techniques"]
            .as_array()
            .unwrap()
            .contains(&"stream:hop=20".into()),
        "{}",
        tiny["techniques"]
    );

    // The same candidate as a trial: it finds the checkpoints and comes to the same figure.
    let trial = ["trial", "--spec", TINY, "--folds", "2", "--out", &out];
    let record = json(&trial);
    assert_eq!(record["macro_f1"], tiny["metrics"]["macro_f1"]["mean"]);

    // What is exported decides about 5 s, every second.
    let blob = path(folder.path(), "blob");
    answer(&[
        "export", "tiny", "--to", "blob", "--dir", &blob, "--out", &out,
    ]);
    let card = std::fs::read_to_string(path(blob.as_ref(), "MODEL_CARD.md")).unwrap();
    assert!(
        card.contains("Tested on windows of 5 s, 2.5 s apart; the export decides every 1 s."),
        "{card}"
    );

    std::fs::write(&file, "[[pipeline]]\nname = \"a\"\npreset = \"tiny\"").unwrap();
    let text = complaint(&compare);
    assert!(
        text.contains("`tiny`") && text.contains("balanced"),
        "{text}"
    );
}
