//! Knowledge distillation: the network learns from a larger one's scores beside the labels.
//!
//! A teacher of the same kind with more channels is trained on the same fold, and the network anew on the teacher's
//! softened scores (Hinton et al. 2015, arXiv 1503.02531). The teacher is not deployed; size and speed stay.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique};
use mote_train::{DistillConfig, TrainConfig, distill};

/// See the [module's description](self).
pub struct Distill;

impl Technique for Distill {
    fn name(&self) -> &'static str {
        "distill"
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn summary(&self) -> &'static str {
        "the network learns from the scores of a larger one beside the labels"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "teacher",
                "the teacher's channels, as a multiple of the network's (default 2)",
            ),
            (
                "temperature",
                "divides the scores of both in training (default 2)",
            ),
            (
                "alpha",
                "share of the teacher's scores in the loss; the rest is that of the labels (default 0.7)",
            ),
            (
                "epochs",
                "epochs of the network (default: those of the training settings)",
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
        let before = artifact.to_train_on(&training, self)?;
        let config = TrainConfig {
            network: before.network().clone(),
            ..training.config.clone()
        };
        let default = DistillConfig::default();
        let settings = DistillConfig {
            teacher: options.get("teacher", default.teacher)?,
            temperature: options.get("temperature", default.temperature)?,
            alpha: options.get("alpha", default.alpha)?,
            epochs: options.get("epochs", config.epochs)?,
        };
        let distilled = training.run(self, |hooks| {
            distill(training.job, &config, &settings, hooks)
        })?;
        let change = Change {
            technique: format!(
                "{} (teacher {} times as wide, {} epochs)",
                self.name(),
                settings.teacher,
                settings.epochs
            ),
            lines: vec![format!(
                "a teacher of {} parameters taught {}",
                distilled.teacher.graph.parameters(),
                distilled.student.graph.parameters()
            )],
        };
        artifact.graph = distilled.student.graph.clone();
        artifact.trained = Some(distilled.student);
        Ok(change)
    }
}
