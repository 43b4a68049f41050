//! Candidates of `mote fit`: as trials, as rows of a comparison, explained.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{answer, complaint, json, path};
use std::path::Path;

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
        card.contains("Tested on windows of 5 s, 1.5 s apart; the export decides every 1 s."),
        "{card}"
    );

    std::fs::write(&file, "[[pipeline]]\nname = \"a\"\npreset = \"tiny\"").unwrap();
    let text = complaint(&compare);
    assert!(
        text.contains("`tiny`") && text.contains("balanced"),
        "{text}"
    );
}

#[test]
fn explain_makes_the_rows_that_are_missing_and_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let (out, file) = (path(folder.path(), "out"), path(folder.path(), "mine.toml"));
    std::fs::write(
        &file,
        format!("[[pipeline]]\nname = \"tiny\"\nspec = \"{TINY}\"\n"),
    )
    .unwrap();
    let table = answer(&[
        "compare",
        "--pipelines",
        &file,
        "--folds",
        "2",
        "--smooth",
        "5",
        "--no-device",
        "--out",
        &out,
    ]);
    assert!(
        table.contains("smoothed decisions") && table.contains("last 5 outputs"),
        "{table}"
    );

    let results = path(folder.path(), "out/results.json");
    let only_read = answer(&["explain", "tiny", "--results", &results, "--no-run"]);
    assert!(
        only_read.contains("stream:hop=20: not in the file"),
        "{only_read}"
    );

    let explain = ["explain", "tiny", "--results", &results, "--json"];
    let told = json(&explain);
    let smoothed = &told["run"]["metrics_smoothed"];
    assert_eq!(smoothed["decisions"], 5);
    assert_ne!(smoothed["macro_f1"], told["run"]["metrics"]["macro_f1"]);
    let without = told["without"].as_array().unwrap();
    assert_eq!(
        without.len(),
        told["run"]["techniques"].as_array().unwrap().len()
    );
    let row = |technique: &str| without.iter().find(|r| r["without"] == technique).unwrap();
    // The same windows and weights give the same decisions, streamed or not; in f32 the model is larger.
    let stream = &row("stream:hop=20")["run"];
    assert_eq!(
        stream["metrics"]["accuracy"],
        told["run"]["metrics"]["accuracy"]
    );
    assert_eq!(stream["window_s"], 5.0);
    let float = &row("int8")["run"]["model"]["bytes"];
    assert!(
        float.as_u64() > told["run"]["model"]["bytes"].as_u64(),
        "{float}"
    );
    // The second time they are read back.
    assert_eq!(json(&explain)["without"], told["without"]);

    let text = complaint(&["explain", "tinny", "--results", &results]);
    assert!(
        text.contains("`tinny`") && text.contains("there are: tiny"),
        "{text}"
    );
}

#[test]
fn fit_writes_trials_for_another_machine() {
    let folder = tempfile::tempdir().unwrap();
    let jobs = path(folder.path(), "jobs");
    let out = path(folder.path(), "out");
    let fit = |more: &[&str]| -> Vec<String> {
        let fixed = [
            "fit",
            "--folds",
            "2",
            "--export-trials",
            &jobs,
            "--candidates",
            "3",
            "--out",
            &out,
        ];
        fixed.iter().chain(more).map(ToString::to_string).collect()
    };
    let written = fit(&["--flash", "64K"]);
    let written: Vec<&str> = written.iter().map(String::as_str).collect();
    assert!(answer(&written).contains("slurm.sh"));
    let trials = std::fs::read_to_string(path(jobs.as_ref(), "trials.txt")).unwrap();
    assert!(trials.lines().count() >= 1, "{trials}");
    assert!(
        trials
            .lines()
            .all(|l| l.contains(" trial ") && l.contains("--spec '") && l.contains("net=c")),
        "{trials}"
    );

    let impossible = fit(&["--flash", "1K"]);
    let impossible: Vec<&str> = impossible.iter().map(String::as_str).collect();
    assert!(complaint(&impossible).contains("flash"));
}

#[test]
fn fit_merges_proves_and_names_what_trials_found() {
    let folder = tempfile::tempdir().unwrap();
    let (out, jobs) = (path(folder.path(), "out"), path(folder.path(), "jobs"));
    std::fs::create_dir(&jobs).unwrap();
    let record = path(jobs.as_ref(), "1.json");
    answer(&[
        "trial", "--spec", TINY, "--folds", "2", "--out", &out, "--record", &record,
    ]);
    let fit = [
        "fit",
        "--folds",
        "2",
        "--collect",
        &jobs,
        "--candidates",
        "0",
        "--out",
        &out,
    ];
    let found = json(&[&fit[..], &["--json"]].concat());
    let front = found["front"].as_array().unwrap();
    assert_eq!(front.len(), 1, "{found}");
    assert_eq!(front[0]["spec"], TINY);
    assert_eq!(found["best"]["pipeline"], "fit-1");

    // The lines it ends with work.
    let said = answer(&fit);
    let results = path(out.as_ref(), "results.json");
    assert!(said.contains(&format!("mote explain fit-1 --results {results}")));
    assert!(said.contains(&format!("mote export fit-1 --out {out} --to rust")));
    let told = json(&[
        "explain",
        "fit-1",
        "--results",
        &results,
        "--no-run",
        "--json",
    ]);
    assert_eq!(told["run"]["spec"], TINY);
    // The search recorded its settings, so that missing rows can be made.
    let explain = [
        "explain",
        "fit-1",
        "--results",
        &results,
        "--no-device",
        "--json",
    ];
    let without = json(&explain)["without"].clone();
    let made = |technique: &str| {
        let rows = without.as_array().unwrap();
        let row = rows.iter().find(|r| r["without"] == technique).unwrap();
        row["run"]["model"]["bytes"].as_u64()
    };
    assert!(made("int8") > made("arena"));
    let crate_dir = path(folder.path(), "crate");
    answer(&[
        "export", "fit-1", "--out", &out, "--to", "rust", "--dir", &crate_dir,
    ]);
    assert!(Path::new(&crate_dir).join("Cargo.toml").is_file());
}
