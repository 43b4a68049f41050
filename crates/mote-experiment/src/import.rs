//! A model of another tool, with techniques applied to it, on boards.

use crate::deployment;
use crate::device::boards;
use crate::error::{Error, Place as _, Result};
use crate::evaluator::Applied;
use crate::experiment::Experiment;
use crate::firmware::{Firmware, Measured};
use crate::observer::Observer;
use crate::other_tasks::OtherTasks;
use crate::plan;
use crate::random;
use crate::settings::{DataSettings, MAX_BAD, SplitSettings};
use mote_codegen::Deployment;
use mote_data::{IngestReport, Loaded, SplitKind, WindowSpec};
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::flash::FlashModel;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::Measurement;
use mote_model::{Frontend, Graph, SENSOR_G_PER_COUNT};
use mote_techniques::{Artifact, Change, Context, Step};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Which model, how it is fed, and what is done to it.
#[derive(Debug, Clone)]
pub struct ImportSettings {
    /// The model, `*.tflite` or `*.onnx`.
    pub model: PathBuf,
    /// Techniques in order, as in a pipeline.
    pub techniques: Vec<Step>,
    /// The task whose windows the network reads; without one it runs on random inputs, and no technique may learn.
    pub task: Option<String>,
    /// The folder that holds the data sets.
    pub folder: Option<PathBuf>,
    /// Samples per second that the network was trained for.
    pub rate_hz: f32,
    /// What training subtracted, in m/s^2: one number, or one per channel.
    pub mean: Vec<f32>,
    /// What training divided by, in m/s^2: one number, or one per channel.
    pub std: Vec<f32>,
    /// Boards to run on; may be none.
    pub boards: Vec<String>,
    /// Whether cycles have those that the core waits for flash.
    pub flash_model: FlashModel,
    /// What the compiler optimises firmware for.
    pub optimize: Optimize,
    /// The folder for images.
    pub out: PathBuf,
}

/// What is known of an imported network and of each board.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// The network's name.
    pub model: String,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-accumulates per window, or per tick of a stream.
    pub macs: usize,
    /// Its layers, in execution order.
    pub layers: Vec<ImportedLayer>,
    /// What each technique changed.
    pub changes: Vec<Change>,
    /// Bytes of state and activations.
    pub arena: usize,
    /// Figures of each board.
    pub devices: Vec<Measurement>,
}

/// One layer of an imported network.
#[derive(Debug, Serialize)]
pub struct ImportedLayer {
    /// Its name.
    pub name: String,
    /// Its operator.
    pub operator: &'static str,
    /// Time steps and channels of the result.
    pub output: [usize; 2],
    /// Whether it computes in int8.
    pub int8: bool,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-accumulates.
    pub macs: usize,
}

/// A network that was read, with its techniques applied, before it runs on boards.
pub struct Import {
    settings: ImportSettings,
    experiment: Experiment,
    applied: Applied,
    boards: Vec<Board>,
    /// What is known of the network; no device yet.
    pub imported: Imported,
}

impl Import {
    /// Reads the model and applies the techniques.
    ///
    /// # Errors
    /// Names the file, the setting or the technique that is wrong.
    pub fn read(settings: ImportSettings, observer: &Observer) -> Result<Self> {
        let path = &settings.model;
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let graph = mote_import::by_name(path, &bytes).place(|| path.display().to_string())?;
        // The front end makes int8 of samples.
        let mut graph = mote_import::without_conversions(graph);
        let input = graph.tensor(graph.input)?.shape;
        graph.frontend = Some(frontend(&settings, input.channels)?);
        graph.validate()?;
        let boards = boards(&settings.boards, settings.flash_model)?;
        let experiment = match &settings.task {
            Some(task) => experiment(&settings, task, input.time, observer)?,
            None => random_experiment(&settings, &graph)?,
        };
        let windows = experiment.windows();
        if (windows.time, windows.channels) != (input.time, input.channels) {
            return Err(Error::Invalid(format!(
                "the network reads {} steps of {} channels, the windows of {} have {} of {}",
                input.time, input.channels, experiment.task.name, windows.time, windows.channels
            )));
        }
        let outputs = graph.tensor(graph.output)?.shape.len();
        let classes = windows.labels.len();
        if let Some(step) = learning(&settings.techniques).filter(|_| outputs != classes) {
            return Err(Error::Invalid(format!(
                "`{step}` learns from the windows of {}, which have {classes} classes; the network has {outputs} outputs: \
                 name a task that fits with --task, or leave the technique out",
                experiment.task.name
            )));
        }
        let applied = apply(&settings.techniques, graph, &experiment)?;
        let network = applied.artifact.network()?;
        let imported = Imported {
            model: network.name.clone(),
            parameters: network.parameters(),
            macs: network.macs(),
            layers: layers(&network),
            changes: applied.changes.clone(),
            arena: applied.artifact.runtime.plan(&network)?.arena,
            devices: Vec::new(),
        };
        let hop = plan::hop(&experiment, None, &applied.artifact);
        let path = deployment::path(&settings.out, &network.name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        Deployment::new(
            &network.name,
            network.clone().into_owned(),
            applied.artifact.runtime,
            f64::from(settings.rate_hz),
            input.time,
            hop.min(input.time),
        )
        .save(&path)?;
        drop(network);
        Ok(Self {
            settings,
            experiment,
            applied,
            boards,
            imported,
        })
    }

    /// Builds and runs the network on every board, and shows the figures of each to `each`.
    ///
    /// # Errors
    /// As [`Firmware::new`] and [`Firmware::measure`]; when this machine has no emulator or compiler.
    pub fn measure(mut self, mut each: impl FnMut(&Board, Measured)) -> Result<Imported> {
        if self.boards.is_empty() {
            return Ok(self.imported);
        }
        let artifact = &self.applied.artifact;
        let firmware = Firmware::new(
            &self.experiment,
            &self.imported.model,
            artifact,
            &self.experiment.folds[0].test,
            plan::hop(&self.experiment, None, artifact),
        )?;
        let builder = FirmwareBuilder::locate()?;
        for board in &self.boards {
            let measured = firmware.measure(&builder, board, self.settings.optimize)?;
            self.imported.devices.push(measured.mean.clone());
            each(board, measured);
        }
        Ok(self.imported)
    }
}

/// Returns the name of the first of `techniques` that learns from data.
fn learning(techniques: &[Step]) -> Option<&'static str> {
    const LEARN_NOTHING: [&str; 5] = ["stream", "arena", "static-pruning", "flatten", "paged"];
    let mut names = techniques.iter().map(Step::name);
    names.find(|name| !LEARN_NOTHING.contains(name))
}

