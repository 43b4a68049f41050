//! What the owner of recordings should know before anything is trained on them.
//!
//! [`physics`] looks at the signal while it is read: whether it has gravity in it, the rate it claims, a sensor that stood
//! still or at its limit. [`classes`] looks at what came out: classes and users that are missing, signal that is too short
//! for a window.

pub(crate) mod classes;
pub(crate) mod physics;

use serde::Serialize;
use std::fmt;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// Acceleration at rest is far from standard gravity.
    Gravity,
    /// Samples come at another rate than the description says.
    Rate,
    /// Many values lie exactly at the largest or smallest one: the sensor was at its limit.
    SensorLimit,
    /// Many values lie beyond what the device's sensor gives.
    DeviceRange,
    /// A sensor stood still: one value for a second or longer.
    Frozen,
    /// A channel has one value throughout.
    StillChannel,
    /// Most rejected values are out of any sensor's range.
    Unit,
    /// A class of the task is in no record.
    ClassWithoutRecords,
    /// A class has records, and no window.
    ClassWithoutWindows,
    /// Users lack a class.
    UserWithoutClass,
    /// Much of a class lies in stretches shorter than a window.
    ShortStretches,
    /// So few users that figures say little about others.
    FewUsers,
    /// Something about the files was guessed, as nobody has described them.
    Guessed,
    /// Windows come ready-made, and cannot be cut otherwise.
    ReadyMade,
    /// More channels than time steps: the axes of an array may be swapped.
    SwappedAxes,
}

/// One thing to know about the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// One sentence that says what was seen, and what may be done.
    pub text: String,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Writes a share as a percentage of two digits.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent >= 9.95 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// Writes up to `most` names, and how many more there are.
pub(crate) fn names(all: &[String], most: usize) -> String {
    let shown = all.iter().take(most).cloned().collect::<Vec<_>>();
    match all.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
