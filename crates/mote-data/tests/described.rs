//! Shapes of recordings that a description can say, each re-made small.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{Keep, write};
use mote_data::{Described, IngestReport, Quantity, Reason, Source};
use std::io::Write;

const AXES: &str = "columns = { x = \"x\", y = \"y\", z = \"z\" }";

/// Reads `files` below a folder `rec` as `toml` says, which gets `path`, `rate_hz` and `labels` of its own.
fn read(toml: &str, files: &[(&str, &[u8])]) -> Result<(IngestReport, Keep), String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        write(folder.path(), &format!("rec/{name}"), bytes);
    }
    let labels = if toml.contains("labels") {
        ""
    } else {
        "labels = { walk = \"walking\", run = \"running\" }\n"
    };
    let toml = format!("path = \"rec\"\nrate_hz = 20\n{labels}{toml}\n");
    let path = folder.path().join("t.toml");
    std::fs::write(&path, toml).unwrap();
    let source = Described::open(&path).map_err(|e| e.to_string())?;
    let (mut ingest, mut keep) = (IngestReport::default(), Keep::default());
    let files = source.locate(None).unwrap();
    source
        .read(&files, &mut ingest, &mut keep)
        .map_err(|e| e.to_string())?;
    assert_eq!(ingest.read, ingest.accepted + ingest.rejected());
    Ok((ingest, keep))
}

/// User, activity and number of samples of each recording.
fn who(keep: &Keep) -> Vec<(u32, &str, usize)> {
    let each = keep.recordings.iter();
    each.map(|r| (r.user, r.activity.as_str(), r.t_ns.len()))
        .collect()
}

const XYZ: &[u8] = b"x,y,z\n1,2,3\n4,5,6\n";

#[test]
fn folders_and_file_names_say_who_did_what() {
    let toml = format!("unit = \"g\"\npattern = \"{{activity}}/{{user}}/*.csv\"\n{AXES}");
    let files = [
        ("walk/7/a.csv", XYZ),
        ("run/8/a.CSV", XYZ),
        ("fly/8/a.csv", XYZ),
        ("notes.csv", XYZ),
    ];
    let (ingest, keep) = read(&toml, &files).unwrap();
    assert_eq!(who(&keep), [(8, "running", 2), (7, "walking", 2)]);
    assert_eq!(ingest.unknown_labels, [("fly".to_owned(), 1)].into());
    let told: Vec<_> = ingest.skipped.iter().map(|s| s.file.as_str()).collect();
    assert_eq!(told, ["fly/8/a.csv", "notes.csv"]);
}

#[test]
fn phyphox_folders_with_a_file_beside_the_data() {
    let toml = "unit = \"m/s^2\"\ntime_unit = \"s\"\npattern = \"{activity} {user} */*.csv\"\nexclude = \"**/meta/*\"\n\
                columns = { x = \"Acceleration x (m/s^2)\", y = \"Acceleration y (m/s^2)\", z = \"Acceleration z (m/s^2)\", \
                time = \"Time (s)\" }";
    let rows = "\"Time (s)\",\"Acceleration x (m/s^2)\",\"Acceleration y (m/s^2)\",\"Acceleration z (m/s^2)\"\n\
                0.0E0,1,2,3\n5.0E-2,4,5,6\n";
    let files: [(&str, &[u8]); 2] = [
        ("walk s01 2024-05-01 10-22-01/Raw Data.csv", rows.as_bytes()),
        (
            "walk s01 2024-05-01 10-22-01/meta/device.csv",
            b"\"property\",\"value\"\n",
        ),
    ];
    let (ingest, keep) = read(toml, &files).unwrap();
    assert_eq!(who(&keep), [(1, "walking", 2)]);
    assert_eq!(keep.recordings[0].t_ns, [0, 50_000_000]);
    assert_eq!(ingest.users[&1], "s01");
    assert_eq!(ingest.skipped[0].reason, "excluded");
}

