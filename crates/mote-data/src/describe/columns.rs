//! What the columns of a table hold, by their names and values.

use super::table::Table;
use crate::Quantity;
use regex::Regex;
use std::sync::LazyLock;

/// Names of columns that say what someone did.
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    words(
        "label|labels|activity|activities|class|action|target|gt|ground_?truth|movement|gesture|exercise|activity_?id|activity_?label|annotation",
    )
});

/// Names of columns that say who.
static USER: LazyLock<Regex> = LazyLock::new(|| {
    words(
        "user|users|subject|subjects|person|participant|volunteer|subject_?id|user_?id|participant_?id|person_?id|sub|id|name",
    )
});

/// Names of columns that say when.
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(t|ts|ms|us|time|seconds?|secs?|date.?time|timestamp\w*|time.?stamp.*|seconds_?elapsed|elapsed.*|epoch.*|.*time \(\w+\).*|time.*|.*_time|clock|millis\w*|micros\w*|creation_time|arrival_time)$")
        .expect("the expression is correct")
});

/// Names of columns that say which sensor a row is of.
static SENSOR: LazyLock<Regex> =
    LazyLock::new(|| words("sensor|sensor_?type|sensor_?name|type|stream"));

fn words(words: &str) -> Regex {
    Regex::new(&format!("(?i)^({words})$")).expect("the expression is correct")
}

/// The axis at the end of a name, or before a unit in brackets: `accX`, `acc_x`, `x-axis`, `Acceleration x (m/s^2)`.
static AXIS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?P<sensor>.*?)[ _.\-\[(]*(?P<axis>[xyz])(?:[ _.\-]*axis|[ _.\-]+(?P<after>[a-z]\w*))?[\])]*\s*(?P<unit>[\[(].*[\])])?$")
        .expect("the expression is correct")
});

/// Three columns of one sensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vector {
    pub columns: [usize; 3],
    pub quantity: Quantity,
    /// Whether the name says that gravity was taken out.
    pub linear: bool,
    /// The unit as the header has it.
    pub unit: Option<&'static str>,
    /// What the columns are called without axis and unit.
    pub sensor: String,
}

/// The parts that columns play.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Roles {
    pub time: Option<usize>,
    pub label: Option<usize>,
    pub user: Option<usize>,
    pub sensor: Option<usize>,
    pub vectors: Vec<Vector>,
}

impl Roles {
    /// Tells the parts of the columns of `table`.
    pub fn of(table: &Table) -> Self {
        let width = table.width();
        let named = |regex: &Regex| (0..width).find(|&n| regex.is_match(table.name(n)));
        let mut roles = Self {
            label: named(&LABEL),
            user: named(&USER),
            sensor: named(&SENSOR).filter(|&n| !numeric(table, n)),
            time: named(&TIME).filter(|&n| numeric(table, n) || is_date(table, n)),
            vectors: vectors(table),
        };
        let taken = |roles: &Self, n: usize| {
            let vector = roles.vectors.iter().any(|v| v.columns.contains(&n));
            vector || [roles.time, roles.label, roles.user, roles.sensor].contains(&Some(n))
        };
        if table.header.is_none() {
            // Without names: times rise, and a text is what was done.
            roles.time = (0..width).find(|&n| rises(table, n) || is_date(table, n));
            roles.vectors = unnamed(table, roles.time);
        }
        if roles.time.is_none() {
            // A time may be called anything, but it rises.
            let free = (0..width).filter(|&n| !taken(&roles, n));
            roles.time = free
                .clone()
                .find(|&n| is_date(table, n) || numeric(table, n) && rises(table, n));
        }
        let text = (0..width).filter(|&n| !numeric(table, n) && !is_date(table, n));
        let texts: Vec<usize> = text.filter(|&n| !taken(&roles, n)).collect();
        if roles.label.is_none() {
            roles.label = texts.last().copied();
        }
        if roles.user == roles.label {
            roles.user = None;
        }
        roles
    }
}

/// Returns whether all values of column `n` are numbers, empty ones aside.
pub(super) fn numeric(table: &Table, n: usize) -> bool {
    let mut fields = table.rows.iter().filter_map(|row| row.get(n));
    let mut any = false;
    let all = fields.all(|field| {
        let number = table.number(field).is_some();
        any |= number;
        number || field.is_empty() || field.eq_ignore_ascii_case("nan")
    });
    all && any
}

