//! A trained network: its graph, its history, and its parameters for further training.

use crate::history::Epoch;
use crate::network::{Network, Snapshot};
use crate::stream::Learnt;
use crate::{Error, export, frontend, infer};
use mote_data::Windows;
use mote_model::{Cnn, Filter, Frontend, Graph};

/// A trained network.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The deployable f32 network; its output is logits.
    pub graph: Graph,
    /// One entry per epoch.
    pub history: Vec<Epoch>,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    /// The filter over decisions that was learnt with the network, if one was.
    pub filter: Option<Filter>,
    pub(crate) network: Network,
    pub(crate) snapshot: Snapshot,
}

impl PartialEq for Trained {
    fn eq(&self, other: &Self) -> bool {
        self.graph == other.graph
            && self.filter == other.filter
            && self.history == other.history
            && self.best_epoch == other.best_epoch
    }
}

impl Trained {
    /// Exports `snapshot` of `network`.
    pub(crate) fn new(
        network: Network,
        snapshot: Snapshot,
        frontend: Frontend,
        class_names: &[String],
    ) -> Result<Self, Error> {
        let mut graph = export::graph("cnn", &network, &snapshot)?;
        graph.frontend = Some(frontend);
        graph.labels = class_names.to_vec();
        let filter = network.filter.map(|params| {
            let values = |id| network.params.values(id, &snapshot.values);
            let classes = network.classes;
            Learnt::new(values(params.transitions), values(params.weight), classes).filter()
        });
        Ok(Self {
            filter,
            graph,
            history: Vec::new(),
            best_epoch: 0,
            network,
            snapshot,
        })
    }

    /// Returns the architecture of the network.
    pub fn cnn(&self) -> &Cnn {
        &self.network.cnn
    }

    /// Returns the logits, `[n][classes]`, of the windows `indices`, by the tensor library's forward pass with batch
    /// norms unfolded. For checking the engine against, and for quick looks while tuning: reported figures come
    /// from the engine.
    ///
    /// # Errors
    /// [`Error::Data`] when a window does not exist, is not finite or has another shape.
    pub fn logits(&self, windows: &Windows, indices: &[usize]) -> Result<Vec<f32>, Error> {
        let input = self.network.input;
        if (windows.time, windows.channels) != (input.time, input.channels) {
            return Err(Error::Data(format!(
                "the windows are {}x{}, but the network takes {}x{}",
                windows.time, windows.channels, input.time, input.channels
            )));
        }
        let x = normalised(&self.graph, windows, indices)?;
        infer::logits(&self.network, &self.snapshot, &x)
    }
}

/// Returns the windows `indices` as the input of `graph`, `[n][time][channels]`.
pub(crate) fn normalised(
    graph: &Graph,
    windows: &Windows,
    indices: &[usize],
) -> Result<Vec<f32>, Error> {
    let mut x = frontend::gather(windows, indices)?;
    let frontend = graph.frontend.as_ref();
    frontend::normalise(frontend.expect("training fits a front end"), &mut x);
    Ok(x)
}