#[test]
fn constants_stand_for_every_row() {
    let toml = format!("unit = \"g\"\nuser = \"me\"\npattern = \"{{activity}}.*.csv\"\n{AXES}");
    let (ingest, keep) = read(&toml, &[("walk.1.csv", XYZ)]).unwrap();
    assert_eq!(who(&keep), [(1, "walking", 2)]);
    assert_eq!(ingest.users[&1], "me");
    let error = read(&format!("unit = \"g\"\nuser = \"me\"\n{AXES}"), &[]);
    assert!(error.err().unwrap().contains("which activity"));
}

#[test]
fn archives_in_folders_and_in_archives() {
    let mut inner = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    inner.start_file("walk.txt", options).unwrap();
    inner.write_all(XYZ).unwrap();
    let inner = inner.finish().unwrap().into_inner();
    let mut outer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    outer.start_file("u3/all.ZIP", options).unwrap();
    outer.write_all(&inner).unwrap();
    let outer = outer.finish().unwrap().into_inner();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(XYZ).unwrap();
    let gz = gz.finish().unwrap();
    let toml = format!("unit = \"g\"\npattern = \"u{{user}}/**/{{activity}}.txt\"\n{AXES}");
    let files: [(&str, &[u8]); 3] = [
        ("all.zip", &outer),
        ("u4/in.zip", &inner),
        ("u5/run.TXT.GZ", &gz),
    ];
    let (_, keep) = read(&toml, &files).unwrap();
    assert_eq!(
        who(&keep),
        [(3, "walking", 2), (4, "walking", 2), (5, "running", 2)]
    );
}

const COLUMNS: &str =
    "columns = { user = \"u\", activity = \"l\", time = \"t\", x = \"x\", y = \"y\", z = \"z\" }";

#[test]
fn times_in_every_form() {
    let two = "columns = { user = \"u\", activity = \"l\", time = [\"t\", \"n\"], x = \"x\", y = \"y\", z = \"z\" }";
    for (toml, columns, a, b) in [
        (
            "",
            COLUMNS,
            "2019-01-12 00:00:00.000",
            "2019-01-12 00:00:00.050",
        ),
        (
            "",
            COLUMNS,
            "2019-01-12T00:00:00Z",
            "2019-01-12T01:00:00.05+01:00",
        ),
        ("", COLUMNS, "10:00:00", "10:00:00.05"),
        (
            "time_unit = \"s\"",
            COLUMNS,
            "1547251200.00",
            "1547251200.05",
        ),
        (
            "time_unit = \"ms\"",
            COLUMNS,
            "1547251200000",
            "1547251200050",
        ),
        ("time_unit = \"us\"", COLUMNS, "0", "50000"),
        (
            "time_unit = \"ns\"",
            COLUMNS,
            "1547251200000000000",
            "1547251200050000000",
        ),
        ("time_unit = \"samples\"", COLUMNS, "7", "8"),
        (
            "time_format = \"%d/%m/%Y %H:%M:%S%.f\"",
            COLUMNS,
            "01/02/2019 00:00:59.99",
            "01/02/2019 00:01:00.04",
        ),
        ("time_unit = [\"s\", \"us\"]", two, "12,999990", "13,49990"),
        (
            "time_format = \"%d.%m.%Y %H:%M:%S%.f\"",
            two,
            "01.02.2019,23:59:59.99",
            "02.02.2019,00:00:00.04",
        ),
    ] {
        let names = if columns == two { "t,n" } else { "t" };
        let text = format!("u,l,{names},x,y,z\n1,walk,{a},1,2,3\n1,walk,{b},1,2,3\n");
        let toml = format!("unit = \"g\"\n{toml}\n{columns}");
        let (ingest, keep) = read(&toml, &[("d.csv", text.as_bytes())]).unwrap();
        assert_eq!(ingest.accepted, 2, "{a}: {ingest}");
        let t = &keep.recordings[0].t_ns;
        assert!((t[1] - t[0] - 50_000_000).abs() < 300, "{a}: {t:?}");
    }
}

