//! Memory map: what fills flash, or RAM, one stacked bar per pipeline on one board.

use super::scale::Scale;
use super::{Series, WIDTH, bar, line, n, svg, text};
use crate::format;
use crate::schema::DeviceFigures;
use maud::{Markup, html};

const ROW: f64 = 40.0;
const TOP: f64 = 28.0;
const LEFT: f64 = 4.0;
const RIGHT: f64 = WIDTH - 70.0;

/// Which memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryKind {
    Flash,
    Ram,
}

impl MemoryKind {
    /// Returns the name as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flash => "Flash",
            Self::Ram => "RAM",
        }
    }

    /// Lists what fills it: name, and bytes as far as known.
    pub fn parts(self, device: &DeviceFigures) -> Vec<(&'static str, Option<u64>)> {
        match self {
            Self::Flash => vec![("code", device.flash_code), ("model", device.flash_model)],
            Self::Ram => vec![
                ("static", device.ram_static),
                ("stack", device.ram_stack),
                ("heap", device.ram_heap),
            ],
        }
    }

    /// Returns the bytes in all; `None` unless enough parts are known.
    pub fn total(self, device: &DeviceFigures) -> Option<u64> {
        match self {
            Self::Flash => device.flash(),
            Self::Ram => device.ram(),
        }
    }

    fn limit(self, device: &DeviceFigures) -> Option<u64> {
        match self {
            Self::Flash => device.flash_limit,
            Self::Ram => device.ram_limit,
        }
    }
}

/// Draws one row per pipeline that has figures on this board.
pub(crate) fn memory(rows: &[(Series<'_>, &DeviceFigures)], kind: MemoryKind) -> Markup {
    let total =
        |device: &DeviceFigures| -> u64 { kind.parts(device).iter().filter_map(|(_, v)| *v).sum() };
    let largest = rows.iter().map(|(_, d)| total(d)).max().unwrap_or(0);
    let x = Scale::linear(0.0, largest as f64, LEFT, RIGHT);
    let limit = rows.iter().find_map(|(_, d)| kind.limit(d));
    let bottom = TOP + ROW * rows.len() as f64;
    let names = kind.parts(&DeviceFigures::default());
    let body = html! {
        @for (i, (name, _)) in names.iter().enumerate() {
            @let at = LEFT + 74.0 * i as f64;
            (bar(at, 4.0, 11.0, 11.0, &format!("m-{name}"), name))
            (text(at + 16.0, 14.0, "", name))
        }
        @if let Some(limit) = limit {
            (text(WIDTH - 4.0, 14.0, "end muted", &format!("board: {}", format::bytes(limit as f64))))
        }
        @for (row, (series, device)) in rows.iter().enumerate() {
            @let y = TOP + ROW * row as f64;
            @let at = total(device);
            text x=(n(LEFT)) y=(n(y + 12.0)) class={ (series.class()) " name" } {
                (format::shorten(series.name, 50)) title { (series.name) }
            }
            @for (name, start, bytes) in segments(kind, device) {
                @let from = x.at(start as f64);
                @let width = x.at((start + bytes) as f64) - from;
                (bar(from, y + 18.0, width - 1.0, 14.0, &format!("m-{name}"),
                    &format!("{}: {name} {} B", series.name, format::integer(bytes))))
            }
            (text(x.at(at as f64) + 6.0, y + 29.0, "", &format!("{} B", format::integer(at))))
            @if let Some(limit) = kind.limit(device).filter(|l| *l < at) {
                (line((x.at(limit as f64), y + 14.0), (x.at(limit as f64), y + 36.0), "limit"))
            }
        }
    };
    svg(
        &format!("{} map of {} pipelines", kind.name(), rows.len()),
        bottom + 2.0,
        &body,
    )
}

/// Lists the parts that need memory: name, first byte, bytes.
fn segments(kind: MemoryKind, device: &DeviceFigures) -> Vec<(&'static str, u64, u64)> {
    let mut start = 0;
    let mut out = Vec::new();
    for (name, bytes) in kind.parts(device) {
        let Some(bytes) = bytes.filter(|b| *b > 0) else {
            continue;
        };
        out.push((name, start, bytes));
        start += bytes;
    }
    out
}
