//! A pipeline made ready for a device: its source, sensor counts of test windows, and the host's outputs for them.

use crate::error::{Error, Result};
use crate::experiment::Experiment;
use mote_data::Windows as Recorded;
use mote_device::board::Board;
use mote_device::conformance::{Expected, FLOAT_TOLERANCE, differences};
use mote_device::core::Optimize;
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, Measurement};
use mote_model::session::{self, Scores, Session};
use mote_model::stream::Schedule;
use mote_model::{Graph, PipelineSource, Runtime, sensor};
use mote_techniques::Artifact;
use std::path::Path;

/// As [`Firmware::DECISIONS`], of a network with an early exit: enough to have both kinds in about their shares.
const DECISIONS_WITH_EXIT: usize = 16;

/// A pipeline's generated source, test windows, and the host's outputs for them.
#[derive(Debug)]
pub struct Firmware {
    source: PipelineSource,
    all: Input,
    /// Only decisions that no early exit ended, when there are others.
    longest: Option<Input>,
    hop_seconds: Option<f64>,
}

/// What the device is fed with, and the outputs it should give.
#[derive(Debug)]
struct Input {
    bytes: Vec<u8>,
    /// Bytes of one run.
    run: usize,
    warm_up: usize,
    per_decision: usize,
    expected: Vec<Scores>,
}

/// Figures of one board.
#[derive(Debug)]
pub struct Measured {
    /// How the device's outputs agree with the host's: those that do not are an error.
    pub agreement: String,
    /// Means over decisions.
    pub mean: Measurement,
    /// Of the longest decisions, when an early exit makes a difference.
    pub worst: Option<Measurement>,
}

impl Firmware {
    /// Decisions run on the device: their counts are averaged and their outputs compared with the host's.
    pub const DECISIONS: usize = 8;

    /// Writes the source of `artifact` below the output folder and runs the host on some of the windows `test`. The
    /// device will decide every `hop` samples.
    ///
    /// # Errors
    /// When no code can be generated, or the test windows are too few.
    pub fn new(
        experiment: &Experiment,
        name: &str,
        artifact: &Artifact,
        test: &[usize],
        hop: usize,
    ) -> Result<Self> {
        Self::of(
            &*artifact.network()?,
            artifact.runtime,
            experiment.windows(),
            test,
            Self::DECISIONS,
            &experiment.out.join("pipelines").join(name),
            experiment.seconds(hop),
        )
    }

    /// Writes the source of `network` into `folder` and runs the host on `decisions` of the windows `test`; of a stream,
    /// on as many as these windows have, up to `decisions`. The device will decide every `hop_seconds`.
    ///
    /// # Errors
    /// As [`Firmware::new`].
    pub(crate) fn of(
        network: &Graph,
        runtime: Runtime,
        windows: &Recorded,
        test: &[usize],
        decisions: usize,
        folder: &Path,
        hop_seconds: Option<f64>,
    ) -> Result<Self> {
        let source = mote_codegen::generate(network, runtime)?;
        write_source(&source, folder)?;
        let compiled = session::compile(network)?;
        let engine = Session::new(&compiled)?;
        let (all, longest) = match Schedule::of(network) {
            Some(schedule) => {
                let run = network.tensor(network.input)?.shape.len();
                let all = Input::stream(engine, windows, test, decisions, schedule, run)?;
                (all, None)
            }
            None if network.has_exits() => Input::with_exits(engine, windows, test)?,
            None => {
                let chosen = spread(test, decisions);
                (Input::windows(engine, windows, &chosen)?, None)
            }
        };
        Ok(Self {
            source,
            all,
            longest,
            hop_seconds,
        })
    }

    /// Writes the source of `network` into `folder`. The device will get `bytes`, `run` of them at a time, and should give
    /// the scores `expected`.
    ///
    /// # Errors
    /// As [`Firmware::new`].
    pub(crate) fn of_bytes(
        network: &Graph,
        runtime: Runtime,
        bytes: Vec<u8>,
        run: usize,
        expected: Vec<Scores>,
        folder: &Path,
    ) -> Result<Self> {
        let source = mote_codegen::generate(network, runtime)?;
        write_source(&source, folder)?;
        Ok(Self {
            source,
            all: Input {
                bytes,
                run,
                warm_up: 0,
                per_decision: 1,
                expected,
            },
            longest: None,
            hop_seconds: None,
        })
    }

    /// Builds and runs the pipeline for `board`, and compares its outputs with the host's.
    ///
    /// # Errors
    /// When it does not build, does not run, or gives other outputs than the host.
    pub fn measure(
        &self,
        builder: &FirmwareBuilder,
        board: &Board,
        optimize: Optimize,
    ) -> Result<Measured> {
        let run = |input: &Input| -> Result<Measurement> {
            let job = Job {
                pipeline: &self.source,
                board,
                optimize,
                windows: Windows {
                    bytes: &input.bytes,
                    window: input.run,
                    warm_up: input.warm_up,
                    per_decision: input.per_decision,
                },
                hop_seconds: self.hop_seconds,
                stack_limit: None,
            };
            let measurement = mote_device::measure::measure(builder, &job)?;
            input.compare(&measurement)?;
            Ok(measurement)
        };
        Ok(Measured {
            agreement: self.all.agreement(),
            mean: run(&self.all)?,
            worst: self.longest.as_ref().map(run).transpose()?,
        })
    }
}

