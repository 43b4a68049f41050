//! The top of the page: tiles that compare the hybrid with its baseline, one table of the most important figures, and
//! plots of how the memory shrank.

use super::ablation::stages;
use super::sections::point;
use super::table::{Look, draw};
use super::{Page, TILE_COSTS, framed, pane, section, tile, when_target};
use crate::ablation::{self, Hybrid};
use crate::claims;
use crate::figures::{Subject, figure, memory};
use crate::format::{self, ABSENT};
use crate::plots::{self, Axis, MemoryKind, Point, Series};
use crate::schema::Run;
use crate::tables;
use crate::view::{self, Target};
use maud::{Markup, html};
use mote_metrics::dominates;

/// With more runs than this, only baselines, hybrids and the runs that nothing beats are shown.
const ROWS: usize = 12;

/// Draws the table, and how memory shrank from the baseline to the hybrid.
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
        "What each pipeline achieves and what it costs. The best value of each column is marked; all figures are further down.",
        &body,
    )
}

/// Draws the hybrid's figures, each beside its baseline's; nothing without a hybrid.
pub(super) fn tiles(page: &Page<'_>) -> Option<Markup> {
    let hybrid = Hybrid::of(page.results)?;
    let (own, base) = (
        *page.series.get(hybrid.run)?,
        *page.series.get(hybrid.baseline)?,
    );
    // Both of the same kind.
    let mut metrics = page.metrics().into_iter();
    let metric = metrics.find(|m| [own, base].iter().all(|s| m.estimate(s.run).is_some()))?;
    let f1 = |s: Series<'_>| {
        let estimate = metric.estimate(s.run);
        estimate.map_or_else(|| ABSENT.to_owned(), |e| format::share(e.mean))
    };
    Some(html! {
        (tile(&format!("{} of {}", metric.name(), own.name), &f1(own), &format!("{}: {}", base.name, f1(base)), None))
        @for (choice, target) in page.targets.iter().enumerate() {
            @let (after, before) = (own.on(target), base.on(target));
            @for cost in &TILE_COSTS {
                @let (value, text) = (figure(cost.figure).value, cost.text);
                @if let (Some(new), Some(old)) = (value(&after), value(&before)) {
                    @let beside = format!("{}: {}{}", base.name, text(old), times(old, new));
                    (tile(cost.compared, &text(new), &beside, Some(choice)))
                }
            }
        }
    })
}

/// Writes `, 48 times as much`; nothing where the hybrid needs more.
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

/// Returns whether each run is shown: all of a few, and of many those that are on the Pareto front of m-F1 (on streams where there are any) and memory,
/// baselines and hybrids.
fn shown(page: &Page<'_>, target: Option<&Target>) -> Vec<bool> {
    let all = tables::subjects(page.results, target, |_| true);
    if all.len() <= ROWS {
        return vec![true; all.len()];
    }
    let cost = figure(if target.is_some() {
        "memory"
    } else {
        "model_bytes"
    });
    let place = |s: &Subject<'_>| {
        let cost = (cost.value)(s)?;
        let share = page.metric().estimate(s.run)?;
        (!s.run.leaks).then_some([-share.mean, cost])
    };
    let places: Vec<_> = all.iter().filter_map(place).collect();
    let beaten = |place: &[f64; 2]| places.iter().any(|other| dominates(other, place));
    all.iter()
        .map(|s| {
            s.run.spec.is_some()
                || ablation::is_baseline(page.results, s.index)
                || place(s).is_some_and(|p| !beaten(&p))
        })
        .collect()
}

fn table(page: &Page<'_>, target: Option<&Target>) -> Markup {
    let shown = shown(page, target);
    let table = tables::headline(page.results, target, |s| shown[s.index]);
    let claim = |name: &str| match name {
        "accuracy" => claims::ACCURACY,
        "memory" => claims::MEMORY,
        "latency_ms" => claims::LATENCY,
        _ => ABSENT,
    };
    let foot = html! {
        tr {
            th scope="row" { "claimed by the original" span.techniques { "another, easier protocol" } }
            @for column in &table.columns { td { (claim(column.figure.name)) } }
        }
    };
    let remarks = |s: &Subject<'_>| view::own_window(page.results, s.run).into_iter().collect();
    let look = Look {
        class: "headline",
        remarks: &remarks,
        baseline: None,
        foot: Some(foot),
    };
    html! {
        @if let Some(target) = target { h3 { "On " (target.title.replace("-O", "\u{2011}O")) } }
        (draw(page, &table, &look))
        @if table.subjects.len() < page.series.len() {
            p.note {
                (table.subjects.len()) " of " (page.series.len()) " pipelines: baselines, and those that no other beats \
                 in both m-F1 and memory."
            }
        }
    }
}

/// Draws waterfalls of memory from the baseline to the hybrid; nothing without one.
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
                (framed(name, &html! { (kind.name()) ", from the baseline to the hybrid" },
                    &plots::waterfall(&stages, kind)))
            }
        }
    };
    html! {
        (plot(MemoryKind::Ram, "hybrid-ram"))
        (plot(MemoryKind::Flash, "hybrid-flash"))
    }
}

/// Draws accuracy against flash and RAM together, of the runs of the table.
fn against_memory(page: &Page<'_>, target: &Target) -> Markup {
    let shown = shown(page, Some(target));
    let metric = page.metric();
    let points: Vec<Point> = page
        .on(target)
        .into_iter()
        .filter(|(s, _)| shown[s.index])
        .filter_map(|(s, d)| point(s, metric, memory(d)? as f64))
        .collect();
    let axis = Axis {
        title: "flash and RAM",
        show: format::bytes,
        bytes: true,
    };
    html! {
        @if points.len() > 1 {
            (framed("accuracy-memory", &html! { (metric.name()) " against flash and RAM" },
                &plots::scatter(&points, &axis, metric.name())))
        }
    }
}
