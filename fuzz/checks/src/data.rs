//! Readers of data sets: never a panic, never a record that is not counted, never a value that is no sensor's.

use mote_data::{
    Described, Device, Error, Files, IngestReport, Npz, Recording, Sink, Source, Wisdm2019,
    WisdmFeatures, WisdmV1,
};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

thread_local! {
    /// Readers open files; this is where they lie, from one call to the next.
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

/// The WISDM v1.1 raw text.
pub fn wisdm_v1(bytes: &[u8]) -> bool {
    file("WISDM_ar_v1.1_raw.txt", bytes, |path| read(&WisdmV1, path))
}

/// One file of the WISDM 2019 raw text.
pub fn wisdm_2019(bytes: &[u8]) -> bool {
    let source = Wisdm2019::new(Device::Watch);
    file("data_1600_accel_watch.txt", bytes, |path| {
        read(&source, path)
    })
}

/// The ARFF file of WISDM v1.1 features.
pub fn arff(bytes: &[u8]) -> bool {
    file("WISDM_ar_v1.1_transformed.arff", bytes, |path| {
        read(&WisdmFeatures, path)
    })
}

/// Ways to describe a CSV file.
const DESCRIPTIONS: [&str; 4] = [
    "unit = 'g'\nrate_hz = 20\ntime_unit = 'ns'\nquotes = true\n[columns]\nx = 'x'\ny = 'y'\nz = 'z'\nactivity = 'a'\nuser = 'u'\ntime = 't'\n",
    "unit = 'm/s^2'\nrate_hz = 50\ntime_unit = 's'\ndelimiter = ';'\nheader = false\n[columns]\nx = 0\ny = 1\nz = 2\n\
     activity = 3\nuser = 4\ntime = 5\n",
    "unit = 'g'\nrate_hz = 20\ndelimiter = ';'\ndecimal = ','\nskip_lines = 1\ncomment = '#'\nwhere = { s = '1' }\n[columns]\n\
     x = 'x'\ny = 'y'\nz = 'z'\nactivity = 'a'\nuser = 'u'\n",
    "unit = 'g'\nrate_hz = 20\nheader = false\n[columns]\nx = 0\ny = 1\nz = 2\nactivity = 3\nuser = 4\n",
];

/// A CSV file; its first byte chooses how it is described.
pub fn csv(bytes: &[u8]) -> bool {
    let (&choice, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let description = DESCRIPTIONS[usize::from(choice) % DESCRIPTIONS.len()];
    file("rows.csv", bytes, |path| {
        let toml = path.with_extension("toml");
        let text = format!("path = 'rows.csv'\n{description}[labels]\nw = 'walking'\ns = ''\n");
        fs::write(&toml, text).unwrap();
        read(&Described::open(&toml).unwrap(), path)
    })
}

/// A NumPy archive, taken as it is; and when the bytes are `.npy` files one after the other, the archive that holds
/// them: a zip's checksums would keep a fuzzer out.
pub fn npz(bytes: &[u8]) -> bool {
    let open = |path: &Path| Npz::open(path).is_ok_and(|npz| read(&npz, path));
    let plain = file("windows.npz", bytes, open);
    file("arrays.npz", &archive(bytes), open) || plain
}

/// Names of the arrays, in the order the files are taken.
const ARRAYS: [&str; 5] = ["X", "y", "users", "rate_hz", "hop"];
/// How a `.npy` file begins.
const MAGIC: &[u8] = b"\x93NUMPY";

fn archive(bytes: &[u8]) -> Vec<u8> {
    let mut starts: Vec<usize> = bytes
        .windows(MAGIC.len())
        .enumerate()
        .filter(|(_, window)| *window == MAGIC)
        .map(|(at, _)| at)
        .collect();
    starts.truncate(ARRAYS.len());
    starts.push(bytes.len());
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, ends) in ARRAYS.iter().zip(starts.windows(2)) {
        zip.start_file(format!("{name}.npy"), stored).unwrap();
        zip.write_all(&bytes[ends[0]..ends[1]]).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Hands `check` the path of a file with these bytes.
fn file(name: &str, bytes: &[u8], check: impl Fn(&Path) -> bool) -> bool {
    FOLDER.with(|folder| {
        let path = folder.path().join(name);
        let mut file = File::options();
        // Not truncated first: a file system may take that for a document being saved, and wait for the disk.
        let mut file = file
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .unwrap();
        file.write_all(bytes).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        check(&path)
    })
}

/// Counts what comes, and checks it.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn recording(&mut self, recording: Recording, _: &mut IngestReport) -> Result<(), Error> {
        assert_eq!(
            recording.t_ns.len() * recording.channels,
            recording.samples.len()
        );
        assert!(recording.t_ns.windows(2).all(|w| w[0] < w[1]));
        let plausible = |v: &f32| v.abs() <= 1000.0;
        assert!(recording.samples.iter().all(plausible));
        self.0 += recording.t_ns.len() as u64;
        Ok(())
    }

    fn window(&mut self, _: u32, _: &str, _: &[f32], _: &mut IngestReport) -> Result<(), Error> {
        self.0 += 1;
        Ok(())
    }
}

/// Reads the file at `path`; true when some record was sound.
fn read(source: &dyn Source, path: &Path) -> bool {
    let (mut ingest, mut count) = (IngestReport::default(), Count::default());
    if source
        .read(&Files::at(path), &mut ingest, &mut count)
        .is_err()
    {
        return false;
    }
    assert_eq!(ingest.read, ingest.accepted + ingest.rejected());
    assert_eq!(ingest.accepted, count.0);
    ingest.accepted > 0
}