#[test]
fn rows_newest_first_and_packets() {
    let rows = |times: &[u32]| {
        let row = |t: &u32| format!("1,walk,{t},{t},0,1\n");
        let rows: String = times.iter().map(row).collect();
        format!("u,l,t,x,y,z\n{rows}")
    };
    let toml = format!("unit = \"m/s^2\"\ntime_unit = \"ms\"\n{COLUMNS}");
    let text = rows(&[250, 200, 150, 100, 50, 0]);
    let (ingest, keep) = read(&toml, &[("d.csv", text.as_bytes())]).unwrap();
    assert_eq!((ingest.sorted, keep.recordings.len()), (1, 1));
    assert_eq!(keep.recordings[0].sample(1), [50.0, 0.0, 1.0]);
    let text = rows(&[0, 0, 0, 150, 150, 150, 300, 300, 300]);
    let (ingest, keep) = read(&toml, &[("d.csv", text.as_bytes())]).unwrap();
    assert_eq!((ingest.spread, ingest.accepted), (9, 9));
    let expected: Vec<i64> = (0..9).map(|i| i * 50_000_000).collect();
    assert_eq!(keep.recordings[0].t_ns, expected);
}

#[test]
fn users_take_turns_row_by_row() {
    let mut text = "u,l,t,x,y,z\n".to_owned();
    for t in 0..40 {
        for user in ["ann", "bob", "12345678901"] {
            let label = if t < 20 { "walk" } else { "run" };
            text += &format!("{user},{label},{},1,2,3\n", t * 50);
        }
    }
    let toml = format!("unit = \"g\"\ntime_unit = \"ms\"\n{COLUMNS}");
    let (ingest, keep) = read(&toml, &[("d.csv", text.as_bytes())]).unwrap();
    let mut found = who(&keep);
    found.sort_unstable();
    let of = |user| [(user, "running", 20), (user, "walking", 20)];
    assert_eq!(found, [of(1), of(2), of(3)].concat());
    assert_eq!(ingest.users[&3], "12345678901");
}

#[test]
fn recordings_keep_the_order_of_the_file() {
    let mut text = "u,l,t,x,y,z\n".to_owned();
    for (user, label) in [
        (2, "walk"),
        (2, "run"),
        (1, "run"),
        (1, "walk"),
        (3, "walk"),
    ] {
        for t in 0..9 {
            text += &format!("{user},{label},{},1,2,3\n", t * 50);
        }
    }
    let toml = format!("unit = \"g\"\ntime_unit = \"ms\"\n{COLUMNS}");
    let (_, keep) = read(&toml, &[("d.csv", text.as_bytes())]).unwrap();
    let order: Vec<_> = who(&keep).iter().map(|r| (r.0, r.1)).collect();
    assert_eq!(
        order,
        [
            (2, "walking"),
            (2, "running"),
            (1, "running"),
            (1, "walking"),
            (3, "walking")
        ]
    );
}

const UMAFALL: &str = r#"
include = "*.csv"
pattern = "UMAFall_Subject_{user}_ADL_{activity:[A-Za-z]+}_*.csv"
header = false
delimiter = ";"
comment = "%"
time_unit = "ms"
[columns]
time = 0
"#;

#[test]
fn several_sensors_in_one_file_are_joined_in_time() {
    let toml = format!(
        "{UMAFALL}[[channels]]\ncolumns = [2, 3, 4]\nquantity = \"acceleration\"\nunit = \"g\"\nrange = 16\nwhere = {{ 5 = 0, 6 = 3 }}\n\
         [[channels]]\ncolumns = [2, 3, 4]\nquantity = \"angular rate\"\nunit = \"deg/s\"\nwhere = {{ 5 = 1, 6 = 3 }}\n"
    );
    let toml = toml.replace("include", "labels = { Walking = \"walking\" }\ninclude");
    let mut text = "% Type: ADL\n%\n".to_owned();
    for i in 0..10 {
        text += &format!(
            "{};{i};1;0;0;0;3\n{};{i};180;0;{i};1;3\n{};{i};9;9;9;0;1\n",
            i * 50,
            i * 50 + 10,
            i * 50
        );
    }
    let name = "UMAFall_Subject_02_ADL_Walking_1_2016.csv";
    let (ingest, keep) = read(&toml, &[(name, text.as_bytes())]).unwrap();
    let r = &keep.recordings[0];
    assert_eq!((r.user, r.channels, ingest.rows_without_sample), (2, 6, 10));
    assert_eq!(r.sample(3)[0], 9.80665);
    let turn = r.sample(3)[3];
    assert!((turn - std::f32::consts::PI).abs() < 1e-5, "{turn}");
}

