//! Confusion matrix as a heat map; each row is shaded by its share of the true class.

use super::{Series, WIDTH, characters, label_width, n, row_label, svg, text};
use crate::format;
use maud::{Markup, html};

const RIGHT: f64 = WIDTH - 4.0;

/// Draws the matrix of one pipeline: rows are the truth, columns the prediction.
pub(crate) fn confusion(series: Series<'_>) -> Markup {
    let matrix = &series.run.metrics.confusion;
    let count = matrix.labels.len().max(1) as f64;
    let left = label_width(matrix.labels.iter().map(String::as_str), 110.0) + 24.0;
    let side = (RIGHT - left) / count;
    // Column labels slant, so they need their width's share of sin 45 degrees in height.
    let top = (left - 24.0) * 0.72 + 26.0;
    let cell_height = side.min(42.0);
    let body = html! {
        (text(RIGHT, 12.0, "end muted", "predicted →"))
        text x="0" y="0" class="mid muted" transform=(format!("translate(11 {}) rotate(-90)",
            n(top + cell_height * count / 2.0))) { "← true" }
        @for (column, label) in matrix.labels.iter().enumerate() {
            text x="0" y="0" transform=(format!("translate({} {}) rotate(-45)",
                n(left + side * (column as f64 + 0.5)), n(top - 7.0))) {
                (format::shorten(label, characters(110.0)))
                title { (label) }
            }
        }
        @for (row, label) in matrix.labels.iter().enumerate() {
            @let y = top + cell_height * row as f64;
            @let total: u64 = matrix.counts.get(row).into_iter().flatten().sum();
            (row_label(left - 6.0, y + cell_height / 2.0 + 4.0, left - 22.0, label))
            @for (column, predicted) in matrix.labels.iter().enumerate() {
                @let cell = matrix.cell(row, column);
                @let share = if total > 0 { cell as f64 / total as f64 } else { 0.0 };
                @let x = left + side * column as f64;
                @let class = match (cell, row == column) {
                    (0, _) => "cell none",
                    (_, true) => "cell right",
                    (_, false) => "cell wrong",
                };
                g class=(class) {
                    // The root of the share keeps rare confusions visible.
                    rect x=(n(x + 0.75)) y=(n(y + 0.75)) width=(n(side - 1.5)) height=(n(cell_height - 1.5))
                        rx="2" fill-opacity=(format!("{:.3}", if cell == 0 { 1.0 } else { share.sqrt() })) {
                        title {
                            (label) " taken for " (predicted) ": " (format::integer(cell)) " of "
                            (format::integer(total))
                        }
                    }
                    @if side >= 20.0 && cell > 0 {
                        (text(x + side / 2.0, y + cell_height / 2.0 + 4.0,
                            if share > 0.4 { "mid on" } else { "mid" }, &percent(share)))
                    }
                }
            }
        }
    };
    svg(
        &format!("Confusion matrix of {}", series.name),
        top + cell_height * count + 4.0,
        &body,
    )
}

/// Writes whole per cent without the sign, because cells are small.
fn percent(share: f64) -> String {
    if share < 0.005 {
        "<1".to_owned()
    } else {
        format!("{:.0}", share * 100.0)
    }
}
