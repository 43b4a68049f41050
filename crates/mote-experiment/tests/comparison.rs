//! Comparisons as a program runs them, on the built-in synthetic recordings.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_experiment::{
    ComparisonRunner, ComparisonSettings, DataSettings, Event, Extent, Finalist, LeaveOneOut,
    Observer, Pipeline, deployment,
};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn settings(out: &Path) -> ComparisonSettings {
    let mut settings = ComparisonSettings::new(DataSettings::new("synthetic/6"), out);
    settings.data.window.overlap = 0.0;
    settings.split.kind = "group:2".parse().unwrap();
    settings.epochs = Some(1);
    settings
}

fn pipeline(name: &str, model: &str, techniques: &[&str]) -> Pipeline {
    Pipeline::new(name, model, techniques).unwrap()
}

/// Keeps the names of events.
fn listening() -> (Observer, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let tell = move |event: Event<'_>| {
        let text = format!("{event:?}");
        let name = text.split([' ', '{']).next().unwrap_or_default().to_owned();
        ear.lock().unwrap().push(name);
    };
    (Observer::new(tell, Arc::default()), heard)
}

#[test]
fn a_comparison_that_is_stopped_goes_on_where_it_stopped() {
    let out = tempfile::tempdir().unwrap();
    let pipelines = [pipeline("float", "cnn", &[])];
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    let observer = Observer::new(
        move |event| {
            if let Event::EpochDone { .. } = event {
                set.store(true, Ordering::SeqCst);
            }
        },
        stop,
    );
    let mut several = settings(out.path());
    several.epochs = Some(3);
    several.threads = Some(1);
    let runner = ComparisonRunner::new(several.clone(), observer).unwrap();
    let error = runner.compare(&pipelines).unwrap_err();
    assert!(error.is_stopped(), "{}", error.line());
    assert!(!out.path().join("results.json").exists());

    let (observer, heard) = listening();
    let results = ComparisonRunner::new(several, observer)
        .unwrap()
        .compare(&pipelines)
        .unwrap();
    assert_eq!(results.runs[0].fold_results[0].history.len(), 3);
    let heard = heard.lock().unwrap();
    let place = |name: &str| heard.iter().position(|h| h == name).unwrap();
    let order = [
        "Reading",
        "DataRead",
        "TrainingStarted",
        "EpochDone",
        "TrainingEnded",
        "Evaluating",
        "Evaluated",
    ]
    .map(place);
    assert!(order.is_sorted(), "{heard:?}");
}

#[test]
fn changed_settings_start_afresh_beside_the_old_ones() {
    let out = tempfile::tempdir().unwrap();
    let pipelines = [pipeline("float", "cnn", &[])];
    for epochs in [1, 2, 1] {
        let mut changed = settings(out.path());
        changed.epochs = Some(epochs);
        let results = ComparisonRunner::new(changed, listening().0)
            .unwrap()
            .compare(&pipelines)
            .unwrap();
        assert_eq!(results.runs[0].fold_results[0].history.len(), epochs);
    }
}

/// Recordings of three people who sit and walk, as a CSV file and its description.
fn own_recordings(folder: &Path) {
    let mut text = "t,x,y,z,label,user\n".to_owned();
    let mut t = 0;
    for user in 1..=3 {
        for (label, swing) in [("sit", 0.0), ("walk", 5.0f64)] {
            for n in 0..240 {
                let x = swing * (f64::from(n) * 0.6).sin();
                text += &format!(
                    "{t},{x:.3},{:.3},9.8,{label},{user}\n",
                    0.01 * f64::from(n % 5)
                );
                t += 50;
            }
            t += 5000;
        }
    }
    std::fs::write(folder.join("d.csv"), text).unwrap();
}

fn describe(folder: &Path, x: &str) -> String {
    let file = folder.join("task.toml");
    let text = format!(
        "path = \"d.csv\"\nunit = \"m/s^2\"\nrate_hz = 20\ntime_unit = \"ms\"\n[columns]\nx = \"{x}\"\ny = \"y\"\nz = \
         \"z\"\nactivity = \"label\"\nuser = \"user\"\ntime = \"t\"\n[labels]\nsit = \"sit\"\nwalk = \"walk\"\n"
    );
    std::fs::write(&file, text).unwrap();
    format!("csv:{}", file.display())
}

