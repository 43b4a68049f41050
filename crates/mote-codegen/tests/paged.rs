//! A paged pipeline whose storage is damaged, cut short or broken says so, every time: it never hangs, and never
//! gives a wrong answer, then or later.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote_codegen::{Paging, generate, paging};
use mote_import::tflite::import;
use mote_model::Runtime;
use mote_model::stream::stream;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The program that abuses a pipeline of network B: weights from a file, then each byte of it damaged in turn.
const MAIN: &str = r#"#![forbid(unsafe_code)]
#![deny(warnings)]
use mote::{Error, Storage};
use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

mod paged { include!("paged.rs"); }
mod streamed { include!("streamed.rs"); }
use paged::{Out, Pipeline, external::WEIGHTS};

/// A file of weights.
struct Contents(File);

impl Storage for Contents {
    fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error> {
        let at = SeekFrom::Start(4 * offset as u64);
        self.0.seek(at).map_err(|_| Error::Storage)?;
        for word in words {
            let mut bytes = [0; 4];
            self.0.read_exact(&mut bytes).map_err(|_| Error::Storage)?;
            *word = u32::from_le_bytes(bytes);
        }
        Ok(())
    }
}

/// A driver that works `left` times.
struct Breaking {
    left: usize,
}

impl Storage for Breaking {
    fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error> {
        self.left = self.left.checked_sub(1).ok_or(Error::Storage)?;
        (&WEIGHTS[..]).read(offset, words)
    }
}

fn scores<S: Storage>(mut pipeline: Pipeline<S>) -> Result<Vec<Out>, Error> {
    pipeline.init()?;
    for (i, x) in pipeline.input().iter_mut().enumerate() {
        *x = (i * 37 % 251) as u8 as i8;
    }
    assert!(pipeline.run()?);
    Ok(pipeline.output().to_vec())
}

/// A stream of network B whose weights cannot be read in one run: an error there, and then the decisions of a stream
/// that begins anew.
fn streams() {
    struct Flaky<'a>(&'a Cell<bool>);
    impl Storage for Flaky<'_> {
        fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error> {
            // Some of the layers have run by then.
            if self.0.get() && offset > streamed::external::WEIGHTS.len() / 2 {
                return Err(Error::Storage);
            }
            (&streamed::external::WEIGHTS[..]).read(offset, words)
        }
    }
    assert_eq!(streamed::Pipeline::new().input().len(), streamed::INPUT_LEN);
    assert_eq!(streamed::Pipeline::new().output().len(), streamed::OUTPUT_LEN);
    let broken = Cell::new(false);
    let mut stream = streamed::Pipeline::over(Flaky(&broken));
    stream.init().unwrap();
    let mut anew = streamed::Pipeline::over(Flaky(&broken));
    let mut decisions = 0;
    for tick in 0..120 {
        let sample = |i: usize| ((i + tick * 31) * 37 % 251) as u8 as i8;
        stream.input().iter_mut().enumerate().for_each(|(i, x)| *x = sample(i));
        broken.set(tick == 25);
        let result = stream.run();
        if tick <= 25 {
            assert_eq!(result.is_err(), tick == 25);
            continue;
        }
        anew.input().iter_mut().enumerate().for_each(|(i, x)| *x = sample(i));
        assert_eq!(result, anew.run(), "tick {tick}");
        if result == Ok(true) {
            assert_eq!(stream.output(), anew.output(), "tick {tick}");
            decisions += 1;
        }
    }
    assert!(decisions > 4, "{decisions}");
}

fn main() {
    streams();
    assert_eq!(Pipeline::new().input().len(), paged::INPUT_LEN);
    assert_eq!(Pipeline::new().output().len(), paged::OUTPUT_LEN);
    let right = scores(Pipeline::new()).unwrap();
    let bytes: Vec<u8> = WEIGHTS.iter().flat_map(|w| w.to_le_bytes()).collect();
    std::fs::write("weights.bin", &bytes).unwrap();
    let file = || Contents(File::open("weights.bin").unwrap());
    assert_eq!(scores(Pipeline::over(file())), Ok(right.clone()));

    for i in 0..bytes.len() {
        for mask in [1 << (i % 8), 0xff] {
            let mut damaged = WEIGHTS.to_vec();
            damaged[i / 4] ^= mask << (i % 4 * 8);
            let result = scores(Pipeline::over(&*damaged.leak()));
            assert_eq!(result, Err(Error::Checksum), "byte {i}");
        }
    }
    for len in 0..WEIGHTS.len() {
        let result = scores(Pipeline::over(&WEIGHTS[..len]));
        assert!(matches!(result, Err(Error::Storage)), "{len} words");
    }
    std::fs::write("weights.bin", &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(scores(Pipeline::over(file())), Err(Error::Storage));

    // Read after read fails, until none has to.
    let mut left = 0;
    while scores(Pipeline::over(Breaking { left })) == Err(Error::Storage) {
        left += 1;
    }
    assert_eq!(scores(Pipeline::over(Breaking { left })), Ok(right));
    println!("{} bytes, {left} pages", bytes.len());
}
"#;

#[test]
fn every_damage_is_found() {
    let (name, limit) = ("paged", 256);
    let runtime = Runtime::COMPILED.paged(limit);
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
    let graph = import("B", &fs::read(models.join("B_int8.tflite")).unwrap()).unwrap();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(dir.join("src")).unwrap();
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nmote = {{ path = {engine:?} }}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.join("src/main.rs"), MAIN).unwrap();
    for (name, graph) in [
        ("paged", &graph),
        ("streamed", &stream(&graph, 20, None).unwrap()),
    ] {
        let source = generate(graph, runtime).unwrap().text;
        fs::write(dir.join(format!("src/{name}.rs")), source).unwrap();
    }
    let Paging {
        window,
        pages,
        bytes,
    } = paging(&graph, runtime).unwrap().unwrap();
    assert!(window <= limit, "{window}");
    // The versions this test was built with are at hand; nothing is downloaded.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    if lock.exists() {
        fs::copy(lock, dir.join("Cargo.lock")).unwrap();
    }
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--offline", "--target-dir"])
        .arg(dir.join("target"))
        .current_dir(&dir)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, format!("{bytes} bytes, {pages} pages\n"));
}
