//! Recordings that nobody has described: what Mote writes about them can be read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use mote_data::{FindingKind, Hints, WindowSpec, describe, load, task};
use std::{f64::consts::TAU, fmt::Write as _, path::Path};

/// Made-up motion of `activity`: rest, or a swing of 2 Hz, on top of gravity, in m/s^2.
fn motion(activity: &str, t: f64) -> [f64; 3] {
    let noise = |k: f64| 0.05 * ((t * 7919.0 + k) * 12.9898).sin();
    let swing = if activity == "sit" {
        0.0
    } else {
        4.0 * (TAU * 2.0 * t).sin()
    };
    [
        swing + noise(1.0),
        noise(2.0),
        9.81 + 0.5 * swing + noise(3.0),
    ]
}

/// Rows of 12 s at `rate_hz`, each written by `row` from time in s and acceleration in m/s^2.
fn rows(activity: &str, rate_hz: f64, mut row: impl FnMut(&mut String, f64, [f64; 3])) -> String {
    let mut text = String::new();
    for n in 0..(12.0 * rate_hz) as usize {
        let t = n as f64 / rate_hz;
        row(&mut text, t, motion(activity, t));
        text.push('\n');
    }
    text
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Reads the folder as a task; returns the windows of each label, and the users.
fn read(folder: &Path) -> (Vec<(String, usize)>, usize) {
    let found = task(&folder.display().to_string()).unwrap();
    let loaded = load(&found, None, &WindowSpec::default()).unwrap();
    assert!(
        loaded
            .ingest
            .findings
            .iter()
            .all(|f| f.kind != FindingKind::Gravity && f.kind != FindingKind::Rate),
        "{:?}",
        loaded.ingest.findings
    );
    let windows = &loaded.windows;
    let count = |class| windows.y.iter().filter(|&&y| y == class).count();
    let labels = windows
        .labels
        .iter()
        .enumerate()
        .map(|(class, label)| (label.clone(), count(class)));
    let users: std::collections::BTreeSet<u32> = windows.users.iter().copied().collect();
    (labels.collect(), users.len())
}

/// 12 s give seven windows of 3 s that overlap by half.
fn expected(users: usize) -> Vec<(String, usize)> {
    ["sit", "walk"].map(|l| (l.to_owned(), 7 * users)).to_vec()
}

#[test]
fn one_file_per_person_and_activity_in_folders() {
    let folder = tempfile::tempdir().unwrap();
    for activity in ["sit", "walk"] {
        for user in ["s01", "s02", "s03"] {
            let text = rows(activity, 50.0, |text, t, [x, y, z]| {
                let g = 9.80665;
                write!(
                    text,
                    "{:.0},{:.4},{:.4},{:.4}",
                    1e3 * t,
                    x / g,
                    y / g,
                    z / g
                )
                .unwrap();
            });
            let path = folder.path().join(activity).join(user).join("accel.csv");
            write(&path, &format!("time_ms,ax,ay,az\n{text}"));
        }
    }
    let guess = describe(folder.path(), ".", &Hints::default()).unwrap();
    assert_eq!(guess.missing, Vec::<String>::new());
    for line in [
        "pattern = \"{activity}/{user}/accel.csv\"",
        "unit = \"g\"",
        "rate_hz = 50.0",
        "time_unit = \"ms\"",
    ] {
        assert!(guess.toml.contains(line), "{line} in\n{}", guess.toml);
    }
    assert_eq!(read(folder.path()), (expected(3), 3));
    // The same, written down and read as a description.
    let file = folder.path().join("task.toml");
    std::fs::write(&file, guess.toml).unwrap();
    assert_eq!(read(folder.path()), (expected(3), 3));
    assert_eq!(read(&file), (expected(3), 3));
}

#[test]
fn one_file_with_labels_users_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "Sensor Recorder 2.1\n\nsubject;label;epoch;x;y;z\n".to_owned();
    let mut start = 1_700_000_000.0;
    for user in ["anna", "ben"] {
        for activity in ["sit", "walk"] {
            text += &rows(activity, 25.0, |text, t, a| {
                let [x, y, z] = a.map(|v| (v / 9.80665 * 8192.0).round());
                let t = format!("{:.3}", start + t).replace('.', ",");
                write!(text, "{user};{activity};{t};{x};{y};{z}").unwrap();
            });
            start += 60.0;
        }
    }
    let path = folder.path().join("all.txt");
    write(&path, &text);
    let guess = describe(&path, "all.txt", &Hints::default()).unwrap();
    for line in [
        "delimiter = \";\"",
        "decimal = \",\"",
        "time_unit = \"s\"",
        "scale = 0.0001220703125",
    ] {
        assert!(guess.toml.contains(line), "{line} in\n{}", guess.toml);
    }
    assert!(
        guess
            .guesses
            .iter()
            .any(|g| g.contains("8192 counts per g")),
        "{:?}",
        guess.guesses
    );
    assert_eq!(read(&path), (expected(2), 2));
}

