//! How fast WISDM 2019 text is read, in MB/s on one core, with records checked and grouped into recordings:
//! the real watch data where it is, synthetic text otherwise.
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a benchmark has no users and may fail loudly"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mote_data::{
    Device, Error, Files, IngestReport, Recording, Sink, Source, SynthSpec, Wisdm2019, WisdmV1,
    write_synthetic,
};
use std::{fs, path::Path};
use zip::ZipArchive;

struct Null;

impl Sink for Null {
    fn recording(&mut self, recording: Recording, _: &mut IngestReport) -> Result<(), Error> {
        std::hint::black_box(recording);
        Ok(())
    }

    fn window(&mut self, _: u32, _: &str, _: &[f32], _: &mut IngestReport) -> Result<(), Error> {
        Ok(())
    }
}

fn measure(c: &mut Criterion, name: &str, source: &dyn Source, files: &Files, bytes: u64) {
    let mut group = c.benchmark_group("parse");
    group
        .sample_size(10)
        .throughput(Throughput::BytesDecimal(bytes));
    group.bench_function(name, |b| {
        b.iter(|| {
            let mut ingest = IngestReport::default();
            source
                .read(files, &mut ingest, &mut Null)
                .expect("the data reads");
            assert!(ingest.accepted > 0);
        });
    });
    group.finish();
}

/// Unpacks the watch's files and returns their total size.
fn unpack(zip: &Path, source: &dyn Source, to: &Path) -> u64 {
    let mut archive = ZipArchive::new(fs::File::open(zip).expect("zip opens")).expect("zip reads");
    let mut bytes = 0;
    for n in 0..archive.len() {
        let mut entry = archive.by_index(n).expect("entry reads");
        let name = entry.name().expect("a name").into_owned();
        if source.wants(&name) {
            let file = to.join(name.rsplit('/').next().unwrap_or(&name));
            let mut file = fs::File::create(file).expect("file is made");
            bytes += std::io::copy(&mut entry, &mut file).expect("entry unpacks");
        }
    }
    bytes
}

fn parse(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = std::env::var("MOTE_DATA")
        .unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").to_owned());
    let watch = Wisdm2019::new(Device::Watch);
    match watch.locate(Some(Path::new(&root))) {
        Some(files) if files.path().is_file() => {
            let bytes = unpack(files.path(), &watch, folder.path());
            let text = Files::at(folder.path());
            measure(c, "wisdm-2019 watch, text", &watch, &text, bytes);
            measure(c, "wisdm-2019 watch, zip", &watch, &files, bytes);
        }
        _ => {
            let spec = SynthSpec {
                users: 36,
                seconds: 300.0,
                ..SynthSpec::default()
            };
            let path = write_synthetic(&spec, folder.path()).expect("text is written");
            let bytes = fs::metadata(&path).expect("it is there").len();
            measure(c, "synthetic text", &WisdmV1, &Files::at(path), bytes);
        }
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