#[test]
fn a_changed_description_or_added_recordings_start_afresh() {
    let out = tempfile::tempdir().unwrap();
    own_recordings(out.path());
    let pipelines = [pipeline("float", "cnn", &[])];
    let compare = |task: String| {
        let mut changed = settings(&out.path().join("out"));
        changed.data.task = task;
        changed.split.kind = "group:3".parse().unwrap();
        let results = ComparisonRunner::new(changed, listening().0)
            .unwrap()
            .compare(&pipelines)
            .unwrap();
        (
            results.data.digest.clone(),
            results.runs[0].fold_results[0].history[0].loss,
        )
    };
    let first = compare(describe(out.path(), "x"));
    // Column y in place of x: what was learnt from x is not taken for it.
    let other = compare(describe(out.path(), "y"));
    assert_ne!(first.0, other.0);
    assert_ne!(first.1, other.1);
    assert_eq!(compare(describe(out.path(), "x")), first);
    let more = std::fs::read_to_string(out.path().join("d.csv")).unwrap();
    let again: String = more
        .lines()
        .skip(1)
        .take(240)
        .map(|l| format!("9{l}\n"))
        .collect();
    std::fs::write(out.path().join("d.csv"), more + &again).unwrap();
    assert_ne!(compare(describe(out.path(), "x")).0, first.0);
}

