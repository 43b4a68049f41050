//! One figure of every pipeline as a bar.

use super::scale::Scale;
use super::{Series, WIDTH, bar, n, svg, text};
use crate::format;
use maud::{Markup, html};

const ROW: f64 = 38.0;
const LEFT: f64 = 4.0;
const RIGHT: f64 = WIDTH - 84.0;

/// Draws `rows`, labelled with `title` and `unit`.
pub(crate) fn bars(rows: &[(Series<'_>, f64)], title: &str, unit: &str) -> Markup {
    let largest = rows.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let x = Scale::linear(0.0, largest, LEFT, RIGHT);
    let body = html! {
        @for (row, (series, value)) in rows.iter().enumerate() {
            @let y = ROW * row as f64;
            @let shown = format!("{} {unit}", format::figure(*value));
            g class=(series.class()) {
                text x=(n(LEFT)) y=(n(y + 12.0)) class="name" {
                    (format::shorten(series.name, 50)) title { (series.name) }
                }
                (bar(LEFT, y + 18.0, x.at(*value) - LEFT, 13.0, "fill",
                    &format!("{}: {title} {shown}", series.name)))
                (text(x.at(*value) + 6.0, y + 29.0, "", &shown))
            }
        }
    };
    svg(
        &format!("{title} of {} pipelines", rows.len()),
        ROW * rows.len() as f64,
        &body,
    )
}
