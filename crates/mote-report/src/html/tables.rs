//! The tables with every figure.

use super::{Page, chip, pane, section, when_target};
use crate::columns::{Column, DEVICE, RUN};
use crate::format::ABSENT;
use crate::plots::Series;
use crate::schema::{DeviceFigures, Method};
use crate::smoothed;
use crate::view::{self, Footnotes, Target};
use maud::{Markup, html};

/// Accuracy and size, then the cost on each board.
pub(super) fn all(page: &Page<'_>) -> Markup {
    let runs: Vec<_> = page.series.iter().map(|&s| (s, Some(s.run))).collect();
    let body = html! {
        (table(page, &RUN, &runs, true, |_| None, view::why_run))
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

/// Smoothed decisions; nothing where there are none.
pub(super) fn smoothed(page: &Page<'_>) -> Markup {
    let Some(about) = smoothed::about(page.results) else {
        return html! {};
    };
    let body = html! {
        div.scroll tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "pipeline" }
                        @for (title, unit) in smoothed::HEADINGS {
                            th scope="col" { (title) span.method { (unit) } }
                        }
                    }
                }
                tbody {
                    @for row in smoothed::rows(page.results) {
                        @if let Some(&series) = page.series.get(row.run) {
                            tr.hybrid[series.run.spec.is_some()] {
                                (row_head(series, "", None))
                                @for cell in &row.cells { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    };
    section("smoothed", "Smoothed decisions", &about, &body)
}

fn on_board(page: &Page<'_>, target: &Target) -> Markup {
    let rows: Vec<_> = page
        .series
        .iter()
        .map(|&s| (s, target.find(s.run)))
        .collect();
    let method = methods(rows.iter().filter_map(|(_, d)| *d));
    // A line must not break inside "-O3".
    let title = target.title.replace("-O", "\u{2011}O");
    html! {
        h3 { "On " (title) }
        (table(page, &DEVICE, &rows, false, method, view::why))
    }
}

/// How the devices' figures were obtained, by field.
pub(super) fn methods<'a>(
    devices: impl Iterator<Item = &'a DeviceFigures>,
) -> impl Fn(&str) -> Option<String> {
    let devices: Vec<&DeviceFigures> = devices.collect();
    move |field| {
        let of = devices.iter().filter_map(|d| d.method.get(field).copied());
        let mut methods: Vec<Method> = of.collect();
        methods.sort_unstable();
        methods.dedup();
        let names: Vec<&str> = methods.into_iter().map(Method::name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// The heading of a row: number and name of the run, its techniques as far as they are to be shown, a remark.
pub(super) fn row_head(series: Series<'_>, techniques: &str, remark: Option<String>) -> Markup {
    html! {
        th scope="row" data-value=(series.index) {
            (chip(series))
            @if !techniques.is_empty() { span.techniques { (techniques) } }
            @if let Some(remark) = remark { span.techniques { (remark) } }
        }
    }
}

/// The heading of a column, to sort by.
pub(super) fn column_head<T>(column: &Column<T>, method: Option<String>) -> Markup {
    html! {
        th scope="col" title=(column.help) {
            button type="button" { (column.title) }
            @if !column.unit.is_empty() { span.unit { (column.unit) } }
            @if let Some(method) = method { span.method { (method) } }
        }
    }
}

/// One row per run; `techniques` says whether its techniques, and its window where it has its own, stand below its name.
fn table<T>(
    page: &Page<'_>,
    columns: &[Column<T>],
    rows: &[(Series<'_>, Option<&T>)],
    techniques: bool,
    method: impl Fn(&str) -> Option<String>,
    why: impl Fn(Option<&T>) -> String,
) -> Markup {
    let mut notes = Footnotes::default();
    let best: Vec<Option<f64>> = columns
        .iter()
        .map(|c| c.best(rows.iter().map(|(_, r)| *r)))
        .collect();
    let body = html! {
        @for &(series, row) in rows {
            @let techniques = if techniques { series.run.techniques.join(" + ") } else { String::new() };
            tr.hybrid[series.run.spec.is_some()] {
                @let window = view::own_window(page.results, series.run).filter(|_| !techniques.is_empty());
                (row_head(series, &techniques, window))
                @for (column, best) in columns.iter().zip(&best) {
                    @match row.and_then(column.text) {
                        Some(text) => {
                            @let value = row.and_then(column.value);
                            td class=[(best.is_some() && value == *best).then_some("best")] data-value=[value] {
                                (text)
                            }
                        }
                        None => td.absent { (ABSENT) (notes.mark(why(row))) },
                    }
                }
            }
        }
    };
    html! {
        div.scroll tabindex="0" {
            table.sortable.dense[columns.len() > 10] {
                thead {
                    tr {
                        th scope="col" { button type="button" { "pipeline" } }
                        @for column in columns { (column_head(column, method(column.field))) }
                    }
                }
                tbody { (body) }
            }
        }
        @for (mark, reason) in notes.list() { p.note { (mark) " " (reason) } }
    }
}
