//! Explains a pipeline by leaving one technique out at a time: rows are read where they are recorded, and made where
//! they are missing.

use crate::error::{Place as _, Result};
use crate::observer::Observer;
use crate::pipeline::Pipeline;
use crate::runner::ComparisonRunner;
use crate::settings::ComparisonSettings;
use mote_report::{Results, Run};
use std::path::{Path, PathBuf};

/// What is left of a pipeline without one technique.
#[derive(Debug)]
pub struct WithoutTechnique {
    /// The technique left out.
    pub technique: String,
    /// The row, or why there is none.
    pub made: Result<Run, String>,
}

/// How missing rows are made.
#[derive(Debug, Clone, Default)]
pub struct LeaveOneOut {
    /// Only read: leave missing rows out.
    pub only_read: bool,
    /// Leave the device figures of missing rows out.
    pub no_device: bool,
    /// The folder that holds the data sets, in place of the recorded one.
    pub data: Option<PathBuf>,
    /// Folds worked on at a time, in place of the recorded number.
    pub threads: Option<usize>,
    /// The command line that repeats this, recorded for people.
    pub command: String,
}

impl LeaveOneOut {
    /// Returns one row per technique of `run`, which is one of the runs in `file`. Rows that had to be made are kept in
    /// `explain/PIPELINE` beside the file.
    ///
    /// # Errors
    /// [`Error::Stopped`]; when a row is missing and cannot be made, says what to do. A technique that others cannot do
    /// without is no error: its row says why.
    pub fn rows(
        &self,
        file: &Path,
        results: &Results,
        run: &Run,
        observer: &Observer,
    ) -> Result<Vec<WithoutTechnique>> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let kept = folder.join("explain").join(&run.pipeline);
        let made_before = kept.join("results.json");
        let before = match made_before.is_file() {
            true => Some(mote_report::read(&made_before)?),
            false => None,
        };
        // Rows that were made for another version of the run say nothing about this one.
        let before = before.filter(|b| b.runs.first() == Some(run));
        let mut made = Results {
            runs: vec![run.clone()],
            command: self.command.clone(),
            ..results.clone()
        };
        let mut maker = None;
        let mut rows = Vec::new();
        for (i, technique) in run.techniques.iter().enumerate() {
            let mut known = [Some(results), before.as_ref()].into_iter().flatten();
            let row = if let Some(found) = known.find_map(|r| find(r, run, i)) {
                if !results.runs.contains(found) {
                    made.runs.push(found.clone());
                }
                Ok(found.clone())
            } else if self.only_read {
                Err("not in the file".to_owned())
            } else {
                let maker = match &mut maker {
                    Some(maker) => maker,
                    none => none.insert(self.maker(results, run, folder, observer).place(|| {
                        format!(
                            "`{}` lacks the row of `{}` without {technique}, and it cannot be made (--no-run leaves it out)",
                            file.display(),
                            run.pipeline
                        )
                    })?),
                };
                let row = maker.row(i)?;
                if let Ok(run) = &row {
                    made.runs.push(run.clone());
                    // Written after every row: what was made is not made again.
                    mote_report::write_report(&made, &kept)?;
                }
                row
            };
            rows.push(WithoutTechnique {
                technique: technique.clone(),
                made: row,
            });
        }
        Ok(rows)
    }

    /// Opens a runner with the recorded settings, whose checkpoints it finds in `folder`.
    fn maker(
        &self,
        results: &Results,
        run: &Run,
        folder: &Path,
        observer: &Observer,
    ) -> Result<Maker> {
        let mut settings = ComparisonSettings::recorded(results)?;
        let pipeline = Pipeline::recorded(run)?;
        // The figures shown are those of the first board.
        let boards = if self.no_device || run.device.is_empty() {
            0
        } else {
            1
        };
        settings.boards.truncate(boards);
        settings.out = folder.to_owned();
        settings.threads = self.threads.or(settings.threads);
        if self.data.is_some() {
            settings.data.folder.clone_from(&self.data);
        }
        Ok(Maker {
            runner: ComparisonRunner::new(settings, observer.clone())?,
            pipeline,
        })
    }
}

/// Returns the run that has all techniques of `run` but number `left_out`, of the same network, task and split.
fn find<'r>(results: &'r Results, run: &Run, left_out: usize) -> Option<&'r Run> {
    let others = run.techniques.iter().enumerate();
    let wanted: Vec<&String> = others
        .filter(|(i, _)| *i != left_out)
        .map(|(_, t)| t)
        .collect();
    let same = |r: &Run| {
        (&r.task, &r.split, &r.spec, r.window_s, model(r))
            == (&run.task, &run.split, &run.spec, run.window_s, model(run))
    };
    results.runs.iter().find(|r| {
        same(r) && r.techniques.iter().eq(wanted.iter().copied()) && r.model.macs.is_some()
    })
}

/// Returns the recorded name of the network.
fn model(run: &Run) -> Option<&str> {
    run.pipeline_spec.as_ref()?.get("model")?.as_str()
}

/// Makes rows as the recorded comparison did.
struct Maker {
    runner: ComparisonRunner,
    pipeline: Pipeline,
}

impl Maker {
    /// Returns the row without technique number `left_out`, or why there can be none.
    fn row(&self, left_out: usize) -> Result<Result<Run, String>> {
        let mut pipeline = self.pipeline.clone();
        let technique = pipeline.techniques.remove(left_out);
        pipeline.name = format!("{}-without-{}", self.pipeline.name, technique.name());
        pipeline.baseline = Some(self.pipeline.name.clone());
        match self.runner.run(&pipeline) {
            Ok(result) => Ok(Ok(result.run)),
            Err(error) if error.is_stopped() => Err(error),
            // Some techniques cannot do without another one.
            Err(error) => Ok(Err(format!("cannot be left out: {}", error.line()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_report::{Data, Metrics};

    fn results(techniques: &[&str]) -> Results {
        let mut run = Run::new("a", "synthetic/6", "group:2", Metrics::default());
        run.techniques = techniques.iter().map(|&t| t.to_owned()).collect();
        run.model.macs = Some(1);
        let mut results = Results::new("synthetic/6", Data::default());
        results.runs.push(run);
        results
    }

    #[test]
    fn a_row_that_is_there_is_read() {
        let mut all = results(&["int8", "flatten"]);
        all.runs.extend(results(&["flatten"]).runs);
        all.runs[1].pipeline = "b".to_owned();
        let options = LeaveOneOut {
            only_read: true,
            ..LeaveOneOut::default()
        };
        let rows = options
            .rows(
                Path::new("no/results.json"),
                &all,
                &all.runs[0],
                &Observer::silent(),
            )
            .unwrap();
        assert_eq!(rows[0].made.as_ref().unwrap().pipeline, "b");
        assert_eq!(rows[1].made.as_ref().unwrap_err(), "not in the file");
    }

    #[test]
    fn results_of_an_older_version_say_what_to_do() {
        let old = results(&["int8"]);
        let error = LeaveOneOut::default()
            .rows(
                Path::new("old/results.json"),
                &old,
                &old.runs[0],
                &Observer::silent(),
            )
            .unwrap_err()
            .line();
        for part in [
            "old/results.json",
            "older version",
            "run the comparison again",
            "--no-run",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