#[test]
fn one_sensor_of_a_file_and_what_its_channels_are() {
    let toml = "unit = \"m/s^2\"\nwhere = { sensor = \"acc\" }\ntime_unit = \"s\"\nuser = 1\nactivity = \"walk\"\n\
                columns = { x = \"x\", y = \"y\", z = \"z\", time = \"t\" }";
    let text = b"t,sensor,x,y,z\n0,acc,1,2,3\n0.01,gyro,9,9,9\n0.05,acc,1,2,3\n";
    let (ingest, keep) = read(toml, &[("d.csv", text)]).unwrap();
    assert_eq!(who(&keep), [(1, "walking", 2)]);
    assert_eq!(ingest.rows_without_sample, 1);
}

#[test]
fn channels_have_quantities_units_and_ranges() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "d.csv", b"a;b;m\n100;-50;1,5\n");
    let toml = "path = \"d.csv\"\nrate_hz = 20\ndelimiter = \";\"\ndecimal = \",\"\nuser = 1\nactivity = \"w\"\nlabels = { w = \"walking\" }\n\
                [[channels]]\ncolumns = [\"a\", \"b\"]\nquantity = \"acceleration\"\nunit = \"mg\"\nscale = 4\nrange = 8000\n\
                [[channels]]\ncolumns = \"m\"\nquantity = \"magnetic field\"\nunit = \"gauss\"\n";
    write(folder.path(), "t.toml", toml.as_bytes());
    let source = Described::open(&folder.path().join("t.toml")).unwrap();
    let channels = source.channels();
    let found: Vec<_> = channels
        .iter()
        .map(|c| (c.name.as_str(), c.quantity))
        .collect();
    let expected = [
        ("a", Quantity::Acceleration),
        ("b", Quantity::Acceleration),
        ("m", Quantity::MagneticField),
    ];
    assert_eq!(found, expected);
    assert!((channels[0].range.unwrap() - 8.0 * 9.80665).abs() < 1e-3);
    let (_, keep) = common::read_at(&source, &folder.path().join("d.csv")).unwrap();
    let sample = keep.recordings[0].sample(0).to_vec();
    for (found, expected) in sample.iter().zip([0.4 * 9.80665, -0.2 * 9.80665, 150.0]) {
        assert!((found - expected).abs() < 1e-4, "{sample:?}");
    }
    let wrong = toml.replace("\"mg\"", "\"deg/s\"");
    write(folder.path(), "t.toml", wrong.as_bytes());
    let error = Described::open(&folder.path().join("t.toml")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("deg/s is no unit of acceleration"),
        "{error}"
    );
}

#[test]
fn delimiters_of_blanks_and_tabs() {
    let by_number =
        "header = false\nunit = \"g\"\ncolumns = { user = 0, activity = 1, x = 2, y = 3, z = 4 }";
    for (delimiter, text) in [
        ("blanks", "  1 walk  0.5 1e-2\t 3 \n1 walk 1 2 3\n"),
        ("tab", "1\twalk\t0.5\t.01\t3\n1\twalk\t1\t2\t3\n"),
    ] {
        let toml = format!("delimiter = \"{delimiter}\"\n{by_number}");
        let (ingest, keep) = read(&toml, &[("d.csv", text.as_bytes())]).unwrap();
        assert_eq!(ingest.accepted, 2, "{ingest}");
        assert_eq!(keep.recordings[0].channels, 3);
    }
}

