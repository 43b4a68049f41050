//! Runs a measured image in QEMU, bounded in time and in instructions.

use crate::Error;
use crate::core::{Core, Machine};
use crate::flash::Flash;
use crate::process::run;
use crate::profile::Profile;
use crate::setup::advice;
use crate::toolchain::find_program;
use serde::Serialize;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Exit code of the plugin at the instruction limit.
const LIMIT_EXIT_CODE: i32 = 124;

/// What the pipeline gets, one run after the other: test windows, or the ticks of a stream. Bytes, in the element
/// type of the pipeline's input, little-endian.
#[derive(Debug, Clone, Copy)]
pub struct Windows<'a> {
    /// All windows, one after the other.
    pub bytes: &'a [u8],
    /// Bytes of one window.
    pub window: usize,
    /// Runs at the beginning whose work is not counted: up to a stream's first decision.
    pub warm_up: usize,
    /// Runs per decision: counted work is that of so many.
    pub per_decision: usize,
}

impl<'a> Windows<'a> {
    /// Divides `bytes` into windows of `window` bytes, each of which leads to a decision.
    pub const fn new(bytes: &'a [u8], window: usize) -> Self {
        Self {
            bytes,
            window,
            warm_up: 0,
            per_decision: 1,
        }
    }

    /// Counts the windows.
    pub fn count(&self) -> usize {
        self.bytes.len().checked_div(self.window).unwrap_or(0)
    }
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// The core it was built for, which decides which emulator runs it.
    pub core: Core,
    /// The image.
    pub image: &'a Path,
    /// The machine it was linked for.
    pub machine: Machine,
    /// Bytes of its stack region, at the start of RAM.
    pub stack: u32,
    /// What it gets.
    pub windows: Windows<'a>,
    /// What to count; `None` runs without the plugin, several times faster.
    pub counting: Option<Counting>,
    /// Seconds after which it is stopped.
    pub seconds: u64,
}

/// What the plugin counts.
#[derive(Debug, Clone)]
pub struct Counting {
    /// The plugin.
    pub plugin: PathBuf,
    /// Entries of the functions to profile, and how many of their first calls do not count (but for the stack).
    pub roots: Vec<(u32, usize)>,
    /// Entries of functions that are layers.
    pub watched: Vec<u32>,
    /// Instructions after which it is stopped.
    pub limit: u64,
    /// The flash and the clock in MHz, when waiting for it is counted.
    pub flash: Option<(Flash, f64)>,
    /// Address ranges of the model's constants.
    pub model: Vec<(u32, u32)>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The raw outputs, one window after the other.
    pub outputs: Vec<u8>,
    /// Bytes of one output.
    pub output: usize,
    /// Bytes of heap used at most: from its start to behind the highest byte ever handed out. 0 for an image
    /// without one.
    pub heap: u32,
    /// Reads from the external storage, of a pipeline that pages its weights; nothing for others.
    pub traffic: Vec<Traffic>,
    /// The counts, when asked for.
    pub profile: Option<Profile>,
}

/// What a run has read from the external storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Reads: pages.
    pub reads: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Traffic {
    /// Reads the traffic of each run from `external.bin`, whose counters start with the image and wrap.
    fn parse(file: &[u8]) -> Vec<Self> {
        let mut before = [0, 0];
        let (words, _) = file.as_chunks::<4>();
        let (pairs, _) = words.as_chunks::<2>();
        pairs
            .iter()
            .map(|pair| {
                let now = pair.map(u32::from_le_bytes);
                let [reads, bytes] = [
                    now[0].wrapping_sub(before[0]),
                    now[1].wrapping_sub(before[1]),
                ];
                before = now;
                Self {
                    reads: u64::from(reads),
                    bytes: u64::from(bytes),
                }
            })
            .collect()
    }
}

/// Returns the version line of the emulator of `core`.
///
/// # Errors
/// [`Error::NoEmulator`] when there is none.
pub fn version(core: Core) -> Result<String, Error> {
    let emulator = core.processor().architecture.emulator;
    let missing = || Error::NoEmulator {
        emulator,
        advice: advice(),
    };
    find_program(emulator).ok_or_else(missing)?;
    let output = run(Command::new(emulator).arg("--version"), 20)?;
    output
        .stdout
        .lines()
        .next()
        .map(str::to_owned)
        .ok_or_else(missing)
}

/// Returns the command that starts the emulator of `core` with `image` on `machine`.
pub fn command(core: Core, machine: Machine, image: &Path) -> Command {
    let architecture = core.processor().architecture;
    let (load, before) = architecture.load;
    let mut command = Command::new(architecture.emulator);
    command
        .args(["-M", machine.name, "-display", "none", "-no-reboot"])
        .args(["-serial", "none", "-monitor", "none"])
        .args(machine.arguments)
        .arg(load)
        .arg(format!("{before}{}", image.display()));
    command
}

