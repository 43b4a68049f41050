//! What each technique is worth: changes against baselines, and waterfalls of memory.

use super::tables::{column_head, methods, row_head};
use super::{Page, figure, pane, section, when_target};
use crate::ablation::{Ablation, strays};
use crate::columns::{Change, DEVICE};
use crate::format::{self, ABSENT};
use crate::plots::{self, MemoryKind, Series, Stage};
use crate::schema::{DeviceFigures, Run};
use crate::view::{self, Footnotes, Target};
use maud::{Markup, html};

/// The costs shown, by field.
const COSTS: [&str; 10] = [
    "flash_code",
    "flash_model",
    "ram_static",
    "ram_stack",
    "ram_heap",
    "ram",
    "instructions",
    "cycles",
    "latency_ms",
    "energy_uj",
];

/// A share: title, what it says, and its value.
type Share = (&'static str, &'static str, fn(&Run) -> f64);

/// The shares shown.
const SHARES: [Share; 2] = [
    (
        "accuracy",
        "Share of windows classified correctly, mean over folds.",
        |r| r.metrics.accuracy.mean,
    ),
    ("m-F1", "Macro-averaged F1, mean over folds.", |r| {
        r.metrics.macro_f1.mean
    }),
];

/// The section; nothing when no run names a baseline.
pub(super) fn techniques(page: &Page<'_>) -> Markup {
    let ablations = Ablation::all(page.results);
    let strays = strays(page.results);
    if ablations.is_empty() && strays.is_empty() {
        return html! {};
    }
    let body = html! {
        @if page.targets.is_empty() {
            @for ablation in &ablations { (against(page, ablation, None)) }
        }
        @for (choice, target) in page.targets.iter().enumerate() {
            @let body = html! {
                @for ablation in &ablations { (against(page, ablation, Some(target))) }
            };
            (pane(&when_target(choice), choice == 0, "", &body))
        }
        @for stray in &strays { p.note { (stray) } }
    };
    section(
        "techniques",
        "What each technique is worth",
        "Below each figure its change against the baseline. Where decisions differ, as with an early exit, \
         instructions, cycles, latency and energy are means, and the maximum is that of the longest decision. Waterfalls follow the \
         longest chain of pipelines that adds one technique at a time; in another order each may be worth more or less.",
        &body,
    )
}

/// One baseline and what is shown against it.
fn against(page: &Page<'_>, ablation: &Ablation, target: Option<&Target>) -> Markup {
    let Some(&baseline) = page.series.get(ablation.baseline) else {
        return html! {};
    };
    let rows = ablation.rows.iter().filter_map(|&r| page.series.get(r));
    let rows: Vec<Series<'_>> = std::iter::once(baseline).chain(rows.copied()).collect();
    html! {
        h3 {
            "Against " (baseline.name)
            @if let Some(target) = target { " on " (target.board) }
        }
        (table(baseline, &rows, target))
        @if let Some(target) = target {
            div.grid.below {
                @for kind in [MemoryKind::Ram, MemoryKind::Flash] {
                    (chain(page, ablation, target, kind))
                }
            }
        }
    }
}

