//! Exported code, built for a Cortex-M4 and run under emulation, decides what the engine decided on the host.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{crate_name, directory, networks};
use mote_codegen::{Deployment, Target, export};
use mote_device::core::Core;
use mote_device::emulator;
use mote_device::footprint::Footprint;
use mote_device::image::FirmwareBuilder;
use mote_device::toolchain::{Method, Toolchain};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

const CORE: Core = Core::M4;

/// A padded, a separable, streamed and an imported network, and filters: each takes seconds to compile.
fn chosen() -> Vec<Deployment> {
    let chosen = [
        "A",
        "B stream",
        "separable",
        "separable stream",
        "steps stream",
        "pairs stream",
        "C24",
        "imported",
        "mean stream",
    ];
    let all = networks().into_iter();
    all.filter(|d| chosen.contains(&d.name.as_str())).collect()
}

/// The emulator's exit code.
fn emulate(image: &Path) -> Option<i32> {
    let mut command = emulator::command(CORE, CORE.machine(), image);
    command.args(["-semihosting-config", "enable=on,target=native"]);
    command.status().unwrap().code()
}

/// Whether the machine can be emulated; says loudly when not.
fn has_emulator() -> bool {
    let version = emulator::version(CORE);
    if let Err(e) = &version {
        eprintln!("SKIPPED, devices cannot be emulated here (`cargo xtask setup` helps): {e}");
    }
    version.is_ok()
}

/// The memory map as a linker script has it.
fn memory() -> String {
    let machine = CORE.machine();
    format!(
        "MEMORY {{\n  FLASH : ORIGIN = {:#x}, LENGTH = {:#x}\n  RAM : ORIGIN = {:#x}, LENGTH = {:#x}\n}}\n",
        machine.flash.origin, machine.flash.length, machine.ram.origin, machine.ram.length
    )
}

#[test]
fn c() {
    const COMPILER: &str = "arm-none-eabi-gcc";
    if Command::new(COMPILER).arg("--version").output().is_err() {
        eprintln!(
            "SKIPPED, there is no {COMPILER} (Debian: gcc-arm-none-eabi) to compile exported C with"
        );
        return;
    }
    if !has_emulator() {
        return;
    }
    for deployment in chosen() {
        let dir = directory("m4-c").join(&deployment.name);
        export(&deployment, Target::C, &dir).unwrap();
        let script = memory()
            + "stack_end = ORIGIN(RAM) + LENGTH(RAM);\n\
               SECTIONS {\n  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH\n  \
               .bss (NOLOAD) : { *(.bss*) } > RAM\n  .data : { *(.data*) } > RAM\n}\n\
               ASSERT(SIZEOF(.data) == 0, \"constants belong in flash\")\n\
               ASSERT(SIZEOF(.bss) == 0, \"all memory is in the state\")\n";
        fs::write(dir.join("script.ld"), script).unwrap();
        let output = Command::new(COMPILER)
            .args([
                "-std=c99",
                "-mcpu=cortex-m4",
                "-mthumb",
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
            ])
            .args([
                "-ffreestanding",
                "-fno-tree-loop-distribute-patterns",
                "-nostdlib",
                "-I.",
            ])
            .args(["mote.c", "mote_self_test.c"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/m4/start.c"))
            .args(["-lgcc", "-Tscript.ld", "-o", "image.elf"])
            .current_dir(&dir)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", deployment.name);
        assert_eq!(
            emulate(&dir.join("image.elf")),
            Some(0),
            "{}",
            deployment.name
        );
    }
}

#[test]
fn rust() {
    if !has_emulator() {
        return;
    }
    let toolchain = match FirmwareBuilder::locate().and_then(|builder| builder.toolchain(CORE)) {
        Ok(toolchain) => toolchain,
        Err(e) => {
            eprintln!(
                "SKIPPED, nothing here compiles for a Cortex-M4 (`cargo xtask setup` helps): {e}"
            );
            return;
        }
    };
    let dir = directory("m4-rust");
    let mut manifest = "[package]\nname = \"image\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
                        [profile.release]\nopt-level = \"s\"\nlto = \"fat\"\ncodegen-units = 1\npanic = \"abort\"\n\n\
                        [dependencies]\ncortex-m-rt = \"0.7.7\"\n"
        .to_owned();
    let mut checks = String::new();
    for (index, deployment) in chosen().iter().enumerate() {
        let (package, module) = (crate_name(deployment, "-"), crate_name(deployment, "_"));
        export(deployment, Target::Rust, &dir.join(&package)).unwrap();
        writeln!(manifest, "{package} = {{ path = {package:?} }}").unwrap();
        writeln!(
            checks,
            "    if {module}::self_test::run(&mut {module}::Detector::new()).is_err() {{\n        return {};\n    }}",
            index + 1
        )
        .unwrap();
    }
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    let main = include_str!("m4/main.rs.txt").replace("@checks@", &checks);
    fs::write(dir.join("src/main.rs"), main).unwrap();
    fs::write(dir.join("memory.x"), memory()).unwrap();
    // The versions that the firmware is built with.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/Cargo.lock");
    fs::copy(lock, dir.join("Cargo.lock")).unwrap();
    let image = build(&dir, &toolchain);
    assert_eq!(
        emulate(&image),
        Some(0),
        "number of the network that decides otherwise"
    );
    assert!(Footprint::read(&image).unwrap().is_panic_free());
}

/// Builds the crate in `dir` for the core.
fn build(dir: &Path, toolchain: &Toolchain) -> std::path::PathBuf {
    let target = CORE.target();
    let mut flags = vec![
        format!("-Ctarget-cpu={}", CORE.processor().cpu),
        "-Clink-arg=-Tlink.x".to_owned(),
        "-Clink-arg=--nmagic".to_owned(),
        format!("-Clink-arg=-L{}", dir.display()),
    ];
    if let Some(linker) = &toolchain.linker {
        flags.push(format!("-Clinker={}", linker.display()));
        if !linker.ends_with("rust-lld") {
            flags.push("-Clinker-flavor=ld".to_owned());
        }
    }
    let mut command = Command::new("cargo");
    command
        .args([
            "build",
            "--release",
            "--quiet",
            "--target",
            target,
            "--target-dir",
        ])
        .arg(dir.join("target"))
        .current_dir(dir)
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    if toolchain.method == Method::BuildStd {
        command.arg("-Zbuild-std=core").env("RUSTC_BOOTSTRAP", "1");
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    dir.join("target").join(target).join("release/image")
}
