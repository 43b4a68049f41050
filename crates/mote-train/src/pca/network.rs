//! PCA on raw windows as the first layer of a network.

use super::analysis::{Keep, Pca};
use crate::classical::lda::lda;
use crate::config::{TrainConfig, TrainOn};
use crate::job::{Hooks, Job};
use crate::run::Run;
use crate::train::train_on;
use crate::{Error, frontend, labels};
use mote_model::{Activation, Block, Cnn, Dense, Graph, Op, Padding, Shape, Weights};

/// What decides behind the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PcaHead {
    /// Linear discriminant analysis, in closed form.
    Lda,
    /// A hidden layer and a dense one, trained.
    Mlp {
        /// Units of the hidden layer.
        hidden: usize,
    },
}

/// A network that begins with PCA.
#[derive(Debug, Clone, PartialEq)]
pub struct PcaConfig {
    /// The components.
    pub keep: Keep,
    /// What comes behind.
    pub head: PcaHead,
}

/// A network on principal components.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced {
    /// Dense layers on the flattened, normalised window. The first projects; projection and LDA are one layer when that
    /// has fewer weights.
    pub graph: Graph,
    /// Number of components.
    pub components: usize,
    /// Share of the variance of training windows that they have.
    pub kept: f64,
}

/// Fits PCA to the normalised windows of `job` and puts `pca.head` behind it, with the settings of `config` but for its
/// network. The result repeats, and a stopped run resumes below `hooks.checkpoint`.
///
/// # Errors
/// Those of [`Pca::fit`], [`Error::Data`] when a class has no training window for LDA, and those of
/// [`train()`](crate::train()).
pub fn reduce(
    job: Job<'_>,
    config: &TrainConfig,
    pca: &PcaConfig,
    hooks: Hooks<'_>,
) -> Result<Reduced, Error> {
    config.validate()?;
    let windows = job.windows;
    let (train, _) = labels::divide(&job, config);
    labels::check(windows, train.iter())?;
    let frontend = frontend::fit(windows, &train)?;
    let mut x = frontend::gather(windows, &train)?;
    frontend::normalise(&frontend, &mut x);
    let fitted = Pca::fit(&x, windows.stride(), pca.keep)?;
    let mut graph = match pca.head {
        PcaHead::Lda => {
            let labelled = labels::positions(windows, &train, config);
            let windows_of = x.chunks_exact(windows.stride());
            let all: Vec<&[f32]> = windows_of.collect();
            let rows: Vec<Vec<f32>> = labelled.iter().map(|&p| fitted.project(all[p])).collect();
            let classes: Vec<usize> = labelled.iter().map(|&p| windows.y[train[p]]).collect();
            linear(job, &fitted, &rows, &classes)?
        }
        PcaHead::Mlp { hidden } => perceptron(job, config, &fitted, hidden, hooks)?,
    };
    graph.frontend = Some(frontend);
    graph.labels = windows.labels.clone();
    Ok(Reduced {
        graph,
        components: fitted.len(),
        kept: fitted.kept(),
    })
}

/// Builds the projection and LDA; as one layer when that has fewer weights.
fn linear(job: Job<'_>, pca: &Pca, rows: &[Vec<f32>], y: &[usize]) -> Result<Graph, Error> {
    let windows = job.windows;
    let classes = windows.labels.len();
    if let Some(class) = (0..classes).find(|class| !y.contains(class)) {
        return Err(Error::Data(format!(
            "class {class} has no training window, which LDA needs"
        )));
    }
    let map = lda(rows, y, &vec![0.0; pca.len()], classes)?;
    let mut graph = Graph::new("pca-lda", Shape::new(windows.time, windows.channels));
    let columns = windows.stride();
    if classes * columns <= pca.len() * (columns + classes) {
        let (weights, bias) = pca.fuse(&map.weights, &map.bias);
        graph.push("pca_lda", dense(weights, bias, Activation::None))?;
    } else {
        let identity: Vec<f32> = (0..pca.len() * pca.len())
            .map(|i| f32::from(u8::from(i % (pca.len() + 1) == 0)))
            .collect();
        let (projection, shift) = pca.fuse(&identity, &vec![0.0; pca.len()]);
        graph.push("pca", dense(projection, shift, Activation::None))?;
        graph.push("lda", dense(map.weights, map.bias, Activation::None))?;
    }
    Ok(graph)
}

/// Builds the whitened projection and two trained layers. In training, the projection is a convolution as long as the
/// window whose weights stay fixed; the norm behind it centres and whitens.
fn perceptron(
    job: Job<'_>,
    config: &TrainConfig,
    pca: &Pca,
    hidden: usize,
    hooks: Hooks<'_>,
) -> Result<Graph, Error> {
    let config = TrainConfig {
        network: Cnn {
            blocks: vec![
                Block::plain(pca.len(), job.windows.time, 1),
                Block::plain(hidden, 1, 1),
            ],
            nonlinearity: config.network.nonlinearity,
            padding: Padding::Valid,
        },
        // The projection reads a whole window.
        train: TrainOn::Windows,
        ..config.clone()
    };
    let mut run = Run::new(job, &config)?;
    let mut start = run.start();
    let projection = run.network.layers.first_mut();
    let projection = projection.expect("the network has two layers");
    projection.conv.activation = Activation::None;
    let id = projection.weights;
    let weights = run.network.params.values_mut(id, &mut start.values);
    // From `[component][column]` to `[column][component]`.
    for (i, weights) in weights.chunks_exact_mut(pca.len()).enumerate() {
        let column = pca.components.iter().skip(i).step_by(pca.mean.len());
        weights.iter_mut().zip(column).for_each(|(w, c)| *w = *c);
    }
    run.freeze(1);
    let trained = train_on(run, start, hooks)?;
    layers_of_one_step(&trained.graph)
}

/// Returns `graph` with each convolution, which reads all of its input at once, as a dense layer, and without the pool,
/// which has a single step.
fn layers_of_one_step(graph: &Graph) -> Result<Graph, Error> {
    let mut out = Graph::new("pca-mlp", graph.tensor(graph.input)?.shape);
    let mut names = ["pca", "hidden"].into_iter();
    for node in &graph.nodes {
        match &node.op {
            Op::Conv1d(conv) => {
                let name = names.next().expect("the network has two layers");
                let op = Op::Dense(Dense {
                    out_features: conv.out_channels,
                    activation: conv.activation,
                    weights: conv.weights.clone(),
                });
                out.push(name, op)?;
            }
            Op::Pool(_) => {}
            op => {
                out.push(node.name.clone(), op.clone())?;
            }
        }
    }
    Ok(out)
}

fn dense(weights: Vec<f32>, bias: Vec<f32>, activation: Activation) -> Op {
    Op::Dense(Dense {
        out_features: bias.len(),
        activation,
        weights: Weights::F32 { weights, bias },
    })
}
