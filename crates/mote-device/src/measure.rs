//! One row of the device columns: a pipeline, built for a board, run on the emulated core.

use crate::Error;
use crate::analysis::{Analysis, LayerFunctions, Part, analyse};
use crate::board::{Basis, Board};
use crate::core::{Machine, Optimize};
use crate::emulator::{Counting, Run, Traffic, Windows};
use crate::energy::{Budget, Fits, Loading};
use crate::figures::{DeviceFigures, LayerCost, MeasurementStatus, Method};
use crate::footprint::{Footprint, Section, Symbol};
use crate::image::{BuildSettings, FirmwareBuilder, Images, on_large_enough};
use mote_model::PipelineSource;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;

/// Seconds an emulated run may take.
const RUN_SECONDS: u64 = 300;

/// Instructions an emulated run may take: minutes on the slowest core.
const RUN_INSTRUCTIONS: u64 = 20_000_000_000;

/// Symbols listed in a measurement.
const LARGEST: usize = 20;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The pipeline.
    pub pipeline: &'a PipelineSource,
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

/// How each group of figures was obtained, as sentences; [`DeviceFigures::method`] has the method of each figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
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

/// The figures of a pipeline on a board, and the details behind them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// The figures, all but the cost of the longest decision.
    #[serde(flatten)]
    pub figures: DeviceFigures,
    /// What paging the weights costs; `None` when they are in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading: Option<Loading>,
    /// Instructions of the longest run: a whole decision, or a tick of a stream.
    pub instructions_max: u64,
    /// Instructions of preparing the pipeline, once.
    pub instructions_init: u64,
    /// Power in milliwatts while computing; with an external storage, while loading.
    pub active_power_mw: Option<f64>,
    /// Whether the image is free of panicking and formatting code.
    pub panic_free: bool,
    /// How the figures were obtained.
    pub provenance: Provenance,
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
/// Those of [`FirmwareBuilder::build`] and [`Run::start`].
pub fn measure(builder: &FirmwareBuilder, job: &Job<'_>) -> Result<Measurement, Error> {
    on_large_enough(job.board.core, |machine| measure_on(machine, builder, job))
}

