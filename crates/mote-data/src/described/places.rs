//! Where the columns of a description are in one file.

use super::{
    description::{Column, Delimiter, Description, Filter, Value},
    fields::Fields,
    text::text,
};

/// Positions of the columns in one file.
pub(crate) struct Places<'a> {
    pub sensors: Vec<SensorPlaces<'a>>,
    pub only: Vec<(usize, &'a [Value])>,
    pub user: Option<usize>,
    pub activity: Option<usize>,
    pub device: Option<usize>,
    pub time: Vec<usize>,
    /// Names of the columns; empty without a header.
    names: Vec<String>,
    /// Fields that a row must have.
    pub fields: usize,
}

/// Positions of one sensor's columns.
pub(crate) struct SensorPlaces<'a> {
    pub only: Vec<(usize, &'a [Value])>,
    pub columns: Vec<usize>,
}

/// A column that a file does not have: the field of the description, and the name.
pub(crate) struct Missing {
    pub field: String,
    pub name: String,
}

impl<'a> Places<'a> {
    /// Finds the columns in `header`, which is empty for files without one; `fields` is the number of fields of a row.
    pub(crate) fn find(
        description: &'a Description,
        header: &[String],
        fields: usize,
    ) -> Result<Self, Missing> {
        let named = |field: String, name: &str| {
            let exact = header.iter().position(|h| h == name);
            let same = || header.iter().position(|h| h.eq_ignore_ascii_case(name));
            let name = name.to_owned();
            exact.or_else(same).ok_or(Missing { field, name })
        };
        let place = |field: String, column: &Column| match column {
            Column::Number(n) if *n < fields => Ok(*n),
            Column::Number(n) => Err(Missing {
                field,
                name: n.to_string(),
            }),
            Column::Name(name) => named(field, name),
        };
        let filter = |filter: &'a Filter| {
            let each = filter.iter().map(|(name, values)| {
                let field = format!("where.{name}");
                let at = match name.parse::<usize>() {
                    Ok(n) if !header.iter().any(|h| h == name) => place(field, &Column::Number(n)),
                    _ => named(field, name),
                };
                at.map(|at| (at, values.as_slice()))
            });
            each.collect::<Result<Vec<_>, Missing>>()
        };
        let sensors = description.channels.iter().enumerate().map(|(i, channel)| {
            let columns = channel.columns.as_slice();
            let field = |n: usize| match columns.len() {
                3 if description.channels.len() == 1 => {
                    format!("columns.{}", ["x", "y", "z"].get(n).unwrap_or(&""))
                }
                _ => format!("channels {}", i + 1),
            };
            let columns = columns.iter().enumerate();
            Ok(SensorPlaces {
                only: filter(&channel.only)?,
                columns: columns
                    .map(|(n, column)| place(field(n), column))
                    .collect::<Result<_, _>>()?,
            })
        });
        let c = &description.columns;
        let one = |field: &str, column: &Option<Column>| {
            let column = column.as_ref();
            column
                .map(|c| place(format!("columns.{field}"), c))
                .transpose()
        };
        let time = c.time.as_slice().iter();
        Ok(Self {
            sensors: sensors.collect::<Result<_, _>>()?,
            only: filter(&description.only)?,
            user: one("user", &c.user)?,
            activity: one("activity", &c.activity)?,
            device: one("device", &c.device)?,
            time: time
                .map(|column| place("columns.time".to_owned(), column))
                .collect::<Result<_, _>>()?,
            names: header.to_vec(),
            fields,
        })
    }

    /// Returns the name of column `n` as messages write it, or its number.
    pub(crate) fn label(&self, n: usize) -> String {
        let name = self.names.get(n).filter(|name| !name.is_empty());
        name.map_or_else(|| n.to_string(), |name| format!("`{name}`"))
    }

    /// Returns whether the row that was parted has the number of fields it must have. Empty fields at the end do not count:
    /// some programs end every row, but not the header, with a delimiter.
    pub(crate) fn suits(&self, line: &[u8], fields: &Fields) -> bool {
        let count = fields.len();
        count == self.fields
            || count > self.fields
                && (self.fields..count).all(|n| fields.get(line, n).is_none_or(<[u8]>::is_empty))
    }
}

/// Returns the names in a header that was parted.
pub(crate) fn names(line: &[u8], fields: &Fields, description: &Description) -> Vec<String> {
    let mut names: Vec<String> = (0..fields.len())
        .filter_map(|n| fields.get(line, n))
        .map(|name| text(name).into_owned())
        .collect();
    // A delimiter at the end of the header is no column, and rows may not have it.
    if description.delimiter != Delimiter::Blanks {
        while names.last().is_some_and(String::is_empty) {
            names.pop();
        }
    }
    names
}
