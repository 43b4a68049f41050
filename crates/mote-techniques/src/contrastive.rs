//! Contrastive encoding: the same network, pretrained on windows without labels, then trained on labels.
//!
//! Training pulls together two augmented views of each window of the training users and pushes all other windows apart
//! (SimCLR, Chen et al. 2020, arXiv 2002.05709; for activity recognition Tang et al. 2020, arXiv 2011.11542).
//! Supervised, it pulls together all windows of one class (Khosla et al. 2020, arXiv 2004.11362). The size and speed of
//! the network stay the same: pretraining only changes its weights. It pays where labels are few.

use crate::artifact::{Artifact, Context, Training};
use crate::error::Error;
use crate::technique::{Change, Kind, Technique};
use mote_data::Windows;
use mote_train::{
    Augmentation, ContrastiveConfig, Head, LabelsOf, TrainConfig, labelled, pretrain, scratch,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The network is pretrained on windows without labels, then trained on all or few labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contrastive {
    /// Epochs of pretraining; with 0 the network is trained from scratch, on the same labels.
    pub epochs: usize,
    /// Divides similarities in pretraining.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub temperature: f32,
    /// Windows per step of pretraining.
    #[schemars(range(min = 2))]
    pub batch: usize,
    /// How views differ, joined by `/`: rotation, scaling, jitter, time-warp, each with an amount if not its usual
    /// one, e.g. `rotation:1/jitter`.
    pub augment: Views,
    /// Tasks whose windows are added to pretraining, e.g. `motionsense/6`; users who are not trained on in this task
    /// are left out there, too.
    pub others: Vec<String>,
    /// Pulls labelled windows of one class together.
    pub supervised: bool,
    /// Share of the labels that are used; by default that of the training settings.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub labels: Option<f64>,
    /// What that is a share of: users (with all their windows) or windows (of all users); by default as in the training
    /// settings.
    pub of: Option<LabelsOf>,
    /// What learns from labels: the last layer alone, or then all layers at an eighth of the rate.
    pub head: Head,
    /// Epochs of learning from labels; by default those of the training settings.
    #[schemars(range(min = 1))]
    pub tune: Option<usize>,
    /// Highest learning rate of learning from labels; by default that of the training settings.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub rate: Option<f64>,
}

impl Default for Contrastive {
    fn default() -> Self {
        let default = ContrastiveConfig::default();
        Self {
            epochs: default.epochs,
            temperature: default.temperature,
            batch: default.batch,
            augment: Views::default(),
            others: Vec::new(),
            supervised: default.supervised,
            labels: None,
            of: None,
            head: Head::default(),
            tune: None,
            rate: None,
        }
    }
}

impl Technique for Contrastive {
    const NAME: &'static str = "contrastive";
    const KIND: Kind = Kind::Model;

    fn apply(&self, artifact: &mut Artifact, context: &Context) -> Result<Change, Error> {
        let training = context.training(Self::NAME)?;
        let before = artifact.to_train_on(&training, Self::NAME)?;
        let contrastive = ContrastiveConfig {
            epochs: self.epochs,
            batch: self.batch,
            temperature: self.temperature,
            augmentation: self.augment.0.clone(),
            supervised: self.supervised,
            ..ContrastiveConfig::default()
        };
        let settings = training.config;
        let config = TrainConfig {
            network: before.cnn().clone(),
            labels: self.labels.unwrap_or(settings.labels),
            labels_of: self.of.unwrap_or(settings.labels_of),
            epochs: self.tune.unwrap_or(settings.epochs),
            learning_rate: self.rate.unwrap_or(settings.learning_rate),
            ..settings.clone()
        };
        let head = self.head;
        let others = self.windows_of_others(&training)?;
        let job = training.job;
        let mut lines = Vec::new();
        let trained = if contrastive.epochs == 0 {
            lines.push("not pretrained".to_owned());
            training.run(Self::NAME, |hooks| scratch(job, &config, hooks))?
        } else {
            let others: Vec<&Windows> = others.iter().map(AsRef::as_ref).collect();
            let pretrained = training.run(Self::NAME, |hooks| {
                pretrain(job, &config, &contrastive, &others, hooks)
            })?;
            let losses = pretrained.history();
            if let (Some(first), Some(last)) = (losses.first(), losses.last()) {
                lines.push(format!(
                    "{} epochs of pretraining brought the contrastive loss from {:.2} to {:.2}",
                    contrastive.epochs, first.loss, last.loss
                ));
            }
            training.run(Self::NAME, |hooks| {
                pretrained.tune(job, &config, head, hooks)
            })?
        };
        lines.push(format!(
            "{} windows with labels ({:.0} %) trained {}",
            labelled(job, &config)?.len(),
            config.labels * 100.0,
            match head {
                Head::Linear if contrastive.epochs > 0 => "the last layer",
                _ => "the network",
            }
        ));
        artifact.graph = trained.graph.clone();
        artifact.learnt_filter.clone_from(&trained.filter);
        artifact.trained = Some(trained);
        Ok(Change {
            technique: format!(
                "{} ({} epochs, {:.0} % of labels)",
                Self::NAME,
                contrastive.epochs,
                config.labels * 100.0
            ),
            lines,
        })
    }
}

impl Contrastive {
    /// Returns the windows of the tasks that `others` names.
    fn windows_of_others(&self, training: &Training<'_>) -> Result<Vec<Arc<Windows>>, Error> {
        let read = |task: &String| {
            let others = training.others.ok_or_else(|| {
                Self::impossible(
                    "there are no other data sets where it is applied; leave `others` out",
                )
            })?;
            let windows = others.windows(task);
            windows.map_err(|why| Self::wrong_option("others", why))
        };
        self.others.iter().map(read).collect()
    }
}

/// How two views of a window differ. It is written `rotation:1/jitter`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Views(pub Augmentation);

impl From<Views> for String {
    fn from(Views(chosen): Views) -> String {
        let usual = Augmentation::default();
        let parts = [
            ("rotation", chosen.rotation, usual.rotation),
            ("scaling", chosen.scaling, usual.scaling),
            ("jitter", chosen.jitter, usual.jitter),
            ("time-warp", chosen.time_warp, usual.time_warp),
        ];
        let parts = parts.into_iter().filter(|(_, amount, _)| *amount != 0.0);
        let parts: Vec<String> = parts
            .map(|(name, amount, usual)| match amount == usual {
                true => name.to_owned(),
                false => format!("{name}:{amount}"),
            })
            .collect();
        parts.join("/")
    }
}

impl TryFrom<String> for Views {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let usual = Augmentation::default();
        let mut chosen = Augmentation::NONE;
        for part in text.split('/').map(str::trim) {
            let (name, amount) = match part.split_once(':') {
                Some((name, amount)) => (name, Some(amount)),
                None => (part, None),
            };
            let (field, usual) = match name {
                "rotation" => (&mut chosen.rotation, usual.rotation),
                "scaling" => (&mut chosen.scaling, usual.scaling),
                "jitter" => (&mut chosen.jitter, usual.jitter),
                "time-warp" => (&mut chosen.time_warp, usual.time_warp),
                _ => {
                    return Err(format!(
                        "`{name}` is not known; there are: rotation, scaling, jitter, time-warp"
                    ));
                }
            };
            *field = match amount {
                None => usual,
                Some(amount) => match amount.parse() {
                    Ok(amount) if (0.0..f32::INFINITY).contains(&amount) => amount,
                    _ => {
                        return Err(format!("`{amount}` of `{name}` is not a number from 0"));
                    }
                },
            };
        }
        Ok(Self(chosen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Augmentation, String> {
        Views::try_from(text.to_owned()).map(|views| views.0)
    }

    #[test]
    fn augmentations_are_listed() {
        let usual = Augmentation::default();
        let chosen = parsed("rotation:1.5/time-warp").unwrap();
        let expected = Augmentation {
            rotation: 1.5,
            time_warp: usual.time_warp,
            ..Augmentation::NONE
        };
        assert_eq!(chosen, expected);
        assert_eq!(parsed(&String::from(Views::default())).unwrap(), usual);
        for bad in ["crop", "jitter:much", "jitter:-1", "jitter:inf", ""] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
