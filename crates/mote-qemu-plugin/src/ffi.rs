//! The part of QEMU's plugin interface that Mote uses, declared here and resolved by the dynamic linker
//! against the emulator that loads the plugin.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// Version of the interface these declarations follow.
pub const API_VERSION: c_int = 1;

/// The callbacks read no guest registers.
pub const NO_REGISTERS: c_int = 0;

/// Memory callbacks for loads and stores.
pub const READ_AND_WRITE: c_int = 3;

type Execute = extern "C" fn(c_uint, *mut c_void);
type Memory = extern "C" fn(c_uint, u32, u64, *mut c_void);

unsafe extern "C" {
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, cb: extern "C" fn(u64, *mut c_void));
    pub fn qemu_plugin_register_atexit_cb(
        id: u64,
        cb: extern "C" fn(u64, *mut c_void),
        user: *mut c_void,
    );
    pub fn qemu_plugin_tb_n_insns(tb: *const c_void) -> usize;
    pub fn qemu_plugin_tb_get_insn(tb: *const c_void, index: usize) -> *mut c_void;
    pub fn qemu_plugin_insn_vaddr(insn: *const c_void) -> u64;
    pub fn qemu_plugin_insn_size(insn: *const c_void) -> usize;
    pub fn qemu_plugin_insn_data(insn: *const c_void) -> *const u8;
    pub fn qemu_plugin_register_vcpu_insn_exec_cb(
        insn: *mut c_void,
        cb: Execute,
        flags: c_int,
        user: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_mem_cb(
        insn: *mut c_void,
        cb: Memory,
        flags: c_int,
        rw: c_int,
        user: *mut c_void,
    );
    pub fn qemu_plugin_mem_size_shift(info: u32) -> c_uint;
    pub fn qemu_plugin_mem_is_store(info: u32) -> bool;
    pub fn _exit(code: c_int) -> !;
}

/// The structure passed to `qemu_plugin_install`, as every version of it begins.
#[repr(C)]
struct InstallInfo {
    target_name: *const c_char,
    minimum: c_int,
    current: c_int,
}

/// The oldest and the newest interface version the emulator accepts.
///
/// # Safety
/// `info` is the structure passed to `qemu_plugin_install`.
pub unsafe fn api_versions(info: *const c_void) -> (c_int, c_int) {
    // SAFETY: promised by the caller.
    let head = unsafe { &*info.cast::<InstallInfo>() };
    (head.minimum, head.current)
}

/// What the emulator emulates, such as `arm`.
///
/// # Safety
/// `info` is the structure passed to `qemu_plugin_install`.
pub unsafe fn target_name(info: *const c_void) -> String {
    // SAFETY: promised by the caller; the name is a C string.
    let name = unsafe { CStr::from_ptr((*info.cast::<InstallInfo>()).target_name) };
    name.to_string_lossy().into_owned()
}

/// The bytes of `insn`, as one number in the order of the core.
///
/// # Safety
/// `insn` is an instruction of the block being translated, `size` its size: 2 or 4.
pub unsafe fn bits(insn: *const c_void, size: usize) -> u32 {
    // SAFETY: the instruction's bytes are `size` long.
    let halfword = |n: usize| unsafe {
        let data = qemu_plugin_insn_data(insn);
        u32::from(u16::from_le_bytes([*data.add(2 * n), *data.add(2 * n + 1)]))
    };
    match size {
        2 => halfword(0),
        _ => halfword(0) | halfword(1) << 16,
    }
}
