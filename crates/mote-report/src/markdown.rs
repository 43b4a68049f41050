//! Tables of results for documentation, in Markdown.

use crate::claims;
use crate::format::integer;
use crate::schema::{DeviceFigures, Results, Run};

/// The runs that were emulated on the first board, beside the original's claims; `None` when there are none.
pub fn render_headline(results: &Results) -> Option<String> {
    let first = results.runs.iter().find_map(|r| r.device.first())?;
    let mut table = format!(
        "| {} on {} | accuracy | m-F1 | flash, B | RAM, B | ms | µJ |\n\
         |---|---:|---:|---:|---:|---:|---:|\n\
         | *claims of the original, in Python* | *{}* | | *{} in all* | | *{}* | |\n",
        results.task,
        first.board,
        claims::ACCURACY,
        claims::MEMORY,
        claims::LATENCY
    );
    for run in &results.runs {
        let Some(device) = on(run, &first.board).filter(|d| d.cycles.is_some()) else {
            continue;
        };
        let decimal = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
        table.push_str(&format!(
            "| `{}` | {:.3} | {:.3} | {} | {} | {} | {} |\n",
            run.pipeline,
            run.metrics.accuracy.mean,
            run.metrics.macro_f1.mean,
            whole(device.flash()),
            whole(device.ram()),
            decimal(device.latency_ms),
            decimal(device.energy_uj),
        ));
    }
    Some(table)
}

/// The figures of the pipelines `names` on `board`, in that order; `None` when one of them was not measured there. Before
/// the board may stand the task, `TASK on BOARD`: then it is `None` for the results of another task.
pub fn render_figures(results: &Results, board: &str, names: &[&str]) -> Option<String> {
    let board = match board.split_once(" on ") {
        Some((task, _)) if task != results.task => return None,
        Some((_, board)) => board,
        None => board,
    };
    let mut table = format!(
        "{} on {board}, {}:\n\n\
         | pipeline | code | model | static | stack | heap | instructions | cycles | accuracy | m-F1 |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        results.task,
        results.runs.first().map_or("", |r| r.split.as_str())
    );
    for name in names {
        let run = results.runs.iter().find(|r| r.pipeline == *name)?;
        let device = on(run, board)?;
        let worst = device
            .cycles_worst
            .map_or(String::new(), |c| format!(" (at most {})", integer(c)));
        table.push_str(&format!(
            "| `{name}` | {} | {} | {} | {} | {} | {} | {}{worst} | {:.3} | {:.3} |\n",
            whole(device.flash_code),
            whole(device.flash_model),
            whole(device.ram_static),
            whole(device.ram_stack),
            whole(device.ram_heap),
            whole(device.instructions),
            whole(device.cycles),
            run.metrics.accuracy.mean,
            run.metrics.macro_f1.mean,
        ));
    }
    Some(table)
}

fn on<'a>(run: &'a Run, board: &str) -> Option<&'a DeviceFigures> {
    run.device.iter().find(|d| d.board == board)
}

fn whole(value: Option<u64>) -> String {
    value.map_or("-".to_owned(), integer)
}
