//! The sections with plots, and how to reproduce the figures.

use super::{Page, chip, chips, distinct, framed, pane, section, when_target};
use crate::figures::figure;
use crate::format;
use crate::plots::{self, Axis, Family, MemoryKind, Metric, Point, Series};
use crate::schema::DeviceFigures;
use crate::tables;
use crate::view::Target;
use crate::waiting::waiting;
use maud::{Markup, html};

/// A cost to plot accuracy against.
struct Cost {
    plot: &'static str,
    /// Name of the figure.
    figure: &'static str,
    axis: Axis,
}

const MODEL_COSTS: [Cost; 2] = [
    Cost {
        plot: "accuracy-model",
        figure: "model_bytes",
        axis: Axis {
            title: "model bytes",
            show: format::bytes,
            bytes: true,
        },
    },
    Cost {
        plot: "accuracy-macs",
        figure: "macs",
        axis: Axis {
            title: "MAC per inference",
            show: format::round_count,
            bytes: false,
        },
    },
];

const DEVICE_COSTS: [Cost; 4] = [
    Cost {
        plot: "accuracy-flash",
        figure: "flash",
        axis: Axis {
            title: "flash on the device",
            show: format::bytes,
            bytes: true,
        },
    },
    Cost {
        plot: "accuracy-ram",
        figure: "ram",
        axis: Axis {
            title: "RAM on the device",
            show: format::bytes,
            bytes: true,
        },
    },
    Cost {
        plot: "accuracy-latency",
        figure: "latency_ms",
        axis: Axis {
            title: "latency on the device",
            show: |v| format!("{} ms", format::significant(v)),
            bytes: false,
        },
    },
    Cost {
        plot: "accuracy-energy",
        figure: "energy_uj",
        axis: Axis {
            title: "energy per inference",
            show: |v| format!("{} µJ", format::significant(v)),
            bytes: false,
        },
    },
];

/// Places a run in the plane of a cost and a share; `None` when it lacks the share.
pub(super) fn point(series: Series<'_>, metric: Metric, x: f64) -> Option<Point> {
    let share = metric.estimate(series.run)?;
    Some(Point {
        index: series.index,
        color: series.color,
        name: series.name.to_owned(),
        x,
        y: share.mean,
        interval: share.ci95,
        ranked: !series.run.leaks,
    })
}

/// Draws accuracy against size of the model, and against flash, RAM, latency and energy on each board.
pub(super) fn cost(page: &Page<'_>) -> Markup {
    let body = html! {
        @for (number, metric) in page.metrics().into_iter().enumerate() {
            @let when = format!("metric={}", metric.key());
            @let default = number == 0;
            @for (choice, target) in page.targets.iter().enumerate() {
                @let when = format!("{when} {}", when_target(choice));
                @for cost in &DEVICE_COSTS {
                    (tradeoff(page, cost, Some(target), metric, &when, default && choice == 0))
                }
            }
            @for cost in &MODEL_COSTS {
                (tradeoff(page, cost, None, metric, &when, default))
            }
        }
    };
    section(
        "cost",
        "What accuracy costs",
        "Up and left is better. Whiskers are 95 % intervals over folds; the dashed line is the Pareto front: \
         no pipeline beats those on it in both directions. Numbers are those of the table.",
        &html! { div.grid { (body) } },
    )
}

/// Draws one scatter plot as a pane; nothing when no run has the cost.
fn tradeoff(
    page: &Page<'_>,
    cost: &Cost,
    target: Option<&Target>,
    metric: Metric,
    when: &str,
    shown: bool,
) -> Markup {
    let value = figure(cost.figure).value;
    let subjects = tables::subjects(page.results, target, |_| true);
    let known = subjects
        .iter()
        .filter_map(|s| point(page.series[s.index], metric, value(s)?));
    let points: Vec<Point> = known.collect();
    let caption = html! { (metric.name()) " against " (cost.axis.title) };
    let plot = framed(
        cost.plot,
        &caption,
        &plots::scatter(&points, &cost.axis, metric.name()),
    );
    html! { @if !points.is_empty() { (pane(when, shown, "cell", &plot)) } }
}

