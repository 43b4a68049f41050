//! Shares over time: one line per pipeline, with the pipelines' numbers where the lines end.

use super::scale::Scale;
use super::{Series, WIDTH, line, n, svg, text};
use crate::format;
use maud::{Markup, html};

const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 74.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 256.0;
const HEIGHT: f64 = 300.0;
/// Least distance between two labels.
const APART: f64 = 13.0;

/// The line of one or several pipelines with the same figures.
pub(crate) struct Line<'a> {
    /// The pipelines; at least one.
    pub group: &'a [Series<'a>],
    /// Seconds, and a share, by rising seconds.
    pub points: Vec<(f64, f64)>,
}

/// The axis of time.
pub(crate) struct TimeAxis {
    pub title: &'static str,
    /// Where values are marked; a round scale of its own when there is none.
    pub marks: Vec<f64>,
    /// Whether steps are factors; the lines then have a dot at each point.
    pub log: bool,
}

/// Draws `lines`; `y_title` names the share.
pub(crate) fn lines(lines: &[Line<'_>], axis: &TimeAxis, y_title: &str) -> Markup {
    let points = || lines.iter().flat_map(|l| &l.points);
    let least = points().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let most = points().map(|p| p.0).fold(0.0, f64::max);
    let x = match axis.log {
        true => Scale::log(least, most, LEFT + 10.0, RIGHT),
        false => Scale::linear(0.0, most, LEFT, RIGHT),
    };
    let shares: Vec<f64> = points().map(|p| p.1).collect();
    let y = Scale::for_shares(&shares, BOTTOM, TOP);
    let marks = match axis.marks.is_empty() {
        true => x.ticks(5),
        false => axis.marks.clone(),
    };
    let labels = places(lines, &y);
    let body = html! {
        (text(4.0, 12.0, "", y_title))
        @for tick in y.ticks(5) {
            (line((LEFT, y.at(tick)), (RIGHT, y.at(tick)), "grid"))
            (text(LEFT - 6.0, y.at(tick) + 4.0, "end muted", &format::significant(tick)))
        }
        @for mark in marks {
            (line((x.at(mark), BOTTOM), (x.at(mark), BOTTOM + 4.0), "axis"))
            (text(x.at(mark), BOTTOM + 17.0, "mid muted", &format!("{} s", format::significant(mark))))
        }
        (line((LEFT, BOTTOM), (RIGHT, BOTTOM), "axis"))
        (text(RIGHT, HEIGHT - 8.0, "end", axis.title))
        @for (one, label) in lines.iter().zip(labels) {
            @if let Some(first) = one.group.first() {
                @let way: Vec<String> = one.points.iter()
                    .map(|(s, v)| format!("{},{}", n(x.at(*s)), n(y.at(*v)))).collect();
                g class=(first.class()) {
                    polyline points=(way.join(" ")) class="curve" { title { (name(one.group)) } }
                    @if axis.log {
                        @for (seconds, share) in &one.points {
                            circle cx=(n(x.at(*seconds))) cy=(n(y.at(*share))) r="4" class="mark" {
                                title {
                                    (name(one.group)) ": " (y_title) " " (format::share(*share)) " at "
                                    (format::significant(*seconds)) " s"
                                }
                            }
                        }
                    }
                    text x=(n(RIGHT + 8.0)) y=(n(label + 4.0)) class="name" {
                        (numbers(one.group)) title { (name(one.group)) }
                    }
                }
            }
        }
    };
    let label = format!("{y_title} over {}, {} lines", axis.title, lines.len());
    svg(&label, HEIGHT, &body)
}

/// Writes the names of a group.
fn name(group: &[Series<'_>]) -> String {
    let names: Vec<&str> = group.iter().map(|s| s.name).collect();
    names.join(", ")
}

/// Writes the numbers of a group as far as there is room: `3, 8, …`.
fn numbers(group: &[Series<'_>]) -> String {
    let numbers: Vec<String> = group.iter().map(|s| (s.index + 1).to_string()).collect();
    format::shorten(&numbers.join(", "), 8)
}

/// Returns the height of each label: that of its line's end, moved so far that labels do not touch.
fn places(lines: &[Line<'_>], y: &Scale) -> Vec<f64> {
    let end = |l: &Line<'_>| l.points.last().map_or(BOTTOM, |p| y.at(p.1));
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|&a, &b| end(&lines[a]).total_cmp(&end(&lines[b])));
    let mut places = vec![0.0; lines.len()];
    let mut lowest = f64::NEG_INFINITY;
    for &i in &order {
        lowest = end(&lines[i]).max(lowest + APART);
        places[i] = lowest;
    }
    // What was pushed below the axis goes up again, and pushes the others.
    let mut highest = BOTTOM + APART;
    for &i in order.iter().rev() {
        places[i] = f64::min(places[i], highest - APART);
        highest = places[i];
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Metrics, Run};

    #[test]
    fn labels_never_touch_and_keep_the_order_of_the_ends() {
        let run = Run::new("p", "t", "s", Metrics::default());
        let series = [Series {
            index: 0,
            color: 0,
            name: "p",
            run: &run,
        }];
        let all: Vec<Line<'_>> = [0.5, 0.5, 0.9, 0.501, 0.2]
            .iter()
            .map(|&end| Line {
                group: &series,
                points: vec![(0.0, 0.1), (1.0, end)],
            })
            .collect();
        let y = Scale::for_shares(&[0.2, 0.9], BOTTOM, TOP);
        let places = places(&all, &y);
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|w| w[1] - w[0] >= APART - 1e-9));
        assert!(places[2] < places[3] && places[3] < places[4]);
        assert!(sorted[4] <= BOTTOM);
    }
}
