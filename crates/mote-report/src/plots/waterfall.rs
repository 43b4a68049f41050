//! What each technique of a chain takes away or adds: flash or RAM as floating bars between two totals.

use super::scale::Scale;
use super::{CHARACTER, MemoryKind, WIDTH, bar, label_width, line, n, row_label, svg, text};
use crate::format;
use crate::schema::DeviceFigures;
use maud::{Markup, html};

const ROW: f64 = 26.0;
const TOP: f64 = 2.0;
const BAR: f64 = 14.0;
const RIGHT: f64 = WIDTH - 124.0;
/// Width of a label, at most.
const LABEL: f64 = 132.0;

/// One run of the chain, on one board.
#[derive(Clone)]
pub(crate) struct Stage<'a> {
    /// What it adds; nothing for the baseline.
    pub technique: String,
    /// The run's name.
    pub name: &'a str,
    /// Its measurement.
    pub device: &'a DeviceFigures,
}

/// Draws the chain: the first stage's total, the bytes each further stage takes away or adds, and the last
/// stage's total. Stages without a total are left out.
pub(crate) fn waterfall(stages: &[Stage<'_>], kind: MemoryKind) -> Markup {
    let stages: Vec<(&Stage<'_>, u64)> = stages
        .iter()
        .filter_map(|s| Some((s, kind.total(s.device)?)))
        .collect();
    let largest = stages.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    let ends = [
        stages.first().map(|s| (0, s)),
        stages.last().map(|s| (stages.len(), s)),
    ];
    let lines: Vec<[&str; 2]> = stages.iter().map(|(s, _)| halves(&s.technique)).collect();
    let names = ends.iter().flatten().map(|(_, (s, _))| s.name);
    let left = label_width(lines.iter().flatten().copied().chain(names), LABEL) + 12.0;
    let x = Scale::linear(0.0, largest as f64, left, RIGHT);
    let bottom = TOP + ROW * (stages.len() + 1) as f64;
    let start = stages.first().map_or(0, |(_, bytes)| *bytes);
    let body = html! {
        (line((left, TOP), (left, bottom), "axis"))
        @for (row, (stage, bytes)) in ends.into_iter().flatten() {
            @let y = TOP + ROW * row as f64;
            @let percent = format::percent(start as f64, *bytes as f64).filter(|_| row > 0);
            (row_label(left - 8.0, y + 17.0, left - 8.0, stage.name))
            (bar(left, y + 6.0, x.at(*bytes as f64) - left, BAR, "total", &parts(stage, kind)))
            text x=(n(x.at(*bytes as f64) + 6.0)) y=(n(y + 17.0)) {
                tspan.strong { (format::integer(*bytes)) " B" }
                @if let Some(percent) = percent { tspan.muted { " (" (percent) " %)" } }
            }
        }
        @for (row, pair) in stages.windows(2).enumerate() {
            @if let [(_, before), (stage, after)] = pair {
                @let y = TOP + ROW * (row + 1) as f64;
                @let (from, to) = (x.at(*before as f64), x.at(*after as f64));
                @let change = format::byte_change(*before, *after);
                (line((from, y - 6.0), (from, y + 6.0), "axis"))
                @match lines.get(row + 1) {
                    Some(["", whole]) => (row_label(left - 8.0, y + 17.0, left - 8.0, whole)),
                    Some([first, second]) => {
                        (row_label(left - 8.0, y + 11.0, left - 8.0, first))
                        (row_label(left - 8.0, y + 23.0, left - 8.0, second))
                    }
                    None => {}
                }
                (bar(from.min(to), y + 6.0, (from - to).abs(), BAR, direction(*before, *after),
                    &format!("{}: {change}, {} B left ({})", stage.technique, format::integer(*after),
                        stage.name)))
                (text(from.max(to) + 6.0, y + 17.0, "", &change))
                (line((to, y + 6.0 + BAR), (to, y + ROW + 6.0), "axis"))
            }
        }
    };
    svg(
        &format!(
            "{} of {} techniques, one after the other",
            kind.name(),
            stages.len().saturating_sub(1)
        ),
        bottom + 2.0,
        &body,
    )
}

/// Splits a label into two lines, the first of which is empty where one is enough.
fn halves(label: &str) -> [&str; 2] {
    let length = label.chars().count();
    let whole = ["", label];
    if length as f64 * CHARACTER <= LABEL {
        return whole;
    }
    // Behind the comma nearest to the middle.
    let commas = label.match_indices(", ").map(|(i, _)| i + 1);
    let middle = commas.min_by_key(|&i| i.abs_diff(label.len() / 2));
    middle.map_or(whole, |i| {
        let (first, second) = label.split_at(i);
        [first, second.trim_start()]
    })
}

fn direction(before: u64, after: u64) -> &'static str {
    match after.cmp(&before) {
        std::cmp::Ordering::Less => "less",
        std::cmp::Ordering::Equal => "same",
        std::cmp::Ordering::Greater => "more",
    }
}

/// Writes `cnn: static 312 B, stack 940 B`.
fn parts(stage: &Stage<'_>, kind: MemoryKind) -> String {
    let parts = kind.parts(stage.device).into_iter();
    let known = parts.filter_map(|(name, bytes)| Some((name, bytes?)));
    let texts: Vec<String> = known
        .map(|(name, bytes)| format!("{name} {} B", format::integer(bytes)))
        .collect();
    format!("{}: {}", stage.name, texts.join(", "))
}
