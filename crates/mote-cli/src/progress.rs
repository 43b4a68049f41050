//! What happens in an experiment, as lines and bars of the terminal.

use crate::ui::Ui;
use indicatif::ProgressBar;
use mote_data::{IngestReport, SplitKind};
use mote_experiment::{Event, Observer, Training};
use mote_search::{Candidate, Figures, Status};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Returns an observer that shows what happens, and stops on Ctrl-C.
pub fn observer(ui: &Ui) -> Observer {
    let shown = Shown {
        ui: ui.clone(),
        bars: Mutex::default(),
    };
    Observer::new(move |event| shown.event(event), ui.stop())
}

struct Shown {
    ui: Ui,
    bars: Mutex<HashMap<Training, ProgressBar>>,
}

impl Shown {
    fn event(&self, event: Event<'_>) {
        let ui = &self.ui;
        match event {
            Event::Reading { task } => ui.info(format_args!("reading {task} ...")),
            Event::DataRead {
                source,
                windows,
                ingest,
                folds,
                split,
                synthetic,
            } => {
                if synthetic {
                    ui.warn("SYNTHETIC recordings: the figures say nothing about people");
                }
                if let SplitKind::Time { .. } = split {
                    ui.warn(format_args!(
                        "split `{split}`: the same users train and test, at different times; figures hold for them, not for others"
                    ));
                } else if split.leaks() {
                    ui.warn(format_args!(
                        "split `{split}` puts the same user on both sides: accuracy comes out too high (a leak, asked for by name)"
                    ));
                }
                tell_ingest(ui, ingest);
                ui.info(format_args!(
                    "{source}: {windows} windows, {} records rejected; {folds} folds ({split})",
                    ingest.rejected()
                ));
            }
            Event::NetworksLeftOut { task } => ui.info(format_args!(
                "{task} is a table of features: networks are left out"
            )),
            Event::RowImpossible { pipeline, why } => {
                ui.warn(format_args!("`{pipeline}` has no row: {why}"));
            }
            Event::Evaluating { pipeline } => {
                ui.info(format_args!("{pipeline}: evaluating in the engine"));
            }
            Event::Building { pipeline, board } => {
                ui.info(format_args!("{pipeline}: firmware for {board}"));
            }
            Event::Measured {
                toolchain,
                emulator,
                ..
            } => ui.detail(format_args!("  {toolchain}; {emulator}")),
            Event::MeasurementFailed {
                pipeline,
                board,
                why,
            } => ui.warn(format_args!("{pipeline} on {board}: {why}")),
            Event::TrainingFinal {
                pipeline,
                users,
                epochs,
                epochs_from,
            } => ui.info(format_args!(
                "{pipeline}: the final model trains on all {users} users for {epochs} epochs ({epochs_from})"
            )),
            training => self.training(training),
        }
    }

    /// Shows trainings and fittings as bars.
    fn training(&self, event: Event<'_>) {
        let bars = || self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::TrainingStarted {
                training,
                model,
                folds,
                epochs,
            } => {
                let bar = self.ui.bar((folds * epochs) as u64, model);
                bars().insert(training, bar);
            }
            Event::EpochDone {
                training,
                fold,
                epoch,
            } => {
                if let Some(bar) = bars().get(&training) {
                    bar.inc(1);
                    if let Some(v) = epoch.validation {
                        bar.set_message(format!(
                            "fold {}: epoch {}, validation m-F1 {:.3}",
                            fold + 1,
                            epoch.epoch + 1,
                            v.macro_f1
                        ));
                    }
                }
            }
            Event::FittingStarted {
                training,
                pipeline,
                folds,
            } => {
                self.ui.info(format_args!("{pipeline}: fitting"));
                let bar = self.ui.bar(folds as u64, pipeline);
                bars().insert(training, bar);
            }
            Event::FoldFitted { training } => {
                if let Some(bar) = bars().get(&training) {
                    bar.inc(1);
                }
            }
            Event::TrainingEnded { training } | Event::FittingEnded { training } => {
                if let Some(bar) = bars().remove(&training) {
                    bar.finish_and_clear();
                }
            }
            search => self.search(search),
        }
    }

    fn search(&self, event: Event<'_>) {
        let ui = &self.ui;
        match event {
            Event::TrialDone { record } => ui.detail(format_args!(
                "m-F1 {:.3} of {} folds, {} % of the epochs, {:.0} s: {}",
                record.score(),
                record.fidelity.folds,
                record.fidelity.percent,
                record.seconds,
                record.candidate
            )),
            Event::TrialFailed { spec, why } => ui.warn(format_args!("{spec}: {why}")),
            Event::RecordCutOff { cut_off } => ui.warn(format_args!("{cut_off}")),
            Event::RecordsCollected { count } => {
                ui.info(format_args!("{count} records collected"));
            }
            Event::TrialsKnown { count } => {
                ui.info(format_args!("{count} trials are known already"));
            }
            Event::SearchStarted { limits } => ui.info(format_args!("limits: {limits}")),
            Event::SearchProgress { status } => front_so_far(status, ui),
            // Events that come with a later version of the library.
            _ => {}
        }
    }
}

/// Shows where a search stands.
fn front_so_far(status: &Status<'_>, ui: &Ui) {
    ui.info(format_args!(
        "{:.0} min: {} candidates tried{}; front of {} folds, {} % of the epochs:",
        status.elapsed.as_secs_f64() / 60.0,
        status.candidates,
        if status.all_folds {
            ", some on all folds"
        } else {
            ""
        },
        status.fidelity.folds,
        status.fidelity.percent
    ));
    for record in status.front.iter().take(8) {
        ui.info(format_args!(
            "  {}",
            candidate_row(record.score(), &record.figures, &record.candidate)
        ));
    }
}

/// Head of the columns of [`candidate_row`].
pub const CANDIDATE_HEAD: &str = " m-F1    flash     RAM    cycles       ms       uJ  candidate";

/// Returns the figures of a candidate, as columns.
pub fn candidate_row(macro_f1: f64, f: &Figures, spec: &Candidate) -> String {
    let or = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
    format!(
        "{macro_f1:.3} {:>8} {:>7} {:>9} {:>8} {:>8}  {spec}",
        f.flash,
        f.ram,
        f.cycles.map_or("-".to_owned(), |c| c.to_string()),
        or(f.latency_ms),
        or(f.energy_uj)
    )
}

/// Says what was not read and why, and what the owner of the data should know.
pub fn tell_ingest(ui: &Ui, ingest: &IngestReport) {
    for skipped in &ingest.skipped {
        ui.info(format_args!(
            "not read: {}: {}",
            skipped.file, skipped.reason
        ));
    }
    for (reason, count) in &ingest.rejected {
        let example = ingest.examples.iter().find(|e| e.reason == *reason);
        let example = example.map_or(String::new(), |e| format!("; the first is {e}"));
        ui.warn(format_args!("{count} records rejected: {reason}{example}"));
    }
    for (label, count) in &ingest.unknown_labels {
        ui.warn(format_args!(
            "{count} records of the unknown activity {label:?}"
        ));
    }
    for finding in &ingest.findings {
        ui.warn(finding);
    }
}