/// Draws one pane per board with `body`; empty panes are left out.
fn per_board(
    page: &Page<'_>,
    body: impl Fn(&Target, &[(Series<'_>, &DeviceFigures)]) -> Option<Markup>,
) -> Markup {
    html! {
        @for (choice, target) in page.targets.iter().enumerate() {
            @if let Some(body) = body(target, &page.on(target)) {
                (pane(&when_target(choice), choice == 0, "grid", &body))
            }
        }
    }
}

/// Draws memory maps.
pub(super) fn memory(page: &Page<'_>) -> Markup {
    let body = per_board(page, |target, rows| {
        let flash: Vec<_> = rows
            .iter()
            .copied()
            .filter(|(_, d)| d.flash().is_some())
            .collect();
        let ram: Vec<_> = rows
            .iter()
            .copied()
            .filter(|(_, d)| d.ram().is_some())
            .collect();
        let plot = |name: &str, kind: MemoryKind, rows: &[(Series<'_>, &DeviceFigures)]| {
            html! {
                @if !rows.is_empty() {
                    (framed(name, &html! { (kind.name()) " on " (target.board) }, &plots::memory(rows, kind)))
                }
            }
        };
        (!flash.is_empty() || !ram.is_empty()).then(|| {
            html! {
                (plot("memory-flash", MemoryKind::Flash, &flash))
                (plot("memory-ram", MemoryKind::Ram, &ram))
            }
        })
    });
    optional(
        "memory",
        "Memory map",
        "What fills flash and RAM of the deployable image. Stack and heap are peaks under emulation.",
        &body,
    )
}

/// Draws cycles by layer.
pub(super) fn layers(page: &Page<'_>) -> Markup {
    let body = per_board(page, |_, rows| {
        let known: Vec<_> = rows.iter().filter(|(_, d)| !d.layers.is_empty()).collect();
        (!known.is_empty()).then(|| {
            html! {
                @for &&(series, device) in &known {
                    (framed("layers", &chip(series), &plots::layers(series, device)))
                    @for line in waiting(device) { p.note { (line) } }
                }
            }
        })
    });
    optional(
        "layers",
        "Where the cycles go",
        "Cost of each layer of one inference. The paler part of a bar is waiting for flash.",
        &body,
    )
}

/// Draws the spread over users.
pub(super) fn users(page: &Page<'_>) -> Markup {
    let groups = |metric: Metric| {
        distinct(&page.series, |run| {
            let (users, _) = metric.users(run);
            (!users.is_empty()).then_some(users)
        })
    };
    let metrics = page.metrics();
    let plots: Vec<_> = metrics.into_iter().map(|m| (m, groups(m))).collect();
    let body = html! {
        @if plots.iter().any(|(_, groups)| !groups.is_empty()) {
            div.grid {
                @for (metric, groups) in plots.iter().filter(|(_, groups)| !groups.is_empty()) {
                    (framed("users", &html! { (metric.name()) " of each user" },
                        &plots::users(groups, *metric)))
                }
            }
        }
    };
    optional(
        "users",
        "Spread over users",
        "One dot per user, tested by models that never saw that user unless the split leaks. The box holds the \
         middle half, the line is the median.",
        &body,
    )
}

/// Draws F1 by class.
pub(super) fn classes(page: &Page<'_>) -> Markup {
    let groups = distinct(&page.series, |run| {
        let classes = &run.metrics.per_class;
        (!classes.is_empty()).then_some(classes)
    });
    let first = groups.iter().flatten().next();
    let body = html! {
        @if let Some(first) = first {
            (grid("class-f1", &groups, |series| plots::class_f1(series, *first)))
        }
    };
    let about = match (first, groups.len()) {
        (Some(first), 2..) => format!(
            "F1 over the test windows of all folds. The tick marks {}, to compare with.",
            first.name
        ),
        _ => "F1 over the test windows of all folds.".to_owned(),
    };
    optional("classes", "F1 by class", &about, &body)
}

/// Draws confusion matrices.
pub(super) fn confusions(page: &Page<'_>) -> Markup {
    let groups = distinct(&page.series, |run| {
        let confusion = &run.metrics.confusion;
        (confusion.total() > 0).then_some(confusion)
    });
    optional(
        "confusion",
        "Confusion",
        "Each row is one true class; cells say which per cent of it were taken for the class of the column.",
        &grid("confusion", &groups, plots::confusion),
    )
}

/// Draws learning curves.
pub(super) fn curves(page: &Page<'_>) -> Markup {
    let groups = distinct(&page.series, |run| {
        let folds = run.fold_results.iter();
        let curves: Vec<_> = folds.map(|f| (f.best_epoch, &f.history)).collect();
        curves.iter().any(|(_, h)| !h.is_empty()).then_some(curves)
    });
    optional(
        "curves",
        "Learning curves",
        "One line per fold.",
        &grid("curves", &groups, plots::curves),
    )
}

/// Draws label efficiency.
pub(super) fn labels(page: &Page<'_>) -> Markup {
    let families = Family::all(page.series.iter().map(|s| s.run));
    let body = html! {
        @if !families.is_empty() {
            div.grid { (framed("labels", &html! { "m-F1 by labels" }, &plots::labels(&families))) }
        }
    };
    optional(
        "labels",
        "Label efficiency",
        "How far a share of the training users' labels goes. Whiskers are 95 % intervals over folds.",
        &body,
    )
}

/// Draws one plot for each group of runs, from its first run; nothing without groups.
fn grid<'a>(name: &str, groups: &[Vec<Series<'a>>], plot: impl Fn(Series<'a>) -> Markup) -> Markup {
    html! {
        @if !groups.is_empty() {
            div.grid {
                @for group in groups {
                    @if let Some(&first) = group.first() { (framed(name, &chips(group), &plot(first))) }
                }
            }
        }
    }
}

/// Draws a section that is left out when it has no content.
fn optional(id: &str, title: &str, about: &str, body: &Markup) -> Markup {
    html! { @if !body.0.is_empty() { (section(id, title, about, body)) } }
}

/// Draws command, seed, digests, versions and notes.
pub(super) fn reproduce(page: &Page<'_>) -> Markup {
    let results = page.results;
    let data = &results.data;
    let body = html! {
        @if !results.command.is_empty() {
            div.command { pre { code { (results.command) } } button #copy type="button" { "Copy" } }
        }
        dl {
            dt { "Seed" } dd { (results.seed) }
            dt { "Data" } dd {
                (data.source)
                @if data.synthetic { " " strong { "(synthetic)" } }
            }
            dt { "Data digest (SHA-256)" } dd { code.digest { (data.digest) } }
            @if let Some(records) = data.records {
                dt { "Records" } dd {
                    (format::integer(records)) " read"
                    @for (reason, count) in &data.rejected { ", " (format::integer(*count)) " rejected: " (reason) }
                }
            }
            dt { "Versions" } dd {
                @for (i, (tool, version)) in results.versions.iter().enumerate() {
                    @if i > 0 { " · " } (tool) " " (version)
                }
            }
            dt { "Created (UTC)" } dd { (results.created) }
            dt { "How figures were obtained" } dd {
                "elf: read from the image. emulated: counted by the emulator. modelled: computed from counts and \
                 published timings and currents. host: taken on the host. Accuracy of networks comes from the engine that runs \
                 on the device."
            }
        }
        @let runs = page.series.iter().filter(|s| !s.run.notes.is_empty());
        @if !results.notes.is_empty() || runs.clone().next().is_some() {
            h3 { "Notes" }
            ul {
                @for note in &results.notes { li { (note) } }
                @for series in runs {
                    @for note in &series.run.notes { li { (chip(*series)) ": " (note) } }
                }
            }
        }
    };
    section(
        "reproduce",
        "Reproduce it",
        "The same command with the same data and seed gives the same figures; all of them are in results.json \
         beside this page.",
        &body,
    )
}
