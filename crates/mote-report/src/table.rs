//! The terminal table.

mod changes;

use crate::columns::{Column, DEVICE, RUN};
use crate::format::ABSENT;
use crate::schema::Results;
use crate::smoothed;
use crate::view::{self, Footnotes, Target};
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle,
};
use std::fmt::Write;
use std::io::IsTerminal;

/// How to print the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// Whether to use colours and bold type.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Boards to show, by name; empty for every board of the results.
    pub boards: Vec<String>,
}

impl Default for TableOptions {
    /// Plain text, 100 columns, every board.
    fn default() -> Self {
        Self {
            color: false,
            width: 100,
            boards: Vec::new(),
        }
    }
}

impl TableOptions {
    /// Options for standard output: coloured only on a terminal and without `NO_COLOR`, as wide as the
    /// terminal, every board.
    pub fn detect() -> Self {
        let plain = Self::default();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self {
            color: std::io::stdout().is_terminal() && !no_color,
            width: Table::new().width().map_or(plain.width, usize::from),
            ..plain
        }
    }
}

/// One column, filled: heading and a cell per run.
struct Filled {
    heading: String,
    cells: Vec<Text>,
}

impl Filled {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|c| c.text.as_str());
        let lines = self.heading.lines().chain(cells);
        lines.map(|l| l.chars().count()).max().unwrap_or(0)
    }
}

/// A cell's text, and whether it is the best of its column.
struct Text {
    text: String,
    best: bool,
}

/// Renders the comparison for a terminal: banners, accuracy and size, then the device columns (in the same
/// table when one board is shown and the width allows it), then the changes against baselines, and footnotes
/// for empty cells.
pub fn render_table(results: &Results, options: &TableOptions) -> String {
    let targets: Vec<Target> = Target::all(results)
        .into_iter()
        .filter(|t| options.boards.is_empty() || options.boards.contains(&t.board))
        .collect();
    let mut notes = Footnotes::default();
    let mut names = view::names(results);
    for (name, run) in names.iter_mut().zip(&results.runs) {
        if let Some(window) = view::own_window(results, run) {
            name.push_str(&notes.mark(window));
        }
    }
    let mut out = String::new();
    for banner in view::banners(results) {
        push_banner(&mut out, &banner, options);
    }
    let style = Style(options.color);
    let summary = [view::protocol(results), view::data_line(results)];
    let summary: Vec<&str> = summary
        .iter()
        .map(String::as_str)
        .filter(|s| !s.is_empty())
        .collect();
    push_wrapped(
        &mut out,
        &format!("{} · {}", results.task, summary.join(" · ")),
        options.width,
    );

    let run_columns: Vec<Filled> = RUN
        .iter()
        .filter(|c| !c.wide)
        .map(|c| fill(c, results.runs.iter().map(Some), &mut notes, view::why_run))
        .collect();
    let device_columns = |target: &Target, notes: &mut Footnotes| -> Vec<Filled> {
        DEVICE
            .iter()
            .filter(|c| !c.wide)
            .map(|c| {
                let devices = results.runs.iter().map(|r| target.find(r));
                fill(c, devices, notes, view::why)
            })
            .collect()
    };

    let mut one_table = None;
    if let [target] = targets.as_slice() {
        let mut all: Vec<&Filled> = run_columns.iter().collect();
        let device = device_columns(target, &mut notes);
        all.extend(&device);
        one_table = layout(&names, &all, options.width).map(|_| {
            let title = style.bold(&format!("on {}", target.title));
            format!("{title}\n{}", render(&names, &all, options))
        });
    }
    if let Some(table) = one_table {
        let _ = writeln!(out, "\n{table}");
    } else {
        let all: Vec<&Filled> = run_columns.iter().collect();
        let _ = writeln!(out, "\n{}", render(&names, &all, options));
        for target in &targets {
            let device = device_columns(target, &mut notes);
            let all: Vec<&Filled> = device.iter().collect();
            let title = style.bold(&format!("on {}", target.title));
            let _ = writeln!(out, "\n{title}\n{}", render(&names, &all, options));
        }
    }
    changes::push(&mut out, results, &targets, &mut notes, options);
    push_smoothed(&mut out, results, &names, options);
    for (mark, reason) in notes.list() {
        push_wrapped(&mut out, &format!("{mark} {reason}"), options.width);
    }
    out
}

/// The table of smoothed decisions, where there are any.
fn push_smoothed(out: &mut String, results: &Results, names: &[String], options: &TableOptions) {
    let Some(about) = smoothed::about(results) else {
        return;
    };
    let rows = smoothed::rows(results);
    let columns: Vec<Filled> = smoothed::HEADINGS
        .iter()
        .enumerate()
        .map(|(i, (title, unit))| Filled {
            heading: format!("{title}\n{unit}"),
            cells: rows
                .iter()
                .map(|row| Text {
                    text: row.cells.get(i).cloned().unwrap_or_default(),
                    best: false,
                })
                .collect(),
        })
        .collect();
    let shown = rows.iter().filter_map(|row| names.get(row.run).cloned());
    let (shown, columns): (Vec<String>, Vec<&Filled>) = (shown.collect(), columns.iter().collect());
    let title = Style(options.color).bold("smoothed decisions");
    let _ = writeln!(out, "\n{title}\n{}", render(&shown, &columns, options));
    push_wrapped(out, &about, options.width);
}

