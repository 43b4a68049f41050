//! The four semihosting calls the harness needs (Arm "Semihosting for AArch32 and AArch64", RISC-V "Semihosting").

use crate::architecture::call;

const SYS_OPEN: u32 = 0x01;
const SYS_WRITE: u32 = 0x05;
const SYS_READ: u32 = 0x06;
const SYS_EXIT_EXTENDED: u32 = 0x20;
const APPLICATION_EXIT: u32 = 0x2_0026;

/// How a file is opened.
#[derive(Clone, Copy)]
pub enum Mode {
    /// An existing file, read as bytes.
    Read = 1,
    /// A new file, written as bytes.
    Write = 5,
}

/// An open file of the host.
#[derive(Clone, Copy)]
pub struct File(u32);

impl File {
    /// Opens the file `name`, which ends with a zero byte.
    pub fn open(name: &'static [u8], mode: Mode) -> Option<File> {
        let length = name.len() as u32 - 1;
        // SAFETY: SYS_OPEN reads a name of `length` bytes and its terminator.
        let handle = unsafe { call(SYS_OPEN, &[name.as_ptr() as u32, mode as u32, length]) };
        (handle != u32::MAX).then_some(File(handle))
    }

    /// Fills `bytes`; false when the file ends first.
    pub fn read(self, bytes: &mut [u8]) -> bool {
        // SAFETY: SYS_READ writes at most the length given and returns how much is missing.
        unsafe {
            call(
                SYS_READ,
                &[self.0, bytes.as_mut_ptr() as u32, bytes.len() as u32],
            ) == 0
        }
    }

    /// Writes all of `bytes`; false when the host cannot.
    pub fn write(self, bytes: &[u8]) -> bool {
        // SAFETY: SYS_WRITE reads the bytes and returns how many are left.
        unsafe {
            call(
                SYS_WRITE,
                &[self.0, bytes.as_ptr() as u32, bytes.len() as u32],
            ) == 0
        }
    }
}

/// Ends the emulator with exit code `code`.
pub fn exit(code: u32) -> ! {
    loop {
        // SAFETY: SYS_EXIT_EXTENDED takes a reason and a code.
        unsafe { call(SYS_EXIT_EXTENDED, &[APPLICATION_EXIT, code]) };
    }
}
