//! Documentation of options, and reading and writing them.
//!
//! Name, meaning, type, range and default of an option stand once: in the struct of its technique. Everything here is
//! derived from the JSON schema of that struct.

use crate::error::Error;
use crate::technique::{Kind, Technique};
use indexmap::IndexMap;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Number, Value};
use std::fmt;

/// The description of a technique.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TechniqueInfo {
    /// Name as written in a pipeline.
    pub name: &'static str,
    /// Which half of the system it works on.
    pub kind: Kind,
    /// One sentence.
    pub summary: String,
    /// Its options.
    pub options: Vec<OptionInfo>,
}

/// The description of an option.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionInfo {
    /// Name as written in a pipeline.
    pub name: String,
    /// What it means.
    pub summary: String,
    /// The values that it can have.
    pub values: Values,
    /// The value when none is given; `None` when the technique chooses one, as the summary says.
    pub default: Option<String>,
}

/// The values that an option can have.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Values {
    /// `true` or `false`.
    Flag,
    /// Whole numbers.
    Integer(Range),
    /// Numbers.
    Number(Range),
    /// One of these.
    OneOf(Vec<String>),
    /// Any number of texts, joined by `+`.
    List,
    /// A text that the technique understands.
    Text,
}

/// The numbers that an option can have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// The smallest one, if there is one.
    pub least: Option<Bound>,
    /// The largest one, if there is one.
    pub most: Option<Bound>,
}

/// An end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bound {
    /// The number.
    pub at: f64,
    /// Whether the number itself is in the range.
    pub inclusive: bool,
}

impl Range {
    fn contains(&self, x: f64) -> bool {
        let above = |b: Bound| x > b.at || (b.inclusive && x == b.at);
        let below = |b: Bound| x < b.at || (b.inclusive && x == b.at);
        self.least.is_none_or(above) && self.most.is_none_or(below)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Bound { at, inclusive }) = self.least {
            let word = if inclusive { "from" } else { "above" };
            write!(f, " {word} {at}")?;
        }
        if let Some(Bound { at, inclusive }) = self.most {
            let word = match (self.least, inclusive) {
                (
                    Some(Bound {
                        inclusive: true, ..
                    }),
                    true,
                ) => "to",
                (
                    Some(Bound {
                        inclusive: true, ..
                    }),
                    false,
                ) => "to below",
                (Some(_), true) => "and up to",
                (Some(_), false) => "and below",
                (None, true) => "up to",
                (None, false) => "below",
            };
            write!(f, " {word} {at}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Integer(range) => write!(f, "a whole number{range}"),
            Self::Number(range) => write!(f, "a number{range}"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::List => f.write_str("texts joined by `+`"),
            Self::Text => f.write_str("a text"),
        }
    }
}

impl Values {
    /// Reads the values that the JSON schema of a field allows.
    fn of(schema: &Value) -> Self {
        let words = |values: Vec<&Value>| Self::OneOf(values.into_iter().map(plain).collect());
        if let Some(Value::Array(values)) = schema.get("enum") {
            return words(values.iter().filter(|v| !v.is_null()).collect());
        }
        // An enum whose variants have doc comments. If it is optional, `anyOf` has a case for `null` beside it.
        if let Some(Value::Array(cases)) = schema.get("oneOf") {
            return words(cases.iter().filter_map(|case| case.get("const")).collect());
        }
        if let Some(Value::Array(cases)) = schema.get("anyOf") {
            let some = cases
                .iter()
                .find(|case| case.get("type") != Some(&Value::from("null")));
            return some.map_or(Self::Text, Self::of);
        }
        let bound = |name: &str, inclusive| {
            let at = schema.get(name)?.as_f64()?;
            Some(Bound { at, inclusive })
        };
        let range = Range {
            least: bound("exclusiveMinimum", false).or(bound("minimum", true)),
            most: bound("exclusiveMaximum", false).or(bound("maximum", true)),
        };
        match schema.get("type").and_then(type_name) {
            Some("boolean") => Self::Flag,
            Some("integer") => Self::Integer(range),
            Some("number") => Self::Number(range),
            Some("array") => Self::List,
            _ => Self::Text,
        }
    }

