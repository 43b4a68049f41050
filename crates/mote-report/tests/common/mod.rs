//! A comparison that is obviously a fixture: round numbers, made-up names, hostile characters.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use mote_report::{
    BoutFigures, Data, Delay, DeviceFigures, EarlyExit, Epoch, Estimate, FoldPredictions,
    LayerCost, MeasurementStatus, Method, Results, Run, Smoothed, StreamFigures, Strip, UserScores,
    WindowFigures, WindowLoss, evaluate,
};
use std::collections::BTreeMap;

/// Class names, one of which must be escaped.
pub const LABELS: [&str; 5] = ["walk", "jog", "stairs <&>", "sit", "stand"];

const USERS: u32 = 36;
const FOLDS: u32 = 6;

/// A small generator, so that the fixture is the same everywhere.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 31)
    }
}

/// A run whose windows are right with probability `skill`, a little more or less by user and class.
pub fn run(pipeline: &str, skill: f64, epochs: usize) -> Run {
    let labels = LABELS.map(str::to_owned);
    let mut noise = Noise(pipeline.len() as u64 + (skill * 1e6) as u64);
    let mut folds = Vec::new();
    for fold in 0..FOLDS {
        let (mut truth, mut predicted, mut users) = (vec![], vec![], vec![]);
        for user in (0..USERS).filter(|u| u % FOLDS == fold) {
            let talent = skill - 0.25 * noise.next().powi(3);
            for window in 0..60 {
                let class = window % LABELS.len();
                let right = noise.next() < talent + if class < 2 { 0.04 } else { -0.05 };
                truth.push(class);
                predicted.push(match (right, class) {
                    (true, class) => class,
                    (false, 0) => 2,
                    (false, 2) => (noise.next() * 2.0) as usize,
                    (false, class) => 7 - class.max(2),
                });
                users.push(1600 + user);
            }
        }
        let predicted = predicted
            .into_iter()
            .map(|c| c.min(LABELS.len() - 1))
            .collect();
        folds.push((format!("fold {fold}"), truth, predicted, users));
    }
    let predictions: Vec<FoldPredictions<'_>> = folds
        .iter()
        .map(
            |(name, truth, predicted, users): &(String, Vec<usize>, Vec<usize>, Vec<u32>)| {
                FoldPredictions {
                    name,
                    y_true: truth,
                    y_pred: predicted,
                    users,
                }
            },
        )
        .collect();
    let (metrics, mut fold_results) = evaluate(&labels, &predictions).unwrap();
    for fold in &mut fold_results {
        fold.history = (1..=epochs)
            .map(|epoch| {
                let left = (-(epoch as f64) / 5.0).exp();
                Epoch {
                    epoch,
                    loss: Some(0.3 + 1.3 * left + 0.03 * noise.next()),
                    validation_loss: Some(0.45 + 1.1 * left + 0.08 * noise.next()),
                    validation_macro_f1: Some((skill - 0.4 * left - 0.03 * noise.next()).max(0.0)),
                    learning_rate: Some(0.004 * left),
                }
            })
            .collect();
        fold.best_epoch = epochs.checked_sub(2);
    }
    Run {
        folds: FOLDS as usize,
        fold_results,
        ..Run::new(pipeline, "fixture/5", "group:6", metrics)
    }
}

/// A measurement on `board`, everything in proportion to `size`.
pub fn device(board: &str, core: &str, clock_mhz: f64, optimize: &str, size: f64) -> DeviceFigures {
    let cycles = (size * 1_000_000.0) as u64;
    let latency_ms = cycles as f64 / clock_mhz / 1e3;
    let layers = [
        "frontend",
        "conv_0",
        "depthwise_1",
        "pointwise_1",
        "pool",
        "dense",
    ];
    let method = [
        ("flash_code", Method::Elf),
        ("flash_model", Method::Elf),
        ("ram_static", Method::Elf),
        ("ram_stack", Method::Emulated),
        ("ram_heap", Method::Emulated),
        ("instructions", Method::Emulated),
        ("cycles", Method::Modelled),
        ("latency_ms", Method::Modelled),
        ("energy_uj", Method::Modelled),
    ];
    DeviceFigures {
        board: board.to_owned(),
        core: core.to_owned(),
        optimize: optimize.to_owned(),
        clock_mhz: Some(clock_mhz),
        flash_code: Some(6_000 + (size * 3_000.0) as u64),
        flash_model: Some((size * 30_000.0) as u64),
        flash_limit: Some(1024 * 1024),
        ram_static: Some((size * 10_000.0) as u64),
        ram_stack: Some(600),
        ram_heap: Some(if size > 1.0 { 30_000 } else { 0 }),
        ram_limit: Some(128 * 1024),
        instructions: Some(cycles * 3 / 4),
        cycles: Some(cycles),
        latency_ms: Some(latency_ms),
        energy_uj: Some(cycles as f64 * 280e-6),
        average_power_uw: Some(cycles as f64 * 280e-6 / 1.5 + 3.0),
        battery_days: Some(400.0 / size),
        fits: Some(true),
        fits_envelope: Some(true),
        method: BTreeMap::from(method.map(|(field, m)| (field.to_owned(), m))),
        layers: layers
            .iter()
            .enumerate()
            .map(|(i, name)| LayerCost {
                name: (*name).to_owned(),
                instructions: Some(cycles * (i as u64 + 1) / 28),
                cycles: Some(cycles * (i as u64 + 1) / 21),
                ..LayerCost::default()
            })
            .collect(),
        status: MeasurementStatus::Measured,
        ..DeviceFigures::default()
    }
}

