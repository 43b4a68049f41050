//! `results.json`: round trip, names of fields, errors.

mod common;

use mote_report::{read, render_html, write_report};
use std::path::{Path, PathBuf};

/// A directory that stays after the test.
fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn results_survive_the_round_trip() {
    for results in [common::results(), common::system()] {
        let paths = write_report(&results, &directory("round-trip/new")).unwrap();
        let same = read(&paths.json).unwrap() == results;
        assert!(same, "{} reads back differently", paths.json.display());
    }
    let left: Vec<_> = std::fs::read_dir(directory("round-trip/new"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 2, "temporary files are gone: {left:?}");
}

/// What this crate does not interpret must come back as it was written, digit for digit, and is absent when there is none.
#[test]
fn settings_are_kept_as_they_are() {
    let mut results = common::results();
    let plain = serde_json::to_value(&results).unwrap();
    assert!(plain.get("settings").is_none());
    assert!(plain.pointer("/runs/0/pipeline_spec").is_none());

    let settings =
        serde_json::json!({"split": {"group": 6}, "rate": 0.1, "seed": u64::MAX, "board": null});
    let spec =
        serde_json::json!({"name": "cnn-int8", "techniques": [{"int8": {"calibration": 99.9}}]});
    results.settings = Some(settings.clone());
    results.runs[1].pipeline_spec = Some(spec.clone());
    let first = write_report(&results, &directory("settings/first")).unwrap();
    let again = write_report(&read(&first.json).unwrap(), &directory("settings/again")).unwrap();
    let text = std::fs::read_to_string(&again.json).unwrap();
    assert_eq!(text, std::fs::read_to_string(&first.json).unwrap());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["settings"], settings);
    assert_eq!(json["runs"][1]["pipeline_spec"], spec);
}

/// The names other tools read, spelled out.
#[test]
fn field_names_are_fixed() {
    let json = serde_json::to_value(common::results()).unwrap();
    for pointer in [
        "/schema",
        "/task",
        "/seed",
        "/command",
        "/created",
        "/versions/mote",
        "/data/digest",
        "/data/synthetic",
        "/data/source",
        "/data/windows",
        "/data/users",
        "/data/rate_hz",
        "/data/window_s",
        "/data/hop_s",
        "/runs/0/pipeline",
        "/runs/0/task",
        "/runs/0/split",
        "/runs/0/folds",
        "/runs/0/metrics/accuracy/mean",
        "/runs/0/metrics/accuracy/ci95",
        "/runs/0/metrics/balanced_accuracy/mean",
        "/runs/0/metrics/macro_f1/mean",
        "/runs/0/model/parameters",
        "/runs/0/model/macs",
        "/runs/0/model/bytes",
        "/runs/0/host/latency_us",
        "/runs/0/fold_results/0/macro_f1",
        "/runs/0/device/0/board",
        "/runs/0/device/0/core",
        "/runs/0/device/0/optimize",
        "/runs/0/device/0/flash_code",
        "/runs/0/device/0/flash_model",
        "/runs/0/device/0/ram_static",
        "/runs/0/device/0/ram_stack",
        "/runs/0/device/0/ram_heap",
        "/runs/0/device/0/instructions",
        "/runs/0/device/0/cycles",
        "/runs/0/device/0/latency_ms",
        "/runs/0/device/0/energy_uj",
        "/runs/0/device/0/average_power_uw",
        "/runs/0/device/0/battery_days",
        "/runs/0/device/0/fits",
        "/runs/0/device/0/method/cycles",
        "/runs/0/device/0/layers/0/name",
    ] {
        let value = json.pointer(pointer);
        assert!(
            value.is_some_and(|v| !v.is_null()),
            "{pointer} is {value:?}"
        );
    }
    assert_eq!(json["schema"], "mote-results/1");
    assert_eq!(json["runs"][0]["device"][0]["method"]["cycles"], "modelled");
    assert_eq!(json["runs"][2]["device"][0]["status"], "unavailable");
    let json = serde_json::to_value(common::system()).unwrap();
    assert_eq!(json["runs"][3]["baseline"], "f32");
    assert_eq!(json["runs"][3]["early"]["share"], 0.625);
    assert_eq!(json["runs"][3]["early"]["loss"], 0.012);
    let device = json["runs"][3]["device"][0].as_object().unwrap();
    for (worst, mean) in [
        ("cycles_worst", "cycles"),
        ("latency_worst_ms", "latency_ms"),
        ("energy_worst_uj", "energy_uj"),
    ] {
        assert!(
            device[worst].as_f64() > device[mean].as_f64(),
            "{worst}: {device:?}"
        );
    }
    let json = serde_json::to_value(common::hybrid()).unwrap();
    let hybrid = &json["runs"][3];
    assert_eq!(
        (&hybrid["window_s"], &hybrid["hop_s"]),
        (&10.0.into(), &1.0.into())
    );
    assert!(hybrid["spec"].is_string());
    let plain = json["runs"][0].as_object().unwrap();
    assert!(!plain.contains_key("baseline") && !plain.contains_key("early"));
    assert!(json.pointer("/runs/0/device/0/cycles_worst").is_none());
}

#[test]
fn unknown_fields_and_values_are_tolerated_and_optional_ones_may_be_missing() {
    let directory = directory("tolerant");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("results.json");
    let text = r#"{
        "schema": "mote-results/1", "task": "t", "moon_phase": "full",
        "data": {"digest": "d", "synthetic": false, "source": "s"},
        "runs": [{
            "pipeline": "p", "task": "t", "split": "group:2", "folds": 2, "mood": 3,
            "metrics": {"accuracy": {"mean": 0.5}, "balanced_accuracy": {"mean": 0.5, "ci95": null},
                        "macro_f1": {"mean": 0.5, "ci95": 0.1, "median": 0.5}},
            "device": [{"board": "b", "status": "exploded", "method": {"cycles": "guessed"}}]
        }]
    }"#;
    std::fs::write(&path, text).unwrap();
    let results = read(&path).unwrap();
    assert_eq!(results.runs[0].metrics.accuracy.ci95, None);
    assert_eq!(results.runs[0].baseline, None);
    assert_eq!(results.runs[0].device[0].cycles_worst, None);
    let html = render_html(&results);
    assert!(html.contains("no reason was recorded"));
}

#[test]
fn wrong_files_are_named_and_explained() {
    let directory = directory("wrong");
    std::fs::create_dir_all(&directory).unwrap();
    let message = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        read(&path).unwrap_err().to_string()
    };
    let other = message("other.json", r#"{"schema": "mote-results/2"}"#);
    assert!(
        other.contains("other.json") && other.contains("\"mote-results/2\""),
        "{other}"
    );
    assert!(message("none.json", "{}").contains("is missing"));
    assert!(message("cut.json", r#"{"schema": "#).contains("cut.json"));
    let partial = message(
        "partial.json",
        r#"{"schema": "mote-results/1", "task": "t"}"#,
    );
    assert!(partial.contains("`data`"), "{partial}");
    let absent = read(&directory.join("absent.json"))
        .unwrap_err()
        .to_string();
    assert!(absent.contains("absent.json"), "{absent}");
}
