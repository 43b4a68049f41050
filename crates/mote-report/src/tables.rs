//! The tables there are: which figures each shows, of which runs.

use crate::ablation::Ablation;
use crate::figures::Subject;
use crate::format;
use crate::schema::{Results, Run, WindowLoss};
use crate::table::Table;
use crate::view::Target;

/// Figures that only the page has room for.
pub(crate) const WIDE: [&str; 5] = [
    "balanced_accuracy",
    "flash_external",
    "ram",
    "average_power_uw",
    "battery_days",
];

/// As [`WIDE`], of changes.
pub(crate) const WIDE_CHANGES: [&str; 3] = ["instructions", "latency_ms", "macro_f1"];

/// Builds the table of accuracy and size of every run.
pub(crate) fn runs(results: &Results) -> Table<'_> {
    let figures = [
        "accuracy",
        "balanced_accuracy",
        "macro_f1_interval",
        "parameters",
        "macs",
        "model_bytes",
        "host_latency",
    ];
    Table::new(&figures, subjects(results, None, |_| true))
}

/// The figures on continuous streams.
const STREAMS: [&str; 10] = [
    "stream_macro_f1",
    "stream_accuracy",
    "stream_5",
    "stream_10",
    "stream_20",
    "stream_60",
    "delay_median",
    "delay_p90",
    "delay_missed",
    "false_changes",
];

/// Builds the table of what every run does on continuous streams; `None` when none was run on them.
pub(crate) fn streams(results: &Results) -> Option<Table<'_>> {
    let mut known = results.runs.iter().filter_map(|run| run.stream.as_ref());
    known.clone().next()?;
    let mut figures = STREAMS.to_vec();
    if known.any(|stream| stream.calibration_error.is_some()) {
        figures.push("calibration_error");
    }
    Some(Table::new(&figures, subjects(results, None, |_| true)))
}

/// Builds the same of single runs, in the order of `names`, for documentation; `None` when one of them is not there, or
/// was not run on streams.
pub(crate) fn documented_streams<'a>(results: &'a Results, names: &[&str]) -> Option<Table<'a>> {
    let position = |name: &&str| {
        let mut runs = results.runs.iter();
        runs.position(|r| r.pipeline == **name && r.stream.is_some())
    };
    let rows: Option<Vec<usize>> = names.iter().map(position).collect();
    let rows = rows?.into_iter().map(|row| subject(results, row, None));
    Some(Table::new(&STREAMS, rows.collect()))
}

/// Says how streams are made and scored; `None` when no run has such figures.
pub(crate) fn about_streams(results: &Results) -> Option<String> {
    let stream = results.runs.iter().find_map(|run| run.stream.as_ref())?;
    let change = match stream.fade_s {
        0.0 => "change from one sample to the next".to_owned(),
        fade => format!("fade into one another over {fade} s"),
    };
    Some(format!(
        "Continuous streams of users that no network has seen: activities last {} s on average (then 5, 10, 20 and 60 s \
         each) and {change}. Every row runs sample by sample as on the device, and every sample from 10 s on is scored. \
         Windows, below, hold one activity each; life does not.",
        stream.bout_s
    ))
}

/// Builds the table of windows of common lengths, of the runs that decide at every step; `None` when there is none.
pub(crate) fn windows(results: &Results) -> Option<Table<'_>> {
    let figures = [
        "window_3_macro_f1",
        "window_3_accuracy",
        "window_10_macro_f1",
        "window_10_accuracy",
    ];
    let known = |s: &Subject<'_>| !s.run.windows.is_empty();
    let table = Table::new(&figures, subjects(results, None, known));
    (!table.subjects.is_empty()).then_some(table)
}

/// Says what the figures of [`windows`] are.
pub(crate) const ABOUT_WINDOWS: &str = "For comparison with the literature: windows of one activity each, half \
    overlapping, of the same test users. The network begins each window anew, and its last decision counts.";

/// What windows of one length leave out.
pub(crate) struct Loss<'a> {
    /// Length of the windows, in seconds.
    pub window_s: f64,
    /// Positions of the runs with such windows.
    pub runs: Vec<usize>,
    /// What each class loses.
    pub classes: &'a [WindowLoss],
}

