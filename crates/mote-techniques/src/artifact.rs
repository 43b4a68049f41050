//! The network that flows through a pipeline, and the data that a technique may look at.

use crate::error::Error;
use mote_data::Windows;
use mote_model::Runtime;
use mote_model::{Filter, Graph, stream};
use mote_train::{Hooks, Job, TrainConfig, Trained};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A network and how it runs.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The network, over whole windows.
    pub graph: Graph,
    /// How the device holds and runs it.
    pub runtime: Runtime,
    /// How samples are consumed as they arrive; `None` when the device decides on whole windows.
    pub stream: Option<Stream>,
    /// The filter over decisions; `None` when each decision stands for itself.
    pub filter: Option<Filter>,
    /// Whether the filter's levels go through a softmax: its temperature is in their costs and weight.
    pub confidence: bool,
    /// The filter that was learnt with the network as it is now, if a technique trained it.
    pub learnt_filter: Option<Filter>,
    /// The network in the form that training can continue from, if a technique trained it.
    pub trained: Option<Trained>,
}

/// How a stream of samples is consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Samples between two decisions.
    pub hop: usize,
    /// Samples consumed at a time; the network's own choice when `None`.
    pub tick: Option<usize>,
}

impl Artifact {
    /// Builds the artifact of a network as it was trained. The device runs it as a straight port of a Python program
    /// would: layers boxed on a heap, a buffer per tensor, constants copied to RAM, whole windows.
    pub fn baseline(graph: Graph) -> Self {
        Self {
            graph,
            runtime: Runtime::BASELINE,
            stream: None,
            filter: None,
            confidence: false,
            learnt_filter: None,
            trained: None,
        }
    }

    /// Returns the network in the form that training can continue from; `technique` asks for it.
    ///
    /// # Errors
    /// [`Error::Impossible`] when a technique changed the network in ways that training does not know.
    pub fn to_train_on<'t>(
        &'t self,
        training: &Training<'t>,
        technique: &'static str,
    ) -> Result<&'t Trained, Error> {
        let trained = self.trained.as_ref().unwrap_or(training.trained);
        if trained.graph == self.graph {
            return Ok(trained);
        }
        let why = if self.graph.is_int8() {
            format!("it trains, and the network is int8 already; name `{technique}` before `int8`")
        } else {
            format!(
                "it trains, and the network is no longer what training made; name `{technique}` before the techniques \
                 that change it otherwise"
            )
        };
        Err(Error::Impossible { technique, why })
    }

    /// Returns the network that the device runs: [`Artifact::graph`] with its filter, or the form of it that consumes one
    /// tick of a stream.
    ///
    /// # Errors
    /// When the network cannot be streamed as [`Artifact::stream`] says.
    pub fn network(&self) -> Result<Cow<'_, Graph>, Error> {
        let mut graph = Cow::Borrowed(&self.graph);
        if let Some(filter) = &self.filter {
            graph.to_mut().push_filter("filter", filter.clone())?;
            if self.confidence {
                graph.to_mut().push_softmax("confidence")?;
            }
        }
        Ok(match self.stream {
            None => graph,
            Some(Stream { hop, tick }) => Cow::Owned(stream::stream(&graph, hop, tick)?),
        })
    }
}

/// The training side of one fold: all that a technique may learn from. Test users are not in it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// All windows of the task; only those indexed below may be read.
    pub windows: &'a Windows,
    /// Windows of the training users.
    pub train: &'a [usize],
    /// Seed of every choice made at random.
    pub seed: u64,
    /// What a technique needs to train; `None` when the network came without its training.
    pub training: Option<Training<'a>>,
}

/// How the fold's network was trained, for techniques that train.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// The network as it was trained, before any technique.
    pub trained: &'a Trained,
    /// Its settings.
    pub config: &'a TrainConfig,
    /// Its windows, and the number of its fold.
    pub job: Job<'a>,
    /// Stops training when it becomes true.
    pub stop: Option<&'a AtomicBool>,
    /// Folder of the fold for checkpoints. Each technique uses a subfolder of its own name.
    pub directory: Option<&'a Path>,
    /// Source of windows of other tasks; `None` when there is none.
    pub others: Option<&'a dyn Others>,
}

/// Windows of other tasks, cut like those of the task at hand.
pub trait Others: Sync {
    /// Returns all windows of `task`.
    ///
    /// # Errors
    /// A sentence that names the task and says what to do.
    fn windows(&self, task: &str) -> Result<Arc<Windows>, String>;
}

impl Training<'_> {
    /// Runs `train` with the stop flag and the technique's folder of checkpoints.
    ///
    /// # Errors
    /// Those of `train`.
    pub fn run<T>(
        &self,
        technique: &'static str,
        train: impl FnOnce(Hooks<'_>) -> Result<T, mote_train::Error>,
    ) -> Result<T, Error> {
        let folder = self.directory.map(|d| d.join(technique));
        Ok(train(Hooks {
            stop: self.stop,
            checkpoint: folder.as_deref(),
            ..Hooks::default()
        })?)
    }
}

impl fmt::Debug for Training<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Training")
            .field("fold", &self.job.fold)
            .finish_non_exhaustive()
    }
}

impl<'a> Context<'a> {
    /// Returns what `technique` needs to train.
    ///
    /// # Errors
    /// [`Error::Impossible`] for a network that came without its training.
    pub fn training(&self, technique: &'static str) -> Result<Training<'a>, Error> {
        self.training.ok_or_else(|| Error::Impossible {
            technique,
            why: "it trains, and this network came without its training".into(),
        })
    }
}
