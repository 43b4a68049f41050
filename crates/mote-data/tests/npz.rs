//! Windows from NumPy, in the forms that people save them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use mote_data::{FindingKind, Loaded, WindowSpec, load, task};
use std::{io::Write as _, path::Path};

/// An array as NumPy writes it.
fn npy(kind: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let axes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({axes}), }}");
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn floats(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    npy("<f4", false, shape, &data)
}

fn text(values: &[&str]) -> Vec<u8> {
    let width = values.iter().map(|v| v.chars().count()).max().unwrap_or(1);
    let padded = values
        .iter()
        .flat_map(|v| v.chars().chain(std::iter::repeat('\0')).take(width));
    let data: Vec<u8> = padded.flat_map(|c| (c as u32).to_le_bytes()).collect();
    npy(&format!("<U{width}"), false, &[values.len()], &data)
}

fn bytes(values: &[u8]) -> Vec<u8> {
    npy("|u1", false, &[values.len()], values)
}

fn read(folder: &Path, arrays: &[(&str, Vec<u8>)]) -> Result<Loaded, mote_data::Error> {
    let path = folder.join("w.npz");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, data) in arrays {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap();
    load(
        &task(&format!("npz:{}", path.display()))?,
        None,
        &WindowSpec::default(),
    )
}

/// Four windows of 40 steps of three channels, of about gravity; `scale` is that of the unit.
fn values(scale: f32) -> Vec<f32> {
    let value = |i: usize| {
        if i % 3 == 2 {
            9.8
        } else {
            0.01 * (i % 7) as f32
        }
    };
    (0..4 * 40 * 3).map(|i| value(i) * scale).collect()
}

#[test]
fn users_and_classes_may_be_text() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = read(
        folder.path(),
        &[
            ("X", floats(&[4, 40, 3], &values(1.0))),
            ("y", text(&["walk", "sit", "walk", "sit"])),
            ("users", text(&["zoe", "zoe", "al", "al"])),
        ],
    )
    .unwrap();
    assert_eq!(loaded.windows.labels, ["sit", "walk"]);
    assert_eq!(loaded.windows.y, [1, 0, 1, 0]);
    assert_eq!(loaded.windows.users, [2, 2, 1, 1]);
    assert_eq!(loaded.ingest.users[&2], "zoe");
}

#[test]
fn classes_are_numbers_from_anywhere_one_hot_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let x = ("X", floats(&[4, 40, 3], &values(1.0)));
    let users = ("users", bytes(&[1, 1, 2, 2]));
    let from_one = read(
        folder.path(),
        &[x.clone(), ("y", bytes(&[1, 3, 1, 3])), users.clone()],
    )
    .unwrap();
    assert_eq!(
        (from_one.windows.labels, from_one.windows.y),
        (vec!["1".to_owned(), "3".to_owned()], vec![0, 1, 0, 1])
    );
    let hot = floats(&[4, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    let named = ("labels", text(&["sit", "walk"]));
    let hot = read(
        folder.path(),
        &[x.clone(), ("y", hot), users.clone(), named.clone()],
    )
    .unwrap();
    assert_eq!(
        (hot.windows.labels, hot.windows.y),
        (vec!["sit".to_owned(), "walk".to_owned()], vec![0, 1, 0, 1])
    );
    let soft = floats(&[4, 2], &[0.9, 0.1, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    let error = read(folder.path(), &[x.clone(), ("y", soft), users.clone()])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("row 0") && error.contains("one-hot"),
        "{error}"
    );
    let error = read(
        folder.path(),
        &[x, ("y", bytes(&[0, 1, 2, 0])), users, named],
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("names 2 classes, and y has class 2"),
        "{error}"
    );
}

#[test]
fn orders_of_axes_and_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let plain = values(1.0);
    let rest = |axes: Option<&str>| {
        let mut arrays = vec![("y", bytes(&[0, 1, 0, 1])), ("users", bytes(&[1, 1, 2, 2]))];
        arrays.extend(axes.map(|axes| ("axes", text(&[axes]))));
        arrays
    };
    let expected = read(
        folder.path(),
        &[vec![("X", floats(&[4, 40, 3], &plain))], rest(None)].concat(),
    )
    .unwrap();

    // [windows, channels, time], recognised by its shape, and said.
    let swapped: Vec<f32> = (0..480)
        .map(|i| plain[i / 120 * 120 + i % 40 * 3 + i / 40 % 3])
        .collect();
    let loaded = read(
        folder.path(),
        &[vec![("X", floats(&[4, 3, 40], &swapped))], rest(None)].concat(),
    )
    .unwrap();
    assert_eq!(loaded.windows.x, expected.windows.x);
    assert!(
        loaded
            .ingest
            .findings
            .iter()
            .any(|f| f.kind == FindingKind::SwappedAxes && f.text.contains("[4, 3, 40]"))
    );
    // The file may say it, either way.
    let said = read(
        folder.path(),
        &[
            vec![("X", floats(&[4, 3, 40], &swapped))],
            rest(Some("window,channel,time")),
        ]
        .concat(),
    )
    .unwrap();
    assert_eq!(said.windows.x, expected.windows.x);
    assert!(
        said.ingest
            .findings
            .iter()
            .all(|f| f.kind != FindingKind::SwappedAxes)
    );
    let other = read(
        folder.path(),
        &[
            vec![("X", floats(&[4, 3, 40], &swapped))],
            rest(Some("window,time,channel")),
        ]
        .concat(),
    )
    .unwrap();
    assert_eq!((other.windows.time, other.windows.channels), (3, 40));
    assert!(
        other
            .ingest
            .findings
            .iter()
            .any(|f| f.kind == FindingKind::SwappedAxes)
    );

    // Fortran order.
    let fortran: Vec<u8> = (0..480)
        .flat_map(|i| plain[i % 4 * 120 + i / 4 % 40 * 3 + i / 160].to_le_bytes())
        .collect();
    let loaded = read(
        folder.path(),
        &[
            vec![("X", npy("<f4", true, &[4, 40, 3], &fortran))],
            rest(None),
        ]
        .concat(),
    )
    .unwrap();
    assert_eq!(loaded.windows.x, expected.windows.x);
}

#[test]
fn units_are_given_or_found_to_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let rest = [("y", bytes(&[0, 1, 0, 1])), ("users", bytes(&[1, 1, 2, 2]))];
    let g = [
        &[("X", floats(&[4, 40, 3], &values(1.0 / 9.806_65)))][..],
        &rest,
    ]
    .concat();
    let loaded = read(folder.path(), &g).unwrap();
    assert!(
        loaded
            .ingest
            .findings
            .iter()
            .any(|f| f.kind == FindingKind::Gravity && f.text.contains("look like g")),
        "{:?}",
        loaded.ingest.findings
    );
    let loaded = read(folder.path(), &[&g[..], &[("unit", text(&["g"]))]].concat()).unwrap();
    assert!((loaded.windows.x[2] - 9.8).abs() < 1e-3);
    assert!(
        loaded
            .ingest
            .findings
            .iter()
            .all(|f| f.kind != FindingKind::Gravity)
    );
    let mg = [
        &[("X", floats(&[4, 40, 3], &values(1000.0 / 9.0)))][..],
        &rest,
    ]
    .concat();
    let error = read(folder.path(), &mg).unwrap_err().to_string();
    assert!(error.contains("no window"), "{error}");
    let error = read(
        folder.path(),
        &[&g[..], &[("unit", text(&["stone"]))]].concat(),
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("\"stone\"") && error.contains("\"mg\""),
        "{error}"
    );
}
