//! Prints how long an epoch takes: one network on one thread, then one per core side by side.
//!
//! `cargo run --release -p mote-train --example epoch_time [-- network-a|cnn [TIME]]`

use mote_data::{Fold, Windows};
use mote_train::{CnnConfig, Epoch, Hooks, Progress, TrainConfig, train_folds};
use std::sync::Mutex;
use std::time::Instant;

/// As in the `mote` binary: the system's allocator gives every large tensor back to the kernel at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WINDOWS: usize = 10_000;
const EPOCHS: usize = 4;

/// Notes when epochs end.
struct Clock(Mutex<Vec<Instant>>);

impl Progress for Clock {
    fn epoch(&self, _: usize, _: &Epoch) {
        if let Ok(mut times) = self.0.lock() {
            times.push(Instant::now());
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or("network-a".to_owned());
    let time: usize = args.next().map_or(Ok(100), |t| t.parse())?;
    let network = CnnConfig::preset(&name).ok_or("the networks are network-a and cnn")?;
    let windows = Windows {
        time,
        channels: 3,
        rate_hz: 20.0,
        hop: time,
        x: (0..WINDOWS * time * 3)
            .map(|i| ((i * i) % 997) as f32 / 50.0 - 10.0)
            .collect(),
        y: (0..WINDOWS).map(|i| i % 6).collect(),
        users: vec![0; WINDOWS],
        recordings: vec![0; WINDOWS],
        labels: (0..6).map(|i| i.to_string()).collect(),
    };
    let fold = Fold {
        name: "all".to_owned(),
        train: (0..WINDOWS).collect(),
        validation: Vec::new(),
        test: Vec::new(),
        train_users: vec![0],
        validation_users: Vec::new(),
        test_users: Vec::new(),
    };
    let config = TrainConfig {
        network,
        epochs: EPOCHS,
        ..TrainConfig::default()
    };
    for threads in [1, std::thread::available_parallelism()?.get()] {
        let clock = Clock(Mutex::new(Vec::new()));
        let hooks = Hooks {
            progress: Some(&clock),
            ..Hooks::default()
        };
        let folds = vec![fold.clone(); threads];
        let trained = train_folds(&windows, &folds, &config, threads, hooks)?;
        let ends = clock.0.into_inner()?;
        // The first epoch of each fold is warm-up.
        let (Some(&from), Some(&to)) = (ends.get(threads - 1), ends.last()) else {
            return Err("no epoch was timed".into());
        };
        let epochs = ends.len() - threads;
        println!(
            "{name}, {} MAC, {threads} at once: {:.3} s per epoch of {WINDOWS} windows",
            trained.first().map_or(0, |t| t.graph.macs()),
            (to - from).as_secs_f64() / epochs as f64,
        );
    }
    Ok(())
}