fn measure_on(
    machine: Machine,
    builder: &FirmwareBuilder,
    job: &Job<'_>,
) -> Result<Measurement, Error> {
    let emulator = crate::emulator::version(job.board.core)?;
    let wanted = job.windows.warm_up + job.windows.per_decision;
    if job.windows.count() < wanted {
        let given = job.windows.count();
        return Err(Error::TooFewWindows { given, wanted });
    }
    let wanted = job.pipeline.input.bytes();
    if job.windows.window != wanted {
        let given = job.windows.window;
        return Err(Error::InputLength { given, wanted });
    }
    let mut settings = BuildSettings::on(machine, job.board.core, job.optimize);
    settings.stack = job.stack_limit.unwrap_or(settings.stack);
    let images = builder.build(job.pipeline, &settings)?;
    let footprint = Footprint::read(&images.deploy)?;
    let image = fs::read(&images.measure).map_err(Error::io(&images.measure))?;
    let damaged = |what| Error::Image {
        path: images.measure.clone(),
        what,
    };
    let measured = Footprint::parse(&image).map_err(damaged)?;
    let root = |name| measured.address_of(name).map(|a| a as u32);
    let infer = root("mote_infer").ok_or_else(|| {
        damaged("it has no function `mote_infer`: the pipeline does nothing".to_owned())
    })?;
    // The compiler drops a preparation that does nothing.
    let init = root("mote_init");
    let layers = LayerFunctions(&job.pipeline.layers);
    let watched = measured.symbols.iter().filter(|s| layers.is_layer(&s.name));
    let outcome = Run {
        core: job.board.core,
        image: &images.measure,
        machine: settings.machine,
        stack: settings.stack,
        windows: job.windows,
        counting: Some(Counting {
            plugin: builder.plugin()?,
            roots: init
                .map(|init| (init, 0))
                .into_iter()
                .chain([(infer, job.windows.warm_up)])
                .collect(),
            watched: watched.map(|s| s.address as u32).collect(),
            limit: RUN_INSTRUCTIONS,
            flash: job.board.flash.clone().map(|f| (f, job.board.clock_mhz)),
            model: measured.model_ranges(),
        }),
        seconds: RUN_SECONDS,
    }
    .start()?;
    let profile = outcome.profile.expect("counting was asked for");
    let timings = job.board.core.processor().timings;
    let costs = timings.map(|of| of(&image)).transpose().map_err(damaged)?;
    let flash = job.board.flash.is_some();
    let runs = job.windows.per_decision as u64;
    let decision = analyse(
        &profile,
        infer,
        runs,
        layers,
        &measured,
        costs.as_deref(),
        flash,
    )?;
    let preparation = match init {
        Some(init) => analyse(&profile, init, 1, layers, &measured, None, false)?,
        None => Analysis::default(),
    };

    let stack_top = settings.machine.ram.origin + settings.stack;
    let ram_stack = u64::from(stack_top.saturating_sub(profile.stack_lowest));
    let traffic = per_decision(&outcome.traffic, &job.windows);
    let budget = Budget::new(job.board, decision.total.cycles, job.hop_seconds, traffic);
    let loading = traffic.map(|traffic| Loading::new(job.board, traffic, &budget));
    let flash = footprint.flash_code + footprint.flash_model;
    let ram_heap = u64::from(outcome.heap);
    let ram = footprint.ram_static + ram_stack + ram_heap;
    let provenance = provenance(
        job,
        &settings.machine,
        &images,
        emulator,
        ram_heap > 0,
        loading.is_some(),
    );
    let fits = Fits::new(job.board, flash, ram, &budget);
    let late = budget
        .latency_ms
        .zip(job.hop_seconds)
        .is_some_and(|(ms, hop)| ms > hop * 1e3);
    let layer = |part: Part| LayerCost {
        name: part.name,
        instructions: Some(part.work.instructions),
        cycles: part.work.cycles,
        cycles_flash: part.work.waiting,
        cycles_flash_weights: part.work.waiting_weights,
        weights_bytes: part.bytes,
    };
    let figures = DeviceFigures {
        flash_code: Some(footprint.flash_code),
        flash_model: Some(footprint.flash_model),
        flash_external: loading.map(|_| footprint.flash_external),
        loading_ms: loading.and_then(|l| l.ms),
        loading_uj: loading.and_then(|l| l.energy_uj),
        ram_static: Some(footprint.ram_static),
        ram_stack: Some(ram_stack),
        ram_heap: Some(ram_heap),
        instructions: Some(decision.total.instructions),
        cycles: decision.total.cycles,
        cycles_core: decision.total.core(),
        cycles_flash: decision.total.waiting,
        cycles_flash_weights: decision.total.waiting_weights,
        latency_ms: budget.latency_ms,
        energy_uj: budget.energy_uj,
        average_power_uw: budget.average_power_uw,
        battery_days: budget.battery_days,
        fits: Some(fits.flash && fits.ram && !late),
        fits_envelope: Some(fits.envelope),
        method: methods(),
        layers: decision.layers.into_iter().map(layer).collect(),
        status: MeasurementStatus::Measured,
        why: unknown(job.board, decision.total.cycles, &provenance),
        ..no_figures(job.board, job.optimize)
    };
    Ok(Measurement {
        figures,
        loading,
        instructions_max: decision.longest,
        instructions_init: preparation.total.instructions,
        active_power_mw: budget.active_power_mw,
        panic_free: footprint.is_panic_free(),
        provenance,
        functions: decision.functions,
        sections: footprint.sections,
        symbols: footprint.symbols.into_iter().take(LARGEST).collect(),
        folded: decision.folded,
        outputs: outcome.outputs,
    })
}

