//! A QEMU TCG plugin that counts what a firmware executes on a Cortex-M or RISC-V core.
//!
//! It answers three questions about each call of a *root* function (the inference): how often did each
//! instruction run, how often was each branch taken, and in which calling context. It also records the lowest
//! stack address touched. Nothing is sampled: the counts are exact and two runs give the same file.
//!
//! Loaded as `-plugin libmote_qemu_plugin.so,out=FILE,root=ADDR,watch=ADDR,stack=LOW-HIGH,limit=N`:
//!
//! | argument | meaning |
//! |---|---|
//! | `out` | file written when the emulator ends |
//! | `root` | entry of a function whose calls are profiled; `ADDR+N` forgets what its first N calls did, but for the stack; may be repeated |
//! | `watch` | entry of a function each of whose calls gets a context of its own, numbered within the root call (a layer); may be repeated |
//! | `stack` | address range of the stack, for the lowest address touched |
//! | `limit` | instructions after which the emulator is stopped with exit code 124 |
//! | `flash`, `wait` | address range of flash whose wait states are counted, and how many cycles a read waits; without them nothing waits |
//! | `icache`, `dcache`, `cache` | a cache of instructions, of data or of both in front of it, as `LINES:WAYS:LINE_BYTES:FILL_BYTES` |
//! | `prefetch` | `on` when the flash reads instructions ahead |
//! | `model` | address range of weights, which are counted apart from other data; may be repeated |
//!
//! The file is text, one record a line; see [`profile::Profiler::write`].
//!
//! # Licence
//! QEMU is GPL-2.0-or-later and so is its header `qemu-plugin.h`. This crate neither copies nor includes that
//! header: [`ffi`] declares, in our own words, the few functions of the documented interface. The library is
//! a separate file that the user's own QEMU loads; Mote does not distribute QEMU.

pub mod call;
mod ffi;
pub mod flash;
pub mod profile;
pub mod settings;
pub mod weights;

use call::IsCall;
use profile::Profiler;
use settings::Settings;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Exit code of the emulator when the instruction limit was reached.
pub const LIMIT_EXIT_CODE: i32 = 124;

static PROFILER: OnceLock<Mutex<Profiler>> = OnceLock::new();

/// What tells calls from other instructions of the emulated core.
static IS_CALL: OnceLock<IsCall> = OnceLock::new();

fn profiler() -> Option<MutexGuard<'static, Profiler>> {
    // A panic inside a callback aborts the process (`extern "C"`), so a poisoned lock is never seen.
    PROFILER
        .get()
        .map(|p| p.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The plugin interface version we speak. QEMU refuses a plugin whose version it no longer supports; the
/// functions used here kept their meaning from version 1 (QEMU 6, 7) on.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = ffi::API_VERSION;

/// Called by QEMU once, when it loads the plugin. Returns 0, or 1 after saying on stderr what is wrong.
///
/// # Safety
/// Called by QEMU only: `argv` holds `argc` C strings, `info` is valid during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: every version of the structure begins with the target's name and two version numbers.
    let (minimum, current) = unsafe { ffi::api_versions(info) };
    if !(minimum..=current).contains(&ffi::API_VERSION) {
        eprintln!(
            "mote: this QEMU speaks plugin interface {minimum} to {current}, Mote {}",
            ffi::API_VERSION
        );
        return 1;
    }
    // SAFETY: as above.
    let target = unsafe { ffi::target_name(info) };
    let Some(is_call) = call::of_target(&target) else {
        eprintln!("mote: the plugin does not know the calls of `{target}`");
        return 1;
    };
    let _ = IS_CALL.set(is_call);
    let arguments = (0..usize::try_from(argc).unwrap_or(0)).map(|i| {
        // SAFETY: `i < argc`, and QEMU passes `argc` valid strings.
        unsafe { CStr::from_ptr(*argv.add(i)) }
            .to_string_lossy()
            .into_owned()
    });
    let profiler = match Settings::parse(arguments) {
        Ok(settings) => Profiler::new(settings),
        Err(message) => {
            eprintln!("mote: {message}");
            return 1;
        }
    };
    let _ = PROFILER.set(Mutex::new(profiler));
    // SAFETY: `id` is the one QEMU gave us, the callbacks have the signatures it documents.
    unsafe {
        ffi::qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
        ffi::qemu_plugin_register_atexit_cb(id, on_exit, std::ptr::null_mut());
    }
    0
}

extern "C" fn on_translate(_id: u64, tb: *mut c_void) {
    let (Some(mut profiler), Some(is_call)) = (profiler(), IS_CALL.get()) else {
        return;
    };
    // SAFETY: `tb` is valid during this callback and so are its instructions, numbered below `n_insns`.
    unsafe {
        for i in 0..ffi::qemu_plugin_tb_n_insns(tb) {
            let insn = ffi::qemu_plugin_tb_get_insn(tb, i);
            let address = ffi::qemu_plugin_insn_vaddr(insn) as u32;
            let size = ffi::qemu_plugin_insn_size(insn);
            let index = profiler.instruction(address, is_call(ffi::bits(insn, size)), size as u32);
            let user = index as usize as *mut c_void;
            ffi::qemu_plugin_register_vcpu_insn_exec_cb(insn, on_execute, ffi::NO_REGISTERS, user);
            ffi::qemu_plugin_register_vcpu_mem_cb(
                insn,
                on_memory,
                ffi::NO_REGISTERS,
                ffi::READ_AND_WRITE,
                std::ptr::null_mut(),
            );
        }
    }
}

extern "C" fn on_execute(_cpu: c_uint, user: *mut c_void) {
    let Some(mut profiler) = profiler() else {
        return;
    };
    if profiler.execute(user as usize as u32) {
        return;
    }
    report(&profiler);
    // SAFETY: ends the process without running QEMU's exit handlers, which expect not to be on this thread.
    unsafe { ffi::_exit(LIMIT_EXIT_CODE) }
}

extern "C" fn on_memory(_cpu: c_uint, info: u32, address: u64, _user: *mut c_void) {
    if let Some(mut profiler) = profiler() {
        // SAFETY: `info` is the one of this callback.
        let (size, store) = unsafe {
            (
                1 << ffi::qemu_plugin_mem_size_shift(info),
                ffi::qemu_plugin_mem_is_store(info),
            )
        };
        profiler.touch(address as u32, size, store);
    }
}

extern "C" fn on_exit(_id: u64, _user: *mut c_void) {
    if let Some(profiler) = profiler() {
        report(&profiler);
    }
}

fn report(profiler: &Profiler) {
    if let Err(e) = profiler.save() {
        eprintln!("mote: cannot write the profile: {e}");
    }
}