    /// Returns the value that `text` means, if it has the right type.
    fn read(&self, text: &str) -> Option<Value> {
        Some(match self {
            Self::Flag => Value::Bool(text.parse().ok()?),
            Self::Integer(_) => Value::from(text.parse::<u64>().ok()?),
            Self::Number(_) => Value::Number(Number::from_f64(text.parse().ok()?)?),
            // Values of an enum may be numbers.
            Self::OneOf(_) => match text.parse::<u64>() {
                Ok(number) => Value::from(number),
                Err(_) => Value::from(text),
            },
            Self::List => text.split('+').map(str::trim).collect(),
            Self::Text => Value::from(text),
        })
    }

    /// Returns whether `value` is one of them. `null` is none: an option without a value is left out.
    fn allow(&self, value: &Value) -> bool {
        match self {
            Self::Flag => value.is_boolean(),
            Self::Integer(range) => {
                value.is_u64() && value.as_f64().is_some_and(|x| range.contains(x))
            }
            Self::Number(range) => value.as_f64().is_some_and(|x| range.contains(x)),
            Self::OneOf(words) => words.contains(&plain(value)),
            Self::List => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_string)),
            Self::Text => value.is_string(),
        }
    }
}

/// Returns the type in a schema's `type`. That is a list with `null` if a value may be missing.
fn type_name(schema: &Value) -> Option<&str> {
    match schema {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|t| *t != "null"),
        one => one.as_str(),
    }
}

/// Returns a value as it is written in a pipeline.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join("+"),
        // A whole number is written without `.0`.
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or_else(String::new, |x| x.to_string())
        }
        other => other.to_string(),
    }
}

/// Describes technique `T` from its struct.
pub(crate) fn describe<T: Technique>() -> TechniqueInfo {
    let settings = SchemaSettings::default().with(|s| s.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let summary = |of: &Value| {
        let text = of
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        // The summary is the first paragraph, on one line.
        let lines = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.is_empty());
        lines
            .collect::<Vec<_>>()
            .join(" ")
            .trim_end_matches('.')
            .to_owned()
    };
    let defaults = values(&T::default());
    let fields = schema.get("properties").and_then(Value::as_object);
    let options = fields_of::<T>().into_iter().map(|name| {
        let field = fields.and_then(|f| f.get(&name)).unwrap_or(&Value::Null);
        OptionInfo {
            summary: summary(field),
            values: Values::of(field),
            default: defaults
                .get(&name)
                .map(plain)
                .filter(|text| !text.is_empty()),
            name,
        }
    });
    TechniqueInfo {
        name: T::NAME,
        kind: T::KIND,
        summary: summary(schema.as_value()),
        options: options.collect(),
    }
}

/// Returns the fields of a technique in the order of its struct.
fn fields<T: Technique>(technique: &T) -> IndexMap<String, Value> {
    // Through text, because a JSON value would turn the f32 0.1 into the f64 0.10000000149011612.
    let text = serde_json::to_string(technique).expect("options are plain values");
    serde_json::from_str(&text).expect("a struct is a map")
}

/// Returns the names of the options of technique `T`, in the order of its struct.
fn fields_of<T: Technique>() -> Vec<String> {
    fields(&T::default()).into_keys().collect()
}

/// Returns the options of a technique that have a value.
pub(crate) fn values<T: Technique>(technique: &T) -> IndexMap<String, Value> {
    let mut all = fields(technique);
    all.retain(|_, value| !value.is_null());
    all
}

/// Returns the options of a technique that differ from their defaults, as they are written in a pipeline.
pub(crate) fn changed<T: Technique>(technique: &T) -> Vec<(String, String)> {
    let defaults = values(&T::default());
    let mut all = values(technique);
    all.retain(|name, value| defaults.get(name) != Some(value));
    all.into_iter()
        .map(|(name, value)| (name, plain(&value)))
        .collect()
}

