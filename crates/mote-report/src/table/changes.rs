//! Terminal tables of changes: per board and baseline, what each pipeline is worth against it.

use super::{Filled, Style, TableOptions, Text, push_wrapped, render};
use crate::ablation::{Ablation, strays};
use crate::columns::{Change, Column, DEVICE};
use crate::format::{self, ABSENT};
use crate::schema::{DeviceFigures, Results, Run};
use crate::view::{self, Footnotes, Target};
use std::fmt::Write;

/// The costs shown, by field.
const COSTS: [&str; 8] = [
    "flash_code",
    "flash_model",
    "ram_static",
    "ram_stack",
    "ram_heap",
    "ram",
    "cycles",
    "energy_uj",
];

/// Text of a figure of a run on a board.
type Figure = fn(&Run, Option<&DeviceFigures>) -> Option<String>;

/// Appends one table per board and baseline, and one per board on early exits; only shares when there is no
/// board. Nothing when no run names a baseline or has an early exit.
pub(super) fn push(
    out: &mut String,
    results: &Results,
    targets: &[Target],
    notes: &mut Footnotes,
    options: &TableOptions,
) {
    let names = view::names(results);
    let name = |index: usize| names.get(index).map_or("", String::as_str);
    let ablations = Ablation::all(results);
    let boards: Vec<Option<&Target>> = match targets {
        [] => vec![None],
        targets => targets.iter().map(Some).collect(),
    };
    for target in boards {
        for ablation in &ablations {
            let Some(baseline) = results.runs.get(ablation.baseline) else {
                continue;
            };
            let rows: Vec<&Run> = ablation
                .rows
                .iter()
                .filter_map(|&r| results.runs.get(r))
                .collect();
            let mut columns = Vec::new();
            if let Some(target) = target {
                let costs = DEVICE.iter().filter(|c| COSTS.contains(&c.field));
                columns.extend(costs.map(|c| cost(c, target, baseline, &rows, notes)));
            }
            columns.push(accuracy(baseline, &rows, notes));

            let mut title = format!("change against {}", name(ablation.baseline));
            if let Some(target) = target {
                title.push_str(&format!(" on {}", target.title));
            }
            let names: Vec<String> = ablation.rows.iter().map(|&r| name(r).to_owned()).collect();
            let columns: Vec<&Filled> = columns.iter().collect();
            let title = Style(options.color).bold(&title);
            let _ = writeln!(out, "\n{title}\n{}", render(&names, &columns, options));
        }
        if let Some(table) = early(results, &names, target, notes, options) {
            let _ = writeln!(out, "\n{table}");
        }
    }
    for line in strays(results) {
        push_wrapped(out, &line, options.width);
    }
}

/// What early exits save and cost, and what the longest decisions take; `None` when there are neither.
fn early(
    results: &Results,
    names: &[String],
    target: Option<&Target>,
    notes: &mut Footnotes,
    options: &TableOptions,
) -> Option<String> {
    let on = |run| target.and_then(|t| t.find(run));
    let runs = results.runs.iter().zip(names);
    let rows: Vec<(&Run, Option<&DeviceFigures>, &String)> = runs
        .map(|(run, name)| (run, on(run), name))
        .filter(|(run, device, _)| {
            run.early.is_some() || device.is_some_and(|d| d.cycles_worst.is_some())
        })
        .collect();
    let mut filled =
        |heading: &str, text: Figure, why: fn(Option<&DeviceFigures>) -> String| Filled {
            heading: heading.to_owned(),
            cells: rows
                .iter()
                .map(|(run, device, _)| match text(run, *device) {
                    Some(text) => plain(text),
                    None => absent(notes, why(*device)),
                })
                .collect(),
        };
    let no_exit = |_: Option<&DeviceFigures>| view::NO_EXIT.to_owned();
    let mut columns = vec![
        filled(
            "stop early\n%",
            |r, _| Some(format!("{:.1}", 100.0 * r.early?.share)),
            no_exit,
        ),
        filled(
            "accuracy lost\npoints",
            |r, _| Some(view::loss(r.early?)),
            no_exit,
        ),
    ];
    let mut title = "early exit, and the longest decision".to_owned();
    if let Some(target) = target {
        title.push_str(&format!(" on {}", target.title));
        columns.extend([
            filled(
                "longest\ncycles",
                |_, d| Some(format::count(d?.cycles_worst? as f64)),
                view::why_no_worst,
            ),
            filled(
                "latency\nms",
                |_, d| d?.latency_worst_ms.map(format::figure),
                view::why_no_worst,
            ),
            filled(
                "energy\nµJ",
                |_, d| d?.energy_worst_uj.map(format::figure),
                view::why_no_worst,
            ),
        ]);
    }
    let names: Vec<String> = rows.iter().map(|(_, _, name)| (*name).clone()).collect();
    let columns: Vec<&Filled> = columns.iter().collect();
    (!rows.is_empty()).then(|| {
        let title = Style(options.color).bold(&title);
        format!("{title}\n{}", render(&names, &columns, options))
    })
}

fn cost(
    column: &Column<DeviceFigures>,
    target: &Target,
    baseline: &Run,
    rows: &[&Run],
    notes: &mut Footnotes,
) -> Filled {
    let before = target.find(baseline);
    let cells = rows.iter().map(|run| {
        let after = target.find(run);
        match before.zip(after).and_then(|(b, a)| column.change(b, a)) {
            Some(change) => plain(change.text),
            None => absent(notes, view::why_no_change(column, before, after)),
        }
    });
    Filled {
        heading: format!("{}\n%", column.title),
        cells: cells.collect(),
    }
}

fn accuracy(baseline: &Run, rows: &[&Run], notes: &mut Footnotes) -> Filled {
    let share = |run: &Run| run.metrics.accuracy.mean;
    let cells = rows
        .iter()
        .map(|run| match Change::of_share(baseline, run, share) {
            Some(change) => plain(change.text),
            None => absent(notes, view::LEAKS.to_owned()),
        });
    Filled {
        heading: "accuracy\npoints".to_owned(),
        cells: cells.collect(),
    }
}

fn plain(text: String) -> Text {
    Text { text, best: false }
}

fn absent(notes: &mut Footnotes, why: String) -> Text {
    plain(format!("{ABSENT}{}", notes.mark(why)))
}
