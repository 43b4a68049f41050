//! The form of a text file: what parts its fields, which line names them, what is no row.

use crate::described::{Encoding, Line, Lines, decoded};
use std::io::Read;
use std::{collections::BTreeMap, io};

/// Lines that the form is told by.
const LINES: usize = 400;

/// Marks that lines which are no rows begin with.
const COMMENTS: [&str; 5] = ["#", "%", "//", "@", "--"];

/// What may part fields; a blank stands for runs of blanks.
const DELIMITERS: [char; 5] = [',', ';', '\t', '|', ' '];

/// How a text file is laid out, and its first rows.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub delimiter: char,
    pub decimal_comma: bool,
    pub quotes: bool,
    pub comments: Vec<String>,
    /// Names of the columns; `None` when no line has them.
    pub header: Option<Vec<String>>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Tells the form of a file by its first lines; `None` when it is no table with numbers in it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(reader: &mut dyn Read) -> io::Result<Option<Self>> {
        let mut lines = Lines::new(reader, Encoding::Auto)?;
        let mut text = Vec::new();
        while text.len() < LINES
            && let Some((_, line)) = lines.next()?
        {
            if let Line::Text(line) = line {
                let line = decoded(line).trim_end().to_owned();
                if !line.is_empty() {
                    text.push(line);
                }
            }
        }
        Ok(Self::in_lines(&text))
    }

    fn in_lines(text: &[String]) -> Option<Self> {
        let comments: Vec<String> = COMMENTS
            .iter()
            .filter(|mark| {
                text.iter()
                    .any(|line| line.trim_start().starts_with(**mark))
            })
            .map(|&mark| mark.to_owned())
            .collect();
        let is_comment = |line: &str| {
            comments
                .iter()
                .any(|mark| line.trim_start().starts_with(mark.as_str()))
        };
        let rows: Vec<&String> = text.iter().filter(|line| !is_comment(line)).collect();
        let forms = DELIMITERS
            .iter()
            .filter_map(|&delimiter| Form::of(&rows, delimiter));
        let form = forms.max_by(|a, b| a.score.total_cmp(&b.score))?;
        let parted: Vec<Vec<String>> = rows
            .iter()
            .map(|line| part(line, form.delimiter, form.quotes))
            .collect();
        let wide = |row: &&Vec<String>| row.len() == form.width || trimmed(row) == form.width;
        let numbers = |row: &Vec<String>| {
            row.iter()
                .filter(|f| number(f, form.comma).is_some())
                .count()
        };
        let body: Vec<Vec<String>> = parted.iter().filter(wide).cloned().collect();
        let usual = body.iter().map(numbers).max()?;
        // The header is the last line before the rows that has as many fields, and hardly a number.
        let first_row = parted
            .iter()
            .position(|row| row.len() >= form.width && numbers(row) * 2 > usual)?;
        let above = parted.get(..first_row).unwrap_or(&[]);
        let header = above
            .iter()
            .rev()
            .find(|row| {
                numbers(row) == 0 && (trimmed(row) == form.width || row.len() == form.width)
            })
            .map(|row| {
                row.iter()
                    .take(form.width)
                    .map(|f| f.trim().to_owned())
                    .collect::<Vec<_>>()
            });
        let rows: Vec<Vec<String>> = body
            .into_iter()
            .filter(|row| numbers(row) * 2 > usual)
            .collect();
        if rows.len() < 3 || usual < 2 {
            return None;
        }
        Some(Self {
            delimiter: form.delimiter,
            decimal_comma: form.comma,
            quotes: form.quotes,
            comments,
            header,
            rows,
        })
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        let first = self.rows.first().map_or(0, Vec::len);
        self.header.as_ref().map_or(first, Vec::len)
    }

    /// Returns what two files must have in common to be read alike.
    pub fn signature(&self) -> (char, bool, Option<Vec<String>>, usize) {
        let width = if self.header.is_some() {
            0
        } else {
            self.width()
        };
        (
            self.delimiter,
            self.decimal_comma,
            self.header.clone(),
            width,
        )
    }

    /// Returns the name of column `n` as a description names it: by the header, or by its number.
    pub fn column(&self, n: usize) -> String {
        match &self.header {
            Some(names) => {
                toml::Value::String(names.get(n).cloned().unwrap_or_default()).to_string()
            }
            None => n.to_string(),
        }
    }

    /// Returns the name of column `n` in the header, or nothing.
    pub fn name(&self, n: usize) -> &str {
        let names = self.header.as_ref();
        names
            .and_then(|names| names.get(n))
            .map_or("", String::as_str)
    }

    /// Parts a line of the file as its rows are.
    pub fn part(&self, line: &str) -> Vec<String> {
        part(line, self.delimiter, self.quotes)
    }

    /// Returns the number in `field`, if it is one.
    pub fn number(&self, field: &str) -> Option<f64> {
        number(field, self.decimal_comma)
    }

    /// Returns whether `line` is a comment.
    pub fn is_comment(&self, line: &str) -> bool {
        self.comments
            .iter()
            .any(|mark| line.trim_start().starts_with(mark.as_str()))
    }
}