#[test]
fn six_axes_without_a_header_or_users() {
    let folder = tempfile::tempdir().unwrap();
    for activity in ["sit", "walk"] {
        let text = rows(activity, 100.0, |text, t, [x, y, z]| {
            write!(text, "{:.0}\t{x:.3}\t{y:.3}\t{z:.3}", 1e6 * t).unwrap();
        });
        write(&folder.path().join(format!("{activity}_1.txt")), &text);
    }
    assert_eq!(read(folder.path()), (expected(1), 1));

    let folder = tempfile::tempdir().unwrap();
    for activity in ["sit", "walk"] {
        let text = rows(activity, 100.0, |text, t, [x, y, z]| {
            write!(
                text,
                "{t:.2},{x:.3},{y:.3},{z:.3},{:.1},{:.1},{:.1},p1",
                9.0 * x,
                8.0 * y,
                90.0 * (t * 9.0).sin()
            )
            .unwrap();
        });
        let header = "seconds,accX,accY,accZ,gyrX,gyrY,gyrZ,person";
        write(
            &folder.path().join(format!("{activity}.7.csv")),
            &format!("{header}\n{text}"),
        );
    }
    let guess = describe(folder.path(), ".", &Hints::default()).unwrap();
    assert!(
        guess
            .toml
            .contains("quantity = \"angular rate\"\nunit = \"deg/s\""),
        "{}",
        guess.toml
    );
    assert_eq!(read(folder.path()), (expected(1), 1));
}

#[test]
fn what_cannot_be_told_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = rows("walk", 50.0, |text, _, [x, y, z]| {
        write!(text, "{x:.3},{y:.3},{z:.3}").unwrap()
    });
    write(&folder.path().join("a.csv"), &format!("x,y,z\n{text}"));
    write(&folder.path().join("notes.md"), "made on a Tuesday\n");
    let error = task(&folder.path().display().to_string())
        .unwrap_err()
        .to_string();
    for part in [
        "nothing says what was done",
        "nothing says the rate",
        "data describe",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert_eq!(error.lines().count(), 1);
    let guess = describe(folder.path(), ".", &Hints::default()).unwrap();
    assert_eq!(
        guess.left_out,
        [("notes.md".to_owned(), "no text of numbers".to_owned())]
    );
    assert!(guess.toml.contains("NOT KNOWN"));

    let empty = tempfile::tempdir().unwrap();
    let error = describe(empty.path(), ".", &Hints::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("holds no file"), "{error}");
    let linear = tempfile::tempdir().unwrap();
    let text = rows("walk", 50.0, |text, t, [x, y, _]| {
        write!(
            text,
            "{:.0},{x:.3},{y:.3},0.0{},walk",
            1e3 * t,
            (t * 1e3) as u32 % 7
        )
        .unwrap()
    });
    write(
        &linear.path().join("a.csv"),
        &format!("ms,x,y,z,label\n{text}"),
    );
    let error = task(&linear.path().display().to_string())
        .unwrap_err()
        .to_string();
    assert!(error.contains("gravity"), "{error}");
}

#[test]
fn a_file_for_each_sensor_in_the_folder_of_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    for activity in ["sit", "walk"] {
        for day in 1..=2 {
            let place = folder
                .path()
                .join(format!("{activity}-2024-01-0{day}_10-00-00"));
            for (name, factor) in [
                ("TotalAcceleration", 1.0),
                ("Gyroscope", 0.1),
                ("Accelerometer", 0.5),
            ] {
                let text = rows(activity, 50.0, |text, t, a| {
                    let [x, y, z] = a.map(|v| factor * v);
                    write!(text, "{:.0},{t:.4},{z:.4},{y:.4},{x:.4}", 1e9 * (1.7e9 + t)).unwrap();
                });
                write(
                    &place.join(format!("{name}.csv")),
                    &format!("time,seconds_elapsed,z,y,x\n{text}"),
                );
            }
            write(
                &place.join("Annotation.csv"),
                "time,seconds_elapsed,text,millisecond\n",
            );
        }
    }
    let guess = describe(folder.path(), ".", &Hints::default()).unwrap();
    assert!(
        guess.toml.contains("include = \"TotalAcceleration.csv\""),
        "{}",
        guess.toml
    );
    assert!(
        guess
            .left_out
            .iter()
            .any(|(file, why)| file.contains("Gyroscope") && why.contains("another sensor"))
    );
    let (windows, users) = read(folder.path());
    assert_eq!((windows, users), (expected(2), 1));
}
