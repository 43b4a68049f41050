//! Exported C, compiled for the host and for a Cortex-M4, decides what the engine decides, bit for bit.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{deployment, directory, expected, load, medium_confidence, networks, reports};
use mote_codegen::{Deployment, Target, export};
use mote_model::Runtime;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Prints every decision about the made-up motion: the self-test, with other ears.
const MAIN: &str = r#"
#include <stdio.h>
#include <string.h>

static int listen(mote_state *state, const SAMPLE *sample, mote_decision *decision)
{
    int decided = mote_push(state, sample, decision);
    if (decided) {
        printf("%d [", decision->index);
        for (int i = 0; i < MOTE_CLASSES; i++) {
            printf(i ? ", %d" : "%d", decision->scores[i]);
        }
        printf("]\n");
    }
    return decided;
}

#define mote_push listen
#include "mote_self_test.c"

int main(void)
{
    static mote_state state;
    return mote_self_test(&state);
}
"#;

/// Whether `program` can be run here; says loudly when not.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED, there is no {program} on this machine: install it to test exported C");
    }
    found
}

/// Runs `command`, which has to succeed without a word on its standard error, and returns what it printed.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{command:?}: {}\n{errors}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

const WARNINGS: [&str; 8] = [
    "-std=c99",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wconversion",
    "-Werror",
];

fn check_on_host(deployment: &Deployment, sanitize: bool) {
    let dir = directory("c").join(&deployment.name);
    export(deployment, Target::C, &dir).unwrap();
    let sample = match deployment.graph.frontend {
        Some(_) => "int16_t",
        None => "int8_t",
    };
    fs::write(
        dir.join("main.c"),
        format!("#define SAMPLE {sample}\n#include \"mote.h\"\n{MAIN}"),
    )
    .unwrap();
    let mut compile = Command::new("cc");
    compile
        .args(WARNINGS)
        .args(["mote.c", "main.c", "-o", "main"])
        .current_dir(&dir);
    if sanitize {
        compile.args(["-fsanitize=undefined,address", "-fno-sanitize-recover=all"]);
    }
    output(&mut compile);
    let found = output(&mut Command::new(dir.join("main")));
    assert!(
        found == expected(deployment),
        "{}: other decisions",
        deployment.name
    );
}

#[test]
fn on_the_host() {
    if !has("cc") {
        return;
    }
    for deployment in networks() {
        let name = &deployment.name;
        // Between them these have every operator.
        check_on_host(
            &deployment,
            name.contains("every") || name.contains("stream"),
        );
    }
}

/// Prints what there is to report about the made-up motion.
const REPORTS: &str = r#"
#include "mote.h"
#include <stdio.h>

static int listen(mote_state *state, const int16_t *sample, mote_decision *decision)
{
    static mote_reported reported;
    int decided = mote_push(state, sample, decision);
    if (decided) {
        int report = mote_report(&reported, decision, MOTE_LEAST(LEAST));
        if (report != MOTE_NO_CHANGE) {
            printf("%d\n", report);
        }
    }
    return decided;
}

#define mote_push listen
#include "mote_self_test.c"

int main(void)
{
    static mote_state state;
    return mote_self_test(&state);
}
"#;

#[test]
fn only_changes_are_reported_and_what_is_not_sure() {
    if !has("cc") {
        return;
    }
    for name in ["separable", "sure stream", "steps stream", "pairs stream"] {
        let deployment = networks().into_iter().find(|d| d.name == name).unwrap();
        let least = medium_confidence(&deployment);
        let dir = directory("c-reports").join(name);
        export(&deployment, Target::C, &dir).unwrap();
        fs::write(dir.join("main.c"), REPORTS).unwrap();
        output(
            Command::new("cc")
                .args(WARNINGS)
                .arg(format!("-DLEAST={least:?}f"))
                .args(["mote.c", "main.c", "-o", "main"])
                .current_dir(&dir),
        );
        let found = output(&mut Command::new(dir.join("main")));
        let wanted = reports(&deployment, least);
        assert!(wanted.contains(&None) && wanted.iter().any(Option::is_some));
        let line = |report: &Option<usize>| report.map_or("-1\n".into(), |k| format!("{k}\n"));
        let wanted: String = wanted.iter().map(line).collect();
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn what_has_no_c_is_refused_by_name() {
    let dir = Path::new("unused");
    let refused = |name, target| {
        let deployment = deployment(name, load(name), Runtime::COMPILED, 1);
        export(&deployment, target, dir).unwrap_err().to_string()
    };
    let error = refused("B_f32", Target::C);
    assert!(error.contains("f32") && error.contains("int8"), "{error}");
    assert!(!dir.exists());
}

#[test]
fn a_class_that_differs_is_noticed() {
    if !has("cc") {
        return;
    }
    let dir = directory("c").join("damaged");
    let deployment = networks().remove(0);
    export(&deployment, Target::C, &dir).unwrap();
    let source = fs::read_to_string(dir.join("mote.c")).unwrap();
    let damaged = source.replace(
        "static const int8_t layer_00_weights[] = {\n    ",
        "static const int8_t layer_00_weights[] = {\n    1 + ",
    );
    assert_ne!(source, damaged);
    fs::write(dir.join("mote.c"), damaged).unwrap();
    let main = "#include \"mote.h\"\nint main(void) { static mote_state state; return mote_self_test(&state); }\n";
    fs::write(dir.join("main.c"), main).unwrap();
    output(
        Command::new("cc")
            .args(WARNINGS)
            .args(["mote.c", "mote_self_test.c", "main.c", "-o", "main"])
            .current_dir(&dir),
    );
    assert_eq!(
        Command::new(dir.join("main")).status().unwrap().code(),
        Some(1)
    );
}