#[test]
fn headers_by_number_and_lines_above_them() {
    let text = b"------ Data File ------\nSerial Number: 1\n-----\nx,y,z\n1,2,3\n";
    for header in ["", "header = 4\n", "skip_lines = 3\n"] {
        let toml = format!("unit = \"g\"\nuser = 1\nactivity = \"walk\"\n{header}{AXES}");
        let (ingest, _) = read(&toml, &[("d.csv", text)]).unwrap();
        assert_eq!((ingest.accepted, ingest.rejected()), (1, 0), "{header}");
    }
}

#[test]
fn labels_left_out_and_everything_else_as_one_class() {
    let text = b"u,l,x,y,z\n1,walk,1,2,3\n1,hop,1,2,3\n1,,1,2,3\n1,run,1,2,3\n";
    let columns = "unit = \"g\"\ncolumns = { user = \"u\", activity = \"l\", x = \"x\", y = \"y\", z = \"z\" }";
    let toml =
        format!("{columns}\nother_labels = \"other\"\n[labels]\nwalk = \"walking\"\nrun = \"\"");
    let (_, keep) = read(&toml, &[("d.csv", text)]).unwrap();
    let found: Vec<_> = keep
        .recordings
        .iter()
        .map(|r| r.activity.as_str())
        .collect();
    assert_eq!(found, ["walking", "other", ""]);
    let toml = format!("{columns}\n[labels]\nwalk = \"walking\"");
    let (ingest, _) = read(&toml, &[("d.csv", text)]).unwrap();
    assert_eq!(ingest.rejected[&Reason::EmptyLabel], 1);
    assert_eq!(ingest.rejected[&Reason::UnknownActivity], 2);
}

#[test]
fn a_blank_line_ends_a_recording_where_there_is_no_time() {
    let text = b"x,y,z\n1,2,3\n1,2,3\n\n1,2,3\n";
    let toml = format!("unit = \"g\"\nuser = 1\nactivity = \"walk\"\n{AXES}");
    let (ingest, keep) = read(&toml, &[("d.csv", text)]).unwrap();
    assert_eq!((ingest.blank_lines, keep.recordings.len()), (1, 2));
    let toml = format!("blank_line = \"ignored\"\n{toml}");
    let (_, keep) = read(&toml, &[("d.csv", text)]).unwrap();
    assert_eq!(keep.recordings.len(), 1);
}

#[test]
fn descriptions_that_are_wrong_say_what_to_do() {
    for (toml, part) in [
        (
            "columns = { x = 0, y = 1, z = 2 }\nuser = 1\nactivity = \"walk\"",
            "unit",
        ),
        (
            "unit = \"g\"\ncolumns = { x = 0, y = 1 }\nuser = 1\nactivity = \"walk\"",
            "missing field `z`",
        ),
        (
            "unit = \"g\"\ncolumns = { x = 0, y = 1, z = 2, user = 3 }\nuser = 1\nactivity = \"walk\"",
            "more than once",
        ),
        (
            "unit = \"g\"\ninclude = \"[\"\ncolumns = { x = 0, y = 1, z = 2 }\nuser = 1\nactivity = \"walk\"",
            "glob",
        ),
        (
            "unit = \"g\"\npattern = \"{person}\"\ncolumns = { x = 0, y = 1, z = 2 }",
            "{person} is not known",
        ),
        (
            "unit = \"g\"\ndelimiter = \"ab\"\ncolumns = { x = 0, y = 1, z = 2 }",
            "delimiter",
        ),
        (
            "unit = \"g\"\ntime_unit = [\"s\", \"us\"]\ncolumns = { x = 0, y = 1, z = 2, time = 3 }",
            "2 units for 1",
        ),
        (
            "unit = \"g\"\nwhat = 1\ncolumns = { x = 0, y = 1, z = 2 }",
            "what",
        ),
    ] {
        let error = read(toml, &[("d.csv", XYZ)]).err().unwrap();
        assert!(error.contains(part), "{error}");
    }
    let toml = format!("unit = \"g\"\nuser = 1\nactivity = \"walk\"\n{AXES}");
    let error = read(&toml, &[("walk.json", b"{}")]).err().unwrap();
    assert!(
        error.contains("walk.json") && error.contains("include"),
        "{error}"
    );
}
