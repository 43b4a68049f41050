//! Accuracy against cost, with the Pareto front drawn.

use super::scale::Scale;
use super::{WIDTH, class, line, n, svg, text};
use crate::format;
use maud::{Markup, html};
use mote_metrics::pareto_front;

/// One pipeline in the plane of cost and accuracy.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// Position in the results.
    pub index: usize,
    /// Colour of the pipeline.
    pub color: usize,
    pub name: String,
    /// Cost; smaller is better.
    pub x: f64,
    /// Share; larger is better.
    pub y: f64,
    /// Half-width of the interval of `y`.
    pub interval: Option<f64>,
    /// Whether it can be on the Pareto front; a leaking run cannot.
    pub ranked: bool,
}

/// The cost axis.
pub(crate) struct Axis {
    pub title: &'static str,
    /// How a value reads.
    pub show: fn(f64) -> String,
    /// Whether values are bytes, which decides what is round.
    pub bytes: bool,
}

const HEIGHT: f64 = 300.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = HEIGHT - 44.0;
const RADIUS: f64 = 5.5;
/// Width of one character of a label; they are bold.
const LETTER: f64 = 7.2;
/// Room on either side of a label, so that it is not read together with the next one.
const GAP: f64 = 2.0;
/// With more points than this, numbers stand for names.
const NAMED: usize = 7;

/// Draws `points`; `y_title` names the share.
pub(crate) fn scatter(points: &[Point], axis: &Axis, y_title: &str) -> Markup {
    let xs: Vec<f64> = points.iter().map(|p| p.x).collect();
    let ys: Vec<f64> = points
        .iter()
        .flat_map(|p| {
            let half = p.interval.unwrap_or(0.0);
            [p.y - half, p.y, p.y + half]
        })
        .collect();
    let x = Scale::for_sizes(&xs, LEFT, RIGHT);
    let x = if axis.bytes { x.in_bytes() } else { x };
    let y = Scale::for_shares(&ys, BOTTOM, TOP);
    let label = format!(
        "{y_title} against {} of {} pipelines",
        axis.title,
        points.len()
    );
    let front = front(points);
    let clusters = clusters(points, &x, &y);
    let body = html! {
        @for tick in y.ticks(5) {
            (line((LEFT, y.at(tick)), (RIGHT, y.at(tick)), "grid"))
            (text(LEFT - 6.0, y.at(tick) + 4.0, "end muted", &format::significant(tick)))
        }
        @for tick in x.ticks(5) {
            (line((x.at(tick), BOTTOM), (x.at(tick), BOTTOM + 4.0), "axis"))
            (text(x.at(tick), BOTTOM + 17.0, "mid muted", &(axis.show)(tick)))
        }
        (line((LEFT, BOTTOM), (RIGHT, BOTTOM), "axis"))
        (text(RIGHT, HEIGHT - 8.0, "end", axis.title))
        (text(4.0, 12.0, "", y_title))
        @if front.len() > 1 { path d=(staircase(&front, &x, &y)) class="front" { title { "Pareto front" } } }
        @for p in points {
            @if let Some(half) = p.interval {
                line x1=(n(x.at(p.x))) x2=(n(x.at(p.x))) y1=(n(y.at(p.y - half))) y2=(n(y.at(p.y + half)))
                    class={ (class(p.color)) @if points.len() > NAMED { " faint" } " interval" } {}
            }
        }
        @for cluster in &clusters {
            g {
                title {
                    @for (i, p) in cluster.iter().enumerate() {
                        @if i > 0 { "\n" }
                        (p.name) ": " (y_title) " " (format::share(p.y)) ", " (axis.title) " " ((axis.show)(p.x))
                    }
                }
                @for p in cluster {
                    circle cx=(n(x.at(p.x))) cy=(n(y.at(p.y))) r=(n(RADIUS)) class={ (class(p.color)) " mark" } {}
                }
            }
        }
        @for (cluster, place) in clusters.iter().zip(places(&clusters, &x, &y)) {
            @if let (Some(p), Some((px, py, name))) = (cluster.first(), place) {
                text x=(n(px)) y=(n(py)) class={ (class(p.color)) " name" } { (name) }
            }
        }
    };
    svg(&label, HEIGHT, &body)
}

