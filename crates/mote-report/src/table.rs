//! The one table of this crate: subjects in rows, figures in columns. Terminal, page and documentation draw it, each in
//! its own way.

use crate::figures::{Better, Figure, Format, Subject, figure};
use crate::format;
use crate::reasons::LEAKS;
use crate::schema::{DeviceFigures, Method};

/// A table before it is drawn.
pub(crate) struct Table<'a> {
    pub subjects: Vec<Subject<'a>>,
    pub columns: Vec<Column>,
}

/// A figure of every subject.
pub(crate) struct Column {
    pub figure: &'static Figure,
    /// How the figure was obtained on this table's devices, such as `elf, emulated`; empty when that is not known.
    pub method: String,
    /// One cell per subject.
    pub cells: Vec<Cell>,
}

/// A figure of a subject, or why there is none.
pub(crate) type Cell = Result<Value, String>;

/// A figure of a subject.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub value: f64,
    /// Half-width of the 95 % interval.
    pub interval: Option<f64>,
    /// Whether it is the best of its column.
    pub best: bool,
    /// How it differs from the baseline's, or why that cannot be said; `None` where nothing is compared.
    pub change: Option<Result<Change, String>>,
    /// The value of the longest decision, where decisions differ.
    pub longest: Option<f64>,
}

/// How a figure differs from that of the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// `−97.2`, or `+300 B` where the baseline has zero.
    pub text: String,
    /// What the text is in: `%`, `points`, or nothing.
    pub unit: &'static str,
    /// Whether it is for the better; `None` when nothing changed.
    pub better: Option<bool>,
}

impl<'a> Table<'a> {
    /// Fills the figures called `names` for `subjects`, and marks the best value of each column.
    pub fn new(names: &[&str], subjects: Vec<Subject<'a>>) -> Self {
        let column = |name: &&str| {
            let figure = figure(name);
            Column {
                figure,
                method: methods(figure, &subjects),
                cells: subjects.iter().map(|s| cell(figure, s)).collect(),
            }
        };
        let mut columns: Vec<Column> = names.iter().map(column).collect();
        for column in &mut columns {
            mark_best(column, &subjects);
        }
        Self { subjects, columns }
    }

    /// Sets every value beside that of `baseline`; the baseline's own row stays as it is. Nothing is called the best.
    pub fn against(mut self, baseline: &Subject<'_>) -> Self {
        for Column { figure, cells, .. } in &mut self.columns {
            let before = cell(figure, baseline);
            for (subject, cell) in self.subjects.iter().zip(cells) {
                let Ok(value) = cell else { continue };
                value.best = false;
                if subject.index != baseline.index {
                    let leak = baseline.run.leaks || subject.run.leaks;
                    value.change = Some(match &before {
                        _ if leak && figure.format == Format::Share => Err(LEAKS.to_owned()),
                        Ok(before) => Ok(change(figure, before.value, value.value)),
                        Err(why) => Err(format!("the baseline: {why}")),
                    });
                }
            }
        }
        self
    }

    /// Replaces the accuracies of leaking runs by the reason why they are not compared.
    pub fn without_leaks(mut self) -> Self {
        for column in &mut self.columns {
            for (subject, cell) in self.subjects.iter().zip(&mut column.cells) {
                if !column.figure.ranks(subject) {
                    *cell = Err(LEAKS.to_owned());
                }
            }
        }
        self
    }

    /// Drops the columns in which no subject has a value.
    pub fn without_empty_columns(mut self) -> Self {
        self.columns.retain(|c| c.cells.iter().any(Result::is_ok));
        self
    }

    /// Drops the columns called `names`.
    pub fn without(mut self, names: &[&str]) -> Self {
        self.columns.retain(|c| !names.contains(&c.figure.name));
        self
    }
}

impl Value {
    /// Writes the value with its interval as terminal and page show it.
    pub fn text(&self, figure: &Figure) -> String {
        let text = figure.format.short(self.value);
        match self.interval {
            Some(half) => format!("{text} ±{half:.3}"),
            None => text,
        }
    }
}

fn cell(figure: &Figure, subject: &Subject<'_>) -> Cell {
    let value = (figure.value)(subject).ok_or_else(|| (figure.why)(subject))?;
    Ok(Value {
        value,
        interval: figure.interval.and_then(|interval| interval(subject)),
        best: false,
        change: None,
        longest: figure.longest.and_then(|longest| longest(subject.device?)),
    })
}

