//! Principal components instead of convolutions: a fixed linear front end, and a small classifier behind it.
//!
//! One dense layer projects the flattened, normalised window onto the directions in which windows of training users
//! vary most (Jolliffe 2002). Behind it comes linear discriminant analysis, fused with the projection if that takes
//! fewer weights, or a trained hidden layer. The result is an ordinary network, so `int8` and the system-level
//! techniques can follow.

use crate::artifact::{Artifact, Context};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_train::TrainConfig;
use mote_train::pca::{Keep, PcaConfig, reduce};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Principal components of raw windows and a small classifier take the place of the network.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pca {
    /// Number of components, instead of a share of the variance.
    #[schemars(range(min = 1))]
    pub components: Option<usize>,
    /// Share of the variance that the components have together; by default 0.95.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub variance: Option<f64>,
    /// What decides: linear discriminant analysis, or a hidden and a dense layer.
    pub head: PcaHead,
    /// Units of the hidden layer of `mlp`; by default 32.
    #[schemars(range(min = 1))]
    pub hidden: Option<usize>,
    /// Epochs of `mlp`; by default those of the training settings.
    #[schemars(range(min = 1))]
    pub epochs: Option<usize>,
}

/// What decides behind the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PcaHead {
    /// Linear discriminant analysis, in closed form.
    #[default]
    Lda,
    /// A hidden layer and a dense one, trained.
    Mlp,
}

impl Technique for Pca {
    const NAME: &'static str = "pca";
    const KIND: Kind = Kind::Model;

    fn check(&self) -> Result<(), Error> {
        if self.components.is_some() && self.variance.is_some() {
            let what = "give this or `components`, not both";
            return Err(Self::wrong_option("variance", what));
        }
        let of_mlp = [
            ("hidden", self.hidden.is_some()),
            ("epochs", self.epochs.is_some()),
        ];
        match of_mlp.into_iter().find(|(_, given)| *given) {
            Some((option, _)) if self.head == PcaHead::Lda => Err(Self::wrong_option(
                option,
                "is of the hidden layer; add `head=mlp`",
            )),
            _ => Ok(()),
        }
    }

    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
        let training = context.training(Self::NAME)?;
        artifact.to_train_on(&training, Self::NAME)?;
        if artifact.stream.is_some() {
            return Err(Self::impossible(
                "it looks at whole windows, which a stream does not have",
            ));
        }
        let keep = match (self.components, self.variance) {
            (Some(count), _) => Keep::Components(count),
            (None, share) => Keep::Variance(share.unwrap_or(0.95)),
        };
        let head = match self.head {
            PcaHead::Lda => mote_train::pca::PcaHead::Lda,
            PcaHead::Mlp => mote_train::pca::PcaHead::Mlp {
                hidden: self.hidden.unwrap_or(32),
            },
        };
        let config = TrainConfig {
            epochs: self.epochs.unwrap_or(training.config.epochs),
            ..training.config.clone()
        };
        let settings = PcaConfig { keep, head };
        let before = artifact.graph.parameters();
        let reduced = training.run(Self::NAME, |hooks| {
            reduce(training.job, &config, &settings, hooks)
        })?;
        artifact.graph = reduced.graph;
        Ok(Change {
            technique: format!("{} ({} components)", Self::NAME, reduced.components),
            lines: vec![
                format!(
                    "{} components keep {:.1} % of the variance of training windows",
                    reduced.components,
                    reduced.kept * 100.0
                ),
                format!(
                    "parameters {before} -> {} in {}",
                    artifact.graph.parameters(),
                    match artifact.graph.nodes.len() {
                        1 => "one layer".to_owned(),
                        layers => format!("{layers} layers"),
                    }
                ),
            ],
        })
    }
}
