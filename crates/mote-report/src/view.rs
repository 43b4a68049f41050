//! What terminal and page both derive from [`Results`]: names that distinguish runs, the devices to choose
//! from, and banners.

use crate::schema::{DeviceFigures, EarlyExit, Results, Run};

/// A board at one optimisation level: one choice of the board picker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub board: String,
    pub optimize: String,
    /// `stm32l4r5 · Cortex-M4F · 120 MHz · -O3`.
    pub title: String,
}

impl Target {
    /// Lists all targets of the results, in order of first appearance.
    pub fn all(results: &Results) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        for device in results.runs.iter().flat_map(|r| &r.device) {
            if !targets.iter().any(|t| t.is(device)) {
                targets.push(Target::of(device));
            }
        }
        targets
    }

    fn of(device: &DeviceFigures) -> Self {
        let mut title = device.board.clone();
        if !device.core.is_empty() {
            title.push_str(&format!(" · {}", device.core));
        }
        if let Some(mhz) = device.clock_mhz {
            title.push_str(&format!(" · {} MHz", crate::format::significant(mhz)));
        }
        if !device.optimize.is_empty() {
            title.push_str(&format!(" · -O{}", device.optimize));
        }
        Self {
            board: device.board.clone(),
            optimize: device.optimize.clone(),
            title,
        }
    }

    fn is(&self, device: &DeviceFigures) -> bool {
        self.board == device.board && self.optimize == device.optimize
    }

    /// Returns the run's figures on this target.
    pub fn find<'a>(&self, run: &'a Run) -> Option<&'a DeviceFigures> {
        run.device.iter().find(|d| self.is(d))
    }
}

/// Returns one name per run: the pipeline, and whatever else distinguishes it from the other runs.
pub(crate) fn names(results: &Results) -> Vec<String> {
    let differ = |field: fn(&Run) -> &str| {
        let mut values = results.runs.iter().map(field);
        let first = values.next();
        values.any(|v| Some(v) != first)
    };
    let (tasks, splits) = (differ(|r| &r.task), differ(|r| &r.split));
    results
        .runs
        .iter()
        .map(|run| {
            let mut name = run.pipeline.clone();
            if tasks {
                name.push_str(&format!(" · {}", run.task));
            }
            if splits {
                name.push_str(&format!(" · {}", run.split));
            }
            if run.leaks {
                name.push_str(" (leaks)");
            }
            name
        })
        .collect()
}

/// Writes `split group:10 (10 folds)`, one for each split.
pub(crate) fn protocol(results: &Results) -> String {
    let mut parts: Vec<String> = Vec::new();
    for run in &results.runs {
        let folds = if run.folds == 1 { "fold" } else { "folds" };
        let part = format!("split {} ({} {folds})", run.split, run.folds);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(", ")
}

/// Writes `36 users · 27,936 windows · 3 s every 1.5 s at 20 Hz`, as far as known.
pub(crate) fn data_line(results: &Results) -> String {
    let data = &results.data;
    let mut parts = Vec::new();
    if data.users > 0 {
        parts.push(format!("{} users", data.users));
    }
    if data.windows > 0 {
        parts.push(format!(
            "{} windows",
            crate::format::integer(data.windows as u64)
        ));
    }
    if let Some(window) = data.window_s {
        let mut part = format!("{} s", crate::format::significant(window));
        if let Some(hop) = data.hop_s {
            part.push_str(&format!(" every {} s", crate::format::significant(hop)));
        }
        if let Some(rate) = data.rate_hz {
            part.push_str(&format!(" at {} Hz", crate::format::significant(rate)));
        }
        parts.push(part);
    }
    parts.join(" · ")
}

/// Writes `windows of 10 s, a decision every 1 s`, where a run's windows are not those of the comparison.
pub(crate) fn own_window(results: &Results, run: &Run) -> Option<String> {
    let window = run.window_s?;
    let common = results.data.window_s?;
    // Window lengths are whole samples of the same rate, so equal ones are equal to the last bit.
    (window != common).then(|| {
        let mut text = format!("windows of {} s", crate::format::significant(window));
        if let Some(hop) = run.hop_s {
            let hop = crate::format::significant(hop);
            text.push_str(&format!(", a decision every {hop} s"));
        }
        text
    })
}

/// Lists what must be seen before any figure: synthetic data, leaks, and the runs' own warnings, each once.
pub(crate) fn banners(results: &Results) -> Vec<Banner> {
    let mut banners = Vec::new();
    if results.data.synthetic {
        banners.push(Banner {
            title: "SYNTHETIC DATA".to_owned(),
            text: "These recordings were generated. The figures show that the tool works; they say nothing \
                   about people."
                .to_owned(),
        });
    }
    let names = names(results);
    let leaking: Vec<&str> = results
        .runs
        .iter()
        .zip(&names)
        .filter(|(run, _)| run.leaks)
        .map(|(_, name)| name.as_str())
        .collect();
    if !leaking.is_empty() {
        banners.push(Banner {
            title: "LEAKING SPLIT".to_owned(),
            text: format!(
                "The same users train and test, so accuracy comes out too high: {}.",
                leaking.join(", ")
            ),
        });
    }
    let mut warnings: Vec<(&str, Vec<&str>)> = Vec::new();
    for (run, name) in results.runs.iter().zip(&names) {
        for warning in &run.warnings {
            match warnings.iter_mut().find(|(text, _)| text == warning) {
                Some((_, of)) => of.push(name),
                None => warnings.push((warning, vec![name])),
            }
        }
    }
    banners.extend(warnings.into_iter().map(|(text, of)| Banner {
        title: "WARNING".to_owned(),
        text: if of.len() == results.runs.len() {
            text.to_owned()
        } else {
            format!("{}: {text}", of.join(", "))
        },
    }));
    banners
}

/// Something to be seen before any figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Banner {
    pub title: String,
    pub text: String,
}

/// Writes the accuracy that an early exit costs, in percentage points: `1.2`, or `−0.3` when it helps.
pub(crate) fn loss(exit: EarlyExit) -> String {
    crate::format::points(0.0, exit.loss)
        .trim_start_matches('+')
        .to_owned()
}

/// Writes `62.5 % stop early, 1.2 points of accuracy lost`.
pub(crate) fn early(exit: EarlyExit) -> String {
    let share = 100.0 * exit.share;
    format!(
        "{share:.1} % stop early, {} points of accuracy lost",
        loss(exit)
    )
}
