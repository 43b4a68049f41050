//! Every kind of dirt the real files have, one test each.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{read, rejections};
use mote_data::{Device, MotionSense, Reason, Sensor, Source, Wisdm2019, WisdmFeatures, WisdmV1};

const RAW: &str = "WISDM_ar_v1.1_raw.txt";

fn v1(text: &str) -> (mote_data::IngestReport, Vec<mote_data::Recording>) {
    let (ingest, keep) = read(&WisdmV1, RAW, text.as_bytes()).unwrap();
    (ingest, keep.recordings)
}

#[test]
fn several_records_on_one_line() {
    let (ingest, recordings) =
        v1("1,Walking,50,1,2,3;1,Walking,100,4,5,6;1,Jogging,150,7,8,9;\n1,Jogging,200,1,1,1;\n");
    assert_eq!((ingest.read, ingest.accepted), (4, 4));
    assert_eq!(recordings.len(), 2);
    assert_eq!(recordings[0].samples, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(recordings[1].t_ns, [150, 200]);
    assert_eq!(recordings[1].activity, "jogging");
}

#[test]
fn no_newline_and_no_semicolon_at_the_end() {
    for end in ["", ";", ";\n", "\n", "\r\n", ";\r\n", " ; \n"] {
        let (ingest, recordings) = v1(&format!(
            "1,Sitting,50,1,2,3;\n1,Sitting,99,-4.5,5e-1,6{end}"
        ));
        assert_eq!(ingest.accepted, 2, "{end:?}");
        assert_eq!(recordings[0].sample(1), [-4.5, 0.5, 6.0], "{end:?}");
        assert_eq!(ingest.blank_lines, 0, "{end:?}");
    }
}

#[test]
fn empty_field_before_the_semicolon() {
    let (ingest, _) = v1("1,Walking,50,1,2,;\n1,Walking,60,1,,3;\n1,Walking,70,1,2,3;\n");
    assert_eq!(
        rejections(&ingest),
        [(1, Reason::EmptyField), (2, Reason::EmptyField)]
    );
    assert_eq!(ingest.accepted, 1);
}

#[test]
fn blank_lines_are_counted_and_keep_line_numbers_right() {
    let (ingest, _) = v1("\n1,Walking,50,1,2,3;\n\r\n   \n1,Walking,x,1,2,3;\n");
    assert_eq!(ingest.blank_lines, 3);
    assert_eq!(rejections(&ingest), [(5, Reason::BadNumber)]);
}

#[test]
fn zero_and_repeated_timestamps() {
    let (ingest, recordings) =
        v1("1,Walking,0,0,0,0;\n1,Walking,50,1,2,3;\n1,Walking,50,9,9,9;\n1,Walking,100,4,5,6;\n");
    assert_eq!(
        rejections(&ingest),
        [(1, Reason::ZeroTimestamp), (3, Reason::RepeatedTimestamp)]
    );
    assert_eq!(recordings[0].t_ns, [50, 100]);
}

#[test]
fn one_record_out_of_order_is_rejected() {
    let (ingest, recordings) = v1(
        "1,Walking,50,1,2,3;\n1,Walking,100,1,2,3;\n1,Walking,70,9,9,9;\n1,Walking,150,1,2,3;\n\
         1,Walking,20,1,2,3;\n",
    );
    let backward = Reason::BackwardTimestamp;
    assert_eq!(rejections(&ingest), [(3, backward), (5, backward)]);
    assert_eq!(recordings.len(), 1);
    assert_eq!(recordings[0].t_ns, [50, 100, 150]);
}

#[test]
fn a_clock_reset_starts_a_new_recording() {
    let (ingest, recordings) = v1(
        "1,Walking,500,1,2,3;\n1,Walking,600,1,2,3;\n1,Walking,10,4,4,4;\n1,Walking,20,5,5,5;\n\
         1,Walking,30,6,6,6;\n",
    );
    assert_eq!(
        (ingest.accepted, ingest.rejected(), ingest.clock_resets),
        (5, 0, 1)
    );
    assert_eq!(recordings[0].t_ns, [500, 600]);
    assert_eq!(recordings[1].t_ns, [10, 20, 30]);
    assert_eq!(recordings[1].sample(0), [4.0; 3]);
}

#[test]
fn nan_infinities_and_absurd_values() {
    let (ingest, _) = v1(
        "1,Walking,1,nan,2,3;\n1,Walking,2,1,inf,3;\n1,Walking,3,1,2,-Infinity;\n\
         1,Walking,4,1e39,2,3;\n1,Walking,5,1,2,1001;\n1,Walking,6,1,-1000,3;\n",
    );
    let not = Reason::NotFinite;
    assert_eq!(
        rejections(&ingest),
        [
            (1, not),
            (2, not),
            (3, not),
            (4, not),
            (5, Reason::Implausible)
        ]
    );
    assert_eq!(ingest.accepted, 1);
}

#[test]
fn unknown_activities() {
    let (ingest, _) = v1("1,Flying,50,1,2,3;\n1,walking,60,1,2,3;\n1,Walking,70,1,2,3;\n");
    let unknown = Reason::UnknownActivity;
    assert_eq!(rejections(&ingest), [(1, unknown), (2, unknown)]);
}

#[test]
fn wrong_users() {
    let (ingest, _) = v1("37,Walking,50,1,2,3;\n0,Walking,60,1,2,3;\n36,Walking,70,1,2,3;\n");
    assert_eq!(
        rejections(&ingest),
        [(1, Reason::WrongUser), (2, Reason::WrongUser)]
    );

    let watch = Wisdm2019::new(Device::Watch);
    let text = b"1600,A,50,1,2,3;\n1601,A,100,1,2,3;\n1600,N,150,1,2,3;\n1600,A,200,1,2,3;\n";
    let (ingest, keep) = read(&watch, "raw/watch/accel/data_1600_accel_watch.txt", text).unwrap();
    let expected = [(2, Reason::WrongUser), (3, Reason::UnknownActivity)];
    assert_eq!(rejections(&ingest), expected);
    assert_eq!(
        ingest.examples[0].file,
        "raw/watch/accel/data_1600_accel_watch.txt"
    );
    assert_eq!(keep.recordings[0].t_ns, [50, 200]);
}

#[test]
fn too_few_too_many_and_malformed_fields() {
    let (ingest, recordings) = v1(
        "1,Walking,50,1,2;\n1,Walking,60,1,2,3,4;\ngarbage\n1,Walking,1.5,1,2,3;\n-1,Walking,70,1,2,3\n\
         1, Walking , 80 , 1 , 2 , 3 ;\n1,Walking,90,1.2.3,2,3;\n",
    );
    assert_eq!(
        rejections(&ingest),
        [
            (1, Reason::FieldCount),
            (2, Reason::FieldCount),
            (3, Reason::FieldCount),
            (4, Reason::BadNumber),
            (5, Reason::BadNumber),
            (7, Reason::BadNumber),
        ]
    );
    assert_eq!(recordings[0].t_ns, [80]);
}

#[test]
fn crlf_everywhere() {
    let (ingest, recordings) = v1("1,Walking,50,1,2,3;\r\n\r\n1,Walking,100,4,5,6\r\n");
    assert_eq!(
        (ingest.accepted, ingest.rejected(), ingest.blank_lines),
        (2, 0, 1)
    );
    assert_eq!(recordings[0].sample(1), [4.0, 5.0, 6.0]);
}

#[test]
fn an_endless_record_is_one_rejection() {
    let mut text = b"1,Walking,50,1,2,3;\n".to_vec();
    text.extend(vec![b'7'; 1 << 20]);
    text.extend(b"\n1,Walking,60,1,2,3;\n");
    let (ingest, keep) = read(&WisdmV1, RAW, &text).unwrap();
    assert_eq!(rejections(&ingest), [(2, Reason::TooLong)]);
    assert_eq!(keep.recordings[0].t_ns, [50, 60]);
}

#[test]
fn records_across_read_boundaries() {
    // Enough text for several chunks, with lines of every length.
    let mut text = String::new();
    for i in 1..30_000u32 {
        let value = f64::from(i) / 7.0 % 19.0;
        let value = format!("{value:.*}", (i % 12) as usize);
        text += &format!(
            "1,Walking,{},{value},-{value},{value};\n",
            u64::from(i) * 50_000_000
        );
    }
    let (ingest, recordings) = v1(&text);
    assert_eq!((ingest.accepted, ingest.rejected()), (29_999, 0));
    for (line, sample) in text.lines().zip(recordings[0].samples.chunks(3)) {
        let x: f32 = line.split(',').nth(3).unwrap().parse().unwrap();
        assert_eq!(*sample, [x, -x, x]);
    }
}

#[test]
fn only_the_examples_asked_for_but_all_counted() {
    let text = "x\n".repeat(100);
    let (ingest, _) = v1(&text);
    assert_eq!((ingest.rejected(), ingest.examples.len()), (100, 5));
    assert_eq!(ingest.bad_share(), 1.0);
    assert!(
        ingest
            .to_string()
            .contains("WISDM_ar_v1.1_raw.txt:1: wrong number of fields")
    );
}

#[test]
fn gyroscope_where_present() {
    let gyro = Wisdm2019::with_sensor(Device::Phone, Sensor::Gyroscope);
    assert!(!gyro.wants("raw/phone/accel/data_1600_accel_phone.txt"));
    let text = b"1600,S,50,0.1,0.2,0.3;";
    let (_, keep) = read(&gyro, "data_1600_gyro_phone.txt", text).unwrap();
    assert_eq!(keep.recordings[0].sensor, Sensor::Gyroscope);
    assert_eq!(keep.recordings[0].activity, "folding");
}

#[test]
fn motionsense_dirt() {
    let text =
        b",x,y,z\r\n0,1,0,-1\n1,0.5,0,0\n\n2,,0,0\n3,a,0,0\n4,0,0\n4,nan,0,0\n1,0,0,0\n5,0,0,0.25";
    let (ingest, keep) = read(&MotionSense, "B/wlk_7/sub_3.csv", text).unwrap();
    assert_eq!(
        rejections(&ingest),
        [
            (5, Reason::EmptyField),
            (6, Reason::BadNumber),
            (7, Reason::FieldCount),
            (8, Reason::NotFinite),
            (9, Reason::RepeatedTimestamp),
        ]
    );
    let r = &keep.recordings[0];
    assert_eq!(
        (r.user, r.activity.as_str(), r.t_ns.clone()),
        (3, "walking", vec![0, 20_000_000, 100_000_000])
    );
    assert_eq!(r.sample(0), [9.80665, 0.0, -9.80665]);
}

fn arff(rows: &str) -> String {
    let mut text = "@relation r\r\n\r\n@attribute \"UNIQUE_ID\" numeric\r\n".to_owned();
    text += "@attribute \"user\" {\"1\" , \"2\"}\r\n";
    for i in 0..43 {
        text += &format!("@attribute \"F{i}\" numeric\r\n");
    }
    text + "@attribute class{ \"Walking\" }\r\n\r\n@data\r\n" + rows
}

#[test]
fn arff_dirt() {
    let row = |id: u32, user: &str, first: &str, class: &str| {
        format!("{id},{user},{first}{},{class}", ",0.5".repeat(42))
    };
    let rows = [
        row(1, "1", "1.5", "Walking"),
        row(2, "2", "?", "Standing"),
        row(3, "1", "", "Walking"),
        row(4, "99", "1", "Walking"),
        row(5, "1", "1", "Flying"),
        row(6, "1", "inf", "Walking"),
        "7,1,0,Walking".to_owned(),
        String::new(),
    ];
    let name = "WISDM_ar_v1.1_transformed.arff";
    let (ingest, keep) = read(&WisdmFeatures, name, arff(&rows.join("\r\n")).as_bytes()).unwrap();
    let first = 51;
    assert_eq!(
        rejections(&ingest),
        [
            (first + 2, Reason::EmptyField),
            (first + 3, Reason::WrongUser),
            (first + 4, Reason::UnknownActivity),
            (first + 5, Reason::NotFinite),
            (first + 6, Reason::FieldCount),
        ]
    );
    assert_eq!((ingest.missing_values, keep.windows.len()), (1, 2));
    assert_eq!(keep.windows[0].2[..2], [1.5, 0.5]);
    assert!(keep.windows[1].2[0].is_nan());
    assert_eq!(keep.windows[1].1, "standing");
}

#[test]
fn arff_with_the_wrong_columns_is_an_error() {
    let name = "WISDM_ar_v1.1_transformed.arff";
    let text = arff("").replace("@attribute \"user\"", "@attribute \"person\"");
    let error = read(&WisdmFeatures, name, text.as_bytes())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("found 0, 1 and 44"), "{error}");
    let error = read(&WisdmFeatures, name, b"hello")
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no @data line"), "{error}");
}
