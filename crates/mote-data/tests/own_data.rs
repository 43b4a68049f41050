//! Recordings and windows of a user's own: CSV with a description, and NumPy archives.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{read_at, rejections, write};
use mote_data::{Error, Npz, Reason, Source, WindowSpec, load, task};
use npyz::WriterBuilder;
use std::{io::Write, path::Path};

const TOML: &str = r#"
path = "rec"
unit = "g"
rate_hz = 10.0
time_unit = "ms"

[columns]
x = "ax"
y = "ay"
z = "az"
activity = "label"
user = "who"
time = "t"

[labels]
walk = "walking"
sit = "sitting"
other = ""
"#;

fn csv_task(folder: &Path, toml: &str) -> Result<mote_data::Task, Error> {
    write(folder, "my.toml", toml.as_bytes());
    task(&format!("csv:{}", folder.join("my.toml").display()))
}

#[test]
fn csv_with_header_units_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "t,who,label,ax,ay,az\r\n".to_owned();
    for i in 0..60 {
        text += &format!("{},4,walk,1,0.5,{i}\r\n", 1_700_000_000_000u64 + i * 100);
    }
    text += "1,4,other,1,1,1\n2,4,fly,1,1,1\n3,x,sit,1,1,1\n4,4,sit,1,,1\n5,4,sit,1,1\n6,4,sit,1,1,nan\n";
    write(folder.path(), "rec/a.csv", text.as_bytes());
    let task = csv_task(folder.path(), TOML).unwrap();
    assert_eq!(task.labels, ["sitting", "walking"]);
    let (ingest, keep) = read_at(task.source.as_ref(), &folder.path().join("rec")).unwrap();
    assert_eq!(
        rejections(&ingest),
        [
            (63, Reason::UnknownActivity),
            (65, Reason::EmptyField),
            (66, Reason::FieldCount),
            (67, Reason::NotFinite),
        ]
    );
    let first = &keep.recordings[0];
    assert_eq!(
        (first.user, first.t_ns[1] - first.t_ns[0]),
        (4, 100_000_000)
    );
    assert_eq!(first.t_ns[0], 1_700_000_000_000_000_000);
    assert_eq!(first.sample(2), [9.80665, 0.5 * 9.80665, 2.0 * 9.80665]);

    let spec = WindowSpec {
        rate_hz: 10.0,
        ..Default::default()
    };
    let loaded = load(&task, None, &spec).unwrap();
    assert_eq!(loaded.ingest.unused, 1);
    assert_eq!(
        (
            loaded.windows.len(),
            loaded.windows.time,
            loaded.windows.y[0]
        ),
        (3, 30, 1)
    );
}

#[test]
fn csv_without_header_or_time() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "one.txt",
        b"9;walk;1;2;3\n9;walk;a;2;3\n9;walk;4;5;6\n",
    );
    let toml = r#"
        path = "one.txt"
        unit = "m/s^2"
        rate_hz = 50.0
        delimiter = ";"
        header = false
        labels = { walk = "walking" }
        columns = { user = 0, activity = 1, x = 2, y = 3, z = 4 }
    "#;
    let task = csv_task(folder.path(), toml).unwrap();
    let (ingest, keep) = read_at(task.source.as_ref(), &folder.path().join("one.txt")).unwrap();
    assert_eq!(rejections(&ingest), [(2, Reason::BadNumber)]);
    // The bad row leaves its place in time empty.
    let r = &keep.recordings[0];
    assert_eq!(
        (r.t_ns[1] - r.t_ns[0], r.sample(1)),
        (40_000_000, &[4.0, 5.0, 6.0][..])
    );
}

#[test]
fn csv_descriptions_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rec/a.csv", b"t,who,label,ax,ay,az\n");
    let message = |toml: &str| {
        csv_task(folder.path(), toml)
            .and_then(|t| load(&t, None, &WindowSpec::default()))
            .unwrap_err()
            .to_string()
    };
    let column = message(&TOML.replace("\"ax\"", "\"acc_x\""));
    assert!(
        column.contains("columns.x = \"acc_x\"") && column.contains("t, who, label, ax"),
        "{column}"
    );
    for (from, to, part) in [
        ("unit = \"g\"", "unit = \"furlong\"", "furlong"),
        ("rate_hz = 10.0", "rate_hz = 0.0", "rate_hz"),
        ("rate_hz = 10.0", "rte_hz = 10.0", "rte_hz"),
        ("path = \"rec\"", "path = \"nowhere\"", "nowhere"),
        ("x = \"ax\"", "", "missing field `x`"),
    ] {
        let error = message(&TOML.replace(from, to));
        assert!(error.contains(part), "{error}");
    }
    assert!(matches!(task("csv:/no/such.toml"), Err(Error::Io { .. })));
}