/// Returns the ranked points on the Pareto front, by rising cost.
fn front(points: &[Point]) -> Vec<&Point> {
    let ranked: Vec<&Point> = points.iter().filter(|p| p.ranked).collect();
    let values: Vec<[f64; 2]> = ranked.iter().map(|p| [p.x, -p.y]).collect();
    let on_front = pareto_front(&values).into_iter();
    let mut front: Vec<&Point> = on_front.map(|i| ranked[i]).collect();
    front.sort_by(|a, b| a.x.total_cmp(&b.x));
    front
}

fn staircase(front: &[&Point], x: &Scale, y: &Scale) -> String {
    let mut path = String::new();
    for (i, p) in front.iter().enumerate() {
        let (px, py) = (n(x.at(p.x)), n(y.at(p.y)));
        path.push_str(&if i == 0 {
            format!("M{px} {py}")
        } else {
            format!("H{px}V{py}")
        });
    }
    path.push_str(&format!("H{}", n(RIGHT)));
    path
}

/// A rectangle that is taken.
#[derive(Clone, Copy)]
struct Taken {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Taken {
    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// Groups points of one colour that lie on each other and share a label; where names are shown, every point
/// is on its own. At least one point each.
fn clusters<'a>(points: &'a [Point], x: &Scale, y: &Scale) -> Vec<Vec<&'a Point>> {
    let mut clusters: Vec<Vec<&Point>> = Vec::new();
    for p in points {
        let near = |other: &Point| {
            let apart = (x.at(p.x) - x.at(other.x)).hypot(y.at(p.y) - y.at(other.y));
            other.color == p.color && apart < RADIUS
        };
        let cluster = clusters
            .iter_mut()
            .find(|c| points.len() > NAMED && c.first().is_some_and(|first| near(first)));
        match cluster {
            Some(cluster) => cluster.push(p),
            None => clusters.push(vec![p]),
        }
    }
    clusters
}

/// Writes the runs' numbers, as in the table, with neighbours joined: `1–3, 8`.
fn numbers(cluster: &[&Point]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for p in cluster {
        match ranges.last_mut() {
            Some((_, last)) if *last == p.index => *last = p.index + 1,
            _ => ranges.push((p.index + 1, p.index + 1)),
        }
    }
    let texts: Vec<String> = ranges
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first}–{last}"),
        })
        .collect();
    texts.join(", ")
}

/// Places each label without touching a point or another label: beside its points, above, below. The name
/// where there are few points, otherwise or without room for it the number; nothing where that has no room either.
fn places(clusters: &[Vec<&Point>], x: &Scale, y: &Scale) -> Vec<Option<(f64, f64, String)>> {
    let mut taken: Vec<Taken> = clusters
        .iter()
        .flatten()
        .map(|p| Taken {
            left: x.at(p.x) - RADIUS - 1.0,
            right: x.at(p.x) + RADIUS + 1.0,
            top: y.at(p.y) - RADIUS - 1.0,
            bottom: y.at(p.y) + RADIUS + 1.0,
        })
        .collect();
    clusters
        .iter()
        .map(|cluster| {
            let p = cluster.first()?;
            let name = format::shorten(&p.name, 26);
            let name = (clusters.len() <= NAMED && cluster.len() == 1).then_some(name);
            [name, Some(numbers(cluster))]
                .into_iter()
                .flatten()
                .find_map(|label| {
                    let (px, py) = (x.at(p.x), y.at(p.y));
                    place(label, px, py, &mut taken)
                })
        })
        .collect()
}

