//! The columns of the headline tables, shared by terminal and HTML.

use crate::format;
use crate::schema::{DeviceFigures, Run};

/// Which value of a column is the best one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Larger,
    Smaller,
    Neither,
}

/// One column over rows of type `T`.
pub(crate) struct Column<T> {
    pub title: &'static str,
    /// Unit, empty for shares.
    pub unit: &'static str,
    /// What the column says, as a sentence.
    pub help: &'static str,
    /// Field of `results.json` it shows, or a name of its own for a sum.
    pub field: &'static str,
    pub better: Better,
    /// Whether only the HTML report has room for it.
    pub wide: bool,
    /// The figure to rank by.
    pub value: fn(&T) -> Option<f64>,
    pub text: fn(&T) -> Option<String>,
}

impl<T> Column<T> {
    /// The best value of the column, when there is one to point out.
    pub fn best<'a>(&self, rows: impl Iterator<Item = Option<&'a T>>) -> Option<f64>
    where
        T: 'a,
    {
        let values: Vec<Option<f64>> = rows.map(|row| row.and_then(self.value)).collect();
        match self.better {
            Better::Neither => None,
            better => crate::view::best(&values, better == Better::Larger),
        }
    }
}

/// How a figure differs from that of the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// `−97.2`, or `+300 B` where the baseline has zero.
    pub text: String,
    /// What the text is in: `%`, `points`, or nothing.
    pub unit: &'static str,
    /// Whether it is for the better; `None` when nothing changed.
    pub better: Option<bool>,
}

impl Column<DeviceFigures> {
    /// The change of a cost, in per cent; `None` unless both figures are known.
    pub fn change(&self, before: &DeviceFigures, after: &DeviceFigures) -> Option<Change> {
        let (old, new) = ((self.value)(before)?, (self.value)(after)?);
        let improves = (new < old) == (self.better == Better::Smaller);
        let better = (old != new).then_some(improves);
        Some(match format::percent(old, new) {
            Some(text) => Change {
                text,
                unit: "%",
                better,
            },
            None => Change {
                text: format!("+{} {}", (self.text)(after)?, self.unit),
                unit: "",
                better,
            },
        })
    }
}

impl Change {
    /// The change of a share, in percentage points; `None` where a leak makes it meaningless.
    pub fn of_share(before: &Run, after: &Run, share: fn(&Run) -> f64) -> Option<Self> {
        let (old, new) = (share(before), share(after));
        (!before.leaks && !after.leaks).then(|| Self {
            text: format::points(old, new),
            unit: "points",
            better: (old != new).then_some(new > old),
        })
    }
}

/// The mean as a figure to rank; a leaking run has none, because its accuracy is not comparable.
fn honest(run: &Run, estimate: crate::schema::Estimate) -> Option<f64> {
    (!run.leaks).then_some(estimate.mean)
}

fn with_interval(estimate: crate::schema::Estimate) -> String {
    match estimate.ci95 {
        Some(ci) => format!("{} ±{ci:.3}", format::share(estimate.mean)),
        None => format::share(estimate.mean),
    }
}

/// Accuracy and size, one row per run.
pub(crate) const RUN: [Column<Run>; 7] = [
    Column {
        title: "accuracy",
        unit: "",
        help: "Share of windows classified correctly, mean over folds.",
        field: "metrics.accuracy",
        better: Better::Larger,
        wide: false,
        value: |r| honest(r, r.metrics.accuracy),
        text: |r| Some(format::share(r.metrics.accuracy.mean)),
    },
    Column {
        title: "balanced",
        unit: "",
        help: "Balanced accuracy: mean recall of the classes, mean over folds.",
        field: "metrics.balanced_accuracy",
        better: Better::Larger,
        wide: true,
        value: |r| honest(r, r.metrics.balanced_accuracy),
        text: |r| Some(format::share(r.metrics.balanced_accuracy.mean)),
    },
    Column {
        title: "m-F1",
        unit: "±95 %",
        help: "Macro-averaged F1, mean over folds, with the half-width of its 95 % interval.",
        field: "metrics.macro_f1",
        better: Better::Larger,
        wide: false,
        value: |r| honest(r, r.metrics.macro_f1),
        text: |r| Some(with_interval(r.metrics.macro_f1)),
    },
    Column {
        title: "parameters",
        unit: "",
        help: "Weights and biases; for trees, the numbers stored in nodes.",
        field: "model.parameters",
        better: Better::Smaller,
        wide: false,
        value: |r| r.model.parameters.map(|v| v as f64),
        text: |r| r.model.parameters.map(format::integer),
    },
    Column {
        title: "MAC",
        unit: "",
        help: "Multiply-accumulates per inference.",
        field: "model.macs",
        better: Better::Smaller,
        wide: false,
        value: |r| r.model.macs.map(|v| v as f64),
        text: |r| r.model.macs.map(|v| format::count(v as f64)),
    },
    Column {
        title: "model",
        unit: "B",
        help: "Serialized model.",
        field: "model.bytes",
        better: Better::Smaller,
        wide: false,
        value: |r| r.model.bytes.map(|v| v as f64),
        text: |r| r.model.bytes.map(format::integer),
    },
    Column {
        title: "host",
        unit: "µs",
        help: "Median time of one inference on the host.",
        field: "host.latency_us",
        better: Better::Smaller,
        wide: false,
        value: |r| r.host.latency_us,
        text: |r| r.host.latency_us.map(format::figure),
    },
];

