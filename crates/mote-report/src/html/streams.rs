//! Decisions on continuous streams: the figures to quote, what they depend on, and an hour of one user.

use super::table::{Look, draw};
use super::{Page, chips, distinct, framed, section};
use crate::format;
use crate::plots::{self, Line, TimeAxis};
use crate::schema::StreamFigures;
use crate::tables;
use crate::view;
use maud::{Markup, html};

/// What the figures of the table say, in plain words.
const HOW_TO_READ: &str = "m-F1 is the figure to quote: it counts every sample, those just after a change, too. A long \
    window makes few errors while one activity lasts and notices the next one late: accuracy falls towards short bouts, and \
    the delay grows. A short one is quick and changes its mind more often: false changes per hour. A pipeline is good when it \
    is quick and steady at once.";

/// Draws table and plots; nothing when no run was judged on streams.
pub(super) fn streams(page: &Page<'_>) -> Markup {
    let Some(table) = tables::streams(page.results) else {
        return html! {};
    };
    let about = tables::about_streams(page.results).unwrap_or_default();
    let look = Look {
        class: "",
        remarks: &|s| view::own_window(page.results, s.run).into_iter().collect(),
        baseline: None,
        foot: None,
    };
    let body = html! {
        (draw(page, &table, &look))
        p.note { (HOW_TO_READ) }
        div.grid.below {
            (over_bouts(page))
            (since_change(page))
        }
        (strips(page))
        (windows(page))
        (losses(page))
    };
    section("streams", "On a continuous stream", &about, &body)
}

/// Draws accuracy over the length of bouts.
fn over_bouts(page: &Page<'_>) -> Markup {
    let axis = TimeAxis {
        title: "length of every bout",
        marks: lengths(page),
        log: true,
    };
    let points = |stream: &StreamFigures| -> Vec<(f64, f64)> {
        let bouts = stream.by_bout.iter();
        bouts.map(|b| (b.seconds, b.accuracy)).collect()
    };
    plot(
        page,
        "stream-bouts",
        "accuracy by length of bouts: how much is lost where activities change often",
        &axis,
        points,
    )
}

/// Lists the lengths of bouts that some run was judged on.
fn lengths(page: &Page<'_>) -> Vec<f64> {
    let runs = page.series.iter().filter_map(|s| s.run.stream.as_ref());
    let mut lengths: Vec<f64> = runs
        .flat_map(|s| s.by_bout.iter().map(|b| b.seconds))
        .collect();
    lengths.sort_by(f64::total_cmp);
    lengths.dedup();
    lengths
}

/// Draws accuracy over the time since the last change.
fn since_change(page: &Page<'_>) -> Markup {
    let axis = TimeAxis {
        title: "seconds since the change",
        marks: Vec::new(),
        log: false,
    };
    let points = |stream: &StreamFigures| -> Vec<(f64, f64)> {
        stream.since_change.iter().map(|&[s, a]| (s, a)).collect()
    };
    plot(
        page,
        "stream-since",
        "accuracy after a change of activity: how soon it is noticed",
        &axis,
        points,
    )
}

/// Draws one line per group of runs with the same points; nothing when no run has two.
fn plot(
    page: &Page<'_>,
    name: &str,
    caption: &str,
    axis: &TimeAxis,
    points: impl Fn(&StreamFigures) -> Vec<(f64, f64)>,
) -> Markup {
    let groups = distinct(&page.series, |run| {
        let points = points(run.stream.as_ref()?);
        (points.len() > 1).then_some(points)
    });
    let lines: Vec<Line<'_>> = groups
        .iter()
        .filter_map(|group| {
            let stream = group.first()?.run.stream.as_ref()?;
            Some(Line {
                group,
                points: points(stream),
            })
        })
        .collect();
    html! {
        @if !lines.is_empty() {
            (framed(name, &html! { (caption) }, &plots::lines(&lines, axis, "accuracy")))
        }
    }
}

/// Draws what one user did and what each pipeline decided; pipelines that decided alike share a picture.
fn strips(page: &Page<'_>) -> Markup {
    let groups = distinct(&page.series, |run| run.stream.as_ref()?.strip.as_ref());
    let labels = &page.results.data.labels;
    let user = groups.iter().flatten().find_map(|series| {
        let strip = series.run.stream.as_ref()?.strip.as_ref()?;
        Some(strip.user)
    });
    html! {
        @if let Some(user) = user {
            h3 { "What user " (user) " did, and what was decided" }
            p.about {
                "Of each pair of bars the upper one is the truth and the lower one what was decided; red lines mark where \
                 they differ. Short red lines behind a change are its delay, others are errors that stay. Five minutes a \
                 line, at most an hour."
            }
            div.grid {
                @for group in &groups {
                    @let strip = group.first().and_then(|s| s.run.stream.as_ref()?.strip.as_ref());
                    @if let Some(strip) = strip {
                        (framed("stream-strip", &chips(group), &plots::strip(strip, labels)))
                    }
                }
            }
        }
    }
}

/// Draws figures on windows of common lengths; nothing when no run has them.
fn windows(page: &Page<'_>) -> Markup {
    let Some(table) = tables::windows(page.results) else {
        return html! {};
    };
    let look = Look {
        class: "",
        remarks: &|_| Vec::new(),
        baseline: None,
        foot: None,
    };
    html! {
        h3 { "On windows of common lengths" }
        p.about { (tables::ABOUT_WINDOWS) }
        (draw(page, &table, &look))
    }
}

/// Draws what each class loses to the length of the windows.
fn losses(page: &Page<'_>) -> Markup {
    let losses = tables::losses(page.results);
    let Some(first) = losses.first() else {
        return html! {};
    };
    html! {
        h3 { "What windows leave out" }
        p.about {
            "A window needs that much signal of one activity without a gap, so longer ones are fewer, and what is left are \
             the longer bouts. Each window stands for the signal between it and the next; cells say which share of a class \
             no window stands for. Figures on windows of different lengths are of different moments, those on streams of the \
             same."
        }
        div.scroll tabindex="0" {
            table data-plot="window-loss" {
                thead {
                    tr {
                        th scope="col" { "windows of" }
                        th scope="col" { "windows" }
                        th scope="col" { "all" span.unit { "lost" } }
                        @for class in first.classes { th scope="col" { (class.label) span.unit { "lost" } } }
                    }
                }
                tbody {
                    @for loss in &losses {
                        @let (windows, share) = loss.total();
                        tr {
                            th scope="row" {
                                (format::significant(loss.window_s)) " s "
                                @for &run in &loss.runs {
                                    @let series = page.series[run];
                                    span class={ "chip " (series.class()) } title=(series.name) { (series.index + 1) }
                                }
                            }
                            td { (format::integer(windows as u64)) }
                            td { (percent(share)) }
                            @for class in loss.classes {
                                td title=(format!("{} of {} s", format::integer(class.lost_s.round() as u64),
                                    format::integer(class.signal_s.round() as u64))) {
                                    (percent(class.lost_s / class.signal_s.max(1e-9)))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Writes a share in whole per cent.
fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}