#[test]
fn what_is_wrong_is_found_before_any_data_is_read() {
    let out = tempfile::tempdir().unwrap();
    let (observer, heard) = listening();
    let runner = ComparisonRunner::new(settings(out.path()), observer.clone()).unwrap();
    let error = runner
        .compare(&[pipeline("a", "cnnn", &[])])
        .unwrap_err()
        .line();
    assert!(
        error.contains("`cnnn`") && error.contains("random-forest"),
        "{error}"
    );

    let mut nowhere = settings(out.path());
    nowhere.boards = vec!["stm33".to_owned()];
    let error = ComparisonRunner::new(nowhere, observer).unwrap_err().line();
    assert!(error.contains("stm33"), "{error}");
    assert!(heard.lock().unwrap().is_empty());

    let error = Pipeline::new("b", "cnn", &["int8:calibration=mze"])
        .unwrap_err()
        .line();
    for part in ["`b`", "calibration", "`mze`", "minmax, percentile, mse"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn rows_share_networks_and_a_missing_row_is_made_from_what_is_recorded() {
    let out = tempfile::tempdir().unwrap();
    let runner = ComparisonRunner::new(settings(out.path()), Observer::silent()).unwrap();
    let results = runner
        .compare(&[pipeline("small", "cnn", &["static-pruning", "int8"])])
        .unwrap();
    let file = out.path().join("results.json");
    let read = mote_report::read(&file).unwrap();
    assert_eq!(read, results);

    let trained = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&trained);
    let observer = Observer::new(
        move |event| {
            if let Event::TrainingStarted { .. } = event {
                count.fetch_add(1, Ordering::Relaxed);
            }
        },
        Arc::default(),
    );
    let rows = LeaveOneOut::default()
        .rows(&file, &read, &read.runs[0], &observer)
        .unwrap();
    // Both rows come from one network, which is read from its checkpoint.
    assert_eq!(trained.load(Ordering::Relaxed), 1);
    let bytes = |n: usize| rows[n].made.as_ref().unwrap().model.bytes.unwrap();
    let whole = read.runs[0].model.bytes.unwrap();
    assert!(
        bytes(1) > 2 * whole,
        "without {}: {}",
        rows[1].technique,
        bytes(1)
    );
    assert!(
        bytes(0) <= whole + whole / 2,
        "without {}",
        rows[0].technique
    );
}

#[test]
fn rows_are_judged_on_the_same_samples_of_streams() {
    let out = tempfile::tempdir().unwrap();
    let runner = ComparisonRunner::new(settings(out.path()), Observer::silent()).unwrap();
    let results = runner
        .compare(&[
            pipeline("float", "cnn", &[]),
            pipeline("boxed", "cnn", &["arena"]),
            pipeline("lda", "lda", &[]),
        ])
        .unwrap();
    let streams: Vec<_> = results
        .runs
        .iter()
        .map(|run| run.stream.as_ref().unwrap())
        .collect();
    // How a network runs changes no decision.
    assert_eq!(streams[0], streams[1]);
    for stream in &streams {
        let samples = |s: &mote_report::StreamFigures| -> Vec<(u32, u64)> {
            s.per_user.iter().map(|u| (u.user, u.windows)).collect()
        };
        assert_eq!(samples(stream), samples(streams[0]));
        let truth = |s: &mote_report::StreamFigures| s.strip.as_ref().unwrap().truth.clone();
        assert_eq!(truth(stream), truth(streams[0]));
        assert_eq!(stream.by_bout.len(), 4);
        // Ward's errors: what is missing for one class is too much for another, but for samples without a decision.
        let e = &stream.segments;
        let missing = e.deletion + e.fragmentation + e.underfill;
        let extra = e.insertion + e.merge + e.overfill;
        assert!((missing - extra).abs() < 1e-9, "{e:?}");
    }
    // Windows of 3 s without overlap lose what is left at the end of recordings.
    let loss = &results.runs[0].window_loss;
    assert_eq!(loss.len(), 6);
    assert!(
        loss.iter()
            .all(|l| l.windows > 0 && l.lost_s < l.signal_s / 2.0)
    );

    let mut without = settings(out.path());
    without.split.kind = "random:2".parse().unwrap();
    let runner = ComparisonRunner::new(without, Observer::silent()).unwrap();
    let results = runner.compare(&[pipeline("lda", "lda", &[])]).unwrap();
    assert_eq!(results.runs[0].stream, None);
    assert!(
        results.notes[0].contains("users on both sides"),
        "{:?}",
        results.notes
    );
}

#[test]
fn fewer_folds_and_a_classical_model() {
    let out = tempfile::tempdir().unwrap();
    let runner = ComparisonRunner::new(settings(out.path()), Observer::silent()).unwrap();
    let one = Extent {
        folds: 1,
        epochs: Some(1),
    };
    let lda = pipeline("lda", "lda", &[]);
    let result = runner.evaluate(&lda, one).unwrap();
    assert_eq!((result.run.folds, result.trained.is_none()), (1, true));
    let error = runner.train(&lda, one).unwrap_err().line();
    assert!(error.contains("classical"), "{error}");
    let changed = pipeline("lda", "lda", &["int8"]);
    let error = runner.evaluate(&changed, one).unwrap_err().line();
    assert!(error.contains("remove them"), "{error}");
}

#[test]
fn a_row_that_cannot_be_says_why_and_the_others_are_made() {
    let out = tempfile::tempdir().unwrap();
    // The network is padded, and a stream has no edges.
    let padded = pipeline("padded", "cnn", &["int8", "stream"]);
    let lda = pipeline("lda", "lda", &[]);
    let (observer, heard) = listening();
    let runner = ComparisonRunner::new(settings(out.path()), observer).unwrap();
    let results = runner.compare(&[padded.clone(), lda]).unwrap();
    let rows: Vec<&str> = results.runs.iter().map(|r| r.pipeline.as_str()).collect();
    assert_eq!(rows, ["lda"]);
    let told = heard.lock().unwrap().clone();
    assert!(told.contains(&"RowImpossible".to_owned()), "{told:?}");
    let note = results.notes.iter().find(|n| n.contains("`padded`"));
    assert!(note.unwrap().contains("padding"), "{:?}", results.notes);
    // Alone, it is an error.
    let error = runner.compare(&[padded]).unwrap_err();
    assert!(error.line().contains("padding"), "{}", error.line());
}

#[test]
fn the_final_model_is_trained_on_all_users_and_deployed() {
    let out = tempfile::tempdir().unwrap();
    let mut of = settings(out.path());
    of.epochs = Some(3);
    of.stream = None;
    let (observer, heard) = listening();
    let pipelines = [
        pipeline("int8", "cnn", &["int8", "flatten", "arena"]),
        pipeline("lda", "lda", &[]),
    ];
    let runner = ComparisonRunner::new(of.clone(), observer.clone()).unwrap();
    let results = runner.compare(&pipelines).unwrap();
    let (first, path) = deployment::open(out.path(), "int8").unwrap();
    assert!(first.final_model.is_none() && path.ends_with("int8/deployment.json"));

    let finalist = Finalist::new(&results, "int8").unwrap();
    let (made, path) = finalist.train(&observer).unwrap();
    let last = made.final_model.as_ref().unwrap();
    let all = results.data.users;
    assert_eq!(
        (last.users, last.windows, last.epochs),
        (all, results.data.windows, 3)
    );
    assert!(
        last.notes.iter().any(|n| n.starts_with("int8")),
        "{:?}",
        last.notes
    );
    // Another network than the fold's, of the same size, with the folds' figures.
    assert_ne!(made.graph, first.graph);
    assert_eq!(Some(last.bytes), results.runs[0].model.bytes);
    let metrics = |d: &mote_codegen::Deployment| d.evidence.as_ref().unwrap().run.metrics.clone();
    assert_eq!(metrics(&made), metrics(&first));
    assert!(last.accuracy_seen > 1.0 / 6.0);
    assert_eq!(
        deployment::open(out.path(), "int8").unwrap(),
        (made.clone(), path)
    );

    // The same again is read from checkpoints and comes out the same.
    let epochs = || {
        heard
            .lock()
            .unwrap()
            .iter()
            .filter(|h| *h == "EpochDone")
            .count()
    };
    assert_eq!(epochs(), 9);
    assert_eq!(finalist.train(&observer).unwrap().0, made);

    // After another comparison its figures are not the deployment's any more.
    of.split.seed = 2;
    let runner = ComparisonRunner::new(of, listening().0).unwrap();
    runner.compare(&pipelines[..1]).unwrap();
    let error = deployment::open(out.path(), "int8").unwrap_err().line();
    for part in ["compared again", "mote train", "--final int8"] {
        assert!(error.contains(part), "{error}");
    }

    let error = Finalist::new(&results, "lda").unwrap_err().line();
    assert!(error.contains("classical"), "{error}");
    let error = Finalist::new(&results, "int4").unwrap_err().line();
    assert!(error.contains("there are: int8, lda"), "{error}");
    let names = ["float".to_owned()];
    let error = Finalist::check(&names, &pipelines).unwrap_err().line();
    assert!(error.contains("compared are: int8, lda"), "{error}");
}

#[test]
fn a_final_model_of_other_data_than_the_results_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let mut of = settings(out.path());
    of.stream = None;
    let runner = ComparisonRunner::new(of, listening().0).unwrap();
    let mut results = runner.compare(&[pipeline("float", "cnn", &[])]).unwrap();
    results.data.digest = "0".repeat(64);
    let finalist = Finalist::new(&results, "float").unwrap();
    let error = finalist.train(&Observer::silent()).unwrap_err().line();
    assert!(error.contains("run the comparison again"), "{error}");
}

#[test]
fn a_stopped_final_model_goes_on_where_it_stopped() {
    let out = tempfile::tempdir().unwrap();
    let mut of = settings(out.path());
    of.epochs = Some(4);
    of.stream = None;
    let runner = ComparisonRunner::new(of, Observer::silent()).unwrap();
    let results = runner.compare(&[pipeline("float", "cnn", &[])]).unwrap();
    let finalist = Finalist::new(&results, "float").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    let observer = Observer::new(
        move |event| {
            if let Event::EpochDone { .. } = event {
                set.store(true, Ordering::SeqCst);
            }
        },
        stop,
    );
    assert!(finalist.train(&observer).unwrap_err().is_stopped());
    let path = deployment::final_path(out.path(), "float");
    assert!(!path.exists());
    let (resumed, _) = finalist.train(&Observer::silent()).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let fresh = Finalist::new(&results, "float").unwrap();
    let fresh = fresh.with_out(elsewhere.path().to_owned());
    assert_eq!(fresh.train(&Observer::silent()).unwrap().0, resumed);
}
