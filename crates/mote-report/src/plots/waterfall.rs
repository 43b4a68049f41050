//! What each technique of a chain takes away or adds: flash or RAM as floating bars between two totals.

use super::memory::segments;
use super::scale::Scale;
use super::{MemoryKind, WIDTH, bar, label_width, line, row_label, svg, text};
use crate::format;
use crate::schema::Device;
use maud::{Markup, html};

const ROW: f64 = 26.0;
const TOP: f64 = 26.0;
const BAR: f64 = 14.0;
const RIGHT: f64 = WIDTH - 78.0;

/// One run of the chain, on one board.
#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    /// The technique it adds; nothing for the baseline.
    pub technique: &'a str,
    /// The run's name.
    pub name: &'a str,
    /// Its measurement.
    pub device: &'a Device,
}

/// Draws the chain: the first stage's total, the bytes each further stage takes away or adds, and the last
/// stage's total. Stages without a total are left out.
pub(crate) fn waterfall(stages: &[Stage<'_>], kind: MemoryKind) -> Markup {
    let stages: Vec<(Stage<'_>, u64)> = stages
        .iter()
        .filter_map(|s| Some((*s, kind.total(s.device)?)))
        .collect();
    let largest = stages.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    let labels = stages.iter().map(|(s, _)| s.technique);
    let ends = [stages.first(), stages.last()].into_iter().flatten();
    let left = label_width(labels.chain(ends.clone().map(|(s, _)| s.name)), 132.0) + 12.0;
    let x = Scale::linear(0.0, largest as f64, left, RIGHT);
    let bottom = TOP + ROW * (stages.len() + 1) as f64;
    let last = stages.len();
    let body = html! {
        @for (i, (name, _)) in kind.parts(&Device::default()).iter().enumerate() {
            @let at = left + 68.0 * i as f64;
            (bar(at, 4.0, 11.0, 11.0, &format!("m-{name}"), name))
            (text(at + 16.0, 14.0, "", name))
        }
        (line((left, TOP), (left, bottom), "axis"))
        @for (row, (stage, bytes)) in [stages.first().map(|s| (0, s)), stages.last().map(|s| (last, s))]
            .into_iter().flatten()
        {
            @let y = TOP + ROW * row as f64;
            (row_label(left - 8.0, y + 17.0, left - 8.0, stage.name))
            (total(stage, kind, &x, y))
            (text(x.at(*bytes as f64) + 6.0, y + 17.0, "strong", &format!("{} B", format::integer(*bytes))))
        }
        @for (row, pair) in stages.windows(2).enumerate() {
            @if let [(_, before), (stage, after)] = pair {
                @let y = TOP + ROW * (row + 1) as f64;
                @let (from, to) = (x.at(*before as f64), x.at(*after as f64));
                @let change = format::byte_change(*before, *after);
                (line((from, y - 6.0), (from, y + 6.0), "axis"))
                (row_label(left - 8.0, y + 17.0, left - 8.0, stage.technique))
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

fn direction(before: u64, after: u64) -> &'static str {
    match after.cmp(&before) {
        std::cmp::Ordering::Less => "less",
        std::cmp::Ordering::Equal => "same",
        std::cmp::Ordering::Greater => "more",
    }
}

/// The bar of a total, by what fills the memory.
fn total(stage: &Stage<'_>, kind: MemoryKind, x: &Scale, y: f64) -> Markup {
    html! {
        @for (name, start, bytes) in segments(kind, stage.device) {
            @let from = x.at(start as f64);
            (bar(from, y + 6.0, x.at((start + bytes) as f64) - from, BAR, &format!("m-{name}"),
                &format!("{}: {name} {} B", stage.name, format::integer(bytes))))
        }
    }
}
