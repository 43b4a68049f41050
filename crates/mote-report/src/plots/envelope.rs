//! How much of the envelope (4 MB, 200 MHz, 50 mW) each pipeline uses on one board.

use super::scale::Scale;
use super::{Series, WIDTH, line, n, svg, text};
use crate::format;
use crate::schema::DeviceFigures;
use maud::{Markup, html};

/// Memory of the envelope, flash and RAM together, in bytes.
const MEMORY: f64 = 4e6;
/// Clock of the envelope, in MHz.
const CLOCK: f64 = 200.0;
/// Power of the envelope, in mW.
const POWER: f64 = 50.0;

const ROW: f64 = 54.0;
const TOP: f64 = 22.0;
const LEFT: f64 = 14.0;
const RIGHT: f64 = WIDTH - 14.0;

/// One limit: what it is called, and a pipeline's share of it.
type Limit = (&'static str, fn(&DeviceFigures) -> Option<f64>);

const LIMITS: [Limit; 4] = [
    ("flash and RAM, of 4 MB", |d| {
        Some((d.flash()? + d.ram()?) as f64 / MEMORY)
    }),
    ("clock, of 200 MHz", |d| Some(d.clock_mhz? / CLOCK)),
    ("power while computing, of 50 mW", |d| {
        Some(d.active_power_mw()? / POWER)
    }),
    ("average power at the hop, of 50 mW", |d| {
        Some(d.average_power_uw? / 1e3 / POWER)
    }),
];

/// Draws those of `rows` that were measured: one strip per limit and one mark per pipeline; a mark right of the line exceeds the envelope.
pub(crate) fn envelope(rows: &[(Series<'_>, &DeviceFigures)]) -> Markup {
    let rows: Vec<_> = rows
        .iter()
        .filter(|(_, d)| d.latency_ms.is_some())
        .collect();
    let shares: Vec<f64> = LIMITS
        .iter()
        .flat_map(|(_, share)| rows.iter().filter_map(|(_, d)| share(d)))
        .filter(|v| *v > 0.0)
        .collect();
    let min = shares.iter().copied().fold(0.01, f64::min);
    let max = shares.iter().copied().fold(2.0, f64::max);
    let x = Scale::log(min / 2.0, max * 1.5, LEFT, RIGHT);
    let bottom = TOP + ROW * LIMITS.len() as f64;
    let body = html! {
        @for tick in x.ticks(6) {
            (line((x.at(tick), TOP), (x.at(tick), bottom), "grid"))
            (text(x.at(tick), bottom + 16.0, "mid muted", &format!("{} %", format::significant(tick * 100.0))))
        }
        (line((x.at(1.0), TOP - 4.0), (x.at(1.0), bottom), "limit"))
        (text(x.at(1.0), 12.0, "mid muted", "limit"))
        @for (row, (name, share)) in LIMITS.iter().enumerate() {
            @let y = TOP + ROW * row as f64;
            (text(LEFT, y + 14.0, "", name))
            (line((LEFT, y + 33.0), (RIGHT, y + 33.0), "axis"))
            @let known: Vec<_> = rows.iter().filter_map(|(s, d)| Some((s, share(d)?))).collect();
            @if known.is_empty() { (text(RIGHT, y + 14.0, "end muted", "no figure")) }
            @for (i, (series, used)) in known.iter().enumerate() {
                // Marks of equal value fan out a little, so that each can be seen and pointed at.
                @let shift = (i as f64 - (known.len() - 1) as f64 / 2.0) * (22.0 / known.len() as f64).min(9.0);
                circle cx=(n(x.at(*used))) cy=(n(y + 33.0 + shift)) r="5"
                    class={ (series.class()) " mark" } {
                    title { (series.name) ": " (format::significant(used * 100.0)) " % of the limit, " (name) }
                }
            }
        }
    };
    svg(
        &format!("Use of the envelope by {} pipelines", rows.len()),
        bottom + 22.0,
        &body,
    )
}