/// Four pipelines, two boards; the forest has no firmware.
pub fn results() -> Results {
    let labels = LABELS.map(str::to_owned).to_vec();
    let mut results = Results::new(
        "fixture/5",
        Data {
            digest: "f1x70e".repeat(10),
            source: "a fixture, not recordings".to_owned(),
            windows: 2_160,
            users: 36,
            channels: 3,
            rate_hz: Some(20.0),
            window_s: Some(3.0),
            hop_s: Some(1.5),
            labels,
            records: Some(123_456),
            ..Data::default()
        },
    );
    results.command =
        "mote compare --task fixture/5 --pipelines cnn-f32,cnn-int8,forest,lda --seed 42"
            .to_owned();
    results.seed = 42;
    results.created = "2000-01-01T00:00:00Z".to_owned();
    results
        .versions
        .insert("burn".to_owned(), "0.0.0".to_owned());

    let mut float = run("cnn-f32", 0.93, 25);
    float.model.parameters = Some(10_700);
    float.model.macs = Some(280_000);
    float.model.bytes = Some(43_210);
    float.host.latency_us = Some(310.0);
    float.device = vec![
        device("board-a", "Cortex-M4F", 120.0, "3", 2.9),
        device("board-b", "Cortex-M0", 16.0, "s", 30.0),
    ];
    let mut int8 = run("cnn-int8", 0.925, 25);
    int8.techniques = vec!["int8".to_owned()];
    int8.model.parameters = Some(10_700);
    int8.model.macs = Some(280_000);
    int8.model.bytes = Some(12_345);
    int8.host.latency_us = Some(95.5);
    int8.device = vec![
        device("board-a", "Cortex-M4F", 120.0, "3", 0.42),
        device("board-b", "Cortex-M0", 16.0, "s", 2.1),
    ];
    let mut forest = run("forest", 0.86, 0);
    forest.model.parameters = Some(52_000);
    forest.model.bytes = Some(208_000);
    forest.host.latency_us = Some(12.0);
    forest.device = vec![DeviceFigures {
        board: "board-a".to_owned(),
        core: "Cortex-M4F".to_owned(),
        optimize: "3".to_owned(),
        clock_mhz: Some(120.0),
        status: MeasurementStatus::Unavailable,
        why: Some("no firmware for trees <yet>".to_owned()),
        ..DeviceFigures::default()
    }];
    let mut lda = run("lda", 0.74, 0);
    lda.model.parameters = Some(215);
    lda.model.bytes = Some(860);
    results.runs = vec![float, int8, forest, lda];
    results
}

