//! One row of the device columns: a pipeline, built for a board, run on the emulated core.

use crate::Error;
use crate::analysis::{Analysis, Part, analyse, is_watched};
use crate::board::{Basis, Board};
use crate::core::{Core, Machine, Optimize};
use crate::cycles::timing;
use crate::disasm::Code;
use crate::emulator::{Counting, Run, Traffic, Windows};
use crate::energy::{Budget, Fits, Loading, Loads};
use crate::footprint::{Footprint, Section, Symbol};
use crate::image::{Images, Plan, Workshop, on_large_enough};
use serde::Serialize;
use std::fs;
use std::path::Path;

/// Seconds an emulated run may take.
const RUN_SECONDS: u64 = 300;

/// Instructions an emulated run may take: minutes on the slowest core.
const RUN_INSTRUCTIONS: u64 = 20_000_000_000;

/// Symbols listed in a measurement.
const LARGEST: usize = 20;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Directory with `pipeline.rs`.
    pub pipeline: &'a Path,
    /// The board.
    pub board: &'a Board,
    /// The optimisation.
    pub optimize: Optimize,
    /// Windows to run, or ticks of a stream; the counts of what comes after the warm-up are averaged per decision.
    pub windows: Windows<'a>,
    /// Seconds between two decisions, for average power.
    pub hop_seconds: Option<f64>,
    /// Bytes the stack may have; `None` for ample.
    pub stack_limit: Option<u32>,
}

/// How each group of figures was obtained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Method {
    /// Flash and static RAM.
    pub footprint: String,
    /// Stack and heap.
    pub stack: String,
    /// Instructions.
    pub instructions: String,
    /// Cycles, and the time that follows from them.
    pub cycles: String,
    /// Energy and power.
    pub energy: String,
    /// Time and energy of loading weights, where they are paged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading: Option<String>,
    /// Compiler of the image.
    pub toolchain: String,
    /// Emulator and machine.
    pub emulator: String,
}

/// One row: pipeline and board, with every device figure. Bytes; per decision where not said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// The board's name.
    pub board: String,
    /// Its core.
    pub core: Core,
    /// The optimisation.
    pub optimize: Optimize,
    /// Flash beyond the model.
    pub flash_code: u64,
    /// Flash of the model.
    pub flash_model: u64,
    /// Flash of another chip: weights that are paged.
    pub flash_external: u64,
    /// What paging them takes; `None` when the weights are in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading: Option<Loading>,
    /// RAM of statics.
    pub ram_static: u64,
    /// High-water mark of the stack, from its top, callers included.
    pub ram_stack: u64,
    /// Peak of the heap, from its start to behind the highest byte ever handed out: the allocator's rounding and
    /// holes are in it, its own variables are statics. 0 for an image without one.
    pub ram_heap: u64,
    /// Instructions, averaged over the decisions.
    pub instructions: u64,
    /// Instructions of the longest run: a whole decision, or a tick of a stream.
    pub instructions_max: u64,
    /// Instructions of preparing the pipeline, once.
    pub instructions_init: u64,
    /// Cycles, averaged over the decisions; `None` where no timing of the core is published.
    pub cycles: Option<u64>,
    /// Time, energy, battery life.
    #[serde(flatten)]
    pub budget: Budget,
    /// Whether it fits the board and the envelope.
    pub fits: Fits,
    /// Whether the image is free of panicking and formatting code.
    pub panic_free: bool,
    /// How it was obtained.
    pub method: Method,
    /// Work by layer.
    pub layers: Vec<Part>,
    /// Work by function, the costliest first.
    pub functions: Vec<Part>,
    /// Sections of the deployed image.
    pub sections: Vec<Section>,
    /// Its largest symbols.
    pub symbols: Vec<Symbol>,
    /// Folded stacks of a decision, for flame graphs.
    #[serde(skip)]
    pub folded: String,
    /// Raw outputs, one window after the other.
    #[serde(skip)]
    pub outputs: Vec<u8>,
}

/// Builds and runs `job`: on the core's own machine, or on one with more memory when that is too small.
///
/// # Errors
/// Those of [`Workshop::build`] and [`Run::start`].
pub fn measure(workshop: &Workshop, job: &Job<'_>) -> Result<Measurement, Error> {
    on_large_enough(job.board.core, |machine| measure_on(machine, workshop, job))
}

