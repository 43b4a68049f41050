//! Learning curves of one pipeline: loss above, validation m-F1 below, one thin line per fold.

use super::scale::Scale;
use super::{Series, WIDTH, line, n, svg, text};
use crate::format;
use crate::schema::Epoch;
use maud::{Markup, html};

const LEFT: f64 = 44.0;
const RIGHT: f64 = WIDTH - 10.0;
/// Top and bottom of the two panels.
const LOSS: (f64, f64) = (22.0, 128.0);
const SCORE: (f64, f64) = (158.0, 264.0);
const HEIGHT: f64 = 300.0;

type Figure = fn(&Epoch) -> Option<f64>;

/// Draws the pipeline's folds; the run must have at least one fold with a history.
pub(crate) fn curves(series: Series<'_>) -> Markup {
    let folds: Vec<&[Epoch]> = series
        .run
        .fold_results
        .iter()
        .map(|f| f.history.as_slice())
        .filter(|h| !h.is_empty())
        .collect();
    let last = folds
        .iter()
        .flat_map(|f| f.iter().map(|e| e.epoch))
        .max()
        .unwrap_or(1);
    let x = Scale::linear(1.0, last.max(2) as f64, LEFT, RIGHT);
    let all = |figure: Figure| -> Vec<f64> {
        let values = folds.iter().flat_map(|f| f.iter().filter_map(figure));
        values.filter(|v| v.is_finite()).collect()
    };
    let losses = [all(|e| e.loss), all(|e| e.validation_loss)].concat();
    let highest = losses.iter().copied().fold(0.0, f64::max);
    let loss = Scale::linear(0.0, highest * 1.05, LOSS.1, LOSS.0);
    let score = Scale::for_shares(&all(|e| e.validation_macro_f1), SCORE.1, SCORE.0);
    let best: Vec<(usize, f64)> = series
        .run
        .fold_results
        .iter()
        .filter_map(|f| {
            let epoch = f.best_epoch?;
            let at = f.history.iter().find(|e| e.epoch == epoch)?;
            Some((epoch, at.validation_macro_f1?))
        })
        .collect();
    let body = html! {
        (text(4.0, 12.0, "", "loss"))
        (text(RIGHT, 12.0, "end muted", "— training   ┄ validation"))
        @for tick in loss.ticks(3) {
            (line((LEFT, loss.at(tick)), (RIGHT, loss.at(tick)), "grid"))
            (text(LEFT - 6.0, loss.at(tick) + 4.0, "end muted", &format::significant(tick)))
        }
        (text(4.0, SCORE.0 - 10.0, "", "validation m-F1"))
        @if !best.is_empty() { (text(RIGHT, SCORE.0 - 10.0, "end muted", "● weights kept")) }
        @for tick in score.ticks(4) {
            (line((LEFT, score.at(tick)), (RIGHT, score.at(tick)), "grid"))
            (text(LEFT - 6.0, score.at(tick) + 4.0, "end muted", &format::significant(tick)))
        }
        @for tick in x.ticks(6).iter().filter(|t| t.fract() == 0.0) {
            (text(x.at(*tick), SCORE.1 + 16.0, "mid muted", &format::significant(*tick)))
        }
        (text(RIGHT, HEIGHT - 4.0, "end", "epoch"))
        g class=(series.class()) {
            @for fold in &folds {
                (curve(fold, &x, &loss, |e| e.loss, "curve"))
                (curve(fold, &x, &loss, |e| e.validation_loss, "curve dashed"))
                (curve(fold, &x, &score, |e| e.validation_macro_f1, "curve"))
            }
            @for (epoch, at) in &best {
                circle cx=(n(x.at(*epoch as f64))) cy=(n(score.at(*at))) r="3" class="dot" {
                    title { "epoch " (epoch) ": validation m-F1 " (format::share(*at)) }
                }
            }
        }
    };
    svg(
        &format!("Learning curves of {}, {} folds", series.name, folds.len()),
        HEIGHT,
        &body,
    )
}

fn curve(fold: &[Epoch], x: &Scale, y: &Scale, figure: Figure, class: &str) -> Markup {
    let points: Vec<String> = fold
        .iter()
        .filter_map(|e| Some((e.epoch, figure(e).filter(|v| v.is_finite())?)))
        .map(|(epoch, value)| format!("{},{}", n(x.at(epoch as f64)), n(y.at(value))))
        .collect();
    html! { @if points.len() > 1 { polyline points=(points.join(" ")) class=(class) {} } }
}