/// Every figure of the baseline and of what is shown against it, with the change below.
fn table(baseline: Series<'_>, rows: &[Series<'_>], target: Option<&Target>) -> Markup {
    let devices: Vec<Option<&DeviceFigures>> = rows
        .iter()
        .map(|s| target.and_then(|t| t.find(s.run)))
        .collect();
    let before = devices.first().copied().flatten();
    let costs: Vec<_> = DEVICE
        .iter()
        .filter(|c| target.is_some() && COSTS.contains(&c.field))
        .collect();
    let method = methods(devices.iter().copied().flatten());
    let mut notes = Footnotes::default();
    let body = html! {
        @for (&series, &device) in rows.iter().zip(&devices) {
            @let changes = series.index != baseline.index;
            @let own = series.run.techniques.iter().filter(|t| !baseline.run.techniques.contains(t) || !changes);
            @let own: Vec<&str> = own.map(String::as_str).collect();
            tr.baseline[!changes] {
                (row_head(series, &own.join(" + "), series.run.early.map(view::early)))
                @for column in &costs {
                    @match device.and_then(column.text) {
                        Some(text) => {
                            td data-value=[device.and_then(column.value)] {
                                (text)
                                @if changes {
                                    @match before.zip(device).and_then(|(b, d)| column.change(b, d)) {
                                        Some(change) => (below(&change)),
                                        None => {
                                            span.change.absent {
                                                (ABSENT) (notes.mark(view::why_no_change(column, before, device)))
                                            }
                                        }
                                    }
                                }
                                @if let Some(worst) = device.and_then(|d| worst(column.field, d)) {
                                    span.worst { "max " (worst) }
                                }
                            }
                        }
                        None => td.absent { (ABSENT) (notes.mark(view::why(device))) },
                    }
                }
                @for (_, _, share) in SHARES {
                    td data-value=(share(series.run)) {
                        (format::share(share(series.run)))
                        @if changes {
                            @match Change::of_share(baseline.run, series.run, share) {
                                Some(change) => (below(&change)),
                                None => span.change.absent { (ABSENT) (notes.mark(view::LEAKS.to_owned())) },
                            }
                        }
                    }
                }
            }
        }
    };
    html! {
        div.scroll tabindex="0" {
            table.sortable.dense.changes {
                thead {
                    tr {
                        th scope="col" { button type="button" { "pipeline" } }
                        @for column in &costs { (column_head(column, method(column.field))) }
                        @for (title, help, _) in SHARES {
                            th scope="col" title=(help) { button type="button" { (title) } }
                        }
                    }
                }
                tbody { (body) }
            }
        }
        @for (mark, reason) in notes.list() { p.note { (mark) " " (reason) } }
    }
}

/// The line below a figure.
fn below(change: &Change) -> Markup {
    let class = match change.better {
        Some(true) => "change better",
        Some(false) => "change worse",
        None => "change",
    };
    html! {
        span class=(class) {
            (change.text)
            @if !change.unit.is_empty() { "\u{a0}" (change.unit) }
        }
    }
}

/// The longest decision's figure beside the mean `field`.
fn worst(field: &str, device: &DeviceFigures) -> Option<String> {
    match field {
        "cycles" => device.cycles_worst.map(|v| format::count(v as f64)),
        "latency_ms" => device.latency_worst_ms.map(format::figure),
        "energy_uj" => device.energy_worst_uj.map(format::figure),
        _ => None,
    }
}

/// The runs of a waterfall on one board, from the baseline on.
pub(super) fn stages<'a>(
    page: &Page<'a>,
    target: &Target,
    baseline: usize,
    steps: impl Iterator<Item = (usize, String)>,
) -> Vec<Stage<'a>> {
    std::iter::once((baseline, String::new()))
        .chain(steps)
        .filter_map(|(run, technique)| {
            let series = page.series.get(run)?;
            Some(Stage {
                technique,
                name: series.name,
                device: target.find(series.run)?,
            })
        })
        .collect()
}

/// The waterfall of the longest chain, or why there is none.
fn chain(page: &Page<'_>, ablation: &Ablation, target: &Target, kind: MemoryKind) -> Markup {
    let measured = |run: &Run| target.find(run).and_then(|d| kind.total(d));
    let steps = ablation.chain(page.results, |run| measured(run).is_some());
    let way = steps.iter().map(|s| (s.run, s.technique.to_owned()));
    let stages = stages(page, target, ablation.baseline, way);
    // A run without figures may have cut the chain short; that must not go unseen.
    let missing: Vec<&str> = ablation
        .chain(page.results, |_| true)
        .iter()
        .filter_map(|step| page.series.get(step.run))
        .filter(|series| measured(series.run).is_none())
        .map(|series| series.name)
        .collect();
    html! {
        @if steps.is_empty() {
            p.note {
                "No waterfall of " (kind.name()) ": no run with figures on this board adds a single technique to \
                 the baseline."
            }
        } @else {
            @let name = match kind { MemoryKind::Flash => "waterfall-flash", MemoryKind::Ram => "waterfall-ram" };
            @let body = html! {
                (plots::waterfall(&stages, kind))
                @if !missing.is_empty() {
                    p.note { "Without figures on this board, and so not in the chain: " (missing.join(", ")) "." }
                }
            };
            (figure(name, &html! { (kind.name()) ", one technique after the other" }, &body))
        }
    }
}