/// Returns the entry of a pipeline that was not measured on `board`, and why.
pub fn not_measured(
    board: &Board,
    optimize: Optimize,
    status: MeasurementStatus,
    why: String,
) -> DeviceFigures {
    DeviceFigures {
        status,
        why: Some(why),
        ..no_figures(board, optimize)
    }
}

/// Returns what is known of a board before anything is measured on it.
fn no_figures(board: &Board, optimize: Optimize) -> DeviceFigures {
    DeviceFigures {
        board: board.name.clone(),
        core: board.core.name().to_owned(),
        optimize: optimize.level().to_owned(),
        clock_mhz: Some(board.clock_mhz),
        flash_limit: Some(u64::from(board.flash_kib) * 1024),
        ram_limit: Some(u64::from(board.ram_kib) * 1024),
        ..DeviceFigures::default()
    }
}

/// Returns how each figure is obtained, by its field in [`DeviceFigures`].
fn methods() -> BTreeMap<String, Method> {
    let elf = ["flash_code", "flash_model", "flash_external", "ram_static"];
    let emulated = ["ram_stack", "ram_heap", "instructions"];
    let modelled = [
        "cycles",
        "cycles_core",
        "cycles_flash",
        "cycles_flash_weights",
        "cycles_worst",
        "latency_ms",
        "latency_worst_ms",
        "energy_uj",
        "energy_worst_uj",
        "loading_ms",
        "loading_uj",
        "average_power_uw",
        "battery_days",
    ];
    let all = (elf.iter().map(|field| (field, Method::Elf)))
        .chain(emulated.iter().map(|field| (field, Method::Emulated)))
        .chain(modelled.iter().map(|field| (field, Method::Modelled)));
    all.map(|(field, method)| ((*field).to_owned(), method))
        .collect()
}

/// Returns why some figures of a measurement are not there.
fn unknown(board: &Board, cycles: Option<u64>, provenance: &Provenance) -> Option<String> {
    if cycles.is_none() {
        return Some(provenance.cycles.clone());
    }
    match (&board.energy, &board.sleep) {
        (None, _) => Some("the board file has no energy per cycle".to_owned()),
        (_, None) => Some("the board file has no sleep power".to_owned()),
        _ => None,
    }
}

/// Returns the mean traffic of the decisions that are counted; `None` when nothing is paged.
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

/// Returns what the flash of `board` does to the cycles, in words.
fn waiting(board: &Board) -> String {
    let Some(flash) = &board.flash else {
        return "no flash wait states".to_owned();
    };
    match flash.waits(board.clock_mhz) {
        0 => "flash without wait states".to_owned(),
        waits => format!("flash of {waits} wait states behind its caches"),
    }
}

fn provenance(
    job: &Job<'_>,
    machine: &Machine,
    images: &Images,
    emulator: String,
    heap: bool,
    paged: bool,
) -> Provenance {
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
    Provenance {
        stack: match heap {
            true => "emulated: lowest stack address touched, highest heap address allocated",
            false => "emulated: lowest stack address touched in all windows",
        }
        .to_owned(),
        instructions: format!("emulated: exact, mean of {runs}"),
        cycles: match core.processor().timings {
            Some(_) => format!(
                "modelled: {core} instruction timings{}, {}",
                core.processor().timings_note,
                waiting(job.board)
            ),
            None => format!("unknown: no instruction timings are published for {core}"),
        },
        energy: match &job.board.energy {
            Some(e) if e.basis == Basis::Measured => {
                "modelled: measured energy per cycle".to_owned()
            }
            Some(_) => "modelled: data-sheet energy per cycle".to_owned(),
            None => "unknown: the board file has no energy per cycle".to_owned(),
        },
        loading: paged.then(|| match &job.board.external {
            Some(e) => format!(
                "modelled: {} at {} MHz, {} bits per clock, the core waits",
                e.name, e.mhz, e.bits_per_clock
            ),
            None => "unknown: the board file has no external storage".to_owned(),
        }),
        toolchain: images.toolchain.clone(),
        emulator: format!("{emulator}, {}", machine.name),
    }
}