/// One `.npy` file.
fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(shape)
        .writer(&mut bytes)
        .begin_nd()
        .unwrap();
    writer.extend(values).unwrap();
    writer.finish().unwrap();
    bytes
}

fn npz(folder: &Path, arrays: &[(&str, Vec<u8>)]) -> std::path::PathBuf {
    let path = folder.join("w.npz");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[test]
fn npz_windows() {
    let folder = tempfile::tempdir().unwrap();
    let mut x: Vec<f64> = (0..3 * 4 * 2).map(f64::from).collect();
    x[9] = f64::NAN;
    let path = npz(
        folder.path(),
        &[
            ("X", npy(&[3, 4, 2], x)),
            ("y", npy(&[3], [1i32, 0, 2])),
            ("users", npy(&[3], [7i64, 7, 9])),
            ("rate_hz", npy(&[], [50.0f32])),
        ],
    );
    let task = task(&format!("npz:{}", path.display())).unwrap();
    assert_eq!(task.labels, ["0", "1", "2"]);
    let loaded = load(&task, None, &WindowSpec::default()).unwrap();
    let w = &loaded.windows;
    assert_eq!((w.time, w.channels, w.hop, w.rate_hz), (4, 2, 4, 50.0));
    assert_eq!((w.y.clone(), w.users.clone()), (vec![1, 2], vec![7, 9]));
    assert_eq!(
        w.window(1),
        [16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0]
    );
    assert_eq!(rejections(&loaded.ingest), [(2, Reason::NotFinite)]);
}

#[test]
fn npz_that_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let x = || ("X", npy(&[2, 1, 1], [0.5f32, 1.0]));
    let message = |arrays: &[(&str, Vec<u8>)]| {
        Npz::open(&npz(folder.path(), arrays))
            .unwrap_err()
            .to_string()
    };
    for (arrays, part) in [
        (vec![x()], "array y"),
        (vec![x(), ("y", npy(&[2], [0u8, 1]))], "array users"),
        (
            vec![x(), ("y", npy(&[1], [0u8])), ("users", npy(&[2], [1u8, 2]))],
            "expected [2]",
        ),
        (
            vec![
                x(),
                ("y", npy(&[2], [0i8, -1])),
                ("users", npy(&[2], [1u8, 2])),
            ],
            "class numbers",
        ),
        (
            vec![
                x(),
                ("y", npy(&[2], [0.0f64, 1.5])),
                ("users", npy(&[2], [1u8, 2])),
            ],
            "class numbers",
        ),
        (
            vec![("X", npy(&[2], [0.5f32, 1.0]))],
            "[windows, time, channels]",
        ),
        (
            vec![("X", b"\x93NUMPY\x02\x00\xa6\xa6\xa6\xa6{}".to_vec())],
            "a header of 2795939494 bytes",
        ),
    ] {
        let error = message(&arrays);
        assert!(error.contains(part) && error.contains("w.npz"), "{error}");
    }
    // Integers are numbers as well.
    let ints = npz(
        folder.path(),
        &[
            ("X", npy(&[1, 1, 1], [1i64])),
            ("y", npy(&[1], [0i64])),
            ("users", npy(&[1], [0i64])),
        ],
    );
    assert!(read_at(&Npz::open(&ints).unwrap(), &ints).is_ok());
    std::fs::write(&ints, b"PK").unwrap();
    let error = Npz::open(&ints).unwrap_err().to_string();
    assert!(error.contains("no NPZ file"), "{error}");
}

#[test]
fn npz_layout_is_known_before_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = npz(
        folder.path(),
        &[
            ("X", npy(&[1, 2, 3], [0.0f32; 6])),
            ("y", npy(&[1], [4u16])),
            ("users", npy(&[1], [0u32])),
            ("hop", npy(&[], [1i64])),
        ],
    );
    let source = Npz::open(&path).unwrap();
    // Classes are the numbers there are.
    assert_eq!(source.labels(), ["4"]);
    let expected = mote_data::Layout::Windows {
        time: 2,
        channels: 3,
        rate_hz: 20.0,
        hop: 1,
    };
    assert_eq!(source.layout(), expected);
}
