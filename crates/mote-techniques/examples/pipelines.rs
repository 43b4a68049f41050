//! Accuracy of pipelines on some folds of a task, while a technique is tuned; no device is needed.
//!
//! `cargo run -p mote-techniques --example pipelines -- TASK SECONDS FOLDS PIPELINE...`, where a pipeline is written
//! `prune-channels:share=0.5+int8`, and `-` is none. `MOTE_DATA` says where data is looked for, `MOTE_FOLDS` where
//! trained folds are kept, `MOTE_SETTINGS` a file of training settings. Scores are the engine's, on test users.

use mote_data::{SplitKind, WindowSpec};
use mote_model::session::{Session, compile};
use mote_techniques::{Artifact, Context, Training, apply};
use mote_train::metrics::Confusion;
use mote_train::{Hooks, Job, TrainConfig, train};
use std::path::PathBuf;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [task, seconds, folds, pipelines @ ..] = &args[..] else {
        return Err("usage: pipelines TASK SECONDS FOLDS PIPELINE...".into());
    };
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let spec = WindowSpec {
        seconds: seconds.parse()?,
        rate_hz: 20.0,
        overlap: 0.5,
    };
    let windows =
        mote_data::load(&mote_data::task(task)?, path("MOTE_DATA").as_deref(), &spec)?.windows;
    let config: TrainConfig = match path("MOTE_SETTINGS") {
        Some(file) => toml::from_str(&std::fs::read_to_string(file)?)?,
        None => TrainConfig::default(),
    };
    let mut splits = mote_data::folds(&windows, &SplitKind::default(), 1)?;
    splits.truncate(folds.parse()?);
    let kept = path("MOTE_FOLDS");
    let mut pooled = vec![(Vec::new(), Vec::new()); pipelines.len()];
    for (number, fold) in splits.iter().enumerate() {
        let job = Job {
            windows: &windows,
            train: &fold.train,
            validation: &fold.validation,
            fold: number,
        };
        let directory = kept.as_ref().map(|d| d.join(number.to_string()));
        let hooks = Hooks {
            checkpoint: directory.as_deref(),
            ..Hooks::default()
        };
        let trained = train(job, &config, hooks)?;
        let context = Context {
            windows: &windows,
            train: &fold.train,
            seed: config.seed,
            training: Some(Training {
                trained: &trained,
                config: &config,
                job,
                stop: None,
                directory: directory.as_deref(),
                others: None,
            }),
        };
        for (pipeline, (truth, predicted)) in pipelines.iter().zip(&mut pooled) {
            let mut artifact = Artifact::baseline(trained.graph.clone());
            for step in pipeline.split('+').filter(|s| *s != "-") {
                let change = apply(step, &mut artifact, &context)?;
                println!("{}: {}", change.technique, change.lines.join("; "));
            }
            let compiled = compile(&artifact.graph)?;
            let mut session = Session::new(&compiled)?;
            let mut right: (Vec<usize>, Vec<usize>) = Default::default();
            for &n in &fold.test {
                right.0.push(windows.y.get(n).copied().unwrap_or(0));
                right.1.push(session.classify(windows.window(n))?.class());
            }
            let confusion = Confusion::new(windows.labels.len(), &right.0, &right.1);
            println!(
                "fold {} {pipeline}: m-F1 {:.4}",
                fold.name,
                confusion.macro_f1()
            );
            truth.append(&mut right.0);
            predicted.append(&mut right.1);
        }
    }
    for (pipeline, (truth, predicted)) in pipelines.iter().zip(&pooled) {
        let confusion = Confusion::new(windows.labels.len(), truth, predicted);
        println!(
            "{pipeline}: m-F1 {:.4}, accuracy {:.4} over {} windows",
            confusion.macro_f1(),
            confusion.accuracy(),
            truth.len()
        );
    }
    Ok(())
}
