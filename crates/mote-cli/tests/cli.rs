//! The `mote` command as a user runs it, on the built-in synthetic recordings.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{complaint, mote, path};
use std::path::Path;

#[test]
fn compare_trains_evaluates_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "out");
    let args = [
        "compare",
        "--pipelines",
        "cnn-f32,cnn-int8,lda",
        "--folds",
        "2",
        "--epochs",
        "2",
        "--no-device",
        "--out",
        &out,
    ];
    let output = mote(&args);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let table = String::from_utf8(output.stdout).unwrap();
    for part in ["cnn-f32", "cnn-int8", "lda", "SYNTHETIC"] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }

    let json = std::fs::read_to_string(path(folder.path(), "out/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(results["data"]["synthetic"], true);
    let runs = results["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    for run in runs {
        assert_eq!(run["folds"], 2);
        let accuracy = run["metrics"]["accuracy"]["mean"].as_f64().unwrap();
        assert!(
            accuracy > 1.0 / 6.0,
            "{} is no better than guessing",
            run["pipeline"]
        );
    }
    let (float, int8) = (&runs[0]["model"], &runs[1]["model"]);
    assert_eq!(float["parameters"], int8["parameters"]);
    assert!(float["bytes"].as_u64() > int8["bytes"].as_u64().map(|b| 2 * b));
    assert!(
        std::fs::read_to_string(path(folder.path(), "out/report.html"))
            .unwrap()
            .contains("SYNTHETIC")
    );

    // The second run finds every fold trained and comes to the same figures.
    let again = mote(&args);
    assert!(again.status.success());
    let json = std::fs::read_to_string(path(folder.path(), "out/results.json")).unwrap();
    let repeated: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        results["runs"][1]["metrics"],
        repeated["runs"][1]["metrics"]
    );

    let c = path(folder.path(), "c");
    let exported = mote(&[
        "export", "cnn-int8", "--to", "c", "--dir", &c, "--out", &out,
    ]);
    assert!(exported.status.success());
    let errors = String::from_utf8_lossy(&exported.stderr).into_owned();
    assert!(errors.contains("the network of the first fold"), "{errors}");
    let card = std::fs::read_to_string(Path::new(&c).join("MODEL_CARD.md")).unwrap();
    assert!(
        card.contains("cnn-int8") && card.contains("of the first fold"),
        "{card}"
    );

    let trained = mote(&["train", "--final", "cnn-int8", "--out", &out]);
    let errors = String::from_utf8_lossy(&trained.stderr).into_owned();
    assert!(
        trained.status.success() && errors.contains("all 24 users"),
        "{errors}"
    );
    let exported = mote(&[
        "export", "cnn-int8", "--to", "c", "--dir", &c, "--out", &out,
    ]);
    let errors = String::from_utf8_lossy(&exported.stderr).into_owned();
    assert!(
        errors.contains("the final model, trained on all 24 users"),
        "{errors}"
    );
    let card = std::fs::read_to_string(Path::new(&c).join("MODEL_CARD.md")).unwrap();
    for part in [
        "the network is the final model",
        "all 24 users",
        "2 epochs",
        "the 2 folds",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    assert!(!card.contains("of the first fold"), "{card}");
    // With the comparison, it is the same network.
    let file = "out/pipelines/cnn-int8/final.json";
    let before = std::fs::read(folder.path().join(file)).unwrap();
    let with_final = [&args[..], &["--final", "cnn-int8"]].concat();
    assert!(mote(&with_final).status.success());
    assert_eq!(
        graph(&before),
        graph(&std::fs::read(folder.path().join(file)).unwrap())
    );
    let unknown = complaint(&["compare", "--no-device", "--final", "cnn-int4"]);
    assert!(
        unknown.contains("compared are: ") && !unknown.contains("reading"),
        "{unknown}"
    );
    let unknown = complaint(&["export", "cnn-int4", "--to", "c", "--out", &out]);
    assert!(
        unknown.contains("there are: cnn-f32, cnn-int8"),
        "{unknown}"
    );

    let shown = mote(&["report", &path(folder.path(), "out/results.json")]);
    assert!(
        String::from_utf8(shown.stdout)
            .unwrap()
            .contains("cnn-int8")
    );
}

/// Returns the network in a deployment file.
fn graph(file: &[u8]) -> serde_json::Value {
    let file: serde_json::Value = serde_json::from_slice(file).unwrap();
    file["deployment"]["graph"].clone()
}

#[test]
fn a_trained_network_is_evaluated_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (out, net) = (path(folder.path(), "out"), path(folder.path(), "net.json"));
    let trained = mote(&[
        "train", "--epochs", "1", "--folds", "3", "--out", &out, "--save", &net,
    ]);
    assert!(
        trained.status.success(),
        "{}",
        String::from_utf8_lossy(&trained.stderr)
    );
    let evaluated = mote(&["eval", &net, "--folds", "3", "--json"]);
    let metrics: serde_json::Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    assert!(metrics["accuracy"]["mean"].as_f64().unwrap() > 1.0 / 6.0);

    std::fs::write(&net, "{\"name\": \"x\"").unwrap();
    assert!(complaint(&["eval", &net]).contains("net.json"));
}

