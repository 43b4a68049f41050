//! A program of generated pipelines, built and run on this computer.

use mote_codegen::generate;
use mote_model::stream::Schedule;
use mote_techniques::Artifact;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// What the program does with one pipeline: a new one decides upon each window, which it gets a run's samples at a
/// time.
const DECIDE: &str = "
    for window in windows {
        let mut pipeline = NAME::Pipeline::new();
        pipeline.init().unwrap();
        // A stream's first decision is not about the very first samples.
        let before = std::iter::repeat_n(0, OFFSET);
        let mut samples = before.chain(window.iter().copied());
        loop {
            assert_eq!(pipeline.input().len(), NAME::INPUT_LEN);
            pipeline.input().fill_with(|| samples.next().unwrap_or(0));
            if pipeline.run().unwrap() {
                break;
            }
            assert!(samples.size_hint().0 > 0, \"NAME gives no decision on a whole window\");
        }
        assert_eq!(pipeline.output().len(), NAME::OUTPUT_LEN);
        println!(\"NAME {:?}\", pipeline.output());
    }
";

/// Generates the source of every artifact, builds one program of all, and returns the scores that each pipeline gives
/// for each of `windows`, sensor counts, as text.
pub fn scores(artifacts: &[Artifact], windows: &[Vec<i16>], dir: &Path) -> Vec<Vec<String>> {
    let name = |i: usize| format!("pipeline_{i}");
    let literals: Vec<String> = windows.iter().map(|w| format!("&{w:?}")).collect();
    let literals = literals.join(", ");
    let mut main = format!(
        "#![forbid(unsafe_code)]\n#![deny(warnings)]\nfn main() {{\n    let windows: &[&[i16]] = &[{literals}];\n"
    );
    let mut modules = String::new();
    fs::create_dir_all(dir.join("src")).unwrap();
    for (i, artifact) in artifacts.iter().enumerate() {
        let name = name(i);
        let network = artifact.network().unwrap();
        let source = generate(&network, artifact.runtime).unwrap();
        fs::write(dir.join(format!("src/{name}.rs")), source.text).unwrap();
        // As in the firmware, the file is included, not a module of its own.
        writeln!(modules, "mod {name} {{ include!(\"{name}.rs\"); }}").unwrap();
        let channels = network.tensor(network.input).unwrap().shape.channels;
        let offset = Schedule::of(&network).map_or(0, |schedule| schedule.offset * channels);
        let decide = DECIDE.replace("NAME", &name);
        main.push_str(&decide.replace("OFFSET", &offset.to_string()));
    }
    fs::write(dir.join("src/main.rs"), format!("{main}}}\n{modules}")).unwrap();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let engine = crates.join("mote");
    let manifest = format!(
        "[package]\nname = \"combinations\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nmote = {{ path = {engine:?}, features = [\"boxed\"] }}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    // The versions this test was built with are at hand; nothing is downloaded.
    let lock = crates.join("../Cargo.lock");
    if lock.exists() {
        fs::copy(lock, dir.join("Cargo.lock")).unwrap();
    }
    let output = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["run", "--quiet", "--offline", "--target-dir"])
        .arg(dir.join("target"))
        .current_dir(dir)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (name, scores) = line.split_once(' ').unwrap();
        found
            .entry(name.to_owned())
            .or_default()
            .push(scores.to_owned());
    }
    let all = (0..artifacts.len()).map(|i| found.remove(&name(i)).unwrap_or_default());
    all.collect()
}
