//! Windows in, outputs out, through three files in the emulator's directory:
//!
//! - `input.bin`: the number of windows and the bytes of one window (two little-endian `u32`), then the windows;
//! - `output.bin`: the raw outputs of each decision, one after the other;
//! - `report.bin`: little-endian `u32`s: status, windows finished, bytes of one window as the pipeline wants
//!   them, bytes of one output, two words that explain a failure (program counter and stack pointer of a fault,
//!   the number of the engine's error, or the bytes asked of a full heap), and the bytes of heap used at most;
//! - `external.bin`, of a pipeline that pages its weights: per window two little-endian `u32`s, the reads and the
//!   bytes from the storage up to the end of that window.

use crate::heap;
use crate::semihosting::{self, File, Mode};
use core::mem::{size_of, size_of_val};
use core::slice;
use mote_firmware::{Elem, INPUT_LEN, OUTPUT_LEN, Out, Pipeline};

/// How a run ended; the emulator's exit code. The host's `Status` mirrors it.
#[derive(Clone, Copy)]
pub enum Status {
    /// All windows were processed.
    Done = 0,
    /// `input.bin`, `output.bin` or `external.bin` cannot be opened or ends early.
    Files = 10,
    /// The windows are not as long as the pipeline's input.
    InputLength = 11,
    /// `Pipeline::init` failed.
    Init = 12,
    /// `Pipeline::run` failed.
    Run = 13,
    /// The core faulted.
    Fault = 14,
    /// The core faulted at the end of the stack.
    StackOverflow = 15,
    /// The heap is full.
    OutOfMemory = 16,
}

/// The files and the count of windows.
pub struct Harness {
    files: Option<(File, File)>,
    #[cfg(feature = "external")]
    traffic: Option<File>,
    total: u32,
    done: u32,
}

impl Harness {
    pub const fn new() -> Self {
        Self {
            files: None,
            #[cfg(feature = "external")]
            traffic: None,
            total: 0,
            done: 0,
        }
    }

    pub fn windows(&self) -> u32 {
        self.done
    }

    /// Opens the files and compares the windows' length with the pipeline's.
    #[inline(never)]
    pub fn start(&mut self) {
        let input = File::open(b"input.bin\0", Mode::Read);
        let output = File::open(b"output.bin\0", Mode::Write);
        let (Some(input), Some(output)) = (input, output) else {
            exit(Status::Files, 0)
        };
        self.files = Some((input, output));
        #[cfg(feature = "external")]
        {
            self.traffic = File::open(b"external.bin\0", Mode::Write);
        }
        let mut header = [0u32; 2];
        if !input.read(bytes_mut(&mut header)) {
            exit(Status::Files, 0);
        }
        let [total, window] = header;
        self.total = total;
        if window as usize != INPUT_LEN * size_of::<Elem>() {
            exit(Status::InputLength, 0);
        }
    }

    /// Ends the run when `init` failed.
    #[inline(never)]
    pub fn prepared(&mut self, result: Result<(), mote::Error>) {
        if let Err(e) = result {
            report(Status::Init, 0, e as u32, 0);
        }
    }

    /// Reads the next window into the pipeline's input; false behind the last.
    #[inline(never)]
    pub fn next_window(&mut self, pipeline: &mut Pipeline) -> bool {
        if self.done == self.total {
            return false;
        }
        match self.files {
            Some((input, _)) if input.read(bytes_mut(pipeline.input())) => true,
            _ => exit(Status::Files, self.done),
        }
    }

    /// Writes the outputs that the window read last has led to, if any.
    #[inline(never)]
    pub fn finished_window(&mut self, result: Result<bool, mote::Error>, pipeline: &Pipeline) {
        match (result, self.files) {
            (Err(e), _) => report(Status::Run, self.done, e as u32, 0),
            (Ok(false), _) => (),
            (Ok(true), Some((_, output))) if output.write(bytes(pipeline.output())) => (),
            _ => exit(Status::Files, self.done),
        }
        #[cfg(feature = "external")]
        match self.traffic {
            Some(file) if file.write(bytes(&mote_firmware::external::traffic())) => (),
            _ => exit(Status::Files, self.done),
        }
        self.done += 1;
    }
}

/// Writes the report and ends the emulator.
pub fn exit(status: Status, windows: u32) -> ! {
    report(status, windows, 0, 0)
}

/// [`exit`] with two words that explain a failure.
pub fn report(status: Status, windows: u32, what: u32, sp: u32) -> ! {
    let words = [
        status as u32,
        windows,
        (INPUT_LEN * size_of::<Elem>()) as u32,
        (OUTPUT_LEN * size_of::<Out>()) as u32,
        what,
        sp,
        heap::peak(),
    ];
    if let Some(file) = File::open(b"report.bin\0", Mode::Write) {
        file.write(bytes(&words));
    }
    semihosting::exit(status as u32)
}

/// Numbers whose every bit pattern is a value.
trait Plain {}
impl Plain for i8 {}
impl Plain for i16 {}
impl Plain for u32 {}
impl Plain for f32 {}

fn bytes<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: plain numbers have no padding.
    unsafe { slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

fn bytes_mut<T: Plain>(values: &mut [T]) -> &mut [u8] {
    // SAFETY: plain numbers have no padding, and any bytes make a number.
    unsafe { slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}