impl Run<'_> {
    /// Runs the image over all windows.
    ///
    /// # Errors
    /// [`Error::InputLength`], [`Error::Model`], [`Error::Inference`], [`Error::StackOverflow`],
    /// [`Error::OutOfMemory`] and [`Error::Fault`] as the device reports them; [`Error::Timeout`] and
    /// [`Error::InstructionLimit`] when it does not end.
    pub fn start(&self) -> Result<Outcome, Error> {
        version(self.core)?;
        let dir = tempfile::tempdir().map_err(Error::io("a temporary directory"))?;
        let input = dir.path().join("input.bin");
        let count = self.windows.count() as u32;
        let mut bytes = count.to_le_bytes().to_vec();
        bytes.extend((self.windows.window as u32).to_le_bytes());
        bytes.extend(self.windows.bytes);
        fs::write(&input, bytes).map_err(Error::io(&input))?;

        let image = self.image.canonicalize().map_err(Error::io(self.image))?;
        let mut command = command(self.core, self.machine, &image);
        command
            .current_dir(dir.path())
            .args(["-semihosting-config", "enable=on,target=native"]);
        if let Some(counting) = &self.counting {
            command.arg("-plugin").arg(self.plugin_argument(counting));
        }
        let output = run(&mut command, self.seconds)?;
        self.judge(dir.path(), output.status, &output.tail(12))
    }

    fn plugin_argument(&self, counting: &Counting) -> String {
        let low = self.machine.ram.origin;
        let mut argument = format!(
            "{},out=profile.txt,stack={low:x}-{:x},limit={}",
            counting.plugin.display(),
            low + self.stack,
            counting.limit
        );
        for (root, skip) in &counting.roots {
            argument.push_str(&format!(",root={root:x}+{skip}"));
        }
        for watched in &counting.watched {
            argument.push_str(&format!(",watch={watched:x}"));
        }
        if let Some((flash, mhz)) = &counting.flash {
            argument.push_str(&flash.arguments(*mhz, self.machine.flash));
            for (low, high) in &counting.model {
                argument.push_str(&format!(",model={low:x}-{high:x}"));
            }
        }
        argument
    }

    /// Makes sense of exit code and files.
    fn judge(&self, dir: &Path, status: ExitStatus, said: &str) -> Result<Outcome, Error> {
        let report = Report::read(&dir.join("report.bin"));
        match (status.code(), report) {
            (Some(LIMIT_EXIT_CODE), _) => Err(Error::InstructionLimit {
                limit: self.counting.as_ref().map_or(0, |c| c.limit),
            }),
            (Some(code), Some(report)) if code as u32 == report.status => {
                report.judge(self)?;
                let path = dir.join("output.bin");
                let outputs = fs::read(&path).map_err(Error::io(&path))?;
                let profile = match self.counting {
                    Some(_) => {
                        let path = dir.join("profile.txt");
                        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
                        Some(Profile::parse(&text)?)
                    }
                    None => None,
                };
                // Only pipelines with a storage write it.
                let path = dir.join("external.bin");
                let traffic = match fs::read(&path) {
                    Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
                    read => read.map_err(Error::io(&path))?,
                };
                Ok(Outcome {
                    outputs,
                    traffic: Traffic::parse(&traffic),
                    output: report.output as usize,
                    heap: report.heap,
                    profile,
                })
            }
            // QEMU aborts when a core locks up: a fault while handling a fault.
            (None, _) if said.contains("Lockup") => Err(Error::Fault {
                what: "the core locked up".to_owned(),
            }),
            _ => Err(Error::Emulator(format!("{status}\n{said}"))),
        }
    }
}

/// `report.bin`, as the harness in the firmware writes it.
#[derive(Debug)]
struct Report {
    status: u32,
    windows: u32,
    input: u32,
    output: u32,
    /// Program counter of a fault, number of the engine's error, or bytes asked of a full heap.
    what: u32,
    sp: u32,
    heap: u32,
}

impl Report {
    fn read(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let (words, _) = bytes.as_chunks::<4>();
        let words: Vec<u32> = words.iter().map(|w| u32::from_le_bytes(*w)).collect();
        let [status, windows, input, output, what, sp, heap] = words.try_into().ok()?;
        Some(Report {
            status,
            windows,
            input,
            output,
            what,
            sp,
            heap,
        })
    }

    /// Returns what the harness says about the run.
    fn judge(&self, run: &Run<'_>) -> Result<(), Error> {
        match self.status {
            0 => Ok(()),
            10 => Err(Error::Emulator(
                "the device could not read its windows or write its outputs".to_owned(),
            )),
            11 => Err(Error::InputLength {
                given: run.windows.window,
                wanted: self.input as usize,
            }),
            12 => Err(Error::Model {
                why: engine_error(self.what),
            }),
            13 => Err(Error::Inference {
                window: self.windows as usize,
                why: engine_error(self.what),
            }),
            14 => Err(Error::Fault {
                what: format!("at {:#x}, with the stack at {:#x}", self.what, self.sp),
            }),
            15 => Err(Error::StackOverflow { limit: run.stack }),
            16 => Err(Error::OutOfMemory {
                asked: self.what,
                ram: run.machine.ram.length,
            }),
            other => Err(Error::Emulator(format!("unknown status {other}"))),
        }
    }
}

/// Returns the text of the engine's error with the number `code`: the image has no room for texts.
fn engine_error(code: u32) -> String {
    use mote::Error::*;
    let known = [
        Misaligned,
        NotAModel,
        Version,
        Length,
        Checksum,
        Corrupt,
        UnsupportedOp,
        ArenaTooSmall,
        BufferLength,
        NoFrontend,
        ElementType,
        Storage,
    ];
    match known.iter().find(|e| **e as u32 == code) {
        Some(error) => error.to_string(),
        None => format!("the engine's error number {code}"),
    }
}
