//! Folders, files and archives, whole and damaged; data that is not there.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{Keep, read_at, write};
use mote_data::{
    Device, Error, Files, IngestReport, MotionSense, Source, WindowSpec, Wisdm2019, WisdmV1, check,
    list, load, summary, task,
};
use std::{
    fs::{self, File},
    io::{Cursor, Write},
    path::Path,
};
use zip::{ZipWriter, write::SimpleFileOptions};

const ENTRY: &str = "wisdm-dataset/raw/watch/accel/data_1600_accel_watch.txt";

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Ten seconds at 20 Hz of each of the given activities.
fn text(user: u32, activities: &[&str]) -> Vec<u8> {
    let mut text = String::new();
    for (n, activity) in activities.iter().enumerate() {
        for i in 0..200u64 {
            let t = 1_000_000_000_000 * (n as u64 + 1) + i * 50_000_000;
            text += &format!("{user},{activity},{t},{}.5,9.8,-0.25;\n", i % 7);
        }
    }
    text.into_bytes()
}

fn watch() -> Wisdm2019 {
    Wisdm2019::new(Device::Watch)
}

#[test]
fn folder_zip_and_zip_in_a_zip_read_alike() {
    let text = text(1600, &["A", "B"]);
    let litter = (
        "__MACOSX/raw/watch/accel/._data_1600_accel_watch.txt",
        &b"\0\x05"[..],
    );
    let other = (
        "wisdm-dataset/raw/phone/accel/data_1600_accel_phone.txt",
        &b"x"[..],
    );
    let inner = zip(&[(ENTRY, &text), litter, other]);
    let outer = zip(&[
        ("wisdm-dataset.zip", &inner),
        ("wisdm-dataset/note.txt", b"hello"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &format!("tree/{ENTRY}"), &text);
    write(folder.path(), "inner.zip", &inner);
    write(folder.path(), "outer.zip", &outer);
    let mut seen = Vec::new();
    for place in ["tree", "inner.zip", "outer.zip"] {
        let (ingest, keep) = read_at(&watch(), &folder.path().join(place)).unwrap();
        assert_eq!(
            (ingest.files, ingest.accepted, ingest.rejected()),
            (1, 400, 0),
            "{place}"
        );
        seen.push(keep.recordings);
    }
    assert_eq!(seen[0].len(), 2);
    assert!(seen.windows(2).all(|w| w[0] == w[1]));
}

#[test]
fn a_truncated_zip_is_an_error_that_names_it() {
    let whole = zip(&[(ENTRY, &text(1600, &["A", "B", "C"]))]);
    let folder = tempfile::tempdir().unwrap();
    for part in [0, 10, whole.len() / 2, whole.len() - 1] {
        write(
            folder.path(),
            "wisdm-2019/wisdm-dataset.zip",
            &whole[..part],
        );
        let error =
            check(&task("wisdm-2019-watch/5").unwrap(), Some(folder.path()), 5).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Archive { .. }), "{message}");
        assert!(message.contains("wisdm-dataset.zip"), "{message}");
    }
}

#[test]
fn a_zip_with_damaged_contents_is_an_error() {
    let mut bytes = zip(&[(ENTRY, &text(1600, &["A", "B", "C"]))]);
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0xff;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "d.zip", &bytes);
    let error = read_at(&watch(), &folder.path().join("d.zip"))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("data_1600_accel_watch.txt"), "{error}");
}

#[test]
fn a_zip_of_something_else_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "motionsense/B_Accelerometer_data.zip",
        &zip(&[("a.txt", b"b")]),
    );
    let error = check(&task("motionsense/6").unwrap(), Some(folder.path()), 5).unwrap_err();
    assert!(
        error.to_string().contains("holds no file of motionsense"),
        "{error}"
    );
}

#[test]
fn the_official_tar_of_v1_reads() {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::default(),
    ));
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, bytes).unwrap();
    };
    add("WISDM_ar_v1.1/readme.txt", b"read me");
    add(
        "WISDM_ar_v1.1/WISDM_ar_v1.1_raw.txt",
        &text(7, &["Walking"]),
    );
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "wisdm-v1.1/WISDM_ar_latest.tar.gz", &bytes);
    let loaded = load(
        &task("wisdm-v1.1/6").unwrap(),
        Some(folder.path()),
        &WindowSpec::default(),
    )
    .unwrap();
    assert_eq!((loaded.ingest.accepted, loaded.windows.len()), (200, 5));

    write(
        folder.path(),
        "wisdm-v1.1/WISDM_ar_latest.tar.gz",
        &bytes[..bytes.len() / 2],
    );
    assert!(check(&task("wisdm-v1.1/6").unwrap(), Some(folder.path()), 5).is_err());
}