#[test]
fn bad_input_gives_one_clear_message() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();

    let text = complaint(&["compare", "--pipelines", "nope", "--no-device"]);
    assert!(
        text.contains("`nope`") && text.contains("cnn-int8"),
        "{text}"
    );

    let text = complaint(&["compare", "--task", "wisdm-2019-wach/5", "--data", empty]);
    assert!(text.contains("wisdm-2019-watch/5"), "{text}");

    let text = complaint(&["compare", "--task", "wisdm-2019-watch/5", "--data", empty]);
    assert!(
        text.contains("mote data fetch") && text.contains(empty),
        "{text}"
    );

    let zip = folder.path().join("wisdm-2019");
    std::fs::create_dir(&zip).unwrap();
    std::fs::write(zip.join("wisdm-dataset.zip"), b"PK\x03\x04 not really").unwrap();
    let text = complaint(&["data", "check", "wisdm-2019-watch/5", "--data", empty]);
    assert!(text.contains("wisdm-dataset.zip"), "{text}");

    let description = path(folder.path(), "mine.toml");
    std::fs::write(&description, "rate_hz = \"fast\"").unwrap();
    let text = complaint(&["data", "check", &format!("csv:{description}")]);
    assert!(
        text.contains("mine.toml") && text.contains("rate_hz"),
        "{text}"
    );

    let text = complaint(&["footprint", &description]);
    assert!(text.contains("mine.toml"), "{text}");

    // Nothing is read when an option of a technique is wrong.
    let experiment = path(folder.path(), "experiment.toml");
    let pipeline =
        "[[pipeline]]\nname = \"a\"\nmodel = \"cnn\"\ntechniques = [\"int8:calibration=mze\"]";
    std::fs::write(&experiment, pipeline).unwrap();
    let model = path(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        "../mote-import/tests/models/cnn.onnx",
    );
    for args in [
        &["compare", "--pipelines", &experiment][..],
        &["import", &model, "--techniques", "int8:calibration=mze"],
    ] {
        let text = complaint(args);
        for part in ["`mze`", "calibration", "minmax, percentile, mse"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("reading"), "{text}");
    }

    let text = complaint(&["compare", "--folds", "1", "--no-device"]);
    assert!(text.contains("--folds 1"), "{text}");
}

