//! F1 of each class of one pipeline, with the first pipeline's value as a tick to compare with.

use super::scale::Scale;
use super::{Series, WIDTH, bar, label_width, line, row_label, svg, text};
use crate::format;
use maud::{Markup, html};

const ROW: f64 = 20.0;
const TOP: f64 = 4.0;

/// Draws one bar per class. `reference` is the run whose values are marked; no mark when it is the same run.
pub(crate) fn class_f1(series: Series<'_>, reference: Series<'_>) -> Markup {
    let classes = &series.run.metrics.per_class;
    let left = label_width(classes.iter().map(|c| c.label.as_str()), 130.0) + 10.0;
    let right = WIDTH - 46.0;
    let x = Scale::linear(0.0, 1.0, left, right);
    let bottom = TOP + ROW * classes.len() as f64;
    let body = html! {
        @for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
            (line((x.at(tick), TOP), (x.at(tick), bottom), "grid"))
            (text(x.at(tick), bottom + 15.0, "mid muted", &format::significant(tick)))
        }
        @for (row, class) in classes.iter().enumerate() {
            @let y = TOP + ROW * row as f64;
            (row_label(left - 6.0, y + 14.0, left - 8.0, &class.label))
            @match class.f1 {
                Some(f1) => {
                    (bar(left, y + 3.0, x.at(f1) - left, ROW - 6.0, &format!("{} fill", series.class()),
                        &format!("{}: F1 {} on {} windows", class.label, format::share(f1),
                            format::integer(class.windows))))
                    (text(right + 6.0, y + 14.0, "", &format::share(f1)))
                }
                None => (text(left + 6.0, y + 14.0, "muted", "not in the test data")),
            }
            @let other = reference.run.metrics.per_class.iter().find(|c| c.label == class.label);
            @if let Some(f1) = other.and_then(|c| c.f1).filter(|_| reference.index != series.index) {
                (line((x.at(f1), y + 1.0), (x.at(f1), y + ROW - 1.0), "reference"))
            }
        }
    };
    svg(
        &format!("F1 by class of {}", series.name),
        bottom + 20.0,
        &body,
    )
}
