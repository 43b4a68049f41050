//! Exported crates build where there is nothing, and decide what the engine decides, bit for bit.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{
    crate_name, deployment, directory, expected, load, medium_confidence, networks, reports,
    with_frontend,
};
use mote_codegen::{Deployment, Target, export};
use mote_model::Runtime;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// `cargo` in `dir`, which has to succeed without a warning, and what it printed. Nothing is downloaded.
fn cargo(dir: &Path, arguments: &[&str], home: Option<&Path>) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(arguments)
        .args(["--quiet", "--offline", "--target-dir"])
        .arg(dir.join("target"))
        .current_dir(dir)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Dwarnings");
    if let Some(home) = home {
        command.env("CARGO_HOME", home);
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{arguments:?} in {}: {errors}",
        dir.display()
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The versions this test was built with, which are at hand.
fn pin(dir: &Path) {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    fs::copy(lock, dir.join("Cargo.lock")).unwrap();
}

/// Exports and runs `deployments` in one program, and compares what they decide.
fn check(name: &str, deployments: &[Deployment]) {
    let dir = directory(name);
    let mut manifest =
        "[package]\nname = \"all\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
                        [profile.dev]\nopt-level = 1\n\n[dependencies]\n"
            .to_owned();
    let mut main = "fn main() {\n".to_owned();
    let mut wanted = String::new();
    for deployment in deployments {
        let (package, module) = (crate_name(deployment, "-"), crate_name(deployment, "_"));
        let least = medium_confidence(deployment);
        export(deployment, Target::Rust, &dir.join(&package)).unwrap();
        writeln!(manifest, "{package} = {{ path = {package:?} }}").unwrap();
        write!(
            main,
            "    let mut detector = {module}::Detector::new();
    let mut signal = {module}::self_test::Signal::default();
    let mut decisions = 0;
    let mut changes = {module}::Changes::new({least:?});
    let mut reports = Vec::new();
    while decisions < {module}::self_test::DECISIONS {{
        if let Some(decision) = detector.push(signal.sample()) {{
            println!(\"{{}} {{:?}}\", decision.class, decision.scores);
            reports.extend(changes.report(&decision));
            decisions += 1;
        }}
    }}
    println!(\"{{reports:?}}\");
    assert_eq!({module}::self_test::run(&mut {module}::Detector::new()), Ok(()));
"
        )
        .unwrap();
        wanted.push_str(&expected(deployment));
        let report = |report: &Option<usize>| match report {
            Some(class) => format!("Activity({class})"),
            None => "NotSure".to_owned(),
        };
        let reports: Vec<String> = reports(deployment, least).iter().map(report).collect();
        wanted.push_str(&format!("[{}]\n", reports.join(", ")));
    }
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    fs::write(dir.join("src/main.rs"), main + "}\n").unwrap();
    pin(&dir);
    let found = cargo(&dir, &["run"], None);
    for (line, (found, wanted)) in found.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(found, wanted, "decision {line}");
    }
    assert!(found == wanted);
}

#[test]
fn int8_networks_decide_as_the_engine() {
    // Not all that C is tested with: each takes seconds to compile.
    let chosen = [
        "every operator",
        "A",
        "separable stream",
        "steps stream",
        "sure stream",
        "A per tensor",
    ];
    let chosen = networks()
        .into_iter()
        .filter(|d| chosen.contains(&d.name.as_str()));
    check("int8", &chosen.collect::<Vec<_>>());
}

#[test]
fn so_do_those_that_convert_or_are_f32() {
    check(
        "others",
        &[
            deployment("converts", load("head_int8"), Runtime::INTERPRETER, 3),
            deployment("float", load("B_f32"), Runtime::COMPILED, 50),
        ],
    );
}

#[test]
fn a_crate_builds_in_an_empty_place_and_its_driver_with_embedded_hal() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let deployment = networks().swap_remove(4);
    export(&deployment, Target::Rust, dir).unwrap();
    // Without a registry.
    let home = tempfile::tempdir().unwrap();
    cargo(dir, &["build"], Some(home.path()));
    cargo(dir, &["test", "--release"], Some(home.path()));
    let driver = dir.join("driver");
    pin(&driver);
    cargo(&driver, &["test"], None);
}

#[test]
fn what_no_crate_can_have_is_refused() {
    let refused = |runtime| {
        let deployment = deployment("B", with_frontend(load("B_int8")), runtime, 50);
        export(&deployment, Target::Rust, Path::new("unused"))
            .unwrap_err()
            .to_string()
    };
    assert!(refused(Runtime::BASELINE).contains("heap"));
    let paged = Runtime::COMPILED.paged(1024);
    assert!(refused(paged).contains("paged"));
}
