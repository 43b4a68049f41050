//! Principal components instead of convolutions: a fixed linear front end, and a small classifier behind it.
//!
//! The flattened, normalised window is projected onto the directions in which windows of training users vary most
//! (Jolliffe 2002), by one dense layer. Behind it comes linear discriminant analysis, fused with the projection where
//! that takes fewer weights, or a trained layer of hidden units. All of it is an ordinary network, so `int8` and the
//! system-level techniques go on with it.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use mote_train::TrainConfig;
use mote_train::pca::{Keep, PcaConfig, PcaHead, reduce};

/// See the [module's description](self).
pub struct Pca;

impl Technique for Pca {
    fn name(&self) -> &'static str {
        "pca"
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn summary(&self) -> &'static str {
        "principal components of raw windows and a small classifier take the place of the network"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("components", "how many are kept"),
            (
                "variance",
                "share of the variance that the kept ones have together (default 0.95)",
            ),
            (
                "head",
                "what decides: lda (default) or mlp, a hidden and a dense layer",
            ),
            ("hidden", "units of the mlp's hidden layer (default 32)"),
            (
                "epochs",
                "epochs of the mlp (default: those of the training settings)",
            ),
        ]
    }

    fn apply(
        &self,
        artifact: &mut Artifact,
        options: &Options,
        context: &Context,
    ) -> Result<Change, Error> {
        let training = context.training(self)?;
        artifact.to_train_on(&training, self)?;
        if artifact.stream.is_some() {
            return Err(Error::Impossible {
                technique: self.name(),
                why: "it looks at whole windows, which a stream does not have".into(),
            });
        }
        let components = match options.get("components", 0)? {
            0 => None,
            count => Some(count),
        };
        let variance: f64 = options.get("variance", 0.0)?;
        let keep = match (components, variance > 0.0) {
            (Some(_), true) => {
                return Err(options.error("variance", "give this or `components`, not both"));
            }
            (Some(count), false) => Keep::Components(count),
            (None, true) => Keep::Variance(variance),
            (None, false) => Keep::Variance(0.95),
        };
        let head = match options.get("head", "lda".to_owned())?.as_str() {
            "lda" => PcaHead::Lda,
            "mlp" => PcaHead::Mlp {
                hidden: options.get("hidden", 32)?,
            },
            other => {
                return Err(options.error("head", format!("`{other}` is neither lda nor mlp")));
            }
        };
        let config = TrainConfig {
            epochs: options.get("epochs", training.config.epochs)?,
            ..training.config.clone()
        };
        let settings = PcaConfig { keep, head };
        let before = artifact.graph.parameters();
        let reduced = training.run(self, |hooks| {
            reduce(training.job, &config, &settings, hooks)
        })?;
        artifact.graph = reduced.graph;
        Ok(Change {
            technique: format!("{} ({} components)", self.name(), reduced.components),
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
