//! Knowledge distillation: a small network learns from the scores of a larger one beside the labels.
//!
//! Hinton, Vinyals and Dean 2015, arXiv 1503.02531. Teacher and student see the same augmented windows (Beyer et al.
//! 2022, arXiv 2106.05237).

use crate::checkpoint::Snapshot;
use crate::config::{Block, CnnConfig, TrainConfig};
use crate::network::Network;
use crate::run::Run;
use crate::train::{Hooks, Job, Trained, train, train_on};
use crate::{Error, infer};
use sha2::{Digest, Sha256};

/// How a network is distilled.
#[derive(Debug, Clone, PartialEq)]
pub struct DistillConfig {
    /// Channels of the teacher, as a multiple of the student's.
    pub teacher: f64,
    /// Divides the scores of both before the softmax: the higher, the more the small scores say.
    pub temperature: f32,
    /// Share of the teacher's scores in the loss, in `0..=1`; the rest is that of the labels.
    pub alpha: f32,
    /// Epochs of the student; the teacher trains as many as the settings say.
    pub epochs: usize,
}

impl Default for DistillConfig {
    fn default() -> Self {
        Self {
            teacher: 2.0,
            temperature: 2.0,
            alpha: 0.7,
            epochs: 25,
        }
    }
}

/// A student and who taught it.
#[derive(Debug, Clone)]
pub struct Distilled {
    /// The small network.
    pub student: Trained,
    /// The large one.
    pub teacher: Trained,
}

/// Trains a teacher, `distill.teacher` times as wide as `config.network`, with the settings of `config`, and then the
/// network itself on the teacher's scores and the labels. The result repeats, and a stopped run resumes below
/// `hooks.checkpoint`.
///
/// # Errors
/// [`Error::Config`] for settings that make no sense, and those of [`train()`](crate::train()).
pub fn distill(
    job: Job<'_>,
    config: &TrainConfig,
    distill: &DistillConfig,
    hooks: Hooks<'_>,
) -> Result<Distilled, Error> {
    distill.validate()?;
    let large = TrainConfig {
        network: wider(&config.network, distill.teacher),
        ..config.clone()
    };
    let folder = hooks
        .checkpoint
        .map(|directory| directory.join(format!("teacher-{}", distill.teacher)));
    let teacher_hooks = Hooks {
        checkpoint: folder.as_deref(),
        ..hooks
    };
    let teacher = train(job, &large, teacher_hooks)?;
    let small = TrainConfig {
        epochs: distill.epochs,
        ..config.clone()
    };
    let mut run = Run::new(job, &small)?;
    run.learn_from(Teacher {
        network: &teacher.network,
        snapshot: &teacher.snapshot,
        temperature: distill.temperature,
        share: distill.alpha,
    });
    let start = run.start().current;
    let student = train_on(run, start, hooks)?;
    Ok(Distilled { student, teacher })
}

impl DistillConfig {
    fn validate(&self) -> Result<(), Error> {
        if !(self.teacher >= 1.0 && self.teacher <= 16.0) {
            return Err(Error::config(
                "teacher",
                format!("{} is not in 1..=16", self.teacher),
            ));
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(Error::config("temperature", "must be positive"));
        }
        if !(0.0..=1.0).contains(&self.alpha) {
            return Err(Error::config(
                "alpha",
                format!("{} is not a share from 0 to 1", self.alpha),
            ));
        }
        Ok(())
    }
}

/// The same network with `factor` times the channels.
fn wider(network: &CnnConfig, factor: f64) -> CnnConfig {
    let wider = |block: &Block| Block {
        channels: (block.channels as f64 * factor).ceil() as usize,
        ..block.clone()
    };
    CnnConfig {
        blocks: network.blocks.iter().map(wider).collect(),
        ..network.clone()
    }
}

/// A network whose scores are learnt beside the labels.
#[derive(Clone, Copy)]
pub(crate) struct Teacher<'a> {
    pub network: &'a Network,
    pub snapshot: &'a Snapshot,
    /// Divides the scores of both.
    pub temperature: f32,
    /// Share of the teacher's scores in the loss.
    pub share: f32,
}

impl Teacher<'_> {
    /// Feeds all that the student depends on to `hash`.
    pub fn digest(&self, hash: &mut Sha256) {
        hash.update(self.temperature.to_le_bytes());
        hash.update(self.share.to_le_bytes());
        for x in &self.snapshot.values {
            hash.update(x.to_le_bytes());
        }
    }

    /// Class probabilities at the temperature for the normalised windows `x`, `[n][classes]`, in rows of the same
    /// sums as those of `hard`.
    pub fn targets(&self, x: &[f32], hard: &[f32]) -> Result<Vec<f32>, Error> {
        let classes = self.network.classes;
        let mut rows = infer::logits(self.network, self.snapshot, x)?;
        let pairs = rows
            .chunks_exact_mut(classes)
            .zip(hard.chunks_exact(classes));
        for (row, hard) in pairs {
            let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for score in row.iter_mut() {
                *score = ((*score - highest) / self.temperature).exp();
            }
            let weight = hard.iter().sum::<f32>() / row.iter().sum::<f32>();
            row.iter_mut().for_each(|score| *score *= weight);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_teacher_is_wider_and_otherwise_the_same() {
        let small = CnnConfig::cnn();
        let large = wider(&small, 1.5);
        let channels: Vec<usize> = large.blocks.iter().map(|b| b.channels).collect();
        assert_eq!(channels, [36, 72, 96, 96]);
        assert_eq!(wider(&large, 1.0), large);
        assert_eq!(large.blocks[1].kernel, small.blocks[1].kernel);
    }

    #[test]
    fn settings_are_checked() {
        let default = DistillConfig::default();
        for (field, bad) in [
            (
                "teacher",
                DistillConfig {
                    teacher: 0.5,
                    ..default.clone()
                },
            ),
            (
                "temperature",
                DistillConfig {
                    temperature: 0.0,
                    ..default.clone()
                },
            ),
            (
                "alpha",
                DistillConfig {
                    alpha: 1.1,
                    ..default.clone()
                },
            ),
        ] {
            let e = bad.validate().unwrap_err().to_string();
            assert!(e.contains(field), "{e}");
        }
        assert!(default.validate().is_ok());
    }
}