/// Reads technique `T` from its options, `option=value,option=value`; an empty text is the default.
///
/// # Errors
/// [`Error::Option`] that names the option and what there is.
pub fn read<T: Technique>(text: &str) -> Result<T, Error> {
    let mut data = Map::new();
    let mut known = None;
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let Some((name, value)) = part.split_once('=').map(|(n, v)| (n.trim(), v.trim())) else {
            return Err(T::wrong_option(part, "is not written name=value"));
        };
        let known = known.get_or_insert_with(describe::<T>);
        let option = find::<T>(&known.options, name)?;
        let Some(read) = option.values.read(value) else {
            return Err(not_allowed::<T>(option, value));
        };
        if data.insert(name.to_owned(), read).is_some() {
            return Err(T::wrong_option(name, "is given twice"));
        }
    }
    from_data(data)
}

/// Reads a technique from the values of its options. Those that are left out have their defaults.
///
/// # Errors
/// [`Error::Option`] that names the option and what there is.
pub(crate) fn from_data<T: Technique>(data: Map<String, Value>) -> Result<T, Error> {
    if !data.is_empty() {
        let known = describe::<T>();
        for (name, value) in &data {
            let option = find::<T>(&known.options, name)?;
            if !option.values.allow(value) {
                return Err(not_allowed::<T>(option, &plain(value)));
            }
        }
    }
    let technique: T = serde_path_to_error::deserialize(Value::Object(data))
        .map_err(|e| T::wrong_option(&e.path().to_string(), e.inner().to_string()))?;
    technique.check()?;
    Ok(technique)
}

fn find<'o, T: Technique>(options: &'o [OptionInfo], name: &str) -> Result<&'o OptionInfo, Error> {
    options.iter().find(|o| o.name == name).ok_or_else(|| {
        let known: Vec<_> = options.iter().map(|o| o.name.as_str()).collect();
        let known = match known.as_slice() {
            [] => "it has no options".to_owned(),
            some => format!("there are: {}", some.join(", ")),
        };
        T::wrong_option(name, format!("is not known; {known}"))
    })
}

fn not_allowed<T: Technique>(option: &OptionInfo, value: &str) -> Error {
    T::wrong_option(&option.name, format!("`{value}` is not {}", option.values))
}

#[cfg(test)]
mod tests {
    use crate::registry;

    #[test]
    fn everything_is_described() {
        for technique in registry() {
            assert!(technique.summary.len() > 20, "{technique:?}");
            assert!(!technique.summary.ends_with('.'), "{technique:?}");
            for option in &technique.options {
                assert!(!option.summary.is_empty(), "{}: {option:?}", technique.name);
            }
        }
        let all = registry();
        let of = |technique: &str, option: &str| {
            let technique = all.iter().find(|t| t.name == technique).unwrap();
            technique
                .options
                .iter()
                .find(|o| o.name == option)
                .unwrap()
                .clone()
        };
        let rate = of("qat", "rate");
        assert_eq!(rate.values.to_string(), "a number above 0");
        assert_eq!(rate.default.as_deref(), Some("0.0005"));
        let calibration = of("int8", "calibration");
        assert_eq!(
            calibration.values.to_string(),
            "one of minmax, percentile, mse"
        );
        assert_eq!(calibration.default.as_deref(), Some("mse"));
        assert_eq!(of("int8", "bits").values.to_string(), "one of 8, 4");
        // The same words as the default of an f32: 0.1, not 0.10000000149011612.
        assert_eq!(
            of("contrastive", "temperature").default.as_deref(),
            Some("0.1")
        );
        assert_eq!(
            of("contrastive", "of").values.to_string(),
            "one of users, windows"
        );
        assert_eq!(of("stream", "hop").default, None);
        assert_eq!(
            of("stream", "hop").values.to_string(),
            "a whole number from 1"
        );
    }
}