impl Loss<'_> {
    /// Returns windows, and the share of all signal that they do not stand for.
    pub fn total(&self) -> (usize, f64) {
        let sum = |of: fn(&WindowLoss) -> f64| self.classes.iter().map(of).sum::<f64>();
        let windows = self.classes.iter().map(|c| c.windows).sum();
        (windows, sum(|c| c.lost_s) / sum(|c| c.signal_s).max(1e-9))
    }
}

/// Lists what windows leave out, once for each length, the shortest first.
pub(crate) fn losses(results: &Results) -> Vec<Loss<'_>> {
    let mut losses: Vec<Loss<'_>> = Vec::new();
    for (index, run) in results.runs.iter().enumerate() {
        let Some(window_s) = run.window_s.filter(|_| !run.window_loss.is_empty()) else {
            continue;
        };
        let same = |l: &&mut Loss<'_>| l.window_s == window_s && l.classes == run.window_loss;
        match losses.iter_mut().find(same) {
            Some(loss) => loss.runs.push(index),
            None => losses.push(Loss {
                window_s,
                runs: vec![index],
                classes: &run.window_loss,
            }),
        }
    }
    losses.sort_by(|a, b| a.window_s.total_cmp(&b.window_s));
    losses
}

/// Says in a sentence what windows of several lengths leave out; `None` when all have one length.
pub(crate) fn about_losses(results: &Results) -> Option<String> {
    let losses = losses(results);
    if losses.len() < 2 {
        return None;
    }
    let parts: Vec<String> = losses
        .iter()
        .map(|loss| {
            let (windows, share) = loss.total();
            let classes = loss.classes.iter().filter(|c| c.signal_s > 0.0);
            let classes: Vec<String> = classes
                .map(|c| format!("{} {:.0} %", c.label, 100.0 * c.lost_s / c.signal_s))
                .collect();
            format!(
                "{} windows of {} s leave out {:.0} % of the signal ({})",
                format::integer(windows as u64),
                format::significant(loss.window_s),
                100.0 * share,
                classes.join(", ")
            )
        })
        .collect();
    Some(format!(
        "Figures on windows of different lengths are of different moments, those on streams of the same: {}.",
        parts.join("; ")
    ))
}

/// Builds the table of what every run costs on `target`; without weights outside the image and time between decisions
/// where no run has them.
pub(crate) fn costs<'a>(results: &'a Results, target: &Target) -> Table<'a> {
    let figures = [
        "flash_code",
        "flash_model",
        "flash_external",
        "ram_static",
        "ram_stack",
        "ram_heap",
        "ram",
        "instructions",
        "cycles",
        "cycles_core",
        "cycles_flash",
        "cycles_per_second",
        "latency_ms",
        "energy_uj",
        "average_power_uw",
        "battery_days",
        "fits",
    ];
    let table = Table::new(&figures, subjects(results, Some(target), |_| true));
    let mut devices = table.subjects.iter().filter_map(|s| s.device);
    let external = devices.any(|d| d.flash_external.is_some());
    let timed = table.subjects.iter().any(|s| s.run.hop_s.is_some());
    let waits = table
        .subjects
        .iter()
        .any(|s| s.device.is_some_and(|d| d.cycles_flash.is_some()));
    let needless = [
        ("flash_external", external),
        ("cycles_core", waits),
        ("cycles_flash", waits),
        ("cycles_per_second", timed),
    ];
    let needless: Vec<&str> = needless
        .iter()
        .filter_map(|&(name, needed)| (!needed).then_some(name))
        .collect();
    table.without(&needless)
}

/// Builds the table of how much of the envelope every run that was measured on `target` uses.
pub(crate) fn envelope<'a>(results: &'a Results, target: &Target) -> Table<'a> {
    let figures = [
        "envelope_memory",
        "envelope_clock",
        "envelope_power",
        "envelope_average_power",
        "fits_envelope",
    ];
    let measured = |s: &Subject<'_>| s.device.is_some_and(|d| d.fits_envelope.is_some());
    Table::new(&figures, subjects(results, Some(target), measured))
}

/// Builds the table of the most important figures of the runs that `shown` picks.
pub(crate) fn headline<'a>(
    results: &'a Results,
    target: Option<&Target>,
    shown: impl Fn(&Subject<'_>) -> bool,
) -> Table<'a> {
    let figures = [
        "stream_headline",
        "accuracy",
        "macro_f1",
        "flash",
        "ram",
        "memory",
        "latency_ms",
        "energy_uj",
    ];
    let table = Table::new(&figures, subjects(results, target, shown)).without_leaks();
    let table = match results.runs.iter().any(|run| run.stream.is_some()) {
        true => table,
        false => table.without(&["stream_headline"]),
    };
    match target {
        Some(_) => table,
        None => table.without_empty_columns(),
    }
}

