//! The self-contained HTML report: one file, no requests, works offline and without scripts.
//!
//! Where the reader can choose (board, metric), every choice is in the page as a *pane*, an element with
//! `data-when="target=0 metric=f1"`; the script shows the panes that match the choices.

mod ablation;
mod headline;
mod sections;
mod streams;
mod table;
mod tables;

use crate::ablation::colors as ablation_colors;
use crate::figures;
use crate::format;
use crate::plots::{self, Metric, Series};
use crate::schema::{DeviceFigures, Results, Run};
use crate::view::{self, Target};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("assets/report.css");
const SCRIPT: &str = include_str!("assets/report.js");

/// What every part of the page needs.
struct Page<'a> {
    results: &'a Results,
    series: Vec<Series<'a>>,
    targets: Vec<Target>,
}

impl<'a> Page<'a> {
    /// Returns the runs that have figures on `target`, with those figures.
    fn on(&self, target: &Target) -> Vec<(Series<'a>, &'a DeviceFigures)> {
        let found = self.series.iter().map(|&s| (s, target.find(s.run)));
        found.filter_map(|(s, d)| Some((s, d?))).collect()
    }

    /// Returns the metrics to choose from.
    fn metrics(&self) -> Vec<Metric> {
        Metric::of(self.results)
    }

    /// Returns the metric that is quoted first: on streams, where any run was judged on them.
    fn metric(&self) -> Metric {
        let first = self.metrics().first().copied();
        first.unwrap_or(Metric::MacroF1)
    }
}

