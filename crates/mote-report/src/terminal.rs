//! Draws tables for a terminal.

use crate::ablation::{Ablation, strays};
use crate::figures::Format;
use crate::format::ABSENT;
use crate::reasons::Footnotes;
use crate::schema::Results;
use crate::table::{Cell as TableCell, Column, Table};
use crate::tables;
use crate::view::{self, Target};
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table as Grid, TableStyle,
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
    /// Returns options for plain text, 100 columns, every board.
    fn default() -> Self {
        Self {
            color: false,
            width: 100,
            boards: Vec::new(),
        }
    }
}

impl TableOptions {
    /// Returns options for standard output: coloured only on a terminal and without `NO_COLOR`, as wide as the
    /// terminal, every board.
    pub fn detect() -> Self {
        let plain = Self::default();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self {
            color: std::io::stdout().is_terminal() && !no_color,
            width: Grid::new().width().map_or(plain.width, usize::from),
            ..plain
        }
    }
}

/// A column as text: heading and a cell per run.
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

/// What of a table's cells is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    Values,
    /// Only changes, of all rows but the first, which is the baseline.
    Changes,
}

/// Renders the comparison for a terminal: banners, accuracy and size, then the device columns (in the same
/// table when one board is shown and the width allows it), then the changes against baselines, and footnotes
/// for empty cells.
pub fn render_table(results: &Results, options: &TableOptions) -> String {
    let targets: Vec<Target> = Target::all(results)
        .into_iter()
        .filter(|t| options.boards.is_empty() || options.boards.contains(&t.board))
        .collect();
    let mut page = Page {
        results,
        names: view::names(results),
        notes: Footnotes::default(),
        options,
        out: String::new(),
    };
    for (name, run) in page.names.iter_mut().zip(&results.runs) {
        if let Some(window) = view::own_window(results, run) {
            name.push_str(&page.notes.mark(&window));
        }
    }
    for banner in view::banners(results) {
        push_banner(&mut page.out, &banner, options);
    }
    let summary = [view::protocol(results), view::data_line(results)];
    let summary: Vec<&str> = summary
        .iter()
        .map(String::as_str)
        .filter(|s| !s.is_empty())
        .collect();
    page.text(&format!("{} · {}", results.task, summary.join(" · ")));
    if let Some(streams) = tables::streams(results) {
        page.table("on continuous streams", &streams, Show::Values);
        page.text(&tables::about_streams(results).unwrap_or_default());
    }
    page.figures(&targets);
    if let Some(losses) = tables::about_losses(results) {
        page.text(&losses);
    }
    if let Some(windows) = tables::windows(results) {
        page.table("on windows of common lengths", &windows, Show::Values);
        page.text(tables::ABOUT_WINDOWS);
    }
    page.changes(&targets);
    if let Some(about) = tables::about_smoothing(results) {
        page.table(
            "smoothed decisions",
            &tables::smoothed(results),
            Show::Values,
        );
        page.text(&about);
    }
    let Page { notes, mut out, .. } = page;
    for (mark, reason) in notes.list() {
        push_wrapped(&mut out, &format!("{mark} {reason}"), options.width);
    }
    out
}

/// What is written, and the footnotes of all tables so far.
struct Page<'a> {
    results: &'a Results,
    /// One name per run.
    names: Vec<String>,
    notes: Footnotes,
    options: &'a TableOptions,
    out: String,
}

