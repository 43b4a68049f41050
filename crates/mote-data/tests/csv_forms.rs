//! Forms of CSV that phones, watches and boards write, and what must not be read in silence.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::write;
use mote_data::{IngestReport, Reason, check, task};
use std::io::Write;

/// Reads `text` as `rec/d.csv`, or under another name, with `extra` lines at the start of the description.
fn read(extra: &str, files: &[(&str, &[u8])]) -> Result<IngestReport, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        write(folder.path(), &format!("rec/{name}"), bytes);
    }
    let time = if extra.contains("# no unit") {
        ""
    } else {
        "time_unit = \"ms\""
    };
    let toml = format!(
        "path = \"rec\"\nunit = \"m/s^2\"\nrate_hz = 20\n{time}\n{extra}\n\
         [columns]\nx = \"x\"\ny = \"y\"\nz = \"z\"\nactivity = \"label\"\nuser = \"user\"\ntime = \"t\"\n\
         [labels]\nwalk = \"walking\"\n\"\" = \"\"\n"
    );
    write(folder.path(), "t.toml", toml.as_bytes());
    let task = task(&format!("csv:{}", folder.path().join("t.toml").display()));
    task.and_then(|t| check(&t, None, 5))
        .map_err(|e| e.to_string())
}

const HEADER: &str = "user,label,t,x,y,z\n";

fn one(extra: &str, rows: &str) -> IngestReport {
    read(extra, &[("d.csv", format!("{HEADER}{rows}").as_bytes())]).unwrap()
}

#[test]
fn a_quote_that_is_not_closed_swallows_nothing() {
    let rows = "1,walk,0,1,2,3\n1,\"walk,50,1,2,3\n1,walk,100,1,2,3\n2,walk,0,1,2,3\n";
    for extra in ["", "quotes = true"] {
        let ingest = one(extra, rows);
        assert_eq!(
            (ingest.read, ingest.accepted, ingest.rejected()),
            (4, 3, 1),
            "{extra}"
        );
        assert_eq!(ingest.examples[0].line, 3);
    }
    let ingest = one("quotes = true", "1,\"walk\",0,\"1\",2,3\n");
    assert_eq!(ingest.accepted, 1);
}

#[test]
fn rows_longer_or_shorter_than_the_header_are_rejected() {
    let ingest = one(
        "",
        "1,walk,0,-0,876,5,114,-0,674\n1,walk,50,1,2\n1,walk,100,1,2,3,\n",
    );
    assert_eq!(
        (ingest.rejected[&Reason::FieldCount], ingest.accepted),
        (2, 1)
    );
}

#[test]
fn decimal_commas() {
    let text = "user;label;t;x;y;z\n1;walk;0,5;-0,876;5,114;1\n1;walk;50;1.5;1;1\n";
    let extra = "delimiter = \";\"\ndecimal = \",\"";
    let ingest = read(extra, &[("d.csv", text.as_bytes())]).unwrap();
    assert_eq!((ingest.accepted, ingest.rejected()), (1, 1));
    let ingest = read("delimiter = \";\"", &[("d.csv", text.as_bytes())]).unwrap();
    assert!(
        ingest.examples[0]
            .to_string()
            .contains("column `x` = \"-0,876\", which decimal = \",\" would read")
    );
    assert!(
        read("decimal = \",\"", &[])
            .unwrap_err()
            .contains("decimal")
    );
}

#[test]
fn a_wrong_field_is_named_with_its_value() {
    let ingest = one(
        "",
        "p-one,walk,0,1,2,3\np-one,walk,0,one,2,3\n1.0,walk,2026-01-01T10:00:00Z,1,2,3\n1.0,walk,9,1,2,3\n",
    );
    let told: Vec<_> = ingest.examples.iter().map(ToString::to_string).collect();
    assert!(
        told[0].ends_with("d.csv:3: not a number: column `x` = \"one\""),
        "{told:?}"
    );
    assert!(
        told[1].contains("column `t` = \"2026-01-01T10:00:00Z\""),
        "{told:?}"
    );
    assert_eq!(ingest.accepted, 2);
    assert_eq!(ingest.users[&1], "p-one");
}