#[test]
fn models_of_other_tools_go_through_the_techniques() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "out");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
    let run = |model: &str, more: &[&str]| {
        let model = path(&models, model);
        let mut args = vec!["import", &model, "--out", &out, "--json"];
        args.extend(more);
        let output = mote(&args);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let float = run("cnn.onnx", &[]);
    let int8 = run(
        "cnn.onnx",
        &[
            "--task",
            "synthetic/6",
            "--techniques",
            "int8",
            "flatten",
            "arena",
        ],
    );
    assert_eq!(float["parameters"], int8["parameters"]);
    assert!(float["arena"].as_u64() > int8["arena"].as_u64().map(|b| 2 * b));
    assert_eq!(int8["layers"][0]["int8"], true);

    let network = "A_valid_int8_pt.tflite";
    let streamed = run(
        network,
        &["--techniques", "flatten", "arena", "stream:hop=8"],
    );
    assert!(streamed["arena"].as_u64() < run(network, &[])["arena"].as_u64());

    // What was imported leaves again.
    let c = path(folder.path(), "c");
    let exported = mote(&[
        "export",
        "A_valid_int8_pt",
        "--out",
        &out,
        "--to",
        "c",
        "--dir",
        &c,
    ]);
    assert!(
        exported.status.success(),
        "{}",
        String::from_utf8_lossy(&exported.stderr)
    );
    let text = complaint(&["import", &path(&models, "cnn.onnx"), "--techniques", "int8"]);
    assert!(text.contains("int8") && text.contains("--task"), "{text}");
    let text = complaint(&["import", &path(&models, "cnn.onnx"), "--std", "0"]);
    assert!(text.contains("--std"), "{text}");
    let text = complaint(&["import", &path(&models, "README.md")]);
    assert!(
        text.contains("README.md") && text.contains("onnx"),
        "{text}"
    );
}

#[test]
fn a_model_runs_on_inputs_and_its_outputs_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
    let golden = std::fs::read_to_string(models.join("B_int8.golden.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    let csv = |name: &str, rows: &serde_json::Value| {
        let lines: Vec<String> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row.to_string().trim_matches(['[', ']']).to_owned())
            .collect();
        let path = path(folder.path(), name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    };
    let (inputs, mut outputs) = (csv("x.csv", &golden["inputs"]), golden["outputs"].clone());
    let expected = csv("y.csv", &outputs);
    let model = path(&models, "B_int8.tflite");
    let run = |expected: &str| {
        mote(&[
            "run", &model, "--inputs", &inputs, "--expect", expected, "--labels", expected,
        ])
    };
    let right = run(&expected);
    let text = String::from_utf8_lossy(&right.stdout).into_owned();
    assert!(right.status.success() && text.contains("0 of "), "{text}");
    assert!(text.contains("accuracy 1.0000"), "{text}");
    outputs[0][0] = 99.into();
    let wrong = run(&csv("z.csv", &outputs));
    assert_eq!(wrong.status.code(), Some(1));
    let text = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert!(text.contains("1 of "), "{text}");
    let text = complaint(&["run", &model, "--inputs", &expected]);
    assert!(text.contains("row 1") && text.contains("300"), "{text}");
}

