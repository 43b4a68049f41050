//! The figures that tables show, each defined once: heading, unit, meaning, value, format, and which value is best.

mod list;
mod stream;

pub(crate) use list::memory;

use crate::format;
use crate::reasons::Reason;
use crate::schema::{DeviceFigures, Run};

/// A run, and its figures on the board at hand where there is one: what a row of a table is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// Position of the run in the results.
    pub index: usize,
    /// The run.
    pub run: &'a Run,
    /// Its figures on the board at hand.
    pub device: Option<&'a DeviceFigures>,
}

/// Which value of a figure is the best one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Larger,
    Smaller,
    Neither,
}

/// How the values of a figure are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A share in `0..=1`: `0.912`. Its changes are in percentage points.
    Share,
    /// A share in per cent, three significant digits: `62.5`.
    Percent,
    /// A difference of shares, in percentage points and with its sign: `+1.0`.
    Points,
    /// A whole number in full: `12,345`.
    Integer,
    /// A whole number, shortened where space is scarce: `1.14 M`.
    Count,
    /// Three significant digits: `9.53`.
    Decimal,
    /// `yes` for 1, `NO` for 0.
    YesNo,
}

impl Format {
    /// Writes `value` as terminal and page show it.
    pub fn short(self, value: f64) -> String {
        match self {
            Self::Share => format::share(value),
            Self::Percent => format::figure(100.0 * value),
            Self::Points => format::points(0.0, value),
            Self::Integer => format::integer(value.round() as u64),
            Self::Count => format::count(value),
            Self::Decimal => format::figure(value),
            Self::YesNo => if value > 0.0 { "yes" } else { "NO" }.to_owned(),
        }
    }

    /// Writes `value` as documentation shows it: counts in full, decimals with two places.
    pub fn exact(self, value: f64) -> String {
        match self {
            Self::Count => Self::Integer.short(value),
            Self::Decimal => format!("{value:.2}"),
            other => other.short(value),
        }
    }
}

/// A figure of a run or of its measurement.
pub(crate) struct Figure {
    /// Its name in the list of figures: the field of `results.json`, or a name of its own for what follows from several.
    pub name: &'static str,
    /// Heading.
    pub title: &'static str,
    /// Unit; empty for shares and counts.
    pub unit: &'static str,
    /// What it says, as a sentence.
    pub help: &'static str,
    /// The fields of a measurement it comes from, whose methods stand below the heading.
    pub fields: &'static [&'static str],
    pub better: Better,
    pub format: Format,
    pub value: fn(&Subject<'_>) -> Option<f64>,
    /// Half-width of the 95 % interval.
    pub interval: Option<fn(&Subject<'_>) -> Option<f64>>,
    /// The value of the longest decision, where decisions differ.
    pub longest: Option<fn(&DeviceFigures) -> Option<f64>>,
    /// Why the value is missing.
    pub why: Reason,
}

impl Figure {
    /// Returns whether `subject` may be the best: the accuracy of a leaking run cannot be compared.
    pub fn ranks(&self, subject: &Subject<'_>) -> bool {
        self.format != Format::Share || !subject.run.leaks
    }
}

/// Lists all figures.
fn all() -> impl Iterator<Item = &'static Figure> {
    list::FIGURES.iter().chain(stream::FIGURES)
}

/// Returns the figure called `name`.
pub(crate) fn figure(name: &str) -> &'static Figure {
    all()
        .find(|f| f.name == name)
        .expect("tables name figures that are defined")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_figure_has_a_name_of_its_own_a_heading_and_a_sentence() {
        let names: BTreeSet<&str> = all().map(|f| f.name).collect();
        assert_eq!(names.len(), all().count());
        for figure in all() {
            assert!(!figure.title.is_empty(), "{}", figure.name);
            assert!(figure.help.ends_with('.'), "{}", figure.name);
        }
    }

    #[test]
    fn documentation_shows_counts_in_full_and_two_decimals() {
        assert_eq!(Format::Count.short(1_234_567.0), "1.23 M");
        assert_eq!(Format::Count.exact(1_234_567.0), "1,234,567");
        assert_eq!(Format::Decimal.short(9.528), "9.53");
        assert_eq!(Format::Decimal.exact(0.1284), "0.13");
        assert_eq!(Format::YesNo.short(0.0), "NO");
    }
}