/// Picks `count` of `indices`, evenly spaced; all when there are fewer.
fn spread(indices: &[usize], count: usize) -> Vec<usize> {
    let step = indices.len().checked_div(count).unwrap_or(1).max(1);
    indices.iter().copied().step_by(step).take(count).collect()
}

fn counts(window: &[f32]) -> impl Iterator<Item = i16> {
    window.iter().map(|&x| sensor::counts(x))
}

impl Input {
    /// Feeds whole windows, one decision each.
    fn windows(mut engine: Session<'_>, windows: &Recorded, chosen: &[usize]) -> Result<Self> {
        if chosen.is_empty() {
            return Err(Error::invalid(
                "there is no test window to run on the device",
            ));
        }
        let mut input = Self {
            bytes: Vec::new(),
            run: windows.stride() * size_of::<i16>(),
            warm_up: 0,
            per_decision: 1,
            expected: Vec::new(),
        };
        for &n in chosen {
            let window: Vec<i16> = counts(windows.window(n)).collect();
            input
                .bytes
                .extend(window.iter().flat_map(|c| c.to_le_bytes()));
            input.expected.extend(engine.tick(&window)?);
        }
        Ok(input)
    }

    /// Picks windows that end early and windows that do not, in about their shares of `test`; and, apart, only windows
    /// that do not.
    fn with_exits(
        mut engine: Session<'_>,
        windows: &Recorded,
        test: &[usize],
    ) -> Result<(Self, Option<Self>)> {
        let (mut early, mut full) = (Vec::new(), Vec::new());
        for &n in test {
            let end = engine.classify(windows.window(n))?.early;
            if end { &mut early } else { &mut full }.push(n);
        }
        let share = early.len() as f64 / test.len().max(1) as f64;
        let stopped = (share * DECISIONS_WITH_EXIT as f64).round() as usize;
        let mut chosen = spread(&early, stopped);
        chosen.extend(spread(&full, DECISIONS_WITH_EXIT - stopped));
        let longest = spread(&full, Firmware::DECISIONS);
        let worst = match early.is_empty() || full.is_empty() {
            true => None,
            false => Some(Self::windows(engine.again()?, windows, &longest)?),
        };
        Ok((Self::windows(engine, windows, &chosen)?, worst))
    }

    /// Feeds a stream with the test windows one behind the other, `run` values at a time.
    fn stream(
        mut engine: Session<'_>,
        windows: &Recorded,
        test: &[usize],
        decisions: usize,
        schedule: Schedule,
        run: usize,
    ) -> Result<Self> {
        let available = (test.len() * windows.stride())
            .checked_div(run)
            .unwrap_or(0);
        let there = available.saturating_sub(schedule.first) / schedule.every.max(1);
        let decisions = decisions.min(there.max(1));
        let runs = schedule.first + decisions * schedule.every;
        let samples = test.iter().flat_map(|&n| counts(windows.window(n)));
        let samples: Vec<i16> = samples.take(runs * run).collect();
        if samples.len() != runs * run {
            return Err(Error::Invalid(format!(
                "the test windows are too few to run a stream of {runs} ticks on the device"
            )));
        }
        let mut expected = Vec::new();
        for tick in samples.chunks_exact(run) {
            expected.extend(engine.tick(tick)?);
        }
        Ok(Self {
            bytes: samples.iter().flat_map(|c| c.to_le_bytes()).collect(),
            run: run * size_of::<i16>(),
            warm_up: schedule.first,
            per_decision: schedule.every,
            expected,
        })
    }

    /// Returns a phrase that says what was compared, once nothing differed.
    fn agreement(&self) -> String {
        let outputs: usize = self.expected.iter().map(|s| s.len()).sum();
        let decisions = self.expected.len();
        match self.expected.first() {
            Some(Scores::F32(_)) => format!(
                "{outputs} of {decisions} decisions within {FLOAT_TOLERANCE:e} of the host's"
            ),
            _ => format!("{outputs} of {decisions} decisions identical to the host's"),
        }
    }

    fn compare(&self, measurement: &Measurement) -> Result<()> {
        let mut int8 = Vec::new();
        let mut float = Vec::new();
        for scores in &self.expected {
            match scores {
                Scores::I8(values) => int8.extend_from_slice(values),
                Scores::F32(values) => float.extend_from_slice(values),
            }
        }
        let expected = if float.is_empty() {
            Expected::I8(&int8)
        } else {
            Expected::F32(&float)
        };
        let wrong = differences(&measurement.outputs, expected)?;
        if let Some(first) = wrong.first() {
            return Err(Error::Invalid(format!(
                "{} of the device's outputs differ from the host's; the first is output {}: {} instead of {}",
                wrong.len(),
                first.index,
                first.found,
                first.expected
            )));
        }
        Ok(())
    }
}

/// Writes `source` into `folder`, for people to read: what is built is the source itself.
fn write_source(source: &PipelineSource, folder: &Path) -> Result<()> {
    let path = folder.join("pipeline.rs");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, &source.text))
        .map_err(Error::io("write", &path))
}
