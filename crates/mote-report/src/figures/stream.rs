//! Figures on continuous streams.

use super::{Better, Figure, Format, Subject};
use crate::reasons;
use crate::schema::{StreamFigures, WindowFigures};

/// Where a figure on streams starts from.
const STREAM: Figure = Figure {
    name: "",
    title: "",
    unit: "",
    help: "",
    fields: &[],
    better: Better::Larger,
    format: Format::Share,
    value: |_| None,
    interval: None,
    longest: None,
    why: reasons::no_stream,
};

fn of<'a>(subject: &Subject<'a>) -> Option<&'a StreamFigures> {
    subject.run.stream.as_ref()
}

/// Returns the accuracy of a subject in bouts of `seconds`.
fn by_bout(subject: &Subject<'_>, seconds: f64) -> Option<f64> {
    let bouts = &of(subject)?.by_bout;
    Some(bouts.iter().find(|b| b.seconds == seconds)?.accuracy)
}

/// Returns the figures of a subject on windows of `seconds`.
fn on_windows<'a>(subject: &Subject<'a>, seconds: f64) -> Option<&'a WindowFigures> {
    subject.run.windows.iter().find(|w| w.seconds == seconds)
}

/// All of them.
pub(super) const FIGURES: &[Figure] = &[
    Figure {
        name: "stream_macro_f1",
        title: "m-F1",
        unit: "±95 %",
        help: "Macro-averaged F1 per sample of continuous streams, mean over folds, with the half-width of its 95 % interval.",
        value: |s| Some(of(s)?.macro_f1.mean),
        interval: Some(|s| of(s)?.macro_f1.ci95),
        ..STREAM
    },
    Figure {
        name: "stream_headline",
        title: "m-F1",
        unit: "stream",
        help: "Macro-averaged F1 per sample of continuous streams, mean over folds.",
        value: |s| Some(of(s)?.macro_f1.mean),
        ..STREAM
    },
    Figure {
        name: "stream_accuracy",
        title: "accuracy",
        help: "Share of samples of continuous streams decided right, mean over folds.",
        value: |s| Some(of(s)?.accuracy.mean),
        ..STREAM
    },
    Figure {
        name: "stream_5",
        title: "5 s",
        unit: "bouts",
        help: "Accuracy on streams whose activity changes every 5 s.",
        value: |s| by_bout(s, 5.0),
        ..STREAM
    },
    Figure {
        name: "stream_10",
        title: "10 s",
        unit: "bouts",
        help: "Accuracy on streams whose activity changes every 10 s.",
        value: |s| by_bout(s, 10.0),
        ..STREAM
    },
    Figure {
        name: "stream_20",
        title: "20 s",
        unit: "bouts",
        help: "Accuracy on streams whose activity changes every 20 s.",
        value: |s| by_bout(s, 20.0),
        ..STREAM
    },
    Figure {
        name: "stream_60",
        title: "60 s",
        unit: "bouts",
        help: "Accuracy on streams whose activity changes every 60 s.",
        value: |s| by_bout(s, 60.0),
        ..STREAM
    },
    Figure {
        name: "delay_median",
        title: "delay",
        unit: "s, half",
        help: "Time within which half of all changes are noticed: the first right decision.",
        better: Better::Smaller,
        format: Format::Decimal,
        value: |s| of(s)?.delay_s.median,
        why: reasons::no_delay,
        ..STREAM
    },
    Figure {
        name: "delay_p90",
        title: "delay",
        unit: "s, 90 %",
        help: "Time within which nine of ten changes are noticed.",
        better: Better::Smaller,
        format: Format::Decimal,
        value: |s| of(s)?.delay_s.p90,
        why: reasons::no_delay,
        ..STREAM
    },
    Figure {
        name: "delay_missed",
        title: "missed",
        help: "Share of changes that are never noticed before the next.",
        better: Better::Smaller,
        value: |s| Some(of(s)?.delay_s.missed),
        ..STREAM
    },
    Figure {
        name: "false_changes",
        title: "false",
        unit: "per h",
        help: "Decisions that leave the right activity, per hour of bouts of 60 s.",
        better: Better::Smaller,
        format: Format::Decimal,
        value: |s| Some(of(s)?.false_changes_per_hour),
        ..STREAM
    },
    Figure {
        name: "calibration_error",
        title: "ECE",
        help: "Expected calibration error: how far the probability of a decision is from how often such decisions are right.",
        better: Better::Smaller,
        value: |s| of(s)?.calibration_error,
        why: reasons::no_probability,
        ..STREAM
    },
    Figure {
        name: "window_3_macro_f1",
        title: "m-F1",
        unit: "3 s",
        help: "Macro-averaged F1 on windows of 3 s, mean over folds.",
        value: |s| Some(on_windows(s, 3.0)?.macro_f1),
        why: reasons::no_window,
        ..STREAM
    },
    Figure {
        name: "window_3_accuracy",
        title: "accuracy",
        unit: "3 s",
        help: "Accuracy on windows of 3 s, mean over folds.",
        value: |s| Some(on_windows(s, 3.0)?.accuracy),
        why: reasons::no_window,
        ..STREAM
    },
    Figure {
        name: "window_10_macro_f1",
        title: "m-F1",
        unit: "10 s",
        help: "Macro-averaged F1 on windows of 10 s, mean over folds.",
        value: |s| Some(on_windows(s, 10.0)?.macro_f1),
        why: reasons::no_window,
        ..STREAM
    },
    Figure {
        name: "window_10_accuracy",
        title: "accuracy",
        unit: "10 s",
        help: "Accuracy on windows of 10 s, mean over folds.",
        value: |s| Some(on_windows(s, 10.0)?.accuracy),
        why: reasons::no_window,
        ..STREAM
    },
];
