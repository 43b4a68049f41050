//! The list of all figures. A new one is an entry here, and a name in the tables that show it.

use super::{Better, Figure, Format, Subject};
use crate::reasons;
use crate::schema::{DeviceFigures, Estimate, Smoothed};
use mote_device::figures::{ENVELOPE_BYTES, ENVELOPE_MHZ, ENVELOPE_MW};

/// Where a figure without further properties starts from.
const PLAIN: Figure = Figure {
    name: "",
    title: "",
    unit: "",
    help: "",
    fields: &[],
    better: Better::Smaller,
    format: Format::Integer,
    value: |_| None,
    interval: None,
    longest: None,
    why: reasons::of_device,
};

/// Builds a share of the run: the mean of an estimate over folds.
const fn share(
    name: &'static str,
    title: &'static str,
    help: &'static str,
    value: fn(&Subject<'_>) -> Option<f64>,
) -> Figure {
    Figure {
        name,
        title,
        help,
        better: Better::Larger,
        format: Format::Share,
        value,
        why: reasons::of_run,
        ..PLAIN
    }
}

/// Builds a share of the envelope that a pipeline uses.
const fn envelope(
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    help: &'static str,
    value: fn(&Subject<'_>) -> Option<f64>,
) -> Figure {
    Figure {
        name,
        title,
        unit,
        help,
        // Pipelines that differ only by rounding would be marked.
        better: Better::Neither,
        format: Format::Percent,
        value,
        ..PLAIN
    }
}

/// Bytes of a device, as one field has them.
macro_rules! bytes {
    ($field:ident, $title:literal, $help:literal) => {
        Figure {
            name: stringify!($field),
            title: $title,
            unit: "B",
            help: $help,
            fields: &[stringify!($field)],
            value: |s| whole(s.device?.$field),
            ..PLAIN
        }
    };
}

fn whole(value: Option<u64>) -> Option<f64> {
    value.map(|v| v as f64)
}

/// Returns flash and RAM together, in bytes.
pub(crate) fn memory(device: &DeviceFigures) -> Option<u64> {
    Some(device.flash()? + device.ram()?)
}

fn smoothed(subject: &Subject<'_>, of: fn(&Smoothed) -> Estimate) -> Option<Estimate> {
    subject.run.metrics_smoothed.as_ref().map(of)
}

/// All of them.
pub(super) const FIGURES: &[Figure] = &[
    share(
        "accuracy",
        "accuracy",
        "Share of windows classified correctly, mean over folds.",
        |s| Some(s.run.metrics.accuracy.mean),
    ),
    share(
        "balanced_accuracy",
        "balanced",
        "Balanced accuracy: mean recall of the classes, mean over folds.",
        |s| Some(s.run.metrics.balanced_accuracy.mean),
    ),
    share(
        "macro_f1",
        "m-F1",
        "Macro-averaged F1, mean over folds.",
        |s| Some(s.run.metrics.macro_f1.mean),
    ),
    Figure {
        unit: "±95 %",
        interval: Some(|s| s.run.metrics.macro_f1.ci95),
        ..share(
            "macro_f1_interval",
            "m-F1",
            "Macro-averaged F1, mean over folds, with the half-width of its 95 % interval.",
            |s| Some(s.run.metrics.macro_f1.mean),
        )
    },
    Figure {
        name: "parameters",
        title: "parameters",
        help: "Weights and biases; for trees, the numbers stored in nodes.",
        value: |s| whole(s.run.model.parameters),
        why: reasons::of_run,
        ..PLAIN
    },
    Figure {
        name: "macs",
        title: "MAC",
        help: "Multiply-accumulates per inference.",
        format: Format::Count,
        value: |s| whole(s.run.model.macs),
        why: reasons::of_run,
        ..PLAIN
    },
    Figure {
        name: "model_bytes",
        title: "model",
        unit: "B",
        help: "Serialized model.",
        value: |s| whole(s.run.model.bytes),
        why: reasons::of_run,
        ..PLAIN
    },
    Figure {
        name: "host_latency",
        title: "host",
        unit: "µs",
        help: "Median time of one inference on the host.",
        format: Format::Decimal,
        value: |s| s.run.host.latency_us,
        why: reasons::of_run,
        ..PLAIN
    },
    bytes!(
        flash_code,
        "code",
        "Flash for everything but the model, start-up code included."
    ),
    bytes!(flash_model, "model", "Flash for the model's constants."),
    Figure {
        name: "cycles_per_second",
        title: "cycles",
        unit: "per s",
        help: "Cycles per second of signal, at the pipeline's own time between two decisions.",
        fields: &["cycles"],
        format: Format::Count,
        value: |s| Some(s.device?.cycles? as f64 / s.run.hop_s?),
        ..PLAIN
    },
    Figure {
        name: "flash_external",
        title: "external",
        unit: "B",
        help: "Weights in a storage outside the image, where they are paged.",
        fields: &["flash_external"],
        better: Better::Neither,
        value: |s| {
            let device = s.device.filter(|d| d.flash_code.is_some())?;
            Some(device.flash_external.unwrap_or(0) as f64)
        },
        ..PLAIN
    },
    Figure {
        name: "flash",
        title: "flash",
        unit: "B",
        help: "Flash in all: code and model.",
        fields: &["flash_code", "flash_model"],
        value: |s| whole(s.device?.flash()),
        ..PLAIN
    },
    bytes!(ram_static, "static", "RAM in .data and .bss."),
    bytes!(ram_stack, "stack", "Deepest stack."),
    bytes!(ram_heap, "heap", "Peak of the allocator."),
    Figure {
        name: "ram",
        title: "RAM",
        unit: "B",
        help: "RAM in all: static, stack and heap.",
        fields: &["ram_static", "ram_stack", "ram_heap"],
        value: |s| whole(s.device?.ram()),
        ..PLAIN
    },
    Figure {
        name: "memory",
        title: "flash and RAM",
        unit: "B",
        help: "All memory of the deployed image: code, model, static RAM, stack and heap.",
        value: |s| whole(memory(s.device?)),
        ..PLAIN
    },
    Figure {
        name: "instructions",
        title: "instr.",
        help: "Instructions per inference.",
        fields: &["instructions"],
        format: Format::Count,
        value: |s| whole(s.device?.instructions),
        ..PLAIN
    },
    Figure {
        name: "cycles",
        title: "cycles",
        help: "Cycles per inference: those of the core, and those it waits for flash.",
        fields: &["cycles"],
        format: Format::Count,
        value: |s| whole(s.device?.cycles),
        longest: Some(|d| whole(d.cycles_worst)),
        ..PLAIN
    },
    Figure {
        name: "cycles_core",
        title: "core",
        unit: "cycles",
        help: "Cycles of the core, had its memory answered at once.",
        fields: &["cycles_core"],
        format: Format::Count,
        value: |s| whole(s.device?.cycles_core),
        ..PLAIN
    },
    Figure {
        name: "cycles_flash",
        title: "waiting",
        unit: "cycles",
        help: "Cycles that the core waits for code, weights and constants in flash.",
        fields: &["cycles_flash"],
        format: Format::Count,
        value: |s| whole(s.device?.cycles_flash),
        ..PLAIN
    },
    Figure {
        name: "latency_ms",
        title: "latency",
        unit: "ms",
        help: "Time per inference at the board's clock.",
        fields: &["latency_ms"],
        format: Format::Decimal,
        value: |s| s.device?.latency_ms,
        longest: Some(|d| d.latency_worst_ms),
        ..PLAIN
    },
    Figure {
        name: "energy_uj",
        title: "energy",
        unit: "µJ",
        help: "Energy per inference.",
        fields: &["energy_uj"],
        format: Format::Decimal,
        value: |s| s.device?.energy_uj,
        longest: Some(|d| d.energy_worst_uj),
        ..PLAIN
    },
    Figure {
        name: "average_power_uw",
        title: "power",
        unit: "µW",
        help: "Average power when deciding once per hop, sleep included.",
        fields: &["average_power_uw"],
        format: Format::Decimal,
        value: |s| s.device?.average_power_uw,
        ..PLAIN
    },
    Figure {
        name: "battery_days",
        title: "battery",
        unit: "days",
        help: "Life of a CR2032 coin cell at that power.",
        fields: &["battery_days"],
        better: Better::Larger,
        value: |s| s.device?.battery_days,
        ..PLAIN
    },
    Figure {
        name: "fits",
        title: "fits",
        help: "Whether flash, RAM and hop suffice on this board.",
        better: Better::Neither,
        format: Format::YesNo,
        value: |s| s.device?.fits.map(|f| f64::from(u8::from(f))),
        ..PLAIN
    },
    Figure {
        fields: &[
            "flash_code",
            "flash_model",
            "ram_static",
            "ram_stack",
            "ram_heap",
        ],
        ..envelope(
            "envelope_memory",
            "flash and RAM",
            "% of 4 MB",
            "Memory of the deployed image, as a share of the envelope.",
            |s| Some(memory(s.device?)? as f64 / ENVELOPE_BYTES as f64),
        )
    },
    envelope(
        "envelope_clock",
        "clock",
        "% of 200 MHz",
        "Clock of the board, as a share of the envelope.",
        |s| Some(s.device?.clock_mhz? / ENVELOPE_MHZ),
    ),
    Figure {
        fields: &["energy_uj"],
        ..envelope(
            "envelope_power",
            "active power",
            "% of 50 mW",
            "Power while computing, as a share of the envelope.",
            |s| Some(s.device?.active_power_mw()? / ENVELOPE_MW),
        )
    },
    Figure {
        fields: &["average_power_uw"],
        ..envelope(
            "envelope_average_power",
            "average power",
            "% of 50 mW",
            "Average power when deciding once per hop, as a share of the envelope.",
            |s| Some(s.device?.average_power_uw? / 1e3 / ENVELOPE_MW),
        )
    },
    Figure {
        name: "fits_envelope",
        title: "within",
        help: "Whether all of it is within the envelope.",
        better: Better::Neither,
        format: Format::YesNo,
        value: |s| s.device?.fits_envelope.map(|f| f64::from(u8::from(f))),
        ..PLAIN
    },
    Figure {
        name: "early_share",
        title: "stop early",
        unit: "%",
        help: "Share of the decisions that stop at an early exit.",
        better: Better::Neither,
        format: Format::Percent,
        value: |s| Some(s.run.early?.share),
        why: reasons::no_exit,
        ..PLAIN
    },
    Figure {
        name: "early_loss",
        title: "accuracy change",
        unit: "points",
        help: "Accuracy with the early exit minus accuracy of the full network.",
        better: Better::Neither,
        format: Format::Points,
        value: |s| Some(-s.run.early?.loss),
        why: reasons::no_exit,
        ..PLAIN
    },
    Figure {
        name: "cycles_worst",
        title: "longest",
        unit: "cycles",
        help: "Core cycles of the longest decision.",
        fields: &["cycles_worst"],
        better: Better::Neither,
        format: Format::Count,
        value: |s| whole(s.device?.cycles_worst),
        why: reasons::no_longest,
        ..PLAIN
    },
    Figure {
        name: "latency_worst_ms",
        title: "latency",
        unit: "ms",
        help: "Time of the longest decision.",
        fields: &["latency_worst_ms"],
        better: Better::Neither,
        format: Format::Decimal,
        value: |s| s.device?.latency_worst_ms,
        why: reasons::no_longest,
        ..PLAIN
    },
    Figure {
        name: "energy_worst_uj",
        title: "energy",
        unit: "µJ",
        help: "Energy of the longest decision.",
        fields: &["energy_worst_uj"],
        better: Better::Neither,
        format: Format::Decimal,
        value: |s| s.device?.energy_worst_uj,
        why: reasons::no_longest,
        ..PLAIN
    },
    Figure {
        unit: "each alone",
        better: Better::Neither,
        ..share(
            "accuracy_alone",
            "accuracy",
            "Accuracy of decisions that are made from one window each.",
            |s| Some(s.run.metrics.accuracy.mean),
        )
    },
    Figure {
        unit: "smoothed",
        better: Better::Neither,
        ..share(
            "accuracy_smoothed",
            "accuracy",
            "Accuracy of smoothed decisions.",
            |s| Some(smoothed(s, |m| m.accuracy)?.mean),
        )
    },
    Figure {
        unit: "points",
        better: Better::Neither,
        format: Format::Points,
        ..share(
            "accuracy_gain",
            "change",
            "What smoothing adds to the accuracy.",
            |s| Some(smoothed(s, |m| m.accuracy)?.mean - s.run.metrics.accuracy.mean),
        )
    },
    Figure {
        unit: "each alone",
        better: Better::Neither,
        ..share(
            "macro_f1_alone",
            "m-F1",
            "Macro-averaged F1 of decisions that are made from one window each.",
            |s| Some(s.run.metrics.macro_f1.mean),
        )
    },
    Figure {
        unit: "smoothed ±95 %",
        better: Better::Neither,
        interval: Some(|s| smoothed(s, |m| m.macro_f1)?.ci95),
        ..share(
            "macro_f1_smoothed",
            "m-F1",
            "Macro-averaged F1 of smoothed decisions, with the half-width of its 95 % interval.",
            |s| Some(smoothed(s, |m| m.macro_f1)?.mean),
        )
    },
    Figure {
        unit: "points",
        better: Better::Neither,
        format: Format::Points,
        ..share(
            "macro_f1_gain",
            "change",
            "What smoothing adds to m-F1.",
            |s| Some(smoothed(s, |m| m.macro_f1)?.mean - s.run.metrics.macro_f1.mean),
        )
    },
];