/// Figures on streams of a pipeline that notices changes after `delay` seconds and is then right with probability `skill`.
pub fn stream(skill: f64, delay: f64) -> StreamFigures {
    let mut noise = Noise((skill * 1e6) as u64);
    let estimate = |mean| Estimate {
        mean,
        ci95: Some(0.02),
    };
    let by_bout = [5.0, 10.0, 20.0, 60.0].map(|seconds: f64| BoutFigures {
        seconds,
        macro_f1: skill * (1.0 - delay / seconds).max(0.1) - 0.01,
        accuracy: skill * (1.0 - delay / seconds).max(0.1),
    });
    // Bouts of 37 s, each decided as the one before it until the delay is over, with an error now and then.
    let truth: Vec<usize> = (0..1500).map(|t| t / 37 * 2 % LABELS.len()).collect();
    let late = delay.round() as usize;
    let decided = (0..1500)
        .map(|t: usize| {
            let class = truth[t.checked_sub(late)?];
            let right = t % 100 > 5 || noise.next() < skill;
            Some(if right {
                class
            } else {
                (class + 1) % LABELS.len()
            })
        })
        .collect();
    StreamFigures {
        bout_s: 30.0,
        least_bout_s: 3.0,
        fade_s: 0.5,
        macro_f1: estimate(skill * (1.0 - delay / 30.0)),
        accuracy: estimate(skill * (1.0 - delay / 30.0) + 0.01),
        by_bout: by_bout.to_vec(),
        delay_s: Delay {
            median: Some(delay),
            p90: (delay < 5.0).then_some(3.0 * delay),
            missed: delay / 50.0,
        },
        false_changes_per_hour: 40.0 / delay,
        since_change: (0..40)
            .map(|i| f64::from(i) * 0.5)
            .map(|t| [t, skill * (1.0 - (-t / delay).exp())])
            .collect(),
        per_user: (0..USERS)
            .map(|user| UserScores {
                user: 1600 + user,
                windows: 17_000,
                accuracy: skill - 0.2 * noise.next().powi(3),
                macro_f1: skill - 0.25 * noise.next().powi(3),
            })
            .collect(),
        strip: Some(Strip {
            user: 1600,
            seconds: 1.0,
            truth,
            decided,
        }),
        ..StreamFigures::default()
    }
}

/// [`results`] judged on streams: the forest notices changes late, and the last pipeline was not run on them.
pub fn streams() -> Results {
    let mut results = results();
    let delays = [1.0, 1.0, 6.0];
    for (run, delay) in results.runs.iter_mut().zip(delays) {
        run.stream = Some(stream(run.metrics.accuracy.mean, delay));
    }
    let loss = |window_s: f64| -> Vec<WindowLoss> {
        let of = |(i, label): (usize, &&str)| {
            let lost_s = 100.0 * window_s - 30.0 * i as f64;
            WindowLoss {
                label: (*label).to_owned(),
                signal_s: 2_000.0,
                windows: ((2_000.0 - lost_s) / 1.5) as usize,
                lost_s,
            }
        };
        LABELS.iter().enumerate().map(of).collect()
    };
    for (run, window_s) in results.runs.iter_mut().zip([3.0, 3.0, 10.0, 3.0]) {
        run.window_s = Some(window_s);
        run.hop_s = Some(1.5);
        run.window_loss = loss(window_s);
    }
    results.runs[1].windows = [3.0, 10.0]
        .map(|seconds| WindowFigures {
            seconds,
            macro_f1: 0.8 + seconds / 100.0,
            accuracy: 0.81 + seconds / 100.0,
        })
        .to_vec();
    results
}

/// An ablation with many pipelines of long names, as the system-level techniques will make.
pub fn many() -> Results {
    let mut results = results();
    let techniques = ["pruning", "flattening", "lazy", "lifetime", "streaming"];
    for (i, technique) in techniques.iter().enumerate() {
        for (kind, sign) in [("baseline", "+"), ("all", "-")] {
            let mut run = run(
                &format!("{kind}-int8{sign}{technique}"),
                0.92 + 0.004 * i as f64,
                10,
            );
            run.techniques = vec!["int8".to_owned(), (*technique).to_owned()];
            run.model.parameters = Some(10_700);
            run.model.macs = Some(280_000);
            run.model.bytes = Some(12_000 + 300 * i as u64);
            run.device = vec![device(
                "board-a",
                "Cortex-M4F",
                120.0,
                "3",
                1.5 - 0.2 * i as f64,
            )];
            results.runs.push(run);
        }
    }
    results
}

/// The system-level techniques of [`system`], in the order of its longest chain.
pub const TECHNIQUES: [&str; 5] = ["static-pruning", "flatten", "lazy", "arena", "streaming"];

/// Which of [`TECHNIQUES`] each of the 14 rows has: none, each alone, two, three, all but one, all.
fn sets() -> Vec<(String, Vec<usize>)> {
    let mut sets = vec![(String::new(), vec![])];
    sets.extend((0..5).map(|t| (format!("+{}", TECHNIQUES[t]), vec![t])));
    sets.push(("+pruning+flatten".to_owned(), vec![0, 1]));
    sets.push(("+pruning+flatten+arena".to_owned(), vec![3, 0, 1]));
    sets.extend((0..5).map(|t| {
        let others = (0..5).filter(|o| *o != t).collect();
        (format!("+all-{}", TECHNIQUES[t]), others)
    }));
    sets.push(("+all".to_owned(), (0..5).collect()));
    sets
}

