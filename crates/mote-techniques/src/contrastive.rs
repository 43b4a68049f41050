//! Contrastive encoding: the same network, pretrained on windows without labels, then trained on labels.
//!
//! Two augmented views of each window of the training users are pulled together and all others pushed apart (SimCLR,
//! Chen et al. 2020, arXiv 2002.05709; for activity recognition Tang et al. 2020, arXiv 2011.11542); or, supervised,
//! all windows of one class are pulled together (Khosla et al. 2020, arXiv 2004.11362). What is deployed has the
//! network's size and speed: pretraining leaves nothing behind but weights. It pays where labels are few.

use crate::{Artifact, Change, Context, Error, Kind, Options, Technique, Training};
use mote_data::Windows;
use mote_train::{Augmentation, ContrastiveConfig, Head, TrainConfig, labelled, pretrain, scratch};
use std::sync::Arc;

/// See the [module's description](self).
pub struct Contrastive;

impl Technique for Contrastive {
    fn name(&self) -> &'static str {
        "contrastive"
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn summary(&self) -> &'static str {
        "the network is pretrained on windows without labels, then trained on all or few labels"
    }

    fn options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "epochs",
                "epochs of pretraining (default 100); 0 is none: from scratch, on the same labels",
            ),
            (
                "temperature",
                "divides similarities in pretraining (default 0.1)",
            ),
            ("batch", "windows per step of pretraining (default 256)"),
            (
                "augment",
                "how views differ, joined by `/`: rotation, scaling, jitter, time-warp, each with an amount if not its \
                 default, e.g. `rotation:1/jitter` (default: all)",
            ),
            (
                "others",
                "tasks whose windows are seen in pretraining too, joined by `+`, e.g. `motionsense/6` (default: none); \
                 users of the task at hand who are kept out of training are kept out there as well",
            ),
            (
                "supervised",
                "true pulls labelled windows of one class together (default false)",
            ),
            (
                "labels",
                "share of the labels that are used (default: that of the training settings)",
            ),
            (
                "of",
                "what that is a share of: users (with all their windows) or windows (of all users) (default: that of \
                 the training settings)",
            ),
            (
                "head",
                "what learns from labels: linear (the last layer, default), or finetune (then everything, at an eighth \
                 of the rate)",
            ),
            (
                "tune",
                "epochs of learning from labels (default: those of the training settings)",
            ),
            (
                "rate",
                "highest learning rate of learning from labels (default: that of the training settings)",
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
        let default = ContrastiveConfig::default();
        let contrastive = ContrastiveConfig {
            epochs: options.get("epochs", default.epochs)?,
            batch: options.get("batch", default.batch)?,
            temperature: options.get("temperature", default.temperature)?,
            augmentation: augmentation(options, default.augmentation)?,
            supervised: options.get("supervised", default.supervised)?,
            ..default
        };
        let config = TrainConfig {
            network: before.network().clone(),
            labels: options.get("labels", training.config.labels)?,
            labels_of: options.get("of", training.config.labels_of)?,
            epochs: options.get("tune", training.config.epochs)?,
            learning_rate: options.get("rate", training.config.learning_rate)?,
            ..training.config.clone()
        };
        let head = options.get("head", Head::default())?;
        let others = others(self, options, &training)?;
        let job = training.job;
        let mut lines = Vec::new();
        let trained = if contrastive.epochs == 0 {
            lines.push("not pretrained".to_owned());
            training.run(self, |hooks| scratch(job, &config, hooks))?
        } else {
            let others: Vec<&Windows> = others.iter().map(AsRef::as_ref).collect();
            let pretrained = training.run(self, |hooks| {
                pretrain(job, &config, &contrastive, &others, hooks)
            })?;
            let losses = pretrained.history();
            if let (Some(first), Some(last)) = (losses.first(), losses.last()) {
                lines.push(format!(
                    "{} epochs of pretraining brought the contrastive loss from {:.2} to {:.2}",
                    contrastive.epochs, first.loss, last.loss
                ));
            }
            training.run(self, |hooks| pretrained.tune(job, &config, head, hooks))?
        };
        lines.push(format!(
            "{} windows with labels ({:.0} %) trained {}",
            labelled(job, &config).len(),
            config.labels * 100.0,
            match head {
                Head::Linear if contrastive.epochs > 0 => "the last layer",
                _ => "the network",
            }
        ));
        artifact.graph = trained.graph.clone();
        artifact.trained = Some(trained);
        Ok(Change {
            technique: format!(
                "{} ({} epochs, {:.0} % of labels)",
                self.name(),
                contrastive.epochs,
                config.labels * 100.0
            ),
            lines,
        })
    }
}

/// The windows that option `others` names.
fn others(
    technique: &Contrastive,
    options: &Options,
    training: &Training<'_>,
) -> Result<Vec<Arc<Windows>>, Error> {
    let text = options.get("others", String::new())?;
    let tasks = text.split('+').map(str::trim).filter(|t| !t.is_empty());
    let read = |task: &str| {
        let others = training.others.ok_or_else(|| Error::Impossible {
            technique: technique.name(),
            why: "there are no other data sets where it is applied; leave `others` out".to_owned(),
        })?;
        let windows = others.windows(task);
        windows.map_err(|why| options.error("others", why))
    };
    tasks.map(read).collect()
}

/// The augmentation that option `augment` lists.
fn augmentation(options: &Options, default: Augmentation) -> Result<Augmentation, Error> {
    let text = options.get("augment", String::new())?;
    if text.is_empty() {
        return Ok(default);
    }
    let mut chosen = Augmentation::NONE;
    for part in text.split('/').map(str::trim) {
        let (name, amount) = match part.split_once(':') {
            Some((name, amount)) => (name, Some(amount)),
            None => (part, None),
        };
        let (field, usual) = match name {
            "rotation" => (&mut chosen.rotation, default.rotation),
            "scaling" => (&mut chosen.scaling, default.scaling),
            "jitter" => (&mut chosen.jitter, default.jitter),
            "time-warp" => (&mut chosen.time_warp, default.time_warp),
            _ => {
                return Err(options.error(
                    "augment",
                    format!(
                        "`{name}` is not known; there are: rotation, scaling, jitter, time-warp"
                    ),
                ));
            }
        };
        *field = match amount {
            None => usual,
            Some(amount) => amount.parse().map_err(|_| {
                options.error("augment", format!("`{amount}` of `{name}` is not a number"))
            })?,
        };
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Augmentation, Error> {
        let options = Options::parse(&Contrastive, text).unwrap();
        augmentation(&options, Augmentation::default())
    }

    #[test]
    fn augmentations_are_listed() {
        assert_eq!(parsed("").unwrap(), Augmentation::default());
        let default = Augmentation::default();
        let chosen = parsed("augment=rotation:1.5/time-warp").unwrap();
        let expected = Augmentation {
            rotation: 1.5,
            time_warp: default.time_warp,
            ..Augmentation::NONE
        };
        assert_eq!(chosen, expected);
        for bad in ["augment=crop", "augment=jitter:much"] {
            let e = parsed(bad).unwrap_err().to_string();
            assert!(e.contains("augment"), "{e}");
        }
    }
}