/// Renders the report as one HTML page.
pub fn render_html(results: &Results) -> String {
    let names = view::names(results);
    let colors = ablation_colors(results, plots::COLORS);
    let series = results.runs.iter().zip(&names).zip(colors).enumerate();
    let page = Page {
        results,
        series: series
            .map(|(index, ((run, name), color))| Series {
                index,
                color,
                name,
                run,
            })
            .collect(),
        targets: Target::all(results),
    };
    let synthetic = results.data.synthetic;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "Mote " (env!("CARGO_PKG_VERSION")) };
                title { @if synthetic { "[SYNTHETIC] " } "Mote · " (results.task) }
                style { (PreEscaped(STYLE)) }
            }
            body class=[synthetic.then_some("synthetic")] {
                (header(&page))
                main {
                    @if results.runs.is_empty() {
                        p.empty { "This comparison holds no run: nothing was evaluated." }
                    } @else {
                        (tiles(&page))
                        (controls(&page))
                        (headline::headline(&page))
                        (streams::streams(&page))
                        (sections::cost(&page))
                        (sections::memory(&page))
                        (tables::envelope(&page))
                        (sections::users(&page))
                        (tables::smoothed(&page))
                        (sections::labels(&page))
                        (ablation::techniques(&page))
                        (tables::all(&page))
                        (sections::layers(&page))
                        (sections::classes(&page))
                        (sections::confusions(&page))
                        (sections::curves(&page))
                    }
                    (sections::reproduce(&page))
                }
                footer { "Made by Mote " (env!("CARGO_PKG_VERSION")) ", " (results.created) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn header(page: &Page<'_>) -> Markup {
    let results = page.results;
    html! {
        header.top {
            div.wrap {
                div.brand {
                    span.logo aria-hidden="true" {}
                    span { "Mote" }
                    button #theme type="button" aria-label="Switch between light and dark" { "◐" }
                }
                h1 { (results.task) }
                p.lead {
                    (view::data_line(results))
                    @if !results.runs.is_empty() { br; (view::protocol(results)) }
                }
            }
        }
        @for banner in view::banners(results) {
            div.banner role="alert" { div.wrap { strong { (banner.title) } " " (banner.text) } }
        }
    }
}

/// Draws the tiles: the hybrid beside its baseline, or without a hybrid the best of each figure.
fn tiles(page: &Page<'_>) -> Markup {
    match headline::tiles(page) {
        Some(compared) => html! { div.tiles.compared { (compared) } },
        None => html! { div.tiles { (best(page)) } },
    }
}

/// Draws the best of each figure.
fn best(page: &Page<'_>) -> Markup {
    // Equally good: the first. A leaking run's accuracy is not comparable.
    let honest = page.series.iter().filter(|s| !s.run.leaks);
    let metric = page.metric();
    let known = honest.filter_map(|s| Some((s, metric.estimate(s.run)?.mean)));
    let accuracy = known.reduce(|best, s| if s.1 > best.1 { s } else { best });
    let smallest = page
        .series
        .iter()
        .filter_map(|s| Some((s, s.run.model.bytes?)))
        .min_by_key(|(_, bytes)| *bytes);
    html! {
            @if let Some((s, share)) = accuracy {
                (tile(&format!("Best {}", metric.name()), &format::share(share), s.name, None))
            }
            @if let Some((s, bytes)) = smallest {
                (tile("Smallest model", &format::bytes(bytes as f64), s.name, None))
            }
            @for (choice, target) in page.targets.iter().enumerate() {
                @for cost in &TILE_COSTS {
                    @if let Some((s, v)) = least(page, target, cost.figure) {
                        (tile(cost.least, &(cost.text)(v), s.name, Some(choice)))
                    }
                }
            }
    }
}

/// A cost that the tiles at the top show.
struct TileCost {
    /// Name of the figure.
    figure: &'static str,
    /// Title of the tile with the least of it.
    least: &'static str,
    /// Title of the tile that compares two runs.
    compared: &'static str,
    /// How it is written there.
    text: fn(f64) -> String,
}

const TILE_COSTS: [TileCost; 4] = [
    TileCost {
        figure: "flash",
        least: "Least flash",
        compared: "Flash",
        text: format::bytes,
    },
    TileCost {
        figure: "ram",
        least: "Least RAM",
        compared: "RAM",
        text: format::bytes,
    },
    TileCost {
        figure: "latency_ms",
        least: "Fastest",
        compared: "Latency",
        text: |v| format!("{} ms", format::significant(v)),
    },
    TileCost {
        figure: "energy_uj",
        least: "Least energy",
        compared: "Energy per decision",
        text: |v| format!("{} µJ", format::significant(v)),
    },
];

/// Finds the run with the least of the figure called `name` on a board.
fn least<'a>(page: &Page<'a>, target: &Target, name: &str) -> Option<(Series<'a>, f64)> {
    let value = figures::figure(name).value;
    let series = page.series.iter();
    let known = series.filter_map(|s| Some((*s, value(&s.on(target))?)));
    known.min_by(|a, b| a.1.total_cmp(&b.1))
}

fn tile(title: &str, value: &str, name: &str, choice: Option<usize>) -> Markup {
    html! {
        div.tile data-when=[choice.map(when_target)] hidden[choice.is_some_and(|c| c > 0)] {
            span.what { (title) }
            span.value { (value) }
            span.who { (name) }
        }
    }
}

/// Draws the pickers, each only when there is something to pick.
fn controls(page: &Page<'_>) -> Markup {
    html! {
        div.controls {
            label {
                "Metric "
                select data-picks="metric" {
                    @for metric in page.metrics() { option value=(metric.key()) { (metric.name()) } }
                }
            }
            @if !page.targets.is_empty() {
                label {
                    "Board "
                    select data-picks="target" {
                        @for (choice, target) in page.targets.iter().enumerate() {
                            option value=(choice) { (target.title) }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the condition of a pane that belongs to the board `choice`.
fn when_target(choice: usize) -> String {
    format!("target={choice}")
}

/// Draws a section with heading and one sentence on how to read it.
fn section(id: &str, title: &str, about: &str, body: &Markup) -> Markup {
    html! {
        section id=(id) {
            h2 { (title) }
            p.about { (about) }
            (body)
        }
    }
}

/// Draws a plot with its caption. `plot` names its kind, for tests and styles.
fn framed(plot: &str, caption: &Markup, body: &Markup) -> Markup {
    html! { figure data-plot=(plot) { figcaption { (caption) } (body) } }
}

/// Draws the coloured number and name of a run.
fn chip(series: Series<'_>) -> Markup {
    html! {
        span class={ "chip " (series.class()) } { (series.index + 1) }
        " " (series.name)
    }
}

/// Groups runs with the same `figures`, in order of first appearance; one plot is drawn for each group. Runs
/// without figures are left out.
fn distinct<'a, K: PartialEq>(
    series: &[Series<'a>],
    figures: impl Fn(&'a Run) -> Option<K>,
) -> Vec<Vec<Series<'a>>> {
    let mut groups: Vec<(K, Vec<Series<'a>>)> = Vec::new();
    for &one in series {
        let Some(key) = figures(one.run) else {
            continue;
        };
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, group)) => group.push(one),
            None => groups.push((key, vec![one])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Draws the first run's number and name, and the numbers of the others of its group.
fn chips(group: &[Series<'_>]) -> Markup {
    html! {
        @for (i, series) in group.iter().enumerate() {
            @match i {
                0 => (chip(*series)),
                _ => {
                    @if i == 1 { span.also { "and " } }
                    span class={ "chip " (series.class()) } title=(series.name) { (series.index + 1) }
                }
            }
        }
    }
}

/// Draws a pane that is shown only while its condition holds.
fn pane(when: &str, shown: bool, class: &str, body: &Markup) -> Markup {
    html! { div class=(class) data-when=(when) hidden[!shown] { (body) } }
}
