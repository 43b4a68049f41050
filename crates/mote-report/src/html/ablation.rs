//! What each technique is worth: changes against baselines, and waterfalls of memory.

use super::table::{Look, draw};
use super::{Page, framed, pane, section, when_target};
use crate::ablation::{Ablation, strays};
use crate::figures::Subject;
use crate::plots::{self, MemoryKind, Stage};
use crate::schema::Run;
use crate::tables;
use crate::view::{self, Target};
use maud::{Markup, html};

/// Draws the section; nothing when no run names a baseline.
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

/// Draws one baseline and what is shown against it.
fn against(page: &Page<'_>, ablation: &Ablation, target: Option<&Target>) -> Markup {
    let baseline = page.series[ablation.baseline];
    let remarks = |s: &Subject<'_>| {
        let own = s.run.techniques.iter();
        let own = own.filter(|t| s.index == baseline.index || !baseline.run.techniques.contains(t));
        let own: Vec<&str> = own.map(String::as_str).collect();
        let own = (!own.is_empty()).then(|| own.join(" + "));
        own.into_iter()
            .chain(s.run.early.map(view::early))
            .collect()
    };
    let look = Look {
        class: "dense changes",
        remarks: &remarks,
        baseline: Some(baseline.index),
        foot: None,
    };
    html! {
        h3 {
            "Against " (baseline.name)
            @if let Some(target) = target { " on " (target.board) }
        }
        (draw(page, &tables::changes(page.results, ablation, target), &look))
        @if let Some(target) = target {
            div.grid.below {
                @for kind in [MemoryKind::Ram, MemoryKind::Flash] {
                    (chain(page, ablation, target, kind))
                }
            }
        }
    }
}

/// Returns the stages of a waterfall on one board, from the baseline on.
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

/// Draws the waterfall of the longest chain, or says why there is none.
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
            (framed(name, &html! { (kind.name()) ", one technique after the other" }, &body))
        }
    }
}
