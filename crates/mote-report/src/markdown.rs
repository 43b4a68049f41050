//! Draws tables for documentation, in Markdown.

use crate::claims;
use crate::figures::Figure;
use crate::schema::Results;
use crate::table::{Cell, Table};
use crate::tables;
use crate::view::Target;

/// Renders the runs that were emulated on the first board, beside the original's claims; `None` when there are none.
pub fn render_headline(results: &Results) -> Option<String> {
    let targets = Target::all(results);
    let target = targets.first()?;
    let ran = |s: &crate::figures::Subject<'_>| s.device.is_some_and(|d| d.cycles.is_some());
    let table = tables::headline(results, Some(target), ran).without(&["memory"]);
    let claim = |figure: &Figure| match figure.name {
        "accuracy" => format!("*{}*", claims::ACCURACY),
        "flash" => format!("*{} in all*", claims::MEMORY),
        "latency_ms" => format!("*{}*", claims::LATENCY),
        _ => String::new(),
    };
    let claims: Vec<String> = table.columns.iter().map(|c| claim(c.figure)).collect();
    let title = format!("{} on {}", results.task, target.board);
    let first = ("*claims of the original, in Python*".to_owned(), claims);
    Some(render(&table, &title, Some(first)))
}

/// Renders the figures of the pipelines `names` on `board`, in that order; `None` when one of them was not measured there.
/// Before the board may stand the task, `TASK on BOARD`: then it is `None` for the results of another task.
pub fn render_figures(results: &Results, board: &str, names: &[&str]) -> Option<String> {
    let board = match board.split_once(" on ") {
        Some((task, _)) if task != results.task => return None,
        Some((_, board)) => board,
        None => board,
    };
    let figures = [
        "flash_code",
        "flash_model",
        "ram_static",
        "ram_stack",
        "ram_heap",
        "instructions",
        "cycles",
        "accuracy",
        "macro_f1",
    ];
    let targets = Target::all(results);
    let target = targets.iter().find(|t| t.board == board)?;
    let table = tables::documented(results, &figures, target, names)?;
    let split = results.runs.first().map_or("", |r| r.split.as_str());
    Some(format!(
        "{} on {board}, {split}:\n\n{}",
        results.task,
        render(&table, "pipeline", None)
    ))
}

/// Renders what the pipelines `names` do on continuous streams of `task`, in that order; `None` for the results of another
/// task, and when one of them was not run on streams.
pub fn render_streams(results: &Results, task: &str, names: &[&str]) -> Option<String> {
    if task != results.task {
        return None;
    }
    let table = tables::documented_streams(results, names)?;
    let split = results.runs.first().map_or("", |r| r.split.as_str());
    Some(format!(
        "{task}, {split}:\n\n{}",
        render(&table, "pipeline", None)
    ))
}

/// Draws `table`; `title` heads the pipelines, and `first` is a row of its own above them.
fn render(table: &Table<'_>, title: &str, first: Option<(String, Vec<String>)>) -> String {
    let heading = |figure: &Figure| match figure.unit {
        "" => figure.title.to_owned(),
        unit => format!("{}, {unit}", figure.title),
    };
    let line = |head: &str, cells: Vec<String>| format!("| {head} | {} |\n", cells.join(" | "));
    let headings = table.columns.iter().map(|c| heading(c.figure));
    let mut out = line(title, headings.collect());
    out.push_str(&format!("|---|{}\n", "---:|".repeat(table.columns.len())));
    if let Some((head, cells)) = first {
        out.push_str(&line(&head, cells));
    }
    for (row, subject) in table.subjects.iter().enumerate() {
        let cells = table.columns.iter().map(|c| text(c.figure, &c.cells[row]));
        out.push_str(&line(
            &format!("`{}`", subject.run.pipeline),
            cells.collect(),
        ));
    }
    out
}

fn text(figure: &Figure, cell: &Cell) -> String {
    let Ok(value) = cell else {
        return "-".to_owned();
    };
    let text = figure.format.exact(value.value);
    match value.longest {
        Some(longest) => format!("{text} (at most {})", figure.format.exact(longest)),
        None => text,
    }
}