fn fill<'a, T: 'a>(
    column: &Column<T>,
    rows: impl Iterator<Item = Option<&'a T>> + Clone,
    notes: &mut Footnotes,
    why: impl Fn(Option<&T>) -> String,
) -> Filled {
    let best = column.best(rows.clone());
    let cells = rows
        .map(|row| match row.and_then(column.text) {
            Some(text) => Text {
                text,
                best: best.is_some() && row.and_then(column.value) == best,
            },
            None => Text {
                text: format!("{ABSENT}{}", notes.mark(why(row))),
                best: false,
            },
        })
        .collect();
    Filled {
        heading: format!("{}\n{}", column.title, column.unit),
        cells,
    }
}

/// Characters that names have at least; longer ones go on in the next line.
const NAMES: usize = 14;

/// Spaces between columns, and characters left for names; `None` when the width does not suffice for all
/// columns in one table.
fn layout(names: &[String], columns: &[&Filled], width: usize) -> Option<(usize, usize)> {
    let longest = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    let longest = longest.max(PIPELINE.len());
    let figures: usize = columns.iter().map(|c| c.width()).sum();
    let room = |gap: usize| width.checked_sub(figures + gap * columns.len());
    let fits = |gap: &usize, name: usize| room(*gap).is_some_and(|room| room >= name);
    let whole = [3, 2, 1].into_iter().find(|gap| fits(gap, longest));
    if let Some(gap) = whole {
        return Some((gap, longest));
    }
    let gap = [2, 1].into_iter().find(|gap| fits(gap, NAMES))?;
    Some((gap, room(gap)?))
}

/// Heading of the names.
const PIPELINE: &str = "pipeline";

/// One table, or several below each other where the terminal is too narrow for all columns.
fn render(names: &[String], columns: &[&Filled], options: &TableOptions) -> String {
    let (gap, room) = match (layout(names, columns, options.width), columns) {
        (Some(layout), _) => layout,
        (None, [] | [_]) => (1, NAMES),
        (None, _) => {
            let (left, right) = columns.split_at(columns.len() / 2);
            let (left, right) = (render(names, left, options), render(names, right, options));
            return format!("{left}\n{right}");
        }
    };
    let mut table = Table::new();
    if options.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let rule = |c: char| LineStyle::none().fill(c).junction(c);
    table
        .load_style(
            TableStyle::new()
                .header_separator(rule('─'))
                .bottom_border(rule('─')),
        )
        .set_content_arrangement(ContentArrangement::Disabled);
    let heading = |text: &str| Cell::new(text).add_attribute(Attribute::Bold);
    let mut header = vec![heading(PIPELINE)];
    header.extend(columns.iter().map(|c| heading(&c.heading)));
    table.set_header(header);
    for (row, name) in names.iter().enumerate() {
        let mut cells = vec![Cell::new(fold(name, room))];
        cells.extend(columns.iter().map(|column| {
            match column.cells.get(row) {
                Some(cell) if cell.best => Cell::new(&cell.text)
                    .fg(Color::Green)
                    .add_attribute(Attribute::Bold),
                Some(cell) => Cell::new(&cell.text),
                None => Cell::new(""),
            }
        }));
        table.add_row(cells);
    }
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 0));
    }
    // The table itself puts one space between columns.
    let gap = u16::try_from(gap - 1).unwrap_or(0);
    for column in table.column_iter_mut().skip(1) {
        column.set_padding((gap, 0));
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// `name` in lines of at most `width` characters, broken behind a separator where there is one.
fn fold(name: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    let push = |part: &str, lines: &mut Vec<String>| {
        for c in part.chars() {
            if lines.last().is_none_or(|l| l.chars().count() >= width) {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
        }
    };
    for part in name.split_inclusive(['+', '-', ' ']) {
        let (at, length) = (
            lines.last().map_or(0, |l| l.chars().count()),
            part.trim_end().chars().count(),
        );
        if at > 0 && at + length > width {
            lines.push(String::new());
        }
        push(part, &mut lines);
    }
    lines.join("\n")
}

fn push_banner(out: &mut String, banner: &view::Banner, options: &TableOptions) {
    let mut text = String::new();
    push_wrapped(
        &mut text,
        &format!("!!! {} !!! {}", banner.title, banner.text),
        options.width,
    );
    for line in text.lines() {
        let _ = writeln!(out, "{}", Style(options.color).alarm(line, options.width));
    }
    out.push('\n');
}

fn push_wrapped(out: &mut String, text: &str, width: usize) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

/// Escape sequences, or none.
struct Style(bool);

impl Style {
    fn bold(&self, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[1m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Black on yellow over the whole width.
    fn alarm(&self, text: &str, width: usize) -> String {
        if self.0 {
            format!("\u{1b}[1;30;43m{text:<width$}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
