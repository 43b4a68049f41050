//! Trains all folds of a task and prints m-F1 over the pooled test windows and as a mean over folds.
//!
//! `cargo run --release -p mote-train --example tune -- TASK SECONDS RATE FOLDS [SETTINGS.toml] [OVERLAP]`;
//! data is looked for in `MOTE_DATA`. Networks are evaluated by training's own forward pass, so that this
//! needs no engine; figures for publication come from `mote compare`.

use mote_data::{SplitKind, WindowSpec};
use mote_train::metrics::Confusion;
use mote_train::{Epoch, Hooks, Progress, TrainConfig};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Print;

impl Progress for Print {
    fn epoch(&self, fold: usize, epoch: &Epoch) {
        if std::env::var_os("VERBOSE").is_some() {
            eprintln!("{fold} {epoch:?}");
        }
    }
}

fn largest(logits: &[f32]) -> usize {
    (0..logits.len())
        .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
        .unwrap_or(0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |i: usize, default: &str| args.get(i).cloned().unwrap_or(default.to_owned());
    let task = mote_data::task(&arg(0, "wisdm-2019-watch/5"))?;
    let spec = WindowSpec {
        seconds: arg(1, "3").parse()?,
        rate_hz: arg(2, "20").parse()?,
        overlap: arg(5, "0.5").parse()?,
    };
    let take: usize = arg(3, "10").parse()?;
    let config: TrainConfig = match arg(4, "").as_str() {
        "" => TrainConfig::default(),
        file => toml::from_str(&std::fs::read_to_string(file)?)?,
    };
    let root = std::env::var_os("MOTE_DATA").map(std::path::PathBuf::from);
    let windows = mote_data::load(&task, root.as_deref(), &spec)?.windows;
    let mut folds = mote_data::folds(&windows, &SplitKind::default(), 1)?;
    folds.truncate(take);
    println!(
        "{} windows of {}x{}",
        windows.len(),
        windows.time,
        windows.channels
    );

    let start = Instant::now();
    let hooks = Hooks {
        progress: Some(&Print),
        ..Hooks::default()
    };
    let trained = mote_train::train_folds(&windows, &folds, &config, 2, hooks)?;
    let seconds = start.elapsed().as_secs_f64();
    let (mut truth, mut predicted, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    for (fold, trained) in folds.iter().zip(&trained) {
        let t: Vec<usize> = fold.test.iter().map(|&i| windows.y[i]).collect();
        let logits = trained.logits(&windows, &fold.test)?;
        let p: Vec<usize> = logits
            .chunks_exact(windows.labels.len())
            .map(largest)
            .collect();
        scores.push(Confusion::new(windows.labels.len(), &t, &p).macro_f1());
        truth.extend(t);
        predicted.extend(p);
    }
    let pooled = Confusion::new(windows.labels.len(), &truth, &predicted);
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    println!(
        "folds {:?}",
        scores
            .iter()
            .map(|s| (s * 1000.0).round())
            .collect::<Vec<_>>()
    );
    println!(
        "pooled accuracy {:.4} m-F1 {:.4}, mean m-F1 over folds {mean:.4}; {} parameters, {:.1} s, {:.1} s per fold",
        pooled.accuracy(),
        pooled.macro_f1(),
        trained.first().map_or(0, |t| t.graph.parameters()),
        seconds,
        seconds * 2.0 / folds.len() as f64,
    );
    Ok(())
}
