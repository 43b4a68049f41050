//! Writes the linker's memory map and re-runs when the pipeline or the map changes.

use std::path::PathBuf;
use std::{env, fs};

/// Flash origin and length, RAM origin and length, stack length: the emulated `mps2-an386`, used when Mote
/// does not say otherwise (a plain `cargo build` here).
const DEFAULT_MEMORY: &str = "0x00000000 4M 0x20000000 4M 64K";

/// What the linker script of `riscv-rt` asks for beyond the map; that of `cortex-m-rt` has it.
const RISCV_NAMES: &str = "REGION_ALIAS(\"REGION_TEXT\", FLASH);\n\
    REGION_ALIAS(\"REGION_RODATA\", FLASH);\n\
    REGION_ALIAS(\"REGION_DATA\", RAM);\n\
    REGION_ALIAS(\"REGION_BSS\", RAM);\n\
    REGION_ALIAS(\"REGION_HEAP\", RAM);\n\
    REGION_ALIAS(\"REGION_STACK\", STACK);\n\
    _ram_end = ORIGIN(RAM) + LENGTH(RAM);\n\
    /* Nothing unwinds. */\n\
    SECTIONS { /DISCARD/ : { *(.eh_frame) } }\n";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=MOTE_MEMORY");
    println!("cargo:rerun-if-env-changed=MOTE_PIPELINE_DIR");

    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let pipeline = env::var("MOTE_PIPELINE_DIR")
        .map(PathBuf::from)
        .unwrap_or_else(|_| root.join("example"));
    println!("cargo:rerun-if-changed={}", pipeline.display());
    println!("cargo:rustc-env=MOTE_PIPELINE_DIR={}", pipeline.display());

    let memory = env::var("MOTE_MEMORY").unwrap_or_else(|_| DEFAULT_MEMORY.to_owned());
    let [flash, flash_len, ram, ram_len, stack] = memory
        .split_whitespace()
        .collect::<Vec<_>>()
        .try_into()
        .expect(
            "MOTE_MEMORY is five words: flash origin, length, RAM origin, length, stack length",
        );

    // The stack lies below the data, at the very start of RAM: one that grows too long meets unmapped memory
    // and faults, where it would otherwise overwrite the arena.
    let names = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("riscv32") => RISCV_NAMES,
        _ => "",
    };
    let map = format!(
        "MEMORY {{\n\
         \x20 FLASH : ORIGIN = {flash}, LENGTH = {flash_len}\n\
         \x20 STACK : ORIGIN = {ram}, LENGTH = {stack}\n\
         \x20 RAM : ORIGIN = {ram} + {stack}, LENGTH = {ram_len} - {stack}\n\
         }}\n\
         {names}\
         _stack_start = ORIGIN(STACK) + LENGTH(STACK);\n\
         _stack_end = ORIGIN(STACK);\n\
         /* Contents of another chip, which lie here because the machine has only one. */\n\
         SECTIONS {{ .external : ALIGN(4) {{ KEEP(*(.external)); }} > FLASH }} INSERT AFTER .rodata;\n"
    );
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("memory.x"), map).expect("cannot write memory.x");
    // cortex-m-rt wants the names of the device's interrupts here: none is used.
    fs::write(out.join("device.x"), "").expect("cannot write device.x");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
