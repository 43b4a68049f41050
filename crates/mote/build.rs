//! Tells the kernels what the target's multiplier can do, and whether code is to be small rather than fast.
//!
//! `cfg(target_feature = "dsp")` is not visible on stable Rust, so the target's name decides.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(mote_dsp)");
    println!("cargo::rustc-check-cfg=cfg(mote_dsp_v8)");
    println!("cargo::rustc-check-cfg=cfg(mote_short_multiply)");
    println!("cargo::rustc-check-cfg=cfg(mote_small)");
    let target = env::var("TARGET").unwrap_or_default();
    // Cortex-M4 and M7 always have the DSP extension. For the Cortex-M33 it is an option, which the target's name
    // does not tell; all parts made for this kind of work (STM32U5, STM32L5, nRF5340, LPC55) have it.
    let v8 = target.starts_with("thumbv8m.main");
    if target.starts_with("thumbv7em") || v8 {
        println!("cargo::rustc-cfg=mote_dsp");
    }
    if v8 {
        println!("cargo::rustc-cfg=mote_dsp_v8");
    }
    // Cortex-M0, M0+ and M23 multiply 32 x 32 to 32 bits only.
    if target.starts_with("thumbv6m") || target.starts_with("thumbv8m.base") {
        println!("cargo::rustc-cfg=mote_short_multiply");
    }
    // A build for size shares the one-step kernel between all int8 layers.
    if matches!(env::var("OPT_LEVEL").as_deref(), Ok("s" | "z")) {
        println!("cargo::rustc-cfg=mote_small");
    }
}
