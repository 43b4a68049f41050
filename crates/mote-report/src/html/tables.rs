//! The tables with every figure.

use super::table::{Look, draw};
use super::{Page, pane, section, when_target};
use crate::figures::Subject;
use crate::tables;
use crate::view::{self, Target};
use maud::{Markup, html};

/// Draws accuracy and size, then the cost on each board.
pub(super) fn all(page: &Page<'_>) -> Markup {
    let remarks = |s: &Subject<'_>| {
        let techniques = s.run.techniques.join(" + ");
        let window = view::own_window(page.results, s.run);
        let techniques = (!techniques.is_empty()).then_some(techniques);
        techniques.into_iter().chain(window).collect()
    };
    let runs = Look {
        class: "",
        remarks: &remarks,
        baseline: None,
        foot: None,
    };
    let body = html! {
        (draw(page, &tables::runs(page.results), &runs))
        @for (choice, target) in page.targets.iter().enumerate() {
            (pane(&when_target(choice), choice == 0, "", &on_board(page, target)))
        }
    };
    section(
        "results",
        "All figures, side by side",
        "One row per pipeline. The best value of each column is marked; select a heading to sort.",
        &body,
    )
}

fn on_board(page: &Page<'_>, target: &Target) -> Markup {
    // A line must not break inside "-O3".
    let title = target.title.replace("-O", "\u{2011}O");
    let look = Look {
        class: "dense",
        ..plain()
    };
    html! {
        h3 { "On " (title) }
        (draw(page, &tables::costs(page.results, target), &look))
    }
}

/// Draws how much of the envelope pipelines use; nothing where nothing was measured.
pub(super) fn envelope(page: &Page<'_>) -> Markup {
    let on = |target| {
        let table = tables::envelope(page.results, target);
        let drawn = draw(page, &table, &plain());
        (!table.subjects.is_empty()).then_some(html! { h3 { "On " (target.board) } (drawn) })
    };
    let body = html! {
        @for (choice, target) in page.targets.iter().enumerate() {
            @if let Some(table) = on(target) { (pane(&when_target(choice), choice == 0, "", &table)) }
        }
    };
    let about = "How much of 4 MB, 200 MHz and 50 mW each pipeline uses. Latency and energy, from which power follows, are \
        modelled from emulated counts and, where the board's file describes its flash, from waits for it.";
    html! { @if !body.0.is_empty() { (section("envelope", "The envelope", about, &body)) } }
}

/// Draws smoothed decisions; nothing where there are none.
pub(super) fn smoothed(page: &Page<'_>) -> Markup {
    let Some(about) = tables::about_smoothing(page.results) else {
        return html! {};
    };
    let table = draw(page, &tables::smoothed(page.results), &plain());
    section("smoothed", "Smoothed decisions", &about, &table)
}

/// Returns the look of a table with nothing but figures.
fn plain() -> Look<'static> {
    Look {
        class: "",
        remarks: &|_| Vec::new(),
        baseline: None,
        foot: None,
    }
}
