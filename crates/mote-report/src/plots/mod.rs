//! Plots as inline SVG, one file per plot.
//!
//! Every plot is [`WIDTH`] units wide so that text has one size on the page, takes its colours from the style
//! sheet by class (`s0`..`s9` per pipeline), and names each mark in a `title` for pointers and screen readers.

mod class_f1;
mod confusion;
mod curves;
mod labels;
mod layers;
mod lines;
mod memory;
pub(crate) mod recording;
mod scale;
mod scatter;
mod strip;
mod users;
mod waterfall;

pub(crate) use class_f1::class_f1;
pub(crate) use confusion::confusion;
pub(crate) use curves::curves;
pub(crate) use labels::{Family, labels};
pub(crate) use layers::layers;
pub(crate) use lines::{Line, TimeAxis, lines};
pub(crate) use memory::{MemoryKind, memory};
pub(crate) use scatter::{Axis, Point, scatter};
pub(crate) use strip::strip;
pub(crate) use users::users;
pub(crate) use waterfall::{Stage, waterfall};

use crate::figures::Subject;
use crate::schema::{Estimate, Results, Run, UserScores};
use crate::view::Target;
use maud::{Markup, html};

/// Width of every plot, in its own units.
pub(crate) const WIDTH: f64 = 420.0;

/// Estimated width of one character of a label, in plot units: the widest of the usual interface fonts.
const CHARACTER: f64 = 6.6;

/// Number of colours in the style sheet.
pub(crate) const COLORS: usize = 10;

/// One run as a series of a plot.
#[derive(Clone, Copy)]
pub(crate) struct Series<'a> {
    /// Position in the results; decides the number.
    pub index: usize,
    /// Colour, below [`COLORS`]; several runs may share one.
    pub color: usize,
    /// Name that tells it from the other runs.
    pub name: &'a str,
    /// The run.
    pub run: &'a Run,
}

impl<'a> Series<'a> {
    /// Returns the run with its figures on a board.
    pub fn on(&self, target: &Target) -> Subject<'a> {
        Subject {
            index: self.index,
            run: self.run,
            device: target.find(self.run),
        }
    }

    /// Returns the class that sets the colour.
    pub fn class(&self) -> String {
        class(self.color)
    }
}

/// Returns the class that sets a colour.
fn class(color: usize) -> String {
    format!("s{}", color % COLORS)
}

/// Which accuracy figure a plot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    Stream,
    MacroF1,
    Accuracy,
}

impl Metric {
    /// Returns those that some run has, the default first.
    pub fn of(results: &Results) -> Vec<Self> {
        let streams = results.runs.iter().any(|run| run.stream.is_some());
        let stream = streams.then_some(Self::Stream);
        let windows = [Self::MacroF1, Self::Accuracy];
        stream.into_iter().chain(windows).collect()
    }

    /// Returns the figure of a run.
    pub fn estimate(self, run: &Run) -> Option<Estimate> {
        match self {
            Self::Stream => Some(run.stream.as_ref()?.macro_f1),
            Self::MacroF1 => Some(run.metrics.macro_f1),
            Self::Accuracy => Some(run.metrics.accuracy),
        }
    }

    /// Returns the figures of each user, and the figure that is meant.
    pub fn users(self, run: &Run) -> (&[UserScores], fn(&UserScores) -> f64) {
        match self {
            Self::Stream => {
                let users = run.stream.as_ref().map(|s| s.per_user.as_slice());
                (users.unwrap_or_default(), |u| u.macro_f1)
            }
            Self::MacroF1 => (&run.metrics.per_user, |u| u.macro_f1),
            Self::Accuracy => (&run.metrics.per_user, |u| u.accuracy),
        }
    }

    /// Returns the value in attributes.
    pub fn key(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::MacroF1 => "f1",
            Self::Accuracy => "accuracy",
        }
    }

    /// Returns the name as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "m-F1 on streams",
            Self::MacroF1 => "m-F1",
            Self::Accuracy => "accuracy",
        }
    }
}

fn svg(label: &str, height: f64, body: &Markup) -> Markup {
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", n(height))) role="img" aria-label=(label) { (body) }
    }
}

/// Writes a coordinate with one decimal.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Draws text with classes: `mid` and `end` set the anchor, `muted` and `strong` the weight.
fn text(x: f64, y: f64, class: &str, content: &str) -> Markup {
    html! { text x=(n(x)) y=(n(y)) class=(class) { (content) } }
}

fn line(from: (f64, f64), to: (f64, f64), class: &str) -> Markup {
    html! { line x1=(n(from.0)) y1=(n(from.1)) x2=(n(to.0)) y2=(n(to.1)) class=(class) {} }
}

/// Draws a bar that names itself, at least one unit wide so that small values stay visible.
fn bar(x: f64, y: f64, width: f64, height: f64, class: &str, title: &str) -> Markup {
    html! {
        rect x=(n(x)) y=(n(y)) width=(n(width.max(1.0))) height=(n(height)) rx="2" class=(class) {
            title { (title) }
        }
    }
}

/// Counts the characters that fit into `width` units.
fn characters(width: f64) -> usize {
    (width / CHARACTER).max(4.0) as usize
}

/// Returns the width that the longest of `labels` needs, at most `limit`.
fn label_width<'a>(labels: impl Iterator<Item = &'a str>, limit: f64) -> f64 {
    let longest = labels.map(|l| l.chars().count()).max().unwrap_or(0);
    (longest as f64 * CHARACTER).min(limit)
}

/// Draws the label of the row at `y`, ending at `x` and cut to `width`; the whole name is in its title.
fn row_label(x: f64, y: f64, width: f64, name: &str) -> Markup {
    html! {
        text x=(n(x)) y=(n(y)) class="end" {
            (crate::format::shorten(name, characters(width)))
            title { (name) }
        }
    }
}