/// Windows of random inputs, in the range of the network's own input, which may be of any shape.
fn random_experiment(settings: &ImportSettings, graph: &Graph) -> Result<Experiment> {
    if let Some(step) = learning(&settings.techniques) {
        return Err(Error::Invalid(format!(
            "`{step}` learns from data: name windows that fit the network with --task"
        )));
    }
    let time = graph.tensor(graph.input)?.shape.time;
    let windows = random::windows(graph, time, settings.rate_hz)?;
    let split = SplitKind::GroupKFold { k: 2 };
    let folds = mote_data::folds(&windows, &split, 1)?;
    let mut task = mote_data::task("synthetic/6")?;
    task.name = "random inputs".to_owned();
    let data = DataSettings {
        task: task.name.clone(),
        folder: None,
        window: WindowSpec {
            seconds: 1.0,
            overlap: 0.0,
            rate_hz: settings.rate_hz,
        },
        max_bad: MAX_BAD,
    };
    Ok(Experiment {
        task,
        loaded: Arc::new(Loaded {
            windows,
            stretches: Vec::new(),
            ingest: IngestReport::default(),
            digest: String::new(),
            synthetic: true,
            source: "random inputs".to_owned(),
        }),
        split,
        folds,
        seed: 1,
        out: settings.out.clone(),
        threads: 1,
        others: Arc::new(OtherTasks::new(data)),
    })
}

/// Reads windows of the network's length. One half of the users calibrates, the other one is run on boards.
fn experiment(
    settings: &ImportSettings,
    task: &str,
    time: usize,
    observer: &Observer,
) -> Result<Experiment> {
    let data = DataSettings {
        task: task.to_owned(),
        folder: settings.folder.clone(),
        window: WindowSpec {
            seconds: time as f32 / settings.rate_hz,
            overlap: 0.5,
            rate_hz: settings.rate_hz,
        },
        max_bad: MAX_BAD,
    };
    let split = SplitSettings {
        kind: SplitKind::GroupKFold { k: 2 },
        seed: 1,
    };
    Experiment::open(&data, &split, settings.out.clone(), 1, observer)
}

fn apply(techniques: &[Step], graph: Graph, experiment: &Experiment) -> Result<Applied> {
    let context = Context {
        windows: experiment.windows(),
        train: &experiment.folds[0].train,
        seed: experiment.seed,
        training: None,
    };
    let mut artifact = Artifact::baseline(graph);
    let mut changes = Vec::new();
    for step in techniques {
        changes.push(step.apply(&mut artifact, &context)?);
    }
    Ok(Applied { artifact, changes })
}

/// Returns the front end that turns sensor counts into what the network was trained on.
fn frontend(settings: &ImportSettings, channels: usize) -> Result<Frontend> {
    let per_channel = |what: &str, values: &[f32]| -> Result<Vec<f32>> {
        match values {
            &[value] => Ok(vec![value; channels]),
            many if many.len() == channels => Ok(many.to_vec()),
            many => Err(Error::Invalid(format!(
                "--{what} has {} numbers for {channels} channels",
                many.len()
            ))),
        }
    };
    let count = SENSOR_G_PER_COUNT * mote_data::STANDARD_GRAVITY;
    let std = per_channel("std", &settings.std)?;
    if !std.iter().all(|s| *s > 0.0) {
        return Err(Error::Invalid(format!(
            "--std {:?}: expected positive numbers",
            settings.std
        )));
    }
    let mean = per_channel("mean", &settings.mean)?;
    Ok(Frontend {
        offset: mean.iter().map(|m| (m / count).round() as i16).collect(),
        scale: std.iter().map(|s| count / s).collect(),
    })
}

fn layers(graph: &Graph) -> Vec<ImportedLayer> {
    let layer = |node: &mote_model::Node| {
        let output = &graph.tensors[node.output];
        ImportedLayer {
            name: node.name.clone(),
            operator: node.op.name(),
            output: [output.shape.time, output.shape.channels],
            int8: output.quant.is_some(),
            parameters: node.op.weights().map_or(0, mote_model::Weights::len),
            macs: graph.node_macs(node),
        }
    };
    graph.nodes.iter().map(layer).collect()
}
