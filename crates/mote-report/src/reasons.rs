//! Why figures are missing: no cell is empty without a reason.

use crate::figures::Subject;
use crate::schema::{DeviceFigures, MeasurementStatus};

/// Says why a figure of a subject is missing.
pub(crate) type Reason = fn(&Subject<'_>) -> String;

/// Why an accuracy of a leaking run, or its change, is not shown.
pub(crate) const LEAKS: &str = "the split leaks, so accuracy is not compared";

/// Says why a figure of a device is missing.
pub(crate) fn of_device(subject: &Subject<'_>) -> String {
    device(subject.device)
}

/// Says why a figure of `device` is missing.
pub(crate) fn device(device: Option<&DeviceFigures>) -> String {
    let Some(device) = device else {
        return "not run on this board".to_owned();
    };
    match (&device.why, device.status) {
        (Some(why), MeasurementStatus::Failed) => format!("failed: {why}"),
        (Some(why), _) => why.clone(),
        (None, MeasurementStatus::Failed) => "failed; no reason was recorded".to_owned(),
        (None, _) => "not measured; no reason was recorded".to_owned(),
    }
}

/// Says why a figure of a run is missing.
pub(crate) fn of_run(_: &Subject<'_>) -> String {
    "does not apply to this kind of model, or was not recorded".to_owned()
}

/// Says why a figure on streams is missing.
pub(crate) fn no_stream(_: &Subject<'_>) -> String {
    "not run on continuous streams".to_owned()
}

/// Says why a figure on windows of a common length is missing.
pub(crate) fn no_window(_: &Subject<'_>) -> String {
    "its decisions need more signal than such a window has".to_owned()
}

/// Says why a calibration error is missing.
pub(crate) fn no_probability(subject: &Subject<'_>) -> String {
    match subject.run.stream {
        Some(_) => {
            "its scores are no probabilities; `filter:confidence=true` makes them so".to_owned()
        }
        None => no_stream(subject),
    }
}

/// Says why a delay is missing.
pub(crate) fn no_delay(subject: &Subject<'_>) -> String {
    match subject.run.stream {
        Some(_) => "too many changes were never noticed".to_owned(),
        None => no_stream(subject),
    }
}

/// Says why the cost of the longest decision is missing.
pub(crate) fn no_longest(subject: &Subject<'_>) -> String {
    match subject.device {
        Some(device) if device.cycles.is_some() => "every decision costs the same".to_owned(),
        _ => of_device(subject),
    }
}

/// Says why the figures of an early exit are missing.
pub(crate) fn no_exit(_: &Subject<'_>) -> String {
    "no early exit".to_owned()
}

/// Numbers reasons, each once, for the footnotes of a table or of several.
#[derive(Debug, Default)]
pub(crate) struct Footnotes(Vec<String>);

impl Footnotes {
    /// Returns the mark for `reason`: `¹`, `²`, ...
    pub fn mark(&mut self, reason: &str) -> String {
        let index = self.0.iter().position(|r| r == reason).unwrap_or_else(|| {
            self.0.push(reason.to_owned());
            self.0.len() - 1
        });
        superscript(index + 1)
    }

    /// Lists mark and reason, in order of appearance.
    pub fn list(&self) -> impl Iterator<Item = (String, &str)> {
        self.0
            .iter()
            .enumerate()
            .map(|(i, reason)| (superscript(i + 1), reason.as_str()))
    }
}

/// Writes a number with superscript digits.
fn superscript(number: usize) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number
        .to_string()
        .chars()
        .filter_map(|c| DIGITS.get(c.to_digit(10)? as usize).copied())
        .collect()
}
