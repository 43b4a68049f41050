//! The published data sets that descriptions read, each on a few made-up lines of its form.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

use mote_data::{FindingKind, WindowSpec, load, task, tasks};
use std::{fmt::Write as _, io::Write as _, path::Path};

/// Seconds of each made-up recording.
const SECONDS: f64 = 8.0;

/// Motion with gravity in m/s^2, at rest for the second half.
fn motion(t: f64) -> [f64; 3] {
    let swing = if t < SECONDS / 2.0 {
        3.0 * (t * 12.0).sin()
    } else {
        0.02 * (t * 99.0).sin()
    };
    [swing, 0.1 * (t * 77.0).sin(), 9.8 + 0.3 * swing]
}

/// Rows at `rate_hz` by `row`, which gets the number of the row, its time in s and the acceleration in m/s^2.
fn rows(rate_hz: f64, row: impl Fn(usize, f64, [f64; 3]) -> String) -> String {
    let mut text = String::new();
    for n in 0..(SECONDS * rate_hz) as usize {
        let t = n as f64 / rate_hz;
        writeln!(text, "{}", row(n, t, motion(t))).unwrap();
    }
    text
}

/// `count` fields of zeros but for those given.
fn fields(count: usize, separator: &str, given: &[(usize, String)]) -> String {
    let field = |n: usize| {
        let own = given.iter().find(|(at, _)| *at == n);
        own.map_or("0".to_owned(), |(_, text)| text.clone())
    };
    (0..count).map(field).collect::<Vec<_>>().join(separator)
}

