//! An hour of one user: what was right above, what was decided below, and where the two differ.

use super::{COLORS, WIDTH, bar, class, line, n, svg, text};
use crate::format;
use crate::schema::Strip;
use maud::{Markup, html};

const LEFT: f64 = 34.0;
const RIGHT: f64 = WIDTH - 4.0;
/// Seconds per row.
const ROW_S: f64 = 300.0;
const ROW: f64 = 44.0;
const BAR: f64 = 12.0;
const LEGEND: f64 = 16.0;

/// Draws `strip`, five minutes per row; classes are named by `labels`.
pub(crate) fn strip(strip: &Strip, labels: &[String]) -> Markup {
    let per_row = ((ROW_S / strip.seconds.max(0.01)).round() as usize).max(1);
    let len = strip.truth.len().min(strip.decided.len());
    let rows = len.div_ceil(per_row);
    let x = |t: usize| LEFT + (RIGHT - LEFT) * (t % per_row) as f64 / per_row as f64;
    let width = (RIGHT - LEFT) / per_row as f64;
    let truth: Vec<Option<usize>> = strip.truth.iter().copied().map(Some).collect();
    let (legend, top) = legend(&seen(strip, labels.len()), labels);
    let name = |class: Option<usize>| {
        let label = class.and_then(|c| labels.get(c));
        label.map_or("no decision yet", String::as_str)
    };
    // Minutes and seconds from the beginning of the stream.
    let clock = |t: usize| {
        let seconds = (t as f64 * strip.seconds).round() as u64;
        format!("{}:{:02}", seconds / 60, seconds % 60)
    };
    let bars = |values: &[Option<usize>], from: usize, y: f64, what: &str| {
        html! {
            @for (start, end) in runs(values) {
                @let (at, class) = (from + start, values[start]);
                @if let Some(color) = class {
                    rect x=(n(x(at))) y=(n(y)) width=(n(width * (end - start) as f64)) height=(n(BAR))
                        class={ (self::class(color)) " fill" } {
                        title {
                            (what) " " (name(class)) ", " (clock(at)) " to " (clock(from + end))
                        }
                    }
                }
            }
        }
    };
    let body = html! {
        (legend)
        @for row in 0..rows {
            @let (from, to) = (row * per_row, len.min((row + 1) * per_row));
            @let y = top + ROW * row as f64;
            (text(LEFT - 6.0, y + BAR + 4.0, "end muted", &clock(from)))
            (bars(&truth[from..to], from, y, "truth:"))
            (bars(&strip.decided[from..to], from, y + BAR + 2.0, "decided:"))
            @let wrong: Vec<bool> = (from..to).map(|t| strip.decided[t] != truth[t]).collect();
            @for (start, end) in runs(&wrong).into_iter().filter(|r| wrong[r.0]) {
                @let y = y + 2.0 * BAR + 6.0;
                (line((x(from + start), y), (x(from + start) + width * (end - start) as f64, y), "limit"))
            }
        }
    };
    let label = format!(
        "Truth and decisions of user {} over {} minutes",
        strip.user,
        format::significant((len as f64 * strip.seconds / 60.0).round())
    );
    svg(&label, top + ROW * rows as f64, &body)
}

/// Lists the classes that are right or decided somewhere.
fn seen(strip: &Strip, classes: usize) -> Vec<usize> {
    let decided = strip.decided.iter().copied().flatten();
    let mut seen: Vec<usize> = strip.truth.iter().copied().chain(decided).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.retain(|&c| c < classes);
    seen
}

/// Draws the colour of each class in lines that fit, and returns where they end.
fn legend(classes: &[usize], labels: &[String]) -> (Markup, f64) {
    let (mut x, mut y) = (0.0, 0.0);
    let mut places = Vec::new();
    for &class in classes {
        let label = format::shorten(&labels[class], 24);
        let needed = 18.0 + label.chars().count() as f64 * super::CHARACTER + 8.0;
        if x > 0.0 && x + needed > WIDTH {
            (x, y) = (0.0, y + LEGEND);
        }
        places.push((class, label, x, y));
        x += needed;
    }
    let drawn = html! {
        @for (class, label, x, y) in &places {
            (bar(*x, y + 2.0, 10.0, 10.0, &format!("{} fill", self::class(*class)), label))
            (text(x + 15.0, y + 11.0, "", label))
        }
        @if classes.iter().any(|&c| c >= COLORS) {
            (text(0.0, y + LEGEND + 11.0, "muted", "Colours repeat: point at a bar for its name."))
        }
    };
    let more = classes.iter().any(|&c| c >= COLORS);
    let lines = if more { 2.0 } else { 1.0 };
    (drawn, y + lines * LEGEND + 8.0)
}

/// Returns the beginning and the end of each run of equal values.
fn runs<T: PartialEq>(values: &[T]) -> Vec<(usize, usize)> {
    let mut end = 0;
    let run = |run: &[T]| {
        let start = end;
        end += run.len();
        (start, end)
    };
    values.chunk_by(|a, b| a == b).map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_truth_and_decisions_become_bars_and_errors_are_marked() {
        let strip = Strip {
            user: 7,
            seconds: 1.0,
            truth: vec![0, 0, 0, 1, 1, 1],
            decided: vec![None, Some(0), Some(0), Some(0), Some(1), Some(1)],
        };
        let labels = ["sit", "walk"].map(str::to_owned);
        let svg = super::strip(&strip, &labels).into_string();
        assert_eq!(svg.matches("truth: ").count(), 2);
        assert_eq!(svg.matches("decided: ").count(), 2, "none is no bar");
        assert!(svg.contains("decided: sit, 0:01 to 0:04"), "{svg}");
        // Before the first decision, and a second late.
        assert_eq!(svg.matches("class=\"limit\"").count(), 2);
        assert!(svg.contains("user 7"));
    }

    #[test]
    fn an_hour_takes_twelve_rows() {
        let strip = Strip {
            user: 7,
            seconds: 1.0,
            truth: vec![0; 3600],
            decided: vec![Some(0); 3600],
        };
        let svg = super::strip(&strip, &["sit".to_owned()]).into_string();
        assert_eq!(svg.matches("truth: ").count(), 12);
        assert!(svg.contains(">55:00<"));
    }
}
