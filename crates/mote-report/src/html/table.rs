//! Draws tables on the page.

use super::{Page, chip};
use crate::figures::Subject;
use crate::format::ABSENT;
use crate::reasons::Footnotes;
use crate::table::{Change, Column, Table, Value};
use maud::{Markup, html};

/// How a table looks beside its figures.
pub(super) struct Look<'l> {
    /// Classes of the table.
    pub class: &'static str,
    /// What stands below the name of a row's pipeline.
    pub remarks: &'l dyn Fn(&Subject<'_>) -> Vec<String>,
    /// Position of the run that the others are shown against.
    pub baseline: Option<usize>,
    /// Last row.
    pub foot: Option<Markup>,
}

/// Draws `table` with a heading to sort by on each column, and the reasons for its empty cells below.
pub(super) fn draw(page: &Page<'_>, table: &Table<'_>, look: &Look<'_>) -> Markup {
    let mut notes = Footnotes::default();
    let body = html! {
        @for (row, subject) in table.subjects.iter().enumerate() {
            @let series = page.series[subject.index];
            @let baseline = look.baseline == Some(subject.index);
            @let class = match (baseline, look.baseline, &subject.run.spec) {
                (true, ..) => Some("baseline"),
                (_, None, Some(_)) => Some("hybrid"),
                _ => None,
            };
            tr class=[class] {
                th scope="row" data-value=(subject.index) {
                    (chip(series))
                    @for remark in (look.remarks)(subject) { span.techniques { (remark) } }
                }
                @for column in &table.columns {
                    @match &column.cells[row] {
                        Ok(value) => (filled(column, value, &mut notes)),
                        Err(why) => td.absent { (ABSENT) (notes.mark(why)) },
                    }
                }
            }
        }
    };
    html! {
        div.scroll tabindex="0" {
            table class={ "sortable " (look.class) } {
                thead {
                    tr {
                        th scope="col" { button type="button" { "pipeline" } }
                        @for column in &table.columns { (heading(column)) }
                    }
                }
                tbody { (body) }
                @if let Some(foot) = &look.foot { tfoot { (foot) } }
            }
        }
        @for (mark, reason) in notes.list() { p.note { (mark) " " (reason) } }
    }
}

fn heading(column: &Column) -> Markup {
    let figure = column.figure;
    html! {
        th scope="col" title=(figure.help) {
            button type="button" { (figure.title) }
            @if !figure.unit.is_empty() { span.unit { (figure.unit) } }
            @if !column.method.is_empty() { span.method { (column.method) } }
        }
    }
}

fn filled(column: &Column, value: &Value, notes: &mut Footnotes) -> Markup {
    let figure = column.figure;
    html! {
        td class=[value.best.then_some("best")] data-value=(value.value) {
            (value.text(figure))
            @match &value.change {
                Some(Ok(change)) => (below(change)),
                Some(Err(why)) => span.change.absent { (ABSENT) (notes.mark(why)) },
                None => {}
            }
            @if let Some(longest) = value.longest { span.worst { "max " (figure.format.short(longest)) } }
        }
    }
}

/// Draws the change below a figure.
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
