//! How a figure spreads over users: one dot per user, a box over the quartiles, one row per pipeline.

use super::scale::Scale;
use super::{Metric, Series, WIDTH, line, n, svg, text};
use crate::format;
use crate::schema::{Quantiles, UserScores};
use maud::{Markup, html};

const ROW: f64 = 52.0;
const TOP: f64 = 6.0;
const LEFT: f64 = 12.0;
const RIGHT: f64 = WIDTH - 12.0;
const RADIUS: f64 = 3.0;

/// Draws one row per group of pipelines with the same per-user figures.
pub(crate) fn users(groups: &[Vec<Series<'_>>], metric: Metric) -> Markup {
    let shown: Vec<(Series<'_>, String)> = groups
        .iter()
        .filter_map(|group| Some((*group.first()?, name(group))))
        .collect();
    let all: Vec<f64> = shown
        .iter()
        .flat_map(|(s, _)| {
            let (users, value) = metric.users(s.run);
            users.iter().map(value)
        })
        .collect();
    let lowest = all.iter().copied().fold(1.0, f64::min);
    let x = Scale::linear((lowest - 0.05).max(0.0), 1.0, LEFT, RIGHT);
    let bottom = TOP + ROW * shown.len() as f64;
    let body = html! {
        @for tick in x.ticks(6) {
            (line((x.at(tick), TOP), (x.at(tick), bottom), "grid"))
            (text(x.at(tick), bottom + 15.0, "mid muted", &format::significant(tick)))
        }
        (text(RIGHT, bottom + 32.0, "end", &format!("{} per user", metric.name())))
        @for (row, (series, name)) in shown.iter().enumerate() {
            @let y = TOP + ROW * row as f64;
            @let middle = y + 33.0;
            @let (users, value) = metric.users(series.run);
            @let quantiles = Quantiles::of(&users.iter().map(value).collect::<Vec<_>>());
            g class=(series.class()) {
                text x=(n(LEFT)) y=(n(y + 14.0)) class="name" {
                    (format::shorten(name, 25)) title { (name) }
                }
                (text(RIGHT, y + 14.0, "end muted", &format!("median {} · worst tenth {}",
                    format::share(quantiles.median), format::share(quantiles.q10))))
                rect x=(n(x.at(quantiles.q25))) y=(n(middle - 9.0)) height="18" rx="3" class="box"
                    width=(n((x.at(quantiles.q75) - x.at(quantiles.q25)).max(1.0))) {
                    title {
                        "Half of the users lie between " (format::share(quantiles.q25)) " and "
                        (format::share(quantiles.q75))
                    }
                }
                @for (user, shift) in swarm(users, &x, value) {
                    circle cx=(n(x.at(value(user)))) cy=(n(middle + shift)) r=(n(RADIUS)) class="dot" {
                        title {
                            "user " (user.user) ": " (metric.name()) " " (format::share(value(user)))
                            " on " (format::integer(user.windows)) @if metric == Metric::Stream { " samples" } @else { " windows" }
                        }
                    }
                }
                (line((x.at(quantiles.median), middle - 11.0), (x.at(quantiles.median), middle + 11.0),
                    "median"))
            }
        }
    };
    svg(
        &format!("{} by user, {} rows", metric.name(), shown.len()),
        bottom + 38.0,
        &body,
    )
}

/// Writes `cnn`, or `cnn and 4 others`.
fn name(group: &[Series<'_>]) -> String {
    match group {
        [] => String::new(),
        [one] => one.name.to_owned(),
        [first, other] => format!("{} and {}", first.name, other.name),
        [first, others @ ..] => format!("{} and {} others", first.name, others.len()),
    }
}

/// Moves dots up and down so that neighbours stay apart, as far as the row allows.
fn swarm<'a>(
    users: &'a [UserScores],
    x: &Scale,
    value: impl Fn(&UserScores) -> f64,
) -> Vec<(&'a UserScores, f64)> {
    let mut sorted: Vec<&UserScores> = users.iter().collect();
    sorted.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let mut placed: Vec<(&UserScores, f64)> = Vec::with_capacity(sorted.len());
    for user in sorted {
        let at = x.at(value(user));
        let free =
            |shift: f64| {
                placed.iter().rev().take(12).all(|(other, s)| {
                    (at - x.at(value(other))).hypot(shift - s) >= 2.0 * RADIUS - 0.5
                })
            };
        let shift = [0.0, -5.0, 5.0, -10.0, 10.0, -2.5, 2.5, -7.5, 7.5]
            .into_iter()
            .find(|&s| free(s))
            .unwrap_or(0.0);
        placed.push((user, shift));
    }
    placed
}