/// The measurement of a row: every technique takes its part away, and some give a little back.
fn system_device(board: (&str, &str, f64, &str), set: &[usize], int8: bool) -> DeviceFigures {
    let has = |t: usize| set.contains(&t);
    let less = |t: usize, value: f64, factor: f64| if has(t) { value * factor } else { value };
    let width = if int8 { 1.0 } else { 4.0 };
    let cycles = less(
        4,
        less(1, if int8 { 1_100_000.0 } else { 5_200_000.0 }, 0.8),
        0.3,
    );
    let mean = less(2, cycles, 0.45);
    let mut device = device(board.0, board.1, board.2, board.3, mean / 1e6);
    let code = if int8 { 21_400.0 } else { 19_700.0 };
    device.flash_code = Some(less(1, less(0, code, 0.5), 0.7) as u64);
    device.flash_model = Some(less(0, 9_100.0 * width, 0.94) as u64);
    let arena = 2_880.0 * width;
    device.ram_static = Some(match (has(3), has(4)) {
        (_, true) => (700.0 * width) as u64,
        (true, false) => arena as u64,
        (false, false) => 312,
    });
    device.ram_stack = Some(if has(1) { 420 } else { 940 });
    let weights = less(0, 8_200.0 * width, 0.0);
    device.ram_heap = Some(if has(3) {
        weights
    } else {
        weights + 3.0 * arena
    } as u64);
    if has(2) {
        let longest = device.cycles.unwrap() as f64 / mean * cycles * 1.04;
        device.cycles_worst = Some(longest as u64);
        device.latency_worst_ms = Some(longest / board.2 / 1e3);
        device.energy_worst_uj = Some(longest * 280e-6);
    }
    device
}

/// The ablation of the system-level techniques on two boards: 14 rows in f32 and 14 in int8, one failed
/// measurement, an early exit wherever `lazy` is.
pub fn system() -> Results {
    let mut results = results();
    results.runs.clear();
    for (kind, skill) in [("f32", 0.93), ("int8", 0.925)] {
        let int8 = kind == "int8";
        // Most techniques leave the outputs as they are, so these rows share every figure of the host.
        let (exact, early) = (run(kind, skill, 12), run(kind, skill - 0.012, 12));
        for (name, set) in sets() {
            let lazy = set.contains(&2);
            let mut run = if lazy { early.clone() } else { exact.clone() };
            run.pipeline = format!("{kind}{name}");
            run.techniques = set.iter().map(|t| TECHNIQUES[*t].to_owned()).collect();
            if int8 {
                run.techniques.insert(0, "int8:calibration=99.9".to_owned());
            }
            run.baseline = (!set.is_empty()).then(|| kind.to_owned());
            run.early = lazy.then_some(EarlyExit {
                share: 0.625,
                loss: 0.012,
            });
            run.model.parameters = Some(8_200);
            run.model.macs = Some(280_000);
            run.model.bytes = Some(if int8 { 9_100 } else { 33_000 });
            run.device = [
                ("board-a", "Cortex-M4F", 120.0, "3"),
                ("board-b", "Cortex-M0", 16.0, "s"),
            ]
            .map(|board| system_device(board, &set, int8))
            .into();
            results.runs.push(run);
        }
    }
    results.runs[3].device[1] = DeviceFigures {
        board: "board-b".to_owned(),
        core: "Cortex-M0".to_owned(),
        optimize: "s".to_owned(),
        clock_mhz: Some(16.0),
        status: MeasurementStatus::Failed,
        why: Some("the image needs 41,000 B of RAM".to_owned()),
        ..DeviceFigures::default()
    };
    results
}

/// A baseline, two rows on the way, and a hybrid with a window of its own, on two boards.
pub fn hybrid() -> Results {
    let mut results = system();
    let keep = [
        "f32",
        "f32+static-pruning",
        "f32+pruning+flatten+arena",
        "f32+all",
    ];
    results.runs.retain(|r| keep.contains(&r.pipeline.as_str()));
    results.data.window_s = Some(3.0);
    for run in &mut results.runs {
        (run.window_s, run.hop_s) = (Some(3.0), Some(1.5));
    }
    if let Some(last) = results.runs.last_mut() {
        last.pipeline = "balanced".to_owned();
        last.metrics_smoothed = Some(Smoothed {
            decisions: 5,
            hop_s: Some(5.0),
            accuracy: last.metrics.accuracy,
            macro_f1: Estimate {
                mean: last.metrics.macro_f1.mean + 0.01,
                ci95: Some(0.02),
            },
        });
        last.spec = Some("window=10,hop=1,pad=valid,net=c8k5s2".to_owned());
        (last.window_s, last.hop_s) = (Some(10.0), Some(1.0));
    }
    results
}