#[test]
fn labels_that_are_unknown_or_empty() {
    let ingest = one("", "1,Walk,0,1,2,3\n1,Walk,50,1,2,3\n1,,100,1,2,3\n");
    assert_eq!(ingest.unknown_labels, [("Walk".to_owned(), 2)].into());
    assert_eq!((ingest.accepted, ingest.unused), (1, 1));
    assert!(
        ingest
            .to_string()
            .contains("2 of unknown activity \"Walk\"")
    );
}

#[test]
fn a_time_column_needs_a_unit() {
    let rows: String = (0..30)
        .map(|i| format!("1,walk,{},1,2,3\n", i * 50))
        .collect();
    let text = format!("{HEADER}{rows}");
    let error = read("# no unit", &[("d.csv", text.as_bytes())]).unwrap_err();
    assert!(error.contains("write time_unit = \"ms\""), "{error}");
}

#[test]
fn packed_empty_and_other_files_of_a_folder() {
    let text = format!("{HEADER}1,walk,0,1,2,3\n");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let files: [(&str, &[u8]); 4] = [
        ("a.CSV", text.as_bytes()),
        ("b.csv.gz", &gz),
        ("c.txt", text.as_bytes()),
        ("e.csv", b""),
    ];
    let ingest = read("", &files).unwrap();
    assert_eq!(
        (ingest.accepted, ingest.empty_files, ingest.files_left_out),
        (2, 1, 1)
    );
    let ingest = read("endings = [\"csv\", \"txt\"]", &files).unwrap();
    assert_eq!((ingest.accepted, ingest.files_left_out), (3, 0));
}

#[test]
fn lines_before_the_header_and_comments() {
    let rows = "1,walk,0,1,2,3\n";
    let text = format!("Device: made up\n\n{HEADER}{rows}");
    assert_eq!(
        read("skip_lines = 2", &[("d.csv", text.as_bytes())])
            .unwrap()
            .accepted,
        1
    );
    let text = format!("# made up\n{HEADER}{rows}# note\n1,walk,a,1,2,3\n");
    let ingest = read("comment = \"#\"", &[("d.csv", text.as_bytes())]).unwrap();
    assert_eq!((ingest.accepted, ingest.examples[0].line), (1, 5));
}

#[test]
fn rows_of_other_sensors_are_no_records() {
    let ingest = one("", "1,walk,0,1,2,3\n1,walk,10,,,\n1,walk,50,1,,3\n");
    assert_eq!(
        (ingest.read, ingest.accepted, ingest.rows_without_sample),
        (2, 1, 1)
    );
    let text = "sensor,user,label,t,x,y,z\nacc,1,walk,0,1,2,3\ngyro,1,walk,0,1,2,3\n";
    let ingest = read(
        "where = { sensor = \"acc\" }",
        &[("d.csv", text.as_bytes())],
    )
    .unwrap();
    assert_eq!((ingest.read, ingest.rows_without_sample), (1, 1));
    let error = read("where = { kind = \"acc\" }", &[("d.csv", text.as_bytes())]).unwrap_err();
    assert!(error.contains("where.kind is not in the header"), "{error}");
}

#[test]
fn encodings_and_line_ends() {
    let text = format!("{HEADER}1,walk,0,1,2,3\r\n");
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xFF\xFE".to_vec(), utf16.clone()].concat();
    let bom = format!("\u{feff}{text}");
    let mac = HEADER.replace('\n', "\r") + "1,walk,0,1,2,3";
    for bytes in [&utf16[..], &marked, bom.as_bytes(), mac.as_bytes()] {
        assert_eq!(read("", &[("d.csv", bytes)]).unwrap().accepted, 1);
    }
}

#[test]
fn a_line_without_an_end_is_rejected() {
    let long = [
        HEADER.as_bytes(),
        &vec![b'1'; 1 << 21],
        b"\n1,walk,0,1,2,3\n",
    ]
    .concat();
    let ingest = read("", &[("d.csv", &long)]).unwrap();
    assert_eq!((ingest.accepted, ingest.rejected[&Reason::TooLong]), (1, 1));
}
