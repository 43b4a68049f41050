//! The first things to see: the hybrid beside its baseline in a few tiles, one table of what counts, and where the
//! memory went.

use super::ablation::stages;
use super::sections::point;
use super::{Page, figure, pane, section, tables, tile, when_target};
use crate::ablation::{self, Hybrid};
use crate::claims;
use crate::format::{self, ABSENT};
use crate::plots::{self, Axis, MemoryKind, Metric, Point, Series};
use crate::schema::{DeviceFigures, Run};
use crate::view::{self, Footnotes, Target};
use maud::{Markup, html};
use mote_metrics::dominates;

/// How a figure came about, or what it is.
enum Below {
    /// As this field of the measurement.
    Method(&'static str),
    Text(&'static str),
}

/// A column: of a run, and of its measurement where there is one.
struct Figure {
    title: &'static str,
    unit: &'static str,
    /// What stands below the heading.
    below: Below,
    larger: bool,
    value: fn(&Run, Option<&DeviceFigures>) -> Option<f64>,
    text: fn(f64) -> String,
    /// What the Python and PyTorch system claims whose techniques Mote takes up.
    claim: Option<&'static str>,
}

const FIGURES: [Figure; 7] = [
    Figure {
        title: "accuracy",
        unit: "",
        below: Below::Text(""),
        larger: true,
        value: |r, _| (!r.leaks).then_some(r.metrics.accuracy.mean),
        text: format::share,
        claim: Some(claims::ACCURACY),
    },
    Figure {
        title: "m-F1",
        unit: "",
        below: Below::Text(""),
        larger: true,
        value: |r, _| (!r.leaks).then_some(r.metrics.macro_f1.mean),
        text: format::share,
        claim: None,
    },
    Figure {
        title: "flash",
        unit: "B",
        below: Below::Method("flash_code"),
        larger: false,
        value: |_, d| Some(d?.flash()? as f64),
        text: |v| format::integer(v as u64),
        claim: None,
    },
    Figure {
        title: "RAM",
        unit: "B",
        below: Below::Text("elf and emulated"),
        larger: false,
        value: |_, d| Some(d?.ram()? as f64),
        text: |v| format::integer(v as u64),
        claim: None,
    },
    Figure {
        title: "memory",
        unit: "B",
        below: Below::Text("flash and RAM"),
        larger: false,
        value: |_, d| memory(d?),
        text: |v| format::integer(v as u64),
        claim: Some(claims::MEMORY),
    },
    Figure {
        title: "latency",
        unit: "ms",
        below: Below::Method("latency_ms"),
        larger: false,
        value: |_, d| d?.latency_ms,
        text: format::figure,
        claim: Some(claims::LATENCY),
    },
    Figure {
        title: "energy",
        unit: "µJ",
        below: Below::Method("energy_uj"),
        larger: false,
        value: |_, d| d?.energy_uj,
        text: format::figure,
        claim: None,
    },
];

/// With more runs than this, only baselines, hybrids and the runs that nothing beats are shown.
const ROWS: usize = 12;

fn memory(device: &DeviceFigures) -> Option<f64> {
    Some((device.flash()? + device.ram()?) as f64)
}

/// The table, and the way from the baseline to the hybrid.
pub(super) fn headline(page: &Page<'_>) -> Markup {
    let body = html! {
        @if page.targets.is_empty() { (table(page, None)) }
        @for (choice, target) in page.targets.iter().enumerate() {
            @let body = html! {
                (table(page, Some(target)))
                div.grid.below { (way(page, target)) (against_memory(page, target)) }
            };
            (pane(&when_target(choice), choice == 0, "", &body))
        }
        p.note { (claims::NOTE) }
    };
    section(
        "headline",
        "Headline",
        "What each pipeline gives and takes. The best value of each column is marked; all figures are further down.",
        &body,
    )
}

/// The hybrid's figures, each beside its baseline's; nothing without a hybrid.
pub(super) fn tiles(page: &Page<'_>) -> Option<Markup> {
    let hybrid = Hybrid::of(page.results)?;
    let (own, base) = (
        *page.series.get(hybrid.run)?,
        *page.series.get(hybrid.baseline)?,
    );
    let f1 = |s: Series<'_>| format::share(s.run.metrics.macro_f1.mean);
    Some(html! {
        (tile(&format!("m-F1 of {}", own.name), &f1(own), &format!("{}: {}", base.name, f1(base)), None))
        @for (choice, target) in page.targets.iter().enumerate() {
            @if let (Some(after), Some(before)) = (target.find(own.run), target.find(base.run)) {
                @for (title, value, text) in COMPARED {
                    @if let (Some(new), Some(old)) = (value(after), value(before)) {
                        @let beside = format!("{}: {}{}", base.name, text(old), times(old, new));
                        (tile(title, &text(new), &beside, Some(choice)))
                    }
                }
            }
        }
    })
}

/// A cost: title, value, how it reads.
type Compared = (
    &'static str,
    fn(&DeviceFigures) -> Option<f64>,
    fn(f64) -> String,
);

/// What the tiles compare.
const COMPARED: [Compared; 4] = [
    ("Flash", |d| Some(d.flash()? as f64), format::bytes),
    ("RAM", |d| Some(d.ram()? as f64), format::bytes),
    (
        "Latency",
        |d| d.latency_ms,
        |v| format!("{} ms", format::significant(v)),
    ),
    (
        "Energy per decision",
        |d| d.energy_uj,
        |v| format!("{} µJ", format::significant(v)),
    ),
];

/// `, 48 times as much`; nothing where the hybrid takes more.
fn times(old: f64, new: f64) -> String {
    let factor = old / new;
    match factor.is_finite() && factor >= 1.05 {
        true => format!(
            ", {} times as much",
            format::significant((factor * 10.0).round() / 10.0)
        ),
        false => String::new(),
    }
}

/// The runs to show, in file order.
fn shown<'a>(
    page: &Page<'a>,
    target: Option<&Target>,
) -> Vec<(Series<'a>, Option<&'a DeviceFigures>)> {
    let all: Vec<_> = page
        .series
        .iter()
        .map(|&s| (s, target.and_then(|t| t.find(s.run))))
        .collect();
    if all.len() <= ROWS {
        return all;
    }
    let place = |&(s, d): &(Series<'_>, Option<&DeviceFigures>)| {
        let cost = match target {
            Some(_) => memory(d?)?,
            None => s.run.model.bytes? as f64,
        };
        (!s.run.leaks).then_some([-s.run.metrics.macro_f1.mean, cost])
    };
    let places: Vec<_> = all.iter().filter_map(place).collect();
    let beaten = |place: &[f64; 2]| places.iter().any(|other| dominates(other, place));
    all.iter()
        .filter(|row| {
            let run = row.0.run;
            run.spec.is_some()
                || ablation::is_baseline(page.results, row.0.index)
                || place(row).is_some_and(|p| !beaten(&p))
        })
        .copied()
        .collect()
}

fn table(page: &Page<'_>, target: Option<&Target>) -> Markup {
    let rows = shown(page, target);
    let figures: Vec<&Figure> = FIGURES
        .iter()
        .filter(|f| target.is_some() || rows.iter().any(|(s, d)| (f.value)(s.run, *d).is_some()))
        .collect();
    let method = tables::methods(rows.iter().filter_map(|(_, d)| *d));
    let best: Vec<Option<f64>> = figures
        .iter()
        .map(|f| {
            let values: Vec<_> = rows.iter().map(|(s, d)| (f.value)(s.run, *d)).collect();
            view::best(&values, f.larger)
        })
        .collect();
    let mut notes = Footnotes::default();
    html! {
        @if let Some(target) = target { h3 { "On " (target.title.replace("-O", "\u{2011}O")) } }
        div.scroll tabindex="0" {
            table.sortable.headline {
                thead {
                    tr {
                        th scope="col" { button type="button" { "pipeline" } }
                        @for f in &figures {
                            th scope="col" {
                                button type="button" { (f.title) }
                                @if !f.unit.is_empty() { span.unit { (f.unit) } }
                                @match f.below {
                                    Below::Text(text) => span.method { (text) },
                                    Below::Method(field) => span.method { (method(field).unwrap_or_default()) },
                                }
                            }
                        }
                    }
                }
                tbody {
                    @for &(series, device) in &rows {
                        tr.hybrid[series.run.spec.is_some()] {
                            (tables::row_head(series, "", view::own_window(page.results, series.run)))
                            @for (f, best) in figures.iter().zip(&best) {
                                @match (f.value)(series.run, device) {
                                    Some(v) => {
                                        td class=[(*best == Some(v)).then_some("best")] data-value=(v) { ((f.text)(v)) }
                                    }
                                    None => td.absent { (ABSENT) (notes.mark(why(series.run, device))) },
                                }
                            }
                        }
                    }
                }
                tfoot {
                    tr {
                        th scope="row" { "claimed by the original" span.techniques { "another, easier protocol" } }
                        @for f in &figures { td { (f.claim.unwrap_or(ABSENT)) } }
                    }
                }
            }
        }
        @for (mark, reason) in notes.list() { p.note { (mark) " " (reason) } }
        @if rows.len() < page.series.len() {
            p.note {
                (rows.len()) " of " (page.series.len()) " pipelines: baselines, and those that no other beats in both \
                 m-F1 and memory."
            }
        }
    }
}

fn why(run: &Run, device: Option<&DeviceFigures>) -> String {
    match run.leaks {
        true => view::LEAKS.to_owned(),
        false => view::why(device),
    }
}

/// Waterfalls of memory from the baseline to the hybrid; nothing without one.
fn way(page: &Page<'_>, target: &Target) -> Markup {
    let Some(hybrid) = Hybrid::of(page.results) else {
        return html! {};
    };
    let plot = |kind: MemoryKind, name: &str| {
        let measured = |run: &Run| target.find(run).and_then(|d| kind.total(d)).is_some();
        let steps = hybrid.path(page.results, measured);
        html! {
            @if !steps.is_empty() {
                @let stages = stages(page, target, hybrid.baseline, steps.into_iter());
                (figure(name, &html! { (kind.name()) ", from the baseline to the hybrid" },
                    &plots::waterfall(&stages, kind)))
            }
        }
    };
    html! {
        (plot(MemoryKind::Ram, "hybrid-ram"))
        (plot(MemoryKind::Flash, "hybrid-flash"))
    }
}

/// Accuracy against flash and RAM together, of the runs of the table.
fn against_memory(page: &Page<'_>, target: &Target) -> Markup {
    let points: Vec<Point> = shown(page, Some(target))
        .into_iter()
        .filter_map(|(s, d)| Some(point(s, Metric::MacroF1, memory(d?)?)))
        .collect();
    let axis = Axis {
        title: "flash and RAM",
        show: format::bytes,
        bytes: true,
    };
    html! {
        @if points.len() > 1 {
            (figure("accuracy-memory", &html! { "m-F1 against flash and RAM" },
                &plots::scatter(&points, &axis, Metric::MacroF1.name())))
        }
    }
}