/// Builds the table of the changes that the pipelines of `ablation` make, their baseline first; without a board, only of
/// shares.
pub(crate) fn changes<'a>(
    results: &'a Results,
    ablation: &Ablation,
    target: Option<&Target>,
) -> Table<'a> {
    let costs = [
        "flash_code",
        "flash_model",
        "ram_static",
        "ram_stack",
        "ram_heap",
        "ram",
        "instructions",
        "cycles",
        "latency_ms",
        "energy_uj",
    ];
    let mut figures = Vec::new();
    if target.is_some() {
        figures.extend(costs);
    }
    figures.extend(["accuracy", "macro_f1"]);
    let rows = std::iter::once(ablation.baseline).chain(ablation.rows.iter().copied());
    let rows: Vec<Subject<'_>> = rows.map(|row| subject(results, row, target)).collect();
    let baseline = rows[0];
    Table::new(&figures, rows).against(&baseline)
}

/// Builds the table of what early exits save and cost, and of the longest decisions; without rows when there are neither.
pub(crate) fn early_exits<'a>(results: &'a Results, target: Option<&Target>) -> Table<'a> {
    let mut figures = vec!["early_share", "early_loss"];
    if target.is_some() {
        figures.extend(["cycles_worst", "latency_worst_ms", "energy_worst_uj"]);
    }
    let exits = |s: &Subject<'_>| {
        s.run.early.is_some() || s.device.is_some_and(|d| d.cycles_worst.is_some())
    };
    Table::new(&figures, subjects(results, target, exits))
}

/// Builds the table of smoothed decisions, never mixed with the plain figures; without rows when no run has such figures.
pub(crate) fn smoothed(results: &Results) -> Table<'_> {
    let figures = [
        "accuracy_alone",
        "accuracy_smoothed",
        "accuracy_gain",
        "macro_f1_alone",
        "macro_f1_smoothed",
        "macro_f1_gain",
    ];
    let smoothed = |s: &Subject<'_>| s.run.metrics_smoothed.is_some();
    Table::new(&figures, subjects(results, None, smoothed))
}

/// Says how the decisions of [`smoothed`] were smoothed, and what that leaves out; `None` when no run has such figures.
pub(crate) fn about_smoothing(results: &Results) -> Option<String> {
    let mut smoothed = results.runs.iter().filter_map(|r| r.metrics_smoothed);
    let count = smoothed.next()?.decisions;
    Some(format!(
        "Each decision is made from the mean of the last {count} outputs within one recording (of the last {count} \
         votes for models without scores), on the host. Recordings hold one activity each, so these figures leave out \
         the cost of smoothing: the delay after a change of activity."
    ))
}

/// Builds the table of single runs for documentation; `None` when one of them is not there.
pub(crate) fn documented<'a>(
    results: &'a Results,
    figures: &[&str],
    target: &Target,
    names: &[&str],
) -> Option<Table<'a>> {
    let position = |name: &&str| results.runs.iter().position(|r| r.pipeline == **name);
    let rows: Option<Vec<usize>> = names.iter().map(position).collect();
    let rows = rows?
        .into_iter()
        .map(|row| subject(results, row, Some(target)));
    let subjects: Vec<Subject<'_>> = rows.collect();
    let measured = subjects.iter().all(|s| s.device.is_some());
    measured.then(|| Table::new(figures, subjects))
}

/// Lists the runs that `shown` picks, in file order, with their figures on `target`.
pub(crate) fn subjects<'a>(
    results: &'a Results,
    target: Option<&Target>,
    shown: impl Fn(&Subject<'_>) -> bool,
) -> Vec<Subject<'a>> {
    (0..results.runs.len())
        .map(|index| subject(results, index, target))
        .filter(shown)
        .collect()
}

/// Returns the run at `index` with its figures on `target`.
fn subject<'a>(results: &'a Results, index: usize, target: Option<&Target>) -> Subject<'a> {
    let run: &'a Run = &results.runs[index];
    Subject {
        index,
        run,
        device: target.and_then(|t| t.find(run)),
    }
}