#[test]
fn a_budget_is_a_gate() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "out");
    let model = format!(
        "{}/../mote-import/tests/models/head_int8.tflite",
        env!("CARGO_MANIFEST_DIR")
    );
    let check = |limits: &[&str]| {
        let common = ["check", &model, "--board", "stm32l4r5", "--out", &out];
        mote(&[&common[..], limits].concat())
    };
    let output = check(&["--flash", "64K", "--ram", "8K", "--cycles", "1M", "--json"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if errors.contains("xtask setup") {
        eprintln!("skipped: {errors}");
        return;
    }
    assert!(output.status.success(), "{errors}");
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["kept"], true);
    let flash = verdict["lines"][0]["found"].as_u64().unwrap();
    let output = check(&["--flash", &(flash - 1).to_string(), "--stack", "1K"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("over by 1 B") && text.contains("identical to the host"),
        "{text}"
    );
    let usage = check(&["--flash", "lots"]);
    assert_eq!(usage.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&usage.stderr).into_owned();
    assert!(errors.contains("512, 32K or 1.5K"), "{errors}");
}

#[test]
fn recordings_of_ones_own_go_from_a_folder_to_predictions() {
    let folder = tempfile::tempdir().unwrap();
    for (activity, swing) in [("sit", 0.0), ("walk", 5.0)] {
        for user in ["s1", "s2", "s3"] {
            let row = |n: u32| {
                let x = swing * (f64::from(n) * 0.6).sin();
                format!("{},{x:.3},{:.3},9.8\n", 50 * n, 0.01 * f64::from(n % 5))
            };
            let text: String = (0..300).map(row).collect();
            let place = folder.path().join("rec").join(activity).join(user);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("a.csv"), format!("ms,x,y,z\n{text}")).unwrap();
        }
    }
    let (recordings, out) = (path(folder.path(), "rec"), path(folder.path(), "out"));
    let described = mote(&["data", "describe", &recordings]);
    assert!(described.status.success());
    let text = String::from_utf8(described.stdout).unwrap();
    assert!(
        text.contains("pattern = \"{activity}/{user}/a.csv\""),
        "{text}"
    );
    let compared = mote(&[
        "compare",
        "--task",
        &recordings,
        "--folds",
        "3",
        "--epochs",
        "2",
        "--pipelines",
        "cnn-int8-stream",
        "--no-device",
        "--out",
        &out,
    ]);
    let errors = String::from_utf8_lossy(&compared.stderr).into_owned();
    assert!(
        compared.status.success() && errors.contains("there are 3 users"),
        "{errors}"
    );

    let svg = path(folder.path(), "a.svg");
    let predict = |more: &[&str]| {
        mote(
            &[
                &["predict", "cnn-int8-stream", &recordings, "--out", &out][..],
                more,
            ]
            .concat(),
        )
    };
    let output = predict(&["--plot", &svg]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && table.contains("decisions agree with the labels"),
        "{table}"
    );
    assert!(std::fs::read_to_string(&svg).unwrap().contains("user s1"));
    let json: serde_json::Value = serde_json::from_slice(&predict(&["--json"]).stdout).unwrap();
    assert_eq!(json["signals"].as_array().unwrap().len(), 6);
    assert_eq!(json["labels"], serde_json::json!(["sit", "walk"]));

    // What is no acceleration is refused.
    let turns = path(folder.path(), "turns.toml");
    let channels = "path = \"rec\"\npattern = \"{activity}/{user}/a.csv\"\nrate_hz = 20\ntime_unit = \"ms\"\n[columns]\ntime = \"ms\"\n\
                    [[channels]]\ncolumns = [\"x\", \"y\", \"z\"]\nquantity = \"angular rate\"\nunit = \"rad/s\"\n[labels]\nsit = \
                    \"sit\"\nwalk = \"walk\"\n";
    std::fs::write(&turns, channels).unwrap();
    let other = complaint(&[
        "predict",
        "cnn-int8-stream",
        &format!("csv:{turns}"),
        "--out",
        &out,
    ]);
    assert!(
        other.contains("angular rate") && other.contains("trained on acceleration"),
        "{other}"
    );

    // Nothing has to say what was done, or when.
    let bare = folder.path().join("bare.csv");
    let text: String = (0..200)
        .map(|n| format!("0.{},0.1{},9.8\n", n % 7, n % 3))
        .collect();
    std::fs::write(&bare, format!("x,y,z\n{text}")).unwrap();
    let bare = bare.display().to_string();
    let without = complaint(&["predict", "cnn-int8-stream", &bare, "--out", &out]);
    assert!(without.contains("rate"), "{without}");
    let output = mote(&[
        "predict",
        "cnn-int8-stream",
        &bare,
        "--out",
        &out,
        "--rate",
        "20",
        "--csv",
    ]);
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().lines().count() > 3);
}

#[test]
fn data_commands_answer() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let list = mote(&["data", "list", "--json"]);
    let tasks: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert!(
        tasks
            .as_array()
            .unwrap()
            .iter()
            .any(|t| t["task"] == "wisdm-2019-watch/5")
    );

    assert!(
        mote(&["data", "synth", root, "--users", "3", "--seconds", "20"])
            .status
            .success()
    );
    let check = mote(&["data", "check", "wisdm-v1.1/6", "--data", root]);
    assert!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
    let summary = mote(&["data", "summary", "--task", "wisdm-v1.1/6", "--data", root]);
    assert!(
        String::from_utf8(summary.stdout)
            .unwrap()
            .contains("3 users")
    );
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    use std::process::{Command, Stdio};
    let mut mote = Command::new(env!("CARGO_BIN_EXE_mote"))
        .arg("techniques")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(mote.stdout.take());
    let output = mote.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty() && output.status.success(), "{errors}");
}