/// Marks the best value, unless all are equal: then none is worth pointing out.
fn mark_best(column: &mut Column, subjects: &[Subject<'_>]) {
    let figure = column.figure;
    if figure.better == Better::Neither {
        return;
    }
    let mut ranked: Vec<&mut Value> = subjects
        .iter()
        .zip(&mut column.cells)
        .filter(|(subject, _)| figure.ranks(subject))
        .filter_map(|(_, cell)| cell.as_mut().ok())
        .filter(|v| v.value.is_finite())
        .collect();
    let values = || ranked.iter().map(|v| v.value);
    let (min, max) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    if max > min {
        let best = match figure.better {
            Better::Larger => max,
            _ => min,
        };
        for value in &mut ranked {
            value.best = value.value == best;
        }
    }
}

fn change(figure: &Figure, old: f64, new: f64) -> Change {
    let improves = (new < old) == (figure.better == Better::Smaller);
    let better = (old != new).then_some(improves);
    let (text, unit) = match (figure.format, format::percent(old, new)) {
        (Format::Share, _) => (format::points(old, new), "points"),
        (_, Some(text)) => (text, "%"),
        (format, None) => (format!("+{} {}", format.short(new), figure.unit), ""),
    };
    Change { text, unit, better }
}

/// Says how the figure's fields were obtained on the devices of `subjects`.
fn methods(figure: &Figure, subjects: &[Subject<'_>]) -> String {
    let devices = subjects.iter().filter_map(|s| s.device);
    let of = |device: &'_ DeviceFigures| {
        let fields = figure.fields.iter();
        let methods: Vec<Method> = fields
            .filter_map(|field| device.method.get(*field).copied())
            .collect();
        methods
    };
    let mut methods: Vec<Method> = devices.flat_map(of).collect();
    methods.sort_unstable();
    methods.dedup();
    let names: Vec<&str> = methods.into_iter().map(Method::name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Estimate, Metrics, Run};

    fn run(accuracy: f64, leaks: bool) -> Run {
        let metrics = Metrics {
            accuracy: Estimate {
                mean: accuracy,
                ci95: None,
            },
            ..Metrics::default()
        };
        Run {
            leaks,
            ..Run::new("p", "t", "s", metrics)
        }
    }

    fn device(heap: u64, stack: Option<u64>) -> DeviceFigures {
        DeviceFigures {
            ram_heap: Some(heap),
            ram_stack: stack,
            method: [
                ("ram_heap".to_owned(), Method::Emulated),
                ("ram_static".to_owned(), Method::Elf),
            ]
            .into(),
            ..DeviceFigures::default()
        }
    }

    #[test]
    fn the_best_is_marked_among_those_that_can_be_compared() {
        let runs = [run(0.8, false), run(0.99, true), run(0.9, false)];
        let devices = [device(5, Some(1)), device(5, None), device(5, Some(2))];
        let subjects = |n: usize| Subject {
            index: n,
            run: &runs[n],
            device: Some(&devices[n]),
        };
        let names = ["accuracy", "ram_heap", "ram_stack", "ram"];
        let table = Table::new(&names, (0..3).map(subjects).collect());
        let best = |column: usize| -> Vec<bool> {
            let cells = table.columns[column].cells.iter();
            cells.map(|c| c.as_ref().is_ok_and(|v| v.best)).collect()
        };
        assert_eq!(best(0), [false, false, true]);
        assert_eq!(best(1), [false; 3], "all equal");
        assert_eq!(best(2), [true, false, false]);
        assert_eq!(table.columns[1].method, "emulated");
        assert_eq!(table.columns[3].method, "elf, emulated");
        assert!(table.columns[2].cells[1].is_err());
        let table = table.without_leaks();
        assert_eq!(table.columns[0].cells[1], Err(LEAKS.to_owned()));
        assert!(table.columns[0].cells[0].is_ok() && table.columns[1].cells[1].is_ok());
    }

    #[test]
    fn changes_are_in_percent_points_or_bytes_and_say_why_they_are_missing() {
        let runs = [run(0.9, false), run(0.88, false), run(0.95, true)];
        let devices = [device(0, None), device(300, Some(7)), device(0, Some(7))];
        let subject = |n: usize| Subject {
            index: n,
            run: &runs[n],
            device: Some(&devices[n]),
        };
        let table = Table::new(
            &["accuracy", "ram_heap", "ram_stack"],
            (0..3).map(subject).collect(),
        );
        let table = table.against(&subject(0));
        let of = |column: usize, row: usize| {
            let value = table.columns[column].cells[row].as_ref().unwrap();
            value.change.clone()
        };
        assert_eq!(of(0, 0), None, "the baseline itself");
        let points = of(0, 1).unwrap().unwrap();
        assert_eq!((points.text.as_str(), points.unit), ("−2.0", "points"));
        assert_eq!(points.better, Some(false));
        assert_eq!(of(0, 2), Some(Err(LEAKS.to_owned())));
        let bytes = of(1, 1).unwrap().unwrap();
        assert_eq!((bytes.text.as_str(), bytes.unit), ("+300 B", ""));
        assert_eq!(of(1, 2).unwrap().unwrap().better, None);
        assert!(of(2, 1).unwrap().unwrap_err().starts_with("the baseline: "));
    }
}
