//! Smoothed decisions, in a table of their own: they are never mixed with the plain figures.

use crate::format;
use crate::schema::{Results, Run, Smoothed};

/// The headings: what it is, and how it was decided.
pub(crate) const HEADINGS: [(&str, &str); 6] = [
    ("accuracy", "each alone"),
    ("accuracy", "smoothed"),
    ("change", "points"),
    ("m-F1", "each alone"),
    ("m-F1", "smoothed ±95 %"),
    ("change", "points"),
];

/// One run that has smoothed figures.
pub(crate) struct Row {
    /// Its position in the results.
    pub run: usize,
    /// One text per heading.
    pub cells: [String; 6],
}

/// The runs with smoothed figures.
pub(crate) fn rows(results: &Results) -> Vec<Row> {
    let runs = results.runs.iter().enumerate();
    runs.filter_map(|(i, run)| {
        let smoothed = run.metrics_smoothed?;
        let cells = cells(run, smoothed);
        Some(Row { run: i, cells })
    })
    .collect()
}

fn cells(run: &Run, smoothed: Smoothed) -> [String; 6] {
    let plain = &run.metrics;
    let interval = smoothed.macro_f1.ci95.map(|ci| format!(" ±{ci:.3}"));
    [
        format::share(plain.accuracy.mean),
        format::share(smoothed.accuracy.mean),
        format::points(plain.accuracy.mean, smoothed.accuracy.mean),
        format::share(plain.macro_f1.mean),
        format::share(smoothed.macro_f1.mean) + interval.as_deref().unwrap_or_default(),
        format::points(plain.macro_f1.mean, smoothed.macro_f1.mean),
    ]
}

/// How the decisions were smoothed and what that leaves out; `None` when no run has such figures.
pub(crate) fn about(results: &Results) -> Option<String> {
    let mut smoothed = results.runs.iter().filter_map(|r| r.metrics_smoothed);
    let count = smoothed.next()?.decisions;
    Some(format!(
        "Each decision is made from the mean of the last {count} outputs within one recording (of the last {count} \
         votes for models without scores), on the host. Recordings hold one activity each, so these figures leave out \
         what smoothing costs: the delay after a change of activity."
    ))
}