/// Finds the first free place for `label` around a point and takes it.
fn place(label: String, px: f64, py: f64, taken: &mut Vec<Taken>) -> Option<(f64, f64, String)> {
    let width = label.chars().count() as f64 * LETTER;
    let beside = RADIUS + 4.0;
    let candidates = [
        (px + beside, py + 4.0),
        (px - beside - width, py + 4.0),
        (px + beside - 2.0, py - 7.0),
        (px + beside - 2.0, py + 15.0),
        (px - beside + 2.0 - width, py - 7.0),
        (px - beside + 2.0 - width, py + 15.0),
        (px - width / 2.0, py - 11.0),
        (px - width / 2.0, py + 19.0),
        (px - beside + 2.0 - width, py - 22.0),
        (px - beside + 2.0 - width, py + 30.0),
        (px - width / 2.0, py - 24.0),
        (px - width / 2.0, py + 32.0),
    ];
    candidates.into_iter().find_map(|(left, baseline)| {
        let place = Taken {
            left: left - GAP,
            right: left + width + GAP,
            top: baseline - 10.0,
            bottom: baseline + 3.0,
        };
        let inside = place.left >= LEFT
            && place.right <= WIDTH
            && place.top >= TOP - 8.0
            && place.bottom <= BOTTOM;
        (inside && !taken.iter().any(|t| t.meets(&place))).then(|| {
            taken.push(place);
            (left, baseline, label.clone())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(index: usize, x: f64, y: f64) -> Point {
        Point {
            index,
            color: index,
            name: format!("pipeline {index}"),
            x,
            y,
            interval: None,
            ranked: true,
        }
    }

    #[test]
    fn the_front_holds_what_nothing_beats() {
        let points = [
            point(0, 10.0, 0.8),
            point(1, 20.0, 0.7),
            point(2, 30.0, 0.9),
            point(3, 10.0, 0.75),
            point(4, 40.0, 0.9),
        ];
        let on_front =
            |points: &[Point]| -> Vec<usize> { front(points).iter().map(|p| p.index).collect() };
        assert_eq!(on_front(&points), [0, 2]);
        let leak = Point {
            ranked: false,
            ..point(5, 1.0, 0.99)
        };
        assert_eq!(on_front(&[points.to_vec(), vec![leak]].concat()), [0, 2]);
    }

    #[test]
    fn labels_do_not_overlap() {
        let points: Vec<Point> = (0..8).map(|i| point(i, 100.0 + i as f64, 0.9)).collect();
        let x = Scale::for_sizes(&[100.0, 107.0], LEFT, RIGHT);
        let y = Scale::for_shares(&[0.9], BOTTOM, TOP);
        let placed: Vec<Taken> = places(&clusters(&points, &x, &y), &x, &y)
            .into_iter()
            .flatten()
            .map(|(left, baseline, name)| Taken {
                left,
                right: left + name.chars().count() as f64 * LETTER,
                top: baseline - 10.0,
                bottom: baseline + 3.0,
            })
            .collect();
        assert!(placed.len() >= 2);
        for (i, a) in placed.iter().enumerate() {
            assert!(placed.iter().skip(i + 1).all(|b| !a.meets(b)));
        }
    }

    #[test]
    fn points_on_each_other_share_a_label() {
        let mut points: Vec<Point> = (0..8).map(|i| point(i, 100.0, 0.9)).collect();
        points.push(point(8, 900.0, 0.9));
        for p in &mut points {
            p.color = 0;
        }
        let (x, y) = (
            Scale::for_sizes(&[100.0, 900.0], LEFT, RIGHT),
            Scale::for_shares(&[0.9], BOTTOM, TOP),
        );
        let labels = |points: &[Point]| -> Vec<String> {
            let clusters = clusters(points, &x, &y);
            clusters.iter().map(|c| numbers(c)).collect()
        };
        assert_eq!(labels(&points), ["1–8", "9"]);
        points[3].color = 1;
        points[6].index = 20;
        assert_eq!(labels(&points), ["1–3, 5, 6, 21, 8", "4", "9"]);
    }
}