fn measure_on(machine: Machine, workshop: &Workshop, job: &Job<'_>) -> Result<Measurement, Error> {
    let emulator = crate::emulator::version()?;
    let wanted = job.windows.warm_up + job.windows.per_decision;
    if job.windows.count() < wanted {
        let given = job.windows.count();
        return Err(Error::TooFewWindows { given, wanted });
    }
    let mut plan = Plan::on(machine, job.board.core, job.optimize);
    plan.stack = job.stack_limit.unwrap_or(plan.stack);
    plan.dma = job.board.external.as_ref().is_some_and(|e| e.dma);
    let images = workshop.build(job.pipeline, &plan)?;
    let footprint = Footprint::read(&images.deploy)?;
    let image = fs::read(&images.measure).map_err(Error::io(&images.measure))?;
    let damaged = |what| Error::Image {
        path: images.measure.clone(),
        what,
    };
    let measured = Footprint::parse(&image).map_err(damaged)?;
    let code = Code::of_image(&image).map_err(damaged)?;
    let root = |name| measured.address_of(name).map(|a| a as u32);
    let infer = root("mote_infer").ok_or_else(|| {
        damaged("it has no function `mote_infer`: the pipeline does nothing".to_owned())
    })?;
    // The compiler drops a preparation that does nothing.
    let init = root("mote_init");
    let watched = measured.symbols.iter().filter(|s| is_watched(&s.name));
    let outcome = Run {
        image: &images.measure,
        machine: plan.machine,
        stack: plan.stack,
        windows: job.windows,
        counting: Some(Counting {
            plugin: workshop.plugin()?,
            roots: init
                .map(|init| (init, 0))
                .into_iter()
                .chain([(infer, job.windows.warm_up)])
                .collect(),
            watched: watched.map(|s| s.address as u32).collect(),
            limit: RUN_INSTRUCTIONS,
        }),
        seconds: RUN_SECONDS,
    }
    .start()?;
    let profile = outcome.profile.unwrap_or_default();
    let timing = timing(job.board.core);
    let runs = job.windows.per_decision as u64;
    let decision = analyse(&profile, infer, runs, &measured, &code, timing)?;
    let preparation = match init {
        Some(init) => analyse(&profile, init, 1, &measured, &code, None)?,
        None => Analysis::default(),
    };

    let stack_top = plan.machine.ram.origin + plan.stack;
    let ram_stack = u64::from(stack_top.saturating_sub(profile.stack_lowest));
    let traffic = per_decision(&outcome.traffic, &job.windows);
    let loads = traffic.map(|traffic| Loads {
        traffic,
        overlaps: &decision.overlaps,
    });
    let budget = Budget::new(job.board, decision.total.cycles, job.hop_seconds, loads);
    let loading = loads.map(|loads| Loading::new(job.board, loads, &budget));
    let overlaps = !decision.overlaps.is_empty();
    let flash = footprint.flash_code + footprint.flash_model;
    let ram_heap = u64::from(outcome.heap);
    let ram = footprint.ram_static + ram_stack + ram_heap;
    Ok(Measurement {
        board: job.board.name.clone(),
        core: job.board.core,
        optimize: job.optimize,
        flash_code: footprint.flash_code,
        flash_model: footprint.flash_model,
        flash_external: footprint.flash_external,
        loading,
        ram_static: footprint.ram_static,
        ram_stack,
        ram_heap,
        instructions: decision.total.instructions,
        instructions_max: decision.longest,
        instructions_init: preparation.total.instructions,
        cycles: decision.total.cycles,
        fits: Fits::new(job.board, flash, ram, &budget),
        budget,
        panic_free: footprint.is_panic_free(),
        method: method(
            job,
            &plan.machine,
            &images,
            emulator,
            ram_heap > 0,
            loading.map(|_| overlaps),
        ),
        layers: decision.layers,
        functions: decision.functions,
        sections: footprint.sections,
        symbols: footprint.symbols.into_iter().take(LARGEST).collect(),
        folded: decision.folded,
        outputs: outcome.outputs,
    })
}

/// The mean traffic of the decisions that are counted; `None` when nothing is paged.
fn per_decision(runs: &[Traffic], windows: &Windows<'_>) -> Option<Traffic> {
    let counted = runs.get(windows.warm_up..).unwrap_or(&[]);
    let mean = |of: fn(&Traffic) -> u64| {
        let sum: u64 = counted.iter().map(of).sum();
        (sum * windows.per_decision as u64 + counted.len() as u64 / 2)
            .checked_div(counted.len() as u64)
    };
    Some(Traffic {
        reads: mean(|t| t.reads)?,
        bytes: mean(|t| t.bytes)?,
    })
}

fn method(
    job: &Job<'_>,
    machine: &Machine,
    images: &Images,
    emulator: String,
    heap: bool,
    // Of paged weights, whether they come while the core computes.
    overlaps: Option<bool>,
) -> Method {
    let core = job.board.core;
    let windows = job.windows;
    let counted = windows.count() - windows.warm_up;
    let runs = match windows.per_decision {
        1 => format!("{counted} windows"),
        per => format!(
            "{} decisions of {per} runs, after {} runs to warm up",
            counted / per.max(1),
            windows.warm_up
        ),
    };
    Method {
        footprint: "elf".to_owned(),
        stack: match heap {
            true => "emulated: lowest stack address touched, highest heap address allocated",
            false => "emulated: lowest stack address touched in all windows",
        }
        .to_owned(),
        instructions: format!("emulated: exact, mean of {runs}"),
        cycles: match timing(core) {
            Some(_) => format!("modelled: {core} instruction timings, no flash wait states"),
            None => format!("unknown: no instruction timings are published for {core}"),
        },
        energy: match &job.board.energy {
            Some(e) if e.basis == Basis::Measured => {
                "modelled: measured energy per cycle".to_owned()
            }
            Some(_) => "modelled: data-sheet energy per cycle".to_owned(),
            None => "unknown: the board file has no energy per cycle".to_owned(),
        },
        loading: overlaps.map(|overlaps| match &job.board.external {
            Some(e) => format!(
                "modelled: {} at {} MHz, {} bits per clock, {}",
                e.name,
                e.mhz,
                e.bits_per_clock,
                match (overlaps, e.dma) {
                    (true, _) => "a page comes by DMA while the core computes on the one before: of both, the longer \
                        counts; otherwise the core waits",
                    (false, true) => "the core waits",
                    (false, false) => "the core waits, for it reads each word itself",
                }
            ),
            None => "unknown: the board file has no external storage".to_owned(),
        }),
        toolchain: images.toolchain.clone(),
        emulator: format!("{emulator}, {}", machine.name),
    }
}