impl Page<'_> {
    /// Appends a paragraph.
    fn text(&mut self, text: &str) {
        push_wrapped(&mut self.out, text, self.options.width);
    }

    /// Appends `table` below `title`.
    fn table(&mut self, title: &str, table: &Table<'_>, show: Show) {
        let columns = self.fill(table, show);
        let names = self.names_of(table, show);
        self.draw(title, &names, &columns);
    }

    fn draw(&mut self, title: &str, names: &[String], columns: &[Filled]) {
        let columns: Vec<&Filled> = columns.iter().collect();
        let _ = writeln!(self.out);
        if !title.is_empty() {
            let _ = writeln!(self.out, "{}", Style(self.options.color).bold(title));
        }
        let _ = writeln!(self.out, "{}", render(names, &columns, self.options));
    }

    /// Appends accuracy and size of all runs, and their costs on each board.
    fn figures(&mut self, targets: &[Target]) {
        let runs = tables::runs(self.results).without(&tables::WIDE);
        let mut columns = self.fill(&runs, Show::Values);
        let names = self.names_of(&runs, Show::Values);
        let costs = |target| tables::costs(self.results, target).without(&tables::WIDE);
        let costs: Vec<(&Target, Table<'_>)> = targets.iter().map(|t| (t, costs(t))).collect();
        if let [(target, costs)] = costs.as_slice() {
            let runs = columns.len();
            columns.extend(self.fill(costs, Show::Values));
            let all: Vec<&Filled> = columns.iter().collect();
            if layout(&names, &all, self.options.width).is_some() {
                return self.draw(&format!("on {}", target.title), &names, &columns);
            }
            columns.truncate(runs);
        }
        let title = match tables::streams(self.results) {
            Some(_) => "on windows",
            None => "",
        };
        self.draw(title, &names, &columns);
        for (target, costs) in &costs {
            self.table(&format!("on {}", target.title), costs, Show::Values);
        }
    }

    /// Appends one table per board and baseline, and one per board on early exits; only shares when there is no
    /// board. Nothing when no run names a baseline or has an early exit.
    fn changes(&mut self, targets: &[Target]) {
        let ablations = Ablation::all(self.results);
        let boards: Vec<Option<&Target>> = match targets {
            [] => vec![None],
            targets => targets.iter().map(Some).collect(),
        };
        for target in boards {
            let on = target.map_or_else(String::new, |t| format!(" on {}", t.title));
            for ablation in &ablations {
                let table = tables::changes(self.results, ablation, target);
                let table = table.without(match target {
                    Some(_) => &tables::WIDE_CHANGES,
                    None => &[],
                });
                let title = format!("change against {}{on}", self.names[ablation.baseline]);
                self.table(&title, &table, Show::Changes);
            }
            let exits = tables::early_exits(self.results, target);
            if !exits.subjects.is_empty() {
                let title = format!("early exit, and the longest decision{on}");
                self.table(&title, &exits, Show::Values);
            }
        }
        for line in strays(self.results) {
            self.text(&line);
        }
    }

    fn names_of(&self, table: &Table<'_>, show: Show) -> Vec<String> {
        let names = table.subjects.iter().map(|s| self.names[s.index].clone());
        names.skip(show.first()).collect()
    }

    /// Writes the cells of `table` as text.
    fn fill(&mut self, table: &Table<'_>, show: Show) -> Vec<Filled> {
        let columns = table.columns.iter();
        columns
            .map(|column| fill(column, show, &mut self.notes))
            .collect()
    }
}

impl Show {
    /// Returns the first row that is shown.
    fn first(self) -> usize {
        match self {
            Self::Values => 0,
            Self::Changes => 1,
        }
    }
}

fn fill(column: &Column, show: Show, notes: &mut Footnotes) -> Filled {
    let figure = column.figure;
    let mut text = |cell: &TableCell| {
        let shown = match (cell, show) {
            (Err(why), _) => Err(why),
            (Ok(value), Show::Values) => Ok((value.text(figure), value.best)),
            (Ok(value), Show::Changes) => match &value.change {
                Some(Ok(change)) => Ok((change.text.clone(), false)),
                Some(Err(why)) => Err(why),
                None => Ok((String::new(), false)),
            },
        };
        match shown {
            Ok((text, best)) => Text { text, best },
            Err(why) => Text {
                text: format!("{ABSENT}{}", notes.mark(why)),
                best: false,
            },
        }
    };
    let unit = match (show, figure.format) {
        (Show::Values, _) => figure.unit,
        (Show::Changes, Format::Share) => "points",
        (Show::Changes, _) => "%",
    };
    Filled {
        heading: format!("{}\n{unit}", figure.title),
        cells: column
            .cells
            .iter()
            .skip(show.first())
            .map(&mut text)
            .collect(),
    }
}

/// Characters that names have at least; longer ones go on in the next line.
const NAMES: usize = 14;

/// Returns the spaces between columns, and the characters left for names; `None` when the width does not suffice for all
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

/// Draws one table, or several below each other where the terminal is too narrow for all columns.
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
    let mut table = Grid::new();
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
    let gap = u16::try_from(gap - 1).expect("gaps are 1 to 3");
    for column in table.column_iter_mut().skip(1) {
        column.set_padding((gap, 0));
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// Breaks `name` into lines of at most `width` characters, broken behind a separator where there is one.
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

    /// Writes black on yellow over the whole width.
    fn alarm(&self, text: &str, width: usize) -> String {
        if self.0 {
            format!("\u{1b}[1;30;43m{text:<width$}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
