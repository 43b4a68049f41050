use std::path::PathBuf;

/// What can go wrong between a pipeline and its measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program cannot be started.
    #[error("cannot run `{program}`: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program did not end in time.
    #[error("`{program}` was stopped after {seconds} s")]
    Timeout {
        /// The program.
        program: String,
        /// The bound.
        seconds: u64,
    },
    /// The sources of firmware and engine are not where they should be.
    #[error(
        "no Mote sources at {}: set MOTE_HOME to a checkout (firmware and engine are compiled per pipeline)",
        path.display()
    )]
    NoSources {
        /// The directory looked at.
        path: PathBuf,
    },
    /// Nothing on this machine compiles for the core.
    #[error(
        "nothing on this machine compiles for {target}:\n{tried}\nEither of these helps:\n{commands}"
    )]
    NoToolchain {
        /// The target triple.
        target: &'static str,
        /// One line per way tried.
        tried: String,
        /// Commands to run.
        commands: String,
    },
    /// `MOTE_TOOLCHAIN` is none of the known ways.
    #[error("MOTE_TOOLCHAIN=`{value}`: use `installed`, `rustup` or `build-std`, or unset it")]
    UnknownToolchain {
        /// The value found.
        value: String,
    },
    /// There is no emulator.
    #[error("no `{emulator}` on this machine: {advice}")]
    NoEmulator {
        /// Its program.
        emulator: &'static str,
        /// How to get one.
        advice: String,
    },
    /// Installing packages failed, or is not ours to do.
    #[error("set-up: {0}")]
    Setup(String),
    /// Cargo could not build something.
    #[error("building {what} failed:\n{log}")]
    Build {
        /// What was built.
        what: String,
        /// The compiler's last words.
        log: String,
    },
    /// An image is no ELF file, or a damaged one.
    #[error("{}: not a readable ELF image: {what}", path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// An executed instruction is not in the table of the core's timings.
    #[error("no timing for `{text}` at {address:#x}: add it to the disassembler's classes")]
    UnknownInstruction {
        /// Where it lies.
        address: u32,
        /// Its disassembly.
        text: String,
    },
    /// The plugin's file does not read back.
    #[error("execution profile, line {line}: {what}")]
    Profile {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A board file is wrong.
    #[error("board {name}: {what}")]
    Board {
        /// File or board.
        name: String,
        /// What is wrong, naming the field.
        what: String,
    },
    /// The windows have another length than the pipeline's input.
    #[error("a window has {given} bytes, the pipeline on the device takes {wanted}")]
    InputLength {
        /// Bytes per window given.
        given: usize,
        /// Bytes per window the device wants.
        wanted: usize,
    },
    /// The runs do not get to a decision whose work could be counted.
    #[error(
        "{given} windows are too few to measure: give at least {wanted}, enough to warm up and decide once"
    )]
    TooFewWindows {
        /// Windows given.
        given: usize,
        /// Windows needed.
        wanted: usize,
    },
    /// The device refused the model.
    #[error("the device cannot start the pipeline: {why}")]
    Model {
        /// The engine's error.
        why: String,
    },
    /// An inference failed on the device.
    #[error("inference failed on the device in window {window}: {why}")]
    Inference {
        /// The window, from 0.
        window: usize,
        /// The engine's error.
        why: String,
    },
    /// The stack left its region.
    #[error(
        "the stack needs more than its {limit} bytes: give it more, or choose a pipeline that fits"
    )]
    StackOverflow {
        /// The region's length in bytes.
        limit: u32,
    },
    /// The heap did not suffice.
    #[error(
        "the heap is full: {asked} bytes more do not fit the machine's {ram} bytes of RAM; choose a board with \
         more, or a pipeline without a heap"
    )]
    OutOfMemory {
        /// Bytes of the allocation that failed.
        asked: u32,
        /// The machine's RAM in bytes.
        ram: u32,
    },
    /// Another fault of the core.
    #[error("the device faulted: {what}")]
    Fault {
        /// What is known about it.
        what: String,
    },
    /// The instruction bound was reached.
    #[error("the device did not finish within {limit} instructions")]
    InstructionLimit {
        /// The bound.
        limit: u64,
    },
    /// The emulator ended in a way nobody asked for.
    #[error("the emulator failed: {0}")]
    Emulator(String),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { path, source }
    }
}