/// A way to part lines, and how well it fits.
struct Form {
    delimiter: char,
    comma: bool,
    quotes: bool,
    width: usize,
    score: f64,
}

impl Form {
    fn of(lines: &[&String], delimiter: char) -> Option<Self> {
        // Names are often quoted where numbers are not.
        let quoted =
            |field: &str| field.len() > 1 && field.starts_with('"') && field.ends_with('"');
        let quotes = lines
            .iter()
            .any(|line| line.split(delimiter).any(|field| quoted(field.trim())));
        let rows: Vec<Vec<String>> = lines
            .iter()
            .map(|line| part(line, delimiter, quotes))
            .collect();
        let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
        for row in &rows {
            *widths.entry(trimmed(row)).or_default() += 1;
        }
        let (&width, &count) = widths
            .iter()
            .max_by_key(|(width, count)| (**count, **width))?;
        if width < 2 {
            return None;
        }
        let share = |comma: bool| {
            let fields = rows.iter().filter(|row| trimmed(row) == width).flatten();
            let (all, numbers) = fields.fold((0usize, 0usize), |(all, numbers), field| {
                (
                    all + 1,
                    numbers + usize::from(number(field, comma).is_some()),
                )
            });
            numbers as f64 / all.max(1) as f64
        };
        let (point, comma) = (
            share(false),
            if delimiter == ',' { 0.0 } else { share(true) },
        );
        let numbers = point.max(comma);
        Some(Self {
            delimiter,
            comma: comma > point,
            quotes,
            width,
            // All lines alike, full of numbers, in as many fields as there are.
            // A tab or comma beside blanks is what parts them.
            score: if delimiter == ' ' { 0.9 } else { 1.0 } * count as f64 / lines.len() as f64
                * (0.2 + numbers)
                * (1.0 + (width as f64).ln() / 4.0),
        })
    }
}

/// Fields without empty ones at the end.
fn trimmed(row: &[String]) -> usize {
    row.iter()
        .rposition(|field| !field.trim().is_empty())
        .map_or(0, |n| n + 1)
}

fn part(line: &str, delimiter: char, quotes: bool) -> Vec<String> {
    if delimiter == ' ' {
        return line.split_whitespace().map(str::to_owned).collect();
    }
    if !quotes {
        return line.split(delimiter).map(|f| f.trim().to_owned()).collect();
    }
    let mut fields = vec![String::new()];
    let mut inside = false;
    for c in line.chars() {
        match c {
            '"' => inside = !inside,
            c if c == delimiter && !inside => fields.push(String::new()),
            c => {
                if let Some(field) = fields.last_mut() {
                    field.push(c);
                }
            }
        }
    }
    fields
}

fn number(field: &str, comma: bool) -> Option<f64> {
    let field = field.trim();
    let value: f64 = match comma {
        true if field.contains('.') => return None,
        true => field.replace(',', ".").parse().ok()?,
        false => field.parse().ok()?,
    };
    // "nan" and "inf" are read as numbers; as names of anything else they are none.
    let starts = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.');
    field.starts_with(starts).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Option<Table> {
        Table::of(&mut text.as_bytes()).unwrap()
    }

    fn rows(row: &str) -> String {
        format!("{row}\n").repeat(5)
    }

    #[test]
    fn delimiters_decimals_and_headers_are_told() {
        for (text, delimiter, comma, header) in [
            (
                format!("t,x,y\n{}", rows("1,0.5,-2")),
                ',',
                false,
                Some("t x y"),
            ),
            (
                format!("t;x;y\n{}", rows("1;0,5;-2,25")),
                ';',
                true,
                Some("t x y"),
            ),
            (rows("1 0.5 -2 walk"), ' ', false, None),
            (
                format!("# made by hand\nt\tx\n{}", rows("1\t0.5")),
                '\t',
                false,
                Some("t x"),
            ),
            (
                format!("Recorder 2.1\nuser: 3\n\ntime,a b,c\n{}", rows("1,2,3")),
                ',',
                false,
                Some("time a b c"),
            ),
            (
                format!("a,b,c,\n{}", rows("1,2,walk,")),
                ',',
                false,
                Some("a b c"),
            ),
        ] {
            let table = table(&text).unwrap();
            assert_eq!(
                (table.delimiter, table.decimal_comma),
                (delimiter, comma),
                "{text}"
            );
            assert_eq!(
                table.header.map(|h| h.join(" ")).as_deref(),
                header,
                "{text}"
            );
            assert_eq!(table.rows.len(), 5, "{text}");
        }
    }

    #[test]
    fn quotes_are_seen() {
        let table = table(&format!("\"t\",\"x, y\"\n{}", rows("\"1\",\"0.5\""))).unwrap();
        assert!(table.quotes);
        assert_eq!(table.header.unwrap(), ["t", "x, y"]);
    }

    #[test]
    fn text_is_no_table() {
        for text in [
            "",
            "{\"a\": 1}\n",
            "Read me first.\nThen measure, often.\n",
            "1\n2\n3\n4\n",
        ] {
            assert!(table(text).is_none(), "{text}");
        }
    }
}