macro_rules! bytes_column {
    ($title:literal, $field:ident, $help:literal) => {
        Column {
            title: $title,
            unit: "B",
            help: $help,
            field: stringify!($field),
            better: Better::Smaller,
            wide: false,
            value: |d| d.$field.map(|v| v as f64),
            text: |d| d.$field.map(format::integer),
        }
    };
}

/// Cost on one board, one row per run.
pub(crate) const DEVICE: [Column<DeviceFigures>; 14] = [
    bytes_column!(
        "code",
        flash_code,
        "Flash for everything but the model, start-up code included."
    ),
    bytes_column!("model", flash_model, "Flash for the model's constants."),
    Column {
        title: "external",
        unit: "B",
        help: "Weights in a storage outside the image, where they are paged.",
        field: "flash_external",
        better: Better::Neither,
        wide: true,
        value: |d| d.flash_external.map(|v| v as f64),
        text: |d| Some(d.flash_external.map_or("0".to_owned(), format::integer)),
    },
    bytes_column!("static", ram_static, "RAM in .data and .bss."),
    bytes_column!("stack", ram_stack, "Deepest stack."),
    bytes_column!("heap", ram_heap, "Peak of the allocator."),
    Column {
        title: "RAM",
        unit: "B",
        help: "RAM in all: static, stack and heap.",
        field: "ram",
        better: Better::Smaller,
        wide: true,
        value: |d| d.ram().map(|v| v as f64),
        text: |d| d.ram().map(format::integer),
    },
    Column {
        title: "instr.",
        unit: "",
        help: "Instructions per inference.",
        field: "instructions",
        better: Better::Smaller,
        wide: false,
        value: |d| d.instructions.map(|v| v as f64),
        text: |d| d.instructions.map(|v| format::count(v as f64)),
    },
    Column {
        title: "cycles",
        unit: "",
        help: "Core cycles per inference.",
        field: "cycles",
        better: Better::Smaller,
        wide: false,
        value: |d| d.cycles.map(|v| v as f64),
        text: |d| d.cycles.map(|v| format::count(v as f64)),
    },
    Column {
        title: "latency",
        unit: "ms",
        help: "Time per inference at the board's clock.",
        field: "latency_ms",
        better: Better::Smaller,
        wide: false,
        value: |d| d.latency_ms,
        text: |d| d.latency_ms.map(format::figure),
    },
    Column {
        title: "energy",
        unit: "µJ",
        help: "Energy per inference.",
        field: "energy_uj",
        better: Better::Smaller,
        wide: false,
        value: |d| d.energy_uj,
        text: |d| d.energy_uj.map(format::figure),
    },
    Column {
        title: "power",
        unit: "µW",
        help: "Average power when deciding once per hop, sleep included.",
        field: "average_power_uw",
        better: Better::Smaller,
        wide: true,
        value: |d| d.average_power_uw,
        text: |d| d.average_power_uw.map(format::figure),
    },
    Column {
        title: "battery",
        unit: "days",
        help: "Life of a CR2032 coin cell at that power.",
        field: "battery_days",
        better: Better::Larger,
        wide: true,
        value: |d| d.battery_days,
        text: |d| d.battery_days.map(|v| format::integer(v.round() as u64)),
    },
    Column {
        title: "fits",
        unit: "",
        help: "Whether flash, RAM and hop suffice on this board.",
        field: "fits",
        better: Better::Neither,
        wide: false,
        value: |d| d.fits.map(|f| f64::from(u8::from(f))),
        text: |d| d.fits.map(|f| if f { "yes" } else { "NO" }.to_owned()),
    },
];