#[test]
fn data_is_found_below_and_in_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let csv = b",x,y,z\n0,0,0,1\n";
    write(
        folder.path(),
        "motionsense/B_Accelerometer_data/wlk_7/sub_1.csv",
        csv,
    );
    let inside = folder.path().join("motionsense");
    for root in [
        folder.path(),
        inside.as_path(),
        &inside.join("B_Accelerometer_data"),
    ] {
        assert!(
            MotionSense.locate(Some(root)).is_some(),
            "{}",
            root.display()
        );
    }
    write(folder.path(), "x/WISDM_ar_v1.1_raw.txt", b"");
    let file = folder.path().join("x/WISDM_ar_v1.1_raw.txt");
    assert_eq!(WisdmV1.locate(Some(&file)), Some(Files::at(&file)));
    assert_eq!(WisdmV1.locate(Some(&inside)), None);
    assert_eq!(WisdmV1.locate(Some(Path::new("/no/such/place"))), None);
}

#[test]
fn missing_data_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["wisdm-v1.1/6", "wisdm-2019-watch/18", "motionsense/6"] {
        let task = task(name).unwrap();
        for root in [None, Some(folder.path())] {
            let error = load(&task, root, &WindowSpec::default())
                .unwrap_err()
                .to_string();
            let dataset = task.source.dataset().unwrap();
            for part in ["mote data fetch", dataset.url, dataset.archive] {
                assert!(error.contains(part), "{error}");
            }
        }
    }
    assert!(load(&task("synthetic/6").unwrap(), None, &WindowSpec::default()).is_ok());
    let listed = list(Some(folder.path()));
    assert!(listed.iter().all(|l| l.path.is_none()) && listed.iter().any(|l| l.synthetic));
}

#[test]
fn an_unknown_task_gets_a_suggestion() {
    let error = task("wisdm-2019-watch5").unwrap_err().to_string();
    assert!(error.contains("did you mean 'wisdm-2019-watch/"), "{error}");
    assert!(
        error.contains("motionsense/6") && error.contains("csv:FILE.toml"),
        "{error}"
    );
    assert!(
        !task("qqq")
            .unwrap_err()
            .to_string()
            .contains("did you mean")
    );
}

#[test]
fn the_digest_changes_with_any_byte_and_with_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let digest = |text: &[u8]| {
        write(folder.path(), "wisdm-v1.1/WISDM_ar_v1.1_raw.txt", text);
        let task = task("wisdm-v1.1/6").unwrap();
        load(&task, Some(folder.path()), &WindowSpec::default())
            .unwrap()
            .digest
    };
    let mut bytes = text(7, &["Walking"]);
    let first = digest(&bytes);
    assert_eq!(first.len(), 64);
    assert_eq!(first, digest(&bytes));
    *bytes.last_mut().unwrap() = b' ';
    assert_ne!(first, digest(&bytes));
}

#[test]
fn summary_counts_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let raw = [text(7, &["Walking", "Sitting"]), text(8, &["Walking"])].concat();
    write(folder.path(), "wisdm-v1.1/WISDM_ar_v1.1_raw.txt", &raw);
    let task = task("wisdm-v1.1/6").unwrap();
    let summary = summary(&task, Some(folder.path()), &WindowSpec::default()).unwrap();
    let walking = &summary.activities["walking"];
    assert_eq!(
        (walking.users, walking.recordings, walking.records),
        (2, 2, 400)
    );
    assert_eq!(
        (walking.windows, summary.activities["sitting"].windows),
        (10, 5)
    );
    assert_eq!(walking.rate_hz, Some((20.0, 20.0)));
    assert!((walking.seconds - 19.9).abs() < 1e-9);
    assert_eq!((summary.users, summary.complete_users), (2, 0));
    assert_eq!(summary.activities["jogging"].users, 0);
    assert!(summary.to_string().contains("walking"));
}

#[test]
fn synthetic_text_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let spec = mote_data::SynthSpec {
        users: 3,
        seconds: 10.0,
        ..Default::default()
    };
    let path = mote_data::write_synthetic(&spec, folder.path()).unwrap();
    assert!(matches!(
        mote_data::write_synthetic(&spec, folder.path()),
        Err(Error::Io { .. })
    ));
    let (ingest, keep) = read_at(&WisdmV1, &path).unwrap();
    assert_eq!((ingest.accepted, ingest.rejected()), (3 * 6 * 200, 0));
    let mut made = Keep::default();
    mote_data::synthesize(&spec, &mut IngestReport::default(), &mut made).unwrap();
    assert_eq!(keep.recordings, made.recordings);
    assert!(File::open(&path).unwrap().metadata().unwrap().len() > 100_000);
    fs::remove_file(path).unwrap();
}