/// Returns whether column `n` has dates or times of day as ISO 8601 writes them.
pub(super) fn is_date(table: &Table, n: usize) -> bool {
    static DATE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?").expect("the expression is correct")
    });
    let mut fields = table.rows.iter().filter_map(|row| row.get(n));
    fields.all(|field| DATE.is_match(field))
}

/// Returns whether the values of column `n` never fall by more than a restart, and rise nearly always.
fn rises(table: &Table, n: usize) -> bool {
    let values: Vec<f64> = table
        .rows
        .iter()
        .filter_map(|row| row.get(n).and_then(|f| table.number(f)))
        .collect();
    let up = values.windows(2).filter(|w| w[1] > w[0]).count();
    values.len() > 3 && up * 10 >= (values.len() - 1) * 9
}

/// Finds the vectors that the header names.
fn vectors(table: &Table) -> Vec<Vector> {
    /// Name of a sensor, the columns of its axes, its unit.
    type Named = (String, [Option<usize>; 3], Option<&'static str>);
    let mut found: Vec<Named> = Vec::new();
    for n in 0..table.width() {
        let name = table.name(n);
        if !numeric(table, n) || TIME.is_match(name) && name.len() > 2 {
            continue;
        }
        let Some(parts) = AXIS.captures(name) else {
            continue;
        };
        let part = |p: &str| parts.name(p).map_or("", |m| m.as_str());
        let axis = match part("axis").to_ascii_lowercase().as_str() {
            "x" => 0,
            "y" => 1,
            _ => 2,
        };
        let sensor = format!("{} {}", part("sensor"), part("after"))
            .trim()
            .to_lowercase();
        let unit = unit(part("unit")).or_else(|| unit(&sensor).filter(|_| sensor.len() > 1));
        match found
            .iter_mut()
            .find(|(s, axes, _)| *s == sensor && axes[axis].is_none())
        {
            Some((_, axes, _)) => axes[axis] = Some(n),
            None => {
                let mut axes = [None; 3];
                axes[axis] = Some(n);
                found.push((sensor, axes, unit));
            }
        }
    }
    let whole = found
        .into_iter()
        .filter_map(|(sensor, axes, unit)| match axes {
            [Some(x), Some(y), Some(z)] => Some((sensor, [x, y, z], unit)),
            _ => None,
        });
    let whole: Vec<_> = whole.collect();
    let only = whole.len() == 1;
    whole
        .into_iter()
        .filter_map(|(sensor, columns, unit)| {
            let says = |words: &[&str]| words.iter().any(|w| sensor.contains(w));
            let first = sensor.split([' ', '_', '.', '-']).next().unwrap_or("");
            let quantity = match () {
                () if says(&["gyr", "rot", "angular", "omega", "gyro"])
                    || first == "g"
                    || first == "w" =>
                {
                    Quantity::AngularRate
                }
                () if says(&["mag", "compass"]) || first == "m" => Quantity::MagneticField,
                () if says(&["acc", "linear", "gravity", "accelero"])
                    || first == "a"
                    || sensor.is_empty() =>
                {
                    Quantity::Acceleration
                }
                () if only => Quantity::Acceleration,
                () => return None,
            };
            // The part of an acceleration that is gravity alone is no motion.
            let linear = says(&["linear", "lin_", "useracc", "user_acc", "user acc", "body"]);
            (!sensor.starts_with("grav")).then_some(Vector {
                columns,
                quantity,
                linear,
                unit,
                sensor,
            })
        })
        .collect()
}

/// Finds the unit in a text such as `(m/s^2)` or `acc_g`.
fn unit(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let bare = text.trim_matches(['[', ']', '(', ')', ' ']);
    match bare {
        "g" => return Some("g"),
        "mg" => return Some("mg"),
        _ => {}
    }
    let known = [
        ("m/s^2", "m/s^2"),
        ("m/s2", "m/s^2"),
        ("m/s²", "m/s^2"),
        ("m/s/s", "m/s^2"),
        ("ms-2", "m/s^2"),
        ("mdps", "mdeg/s"),
        ("deg/s", "deg/s"),
        ("dps", "deg/s"),
        ("°/s", "deg/s"),
        ("rad/s", "rad/s"),
        ("µt", "uT"),
        ("μt", "uT"),
        ("ut)", "uT"),
        ("gauss", "gauss"),
    ];
    known
        .iter()
        .find(|(t, _)| text.contains(t))
        .map(|(_, unit)| *unit)
}

/// Finds a vector in a table without names: the first three neighbours that look like acceleration.
fn unnamed(table: &Table, time: Option<usize>) -> Vec<Vector> {
    let fits = |n: usize| numeric(table, n) && Some(n) != time && varies(table, n);
    let start = (0..table.width().saturating_sub(2)).find(|&n| (n..n + 3).all(fits));
    let vector = |n: usize| Vector {
        columns: [n, n + 1, n + 2],
        quantity: Quantity::Acceleration,
        linear: false,
        unit: None,
        sensor: String::new(),
    };
    start.map(vector).into_iter().collect()
}

/// Returns whether column `n` has more than a few values.
fn varies(table: &Table, n: usize) -> bool {
    let mut values: Vec<&String> = table.rows.iter().filter_map(|row| row.get(n)).collect();
    values.sort_unstable();
    values.dedup();
    let decimals = values.iter().any(|v| v.contains(['.', ',']));
    values.len() > 3 && (decimals || values.len() * 10 > table.rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(header: &str, row: &str) -> Roles {
        let rows: String = (0..9)
            .map(|n| format!("{}\n", row.replace('#', &n.to_string())))
            .collect();
        let text = format!("{header}\n{rows}");
        Roles::of(&Table::of(&mut text.as_bytes()).unwrap().unwrap())
    }

    #[test]
    fn names_of_many_programs_are_known() {
        for (header, columns, unit) in [
            ("timestamp,accX,accY,accZ,l", [1, 2, 3], None),
            (
                "Time (s),Acceleration x (m/s^2),Acceleration y (m/s^2),Acceleration z (m/s^2),l",
                [1, 2, 3],
                Some("m/s^2"),
            ),
            ("t,x-axis (g),y-axis (g),z-axis (g),l", [1, 2, 3], Some("g")),
            (
                "t,Accel_LN_X_CAL,Accel_LN_Y_CAL,Accel_LN_Z_CAL,l",
                [1, 2, 3],
                None,
            ),
            ("ts,acc_x,acc_y,acc_z,l", [1, 2, 3], None),
            ("seconds_elapsed,z,y,x,l", [3, 2, 1], None),
        ] {
            let found = roles(header, "#,0.1#,0.2#,0.3#,walk");
            assert_eq!(found.time, Some(0), "{header}");
            let [vector] = &found.vectors[..] else {
                panic!("{header}: {found:?}");
            };
            assert_eq!((vector.columns, vector.unit), (columns, unit), "{header}");
            assert_eq!(vector.quantity, Quantity::Acceleration, "{header}");
            assert_eq!(found.label, Some(4), "{header}");
        }
    }

    #[test]
    fn six_axes_are_two_vectors() {
        let found = roles(
            "time,ax,ay,az,gx,gy,gz,subject,activity",
            "#,0.1#,0.2#,0.3#,0.1#,0.2#,0.3#,4,sit",
        );
        let quantities: Vec<_> = found.vectors.iter().map(|v| v.quantity).collect();
        assert_eq!(quantities, [Quantity::Acceleration, Quantity::AngularRate]);
        assert_eq!((found.user, found.label), (Some(7), Some(8)));
    }

    #[test]
    fn linear_acceleration_is_told() {
        let found = roles(
            "t,userAcceleration.x,userAcceleration.y,userAcceleration.z",
            "#,0.1#,0.2#,0.3#",
        );
        assert!(found.vectors[0].linear);
    }

    #[test]
    fn without_a_header_values_tell() {
        let rows: String = (0..12)
            .map(|n| {
                format!(
                    "{} {:.2} {:.2} 9.8{n} walking\n",
                    50 * n,
                    0.1 * n as f64,
                    -0.3 * n as f64
                )
            })
            .collect();
        let found = Roles::of(&Table::of(&mut rows.as_bytes()).unwrap().unwrap());
        assert_eq!((found.time, found.label), (Some(0), Some(4)));
        assert_eq!(found.vectors[0].columns, [1, 2, 3]);
    }
}
