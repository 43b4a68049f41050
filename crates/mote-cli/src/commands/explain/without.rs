//! Rows that have all techniques of a pipeline but one: read where they are, made where they are missing.

use super::Args;
use crate::args::{Args as Line, Command, DataArgs, SplitArgs, threads};
use crate::commands::compare;
use crate::experiment::device::{self, Optimize};
use crate::experiment::pool::Pool;
use crate::experiment::rows::Rows;
use crate::experiment::{Stopped, classical};
use crate::pipeline::Pipeline;
use crate::ui::Ui;
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use mote_report::{Results, Run};
use std::path::Path;

/// What is left of a pipeline without one technique.
pub struct Row<'r> {
    /// The technique left out.
    pub technique: &'r str,
    /// The row, or why there is none.
    pub made: Result<Run, String>,
}

/// One row per technique of `run`.
pub fn rows<'r>(args: &Args, results: &'r Results, run: &'r Run, ui: &Ui) -> Result<Vec<Row<'r>>> {
    let folder = args.results.parent().unwrap_or(Path::new("."));
    let kept = folder.join("explain").join(&run.pipeline);
    let before = mote_report::read(&kept.join("results.json")).ok();
    // Rows that were made for another version of the run say nothing about this one.
    let before = before.filter(|b| b.runs.first() == Some(run));
    let mut maker = None;
    let mut made = Results {
        runs: vec![run.clone()],
        command: compare::command(),
        ..results.clone()
    };
    let mut rows = Vec::new();
    for (i, technique) in run.techniques.iter().enumerate() {
        let known = [Some(results), before.as_ref()].into_iter().flatten();
        if let Some(found) = known.filter_map(|r| find(r, run, i)).next() {
            let found = found.clone();
            if !results.runs.contains(&found) {
                made.runs.push(found.clone());
            }
            rows.push(Row {
                technique,
                made: Ok(found),
            });
            continue;
        }
        if args.no_run {
            let made = Err("not in the file".to_owned());
            rows.push(Row { technique, made });
            continue;
        }
        let maker = match &mut maker {
            Some(maker) => maker,
            none => {
                let opened = Maker::open(args, results, run, folder, ui).with_context(|| {
                    format!(
                        "`{}` lacks the row of `{}` without {technique}, and it cannot be made (--no-run leaves it out)",
                        args.results.display(),
                        run.pipeline
                    )
                })?;
                none.insert(opened)
            }
        };
        let row = maker.row(i)?;
        if let Ok(run) = &row {
            made.runs.push(run.clone());
            // Written after every row: what was made is not made again.
            mote_report::write_report(&made, &kept)?;
        }
        rows.push(Row {
            technique,
            made: row,
        });
    }
    Ok(rows)
}

/// The run that has all techniques of `run` but number `left_out`, of the same network, task and split.
fn find<'r>(results: &'r Results, run: &Run, left_out: usize) -> Option<&'r Run> {
    let others = run.techniques.iter().enumerate();
    let wanted: Vec<&String> = others
        .filter(|(i, _)| *i != left_out)
        .map(|(_, t)| t)
        .collect();
    results.runs.iter().find(|r| {
        (&r.task, &r.split, &r.spec, r.window_s) == (&run.task, &run.split, &run.spec, run.window_s)
            && r.techniques.iter().eq(wanted.iter().copied())
            && r.model.macs.is_some()
    })
}

/// Makes rows as the recorded command did.
struct Maker<'a> {
    rows: Rows<'a>,
    pipeline: Pipeline,
}

impl<'a> Maker<'a> {
    fn open(args: &Args, results: &Results, run: &Run, folder: &Path, ui: &'a Ui) -> Result<Self> {
        let recorded = Recorded::read(&results.command)?;
        let pipeline = match &run.spec {
            Some(spec) => Pipeline {
                techniques: run.techniques.clone(),
                ..Pipeline::of_spec(&run.pipeline, spec.parse()?)
            },
            None => recorded.pipeline(run)?,
        };
        ensure!(
            classical::kind(&pipeline.model).is_none(),
            "`{}` is no network",
            pipeline.name
        );
        let boards = match args.no_device || run.device.is_empty() {
            true => Vec::new(),
            // The figures shown are those of the first board.
            false => device::boards(recorded.boards.get(..1).unwrap_or_default())?,
        };
        let data = DataArgs {
            data: args.data.clone().or(recorded.data.data.clone()),
            ..recorded.data
        };
        let threads = threads(args.threads);
        ui.catch_interrupt()?;
        let pool = Pool::new(data, recorded.split, folder.to_owned(), threads, ui);
        let rows = Rows::new(pool, recorded.epochs, boards, recorded.optimize, ui);
        Ok(Self { rows, pipeline })
    }

    /// The row without technique number `left_out`, or why there can be none.
    fn row(&mut self, left_out: usize) -> Result<Result<Run, String>> {
        let mut techniques = self.pipeline.techniques.clone();
        let technique = techniques.remove(left_out);
        let name = technique.split(':').next().unwrap_or(&technique);
        let pipeline = Pipeline {
            name: format!("{}-without-{name}", self.pipeline.name),
            techniques,
            baseline: Some(self.pipeline.name.clone()),
            ..self.pipeline.clone()
        };
        match self.rows.row(&pipeline) {
            Ok(row) => Ok(Ok(row.run)),
            Err(error) if error.is::<Stopped>() => Err(error),
            // Some techniques cannot do without another one.
            Err(error) => Ok(Err(format!("cannot be left out: {error:#}"))),
        }
    }
}

/// What the recorded command asked for.
struct Recorded {
    data: DataArgs,
    split: SplitArgs,
    epochs: Option<usize>,
    boards: Vec<String>,
    optimize: Optimize,
    /// Where its pipelines are from; only comparisons have some.
    compare: Option<compare::Args>,
}

impl Recorded {
    fn read(command: &str) -> Result<Self> {
        let words = mote_search::export::words(command)
            .with_context(|| format!("the recorded command `{command}` is not complete"))?;
        let line = Line::try_parse_from(words)
            .with_context(|| format!("this version does not understand `{command}`"))?;
        Ok(match line.command {
            Command::Compare(args) => Self {
                data: args.data.clone(),
                split: args.split.clone(),
                epochs: args.epochs,
                boards: args.boards.clone(),
                optimize: args.optimize,
                compare: Some(args),
            },
            Command::Fit(args) => Self {
                data: args.common.data(),
                split: args.common.split.clone(),
                epochs: None,
                boards: vec![args.common.board.clone()],
                optimize: args.common.optimize,
                compare: None,
            },
            _ => bail!("`{command}` is neither a comparison nor a fit"),
        })
    }

    /// The pipeline that `run` was made from.
    fn pipeline(&self, run: &Run) -> Result<Pipeline> {
        let pipelines = match &self.compare {
            Some(args) => args.chosen()?,
            None => Vec::new(),
        };
        let found = pipelines.into_iter().find(|p| p.name == run.pipeline);
        let pipeline =
            found.with_context(|| format!("its experiment has no pipeline `{}`", run.pipeline))?;
        ensure!(
            pipeline.techniques == run.techniques,
            "the experiment has changed: `{}` had the techniques {:?}",
            run.pipeline,
            run.techniques
        );
        Ok(pipeline)
    }
}