fn axes(first: usize, a: [f64; 3]) -> Vec<(usize, String)> {
    (first..).zip(a.map(|v| format!("{v:.4}"))).collect()
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Reads `name` below `root`; returns users and classes that have windows.
fn read(root: &Path, name: &str) -> (Vec<u32>, Vec<String>) {
    let all = tasks();
    let task = all
        .iter()
        .find(|t| t.name.starts_with(&format!("{name}/")))
        .unwrap();
    let loaded = load(task, Some(root), &WindowSpec::default()).unwrap();
    assert_eq!(
        loaded.ingest.rejected(),
        0,
        "{name}: {:?}",
        loaded.ingest.examples
    );
    let wrong = [FindingKind::Gravity, FindingKind::Rate, FindingKind::Unit];
    let findings = &loaded.ingest.findings;
    assert!(
        findings.iter().all(|f| !wrong.contains(&f.kind)),
        "{name}: {findings:?}"
    );
    let mut users = loaded.windows.users.clone();
    users.sort_unstable();
    users.dedup();
    let mut classes: Vec<usize> = loaded.windows.y.clone();
    classes.sort_unstable();
    classes.dedup();
    (
        users,
        classes
            .into_iter()
            .map(|c| loaded.windows.labels[c].clone())
            .collect(),
    )
}

#[test]
fn data_sets_with_numbered_columns() {
    let root = tempfile::tempdir().unwrap();
    let pamap2 = |label: u32| {
        rows(100.0, move |_, t, a| {
            let mut given = vec![
                (0, format!("{:.2}", t + f64::from(label) * 60.0)),
                (1, label.to_string()),
                (2, "NaN".to_owned()),
            ];
            given.extend(axes(4, a));
            fields(54, " ", &given)
        })
    };
    write(
        root.path(),
        "pamap2/Protocol/subject101.dat",
        &(pamap2(0) + &pamap2(4)),
    );
    write(root.path(), "pamap2/Protocol/subject102.dat", &pamap2(17));
    write(root.path(), "pamap2/Optional/subject101.dat", &pamap2(5));
    assert_eq!(
        read(root.path(), "pamap2"),
        (
            vec![101, 102],
            vec!["ironing".to_owned(), "walking".to_owned()]
        )
    );

    let mhealth = rows(50.0, |n, _, a| {
        let mut given = axes(14, a);
        given.push((23, if n < 20 { "0" } else { "10" }.to_owned()));
        fields(24, "\t", &given)
    });
    write(root.path(), "mhealth/mHealth_subject3.log", &mhealth);
    assert_eq!(
        read(root.path(), "mhealth"),
        (vec![3], vec!["jogging".to_owned()])
    );

    let dsads = rows(25.0, |_, _, a| fields(45, ",", &axes(9, a)));
    write(root.path(), "dsads/a12/p3/s07.txt", &dsads);
    let (users, classes) = read(root.path(), "dsads");
    assert_eq!((users.len(), classes), (1, vec!["running".to_owned()]));

    let sisfall = rows(200.0, |_, _, a| {
        let counts: Vec<String> = a
            .iter()
            .map(|v| format!("{:4.0}", v / 9.80665 * 256.0))
            .collect();
        format!("{},  76,-697,-279, 118,-132, 988;", counts.join(","))
    });
    write(root.path(), "sisfall/SA01/D03_SA01_R01.txt", &sisfall);
    write(root.path(), "sisfall/SE06/F05_SE06_R02.txt", &sisfall);
    let (users, classes) = read(root.path(), "sisfall");
    assert_eq!(
        (users.len(), classes),
        (2, vec!["fall".to_owned(), "jogging slowly".to_owned()])
    );
}

#[test]
fn data_sets_with_named_columns() {
    let root = tempfile::tempdir().unwrap();
    let back = |label: u32| {
        let rows = rows(50.0, move |n, _, a| {
            let [x, y, z] = a.map(|v| v / 9.80665);
            format!(
                "2019-01-12 00:00:{:02}.{:03},{x:.5},{y:.5},{z:.5},-1,0,0.1,{label}",
                n / 50,
                n % 50 * 20
            )
        });
        format!("timestamp,back_x,back_y,back_z,thigh_x,thigh_y,thigh_z,label\n{rows}")
    };
    write(root.path(), "harth/S006.csv", &back(130));
    write(root.path(), "har70plus/501.csv", &back(3));
    assert_eq!(
        read(root.path(), "harth"),
        (vec![6], vec!["cycling".to_owned()])
    );
    assert_eq!(
        read(root.path(), "har70plus"),
        (vec![501], vec!["shuffling".to_owned()])
    );

    // Two watches of one user, row by row, and rows without an activity.
    let hhar = rows(100.0, |n, t, [x, y, z]| {
        let ms = 1_424_696_633_000.0 + 1e3 * t;
        let label = if n < 30 { "null" } else { "stairsup" };
        let row = |device: &str| {
            format!("{n},{ms:.0},{ms:.0}000000,{x:.4},{y:.4},{z:.4},a,gear,{device},{label}")
        };
        format!("{}\n{}", row("gear_1"), row("gear_2"))
    });
    write(
        root.path(),
        "hhar/Watch_accelerometer.csv",
        &format!("Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt\n{hhar}"),
    );
    let (users, classes) = read(root.path(), "hhar");
    assert_eq!((users.len(), classes), (1, vec!["upstairs".to_owned()]));

    let linear = rows(100.0, |_, t, [x, y, z]| {
        format!("{t:.2},{x:.4},{y:.4},{z:.4},{t:.2},0.1,0.2,0.3")
    });
    write(root.path(), "ku-har/11.Walk/1001_L_1.csv", &linear);
    assert_eq!(read(root.path(), "ku-har").1, ["walking"]);
}

#[test]
fn data_sets_in_archives() {
    let root = tempfile::tempdir().unwrap();
    let text = rows(50.0, |n, t, [x, y, z]| {
        format!(
            "{n},{:.0},{x:.5},{y:.5},{z:.5}",
            1_435_993_000_000.0 + 1e3 * t
        )
    });
    let folder = root.path().join("realworld/proband7/data");
    std::fs::create_dir_all(&folder).unwrap();
    let mut zip =
        zip::ZipWriter::new(std::fs::File::create(folder.join("acc_climbingup_csv.zip")).unwrap());
    for (name, text) in [
        (
            "acc_climbingup_forearm.csv",
            format!("id,attr_time,attr_x,attr_y,attr_z\n{text}"),
        ),
        (
            "acc_climbingup_chest.csv",
            "id,attr_time,attr_x,attr_y,attr_z\n".to_owned(),
        ),
        ("readMe", "no data".to_owned()),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    assert_eq!(
        read(root.path(), "realworld"),
        (vec![7], vec!["upstairs".to_owned()])
    );

    let rows = rows(20.0, |n, t, a| {
        let [x, y, z] = a.map(|v| v / 9.80665);
        let ms = 1e3 * t + 179.0;
        // Wrist, then the gyroscope of the wrist, then the phone.
        format!("{ms:.0};{n};{x};{y};{z};0;3\n{ms:.0};{n};99;99;99;1;3\n{ms:.0};{n};9;9;9;0;0")
    });
    let zip_path = root.path().join("umafall/UMAFall_Dataset.zip");
    std::fs::create_dir_all(zip_path.parent().unwrap()).unwrap();
    let mut zip = zip::ZipWriter::new(std::fs::File::create(zip_path).unwrap());
    for name in [
        "UMAFall_Subject_01_ADL_Sitting_GettingUpOnAChair_1_2017-04-14_23-25-52.csv",
        "UMAFall_Subject_02_Fall_lateralFall_3_2016-06-13_20-43-53.csv",
    ] {
        zip.start_file(
            format!("UMAFall_Dataset/{name}"),
            zip::write::SimpleFileOptions::default(),
        )
        .unwrap();
        zip.write_all(format!("% Universidad\n      \n% TimeStamp; Sample No\n{rows}").as_bytes())
            .unwrap();
    }
    zip.finish().unwrap();
    let (users, classes) = read(root.path(), "umafall");
    assert_eq!(
        (users, classes),
        (
            vec![1, 2],
            vec!["fall".to_owned(), "sitting down and up".to_owned()]
        )
    );
}

#[test]
fn a_data_set_that_is_not_there_says_where_to_get_it() {
    let root = tempfile::tempdir().unwrap();
    let name = tasks()
        .into_iter()
        .find(|t| t.name.starts_with("pamap2/"))
        .unwrap()
        .name;
    let error = load(
        &task(&name).unwrap(),
        Some(root.path()),
        &WindowSpec::default(),
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("archive.ics.uci.edu/dataset/231") && error.contains("/pamap2"),
        "{error}"
    );
    assert!(
        mote_data::published("pamap2")
            .unwrap()
            .contains("delimiter = \"blanks\"")
    );
    assert!(mote_data::published("wisdm-2019-watch/5").is_none());
}
