//! Readers never panic and never lose count, whatever the bytes.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{Keep, write};
use mote_data::{
    Described, Device, Files, IngestReport, MotionSense, Npz, Source, WindowSpec, Wisdm2019,
    WisdmFeatures, WisdmV1, check, load, task,
};
use proptest::prelude::*;
use std::path::Path;

const V1: &str = "WISDM_ar_v1.1_raw.txt";
const ARFF: &str = "WISDM_ar_v1.1_transformed.arff";

/// Good bytes of each format, to be damaged: name below the folder, source, bytes.
fn seeds() -> Vec<(&'static str, Box<dyn Source>, Vec<u8>)> {
    let raw = |user: &str, activity: &str| -> Vec<u8> {
        let line = |i: u64| format!("{user},{activity},{},-0.6946377,{i}.5,0;\n", i * 50_000_000);
        (1..40).flat_map(|i| line(i).into_bytes()).collect()
    };
    let features = ",0.25".repeat(42);
    let mut arff = "@attribute \"user\" {\"1\"}\n".to_owned();
    arff += &"@attribute F numeric\n".repeat(43);
    arff += "@attribute class{Walking}\n@data\n";
    arff += &format!("7,?{features},Walking\n8,1{features},Sitting\n");
    vec![
        (V1, Box::new(WisdmV1), raw("33", "Jogging")),
        (
            "data_1600_accel_watch.txt",
            Box::new(Wisdm2019::new(Device::Watch)),
            raw("1600", "A"),
        ),
        (
            "wlk_7/sub_3.csv",
            Box::new(MotionSense),
            b",x,y,z\n0,0.1,0.2,1\n1,.5,-1e-3,1\n".repeat(9),
        ),
        (ARFF, Box::new(WisdmFeatures), arff.into_bytes()),
    ]
}

fn read(source: &dyn Source, folder: &Path) {
    let (mut ingest, mut keep) = (IngestReport::default(), Keep::default());
    if source
        .read(&Files::at(folder), &mut ingest, &mut keep)
        .is_ok()
    {
        assert_eq!(ingest.read, ingest.accepted + ingest.rejected());
        let kept = keep.recordings.iter().map(|r| r.t_ns.len()).sum::<usize>();
        assert_eq!(ingest.accepted, (kept + keep.windows.len()) as u64);
    }
    for r in &keep.recordings {
        assert_eq!(r.t_ns.len() * r.channels, r.samples.len());
        assert!(r.t_ns.windows(2).all(|w| w[0] < w[1]));
        assert!(r.samples.iter().all(|v| v.is_finite()));
    }
}

/// Replaces, inserts or removes bytes at the given places.
fn damage(mut bytes: Vec<u8>, edits: &[(usize, u8, u8)]) -> Vec<u8> {
    for &(at, byte, how) in edits {
        let at = at % (bytes.len() + 1);
        match how % 3 {
            0 if at < bytes.len() => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => bytes.truncate(bytes.len().max(at + 1) - 1),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damaged_text(
        edits in prop::collection::vec((any::<usize>(), prop_oneof![any::<u8>(), prop::sample::select(&b",;\n\r.-?@"[..])], any::<u8>()), 1..30),
    ) {
        for (name, source, bytes) in seeds() {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), name, &damage(bytes, &edits));
            read(source.as_ref(), folder.path());
        }
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let folder = tempfile::tempdir().unwrap();
        for (name, source, _) in seeds() {
            write(folder.path(), name, &bytes);
            read(source.as_ref(), folder.path());
        }
        for name in ["a.npz", "b.toml", "c.zip", "d.tar.gz"] {
            write(folder.path(), name, &bytes);
        }
        let _ = Npz::open(&folder.path().join("a.npz")).is_ok();
        let _ = Described::open(&folder.path().join("b.toml")).is_ok();
        for archive in ["c.zip", "d.tar.gz"] {
            read(&WisdmV1, &folder.path().join(archive));
        }
    }

    /// Any timestamps, through to windows.
    #[test]
    fn arbitrary_times(times in prop::collection::vec(prop_oneof![any::<i64>(), 1i64..5_000_000_000], 1..300)) {
        let folder = tempfile::tempdir().unwrap();
        let text: String = times.iter().map(|t| format!("1,Walking,{t},1,2,3;\n")).collect();
        write(folder.path(), V1, text.as_bytes());
        let task = task("wisdm-v1.1/6").unwrap();
        let spec = WindowSpec { seconds: 0.2, ..WindowSpec::default() };
        if let Ok(loaded) = load(&task, Some(folder.path()), &spec) {
            prop_assert!(loaded.windows.x.iter().all(|v| v.is_finite()));
            prop_assert_eq!(loaded.windows.x.len(), loaded.windows.len() * loaded.windows.stride());
        }
        prop_assert!(check(&task, Some(folder.path()), 1).is_ok());
    }

    #[test]
    fn damaged_csv(edits in prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let toml = "path = 'a.csv'\nunit = 'g'\nrate_hz = 20.0\ntime_unit = 'ns'\n[columns]\nx = 'x'\ny = 'y'\nz = 'z'\n\
                    activity = 'a'\nuser = 'u'\ntime = 't'\n[labels]\nw = 'walking'\n";
        write(folder.path(), "a.toml", toml.as_bytes());
        let rows = b"t,u,a,x,y,z\n1,2,w,0.5,0.25,1\n\"2\",2,w,0,0,1\n".repeat(3);
        write(folder.path(), "a.csv", &damage(rows, &edits));
        let csv = Described::open(&folder.path().join("a.toml")).unwrap();
        read(&csv, &folder.path().join("a.csv"));
    }
}

#[test]
fn undamaged_seeds_read_well() {
    for (name, source, bytes) in seeds() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), name, &bytes);
        let (ingest, _) = common::read_at(source.as_ref(), folder.path()).unwrap();
        assert!(ingest.accepted > 1, "{name}");
    }
}
