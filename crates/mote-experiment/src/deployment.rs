//! What `mote export` reads: one deployment per network, beside the results.

use crate::error::{Error, Place as _, Result};
use crate::evaluator::Applied;
use crate::trained::TrainedPipeline;
use mote_codegen::{Deployment, Evidence};
use mote_report::{Results, Run};
use std::path::{Path, PathBuf};

/// Name of the file in a pipeline's folder.
const FILE: &str = "deployment.json";

/// Name of the final model's file beside it.
const FINAL: &str = "final.json";

/// Returns where the deployment of `pipeline` lies below the output folder of its comparison.
pub fn path(out: &Path, pipeline: &str) -> PathBuf {
    out.join("pipelines").join(pipeline).join(FILE)
}

/// Returns the path of the deployment of `pipeline` below `out`.
///
/// # Errors
/// [`Error::Invalid`] with the pipelines there are.
pub fn find(out: &Path, pipeline: &str) -> Result<PathBuf> {
    let path = path(out, pipeline);
    if path.is_file() {
        return Ok(path);
    }
    let pipelines = out.join("pipelines");
    let entries = std::fs::read_dir(&pipelines)
        .map_err(Error::io("list", &pipelines))
        .place(|| {
            format!(
                "no pipelines in `{}`: run `mote compare --out {}` first, or name the folder of one with --out",
                pipelines.display(),
                out.display()
            )
        })?;
    let mut known: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join(FILE).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    known.sort();
    let pipelines = pipelines.display();
    Err(Error::Invalid(if known.is_empty() {
        format!(
            "`{pipelines}` has no deployment: run `mote compare` again, this version keeps one per pipeline"
        )
    } else {
        format!(
            "there is no pipeline `{pipeline}` in `{pipelines}`; there are: {}",
            known.join(", ")
        )
    }))
}

/// Returns where the final model of `pipeline` lies below the output folder of its comparison.
pub fn final_path(out: &Path, pipeline: &str) -> PathBuf {
    out.join("pipelines").join(pipeline).join(FINAL)
}

/// Reads what is deployed: a deployment file when `name` ends in `.json`, else the pipeline `name` below `out`, its final
/// model where there is one. Returns the file with it.
///
/// # Errors
/// As [`find`]; when the final model was made after another comparison than the one whose results lie there.
pub fn open(out: &Path, name: &str) -> Result<(Deployment, PathBuf)> {
    if name.ends_with(".json") {
        let path = PathBuf::from(name);
        return Ok((Deployment::load(&path)?, path));
    }
    let folds = find(out, name)?;
    let path = final_path(out, name);
    if !path.is_file() {
        return Ok((Deployment::load(&folds)?, folds));
    }
    let (last, first) = (Deployment::load(&path)?, Deployment::load(&folds)?);
    if !same_comparison(&last, &first) {
        return Err(Error::Invalid(format!(
            "the final model `{}` was made before `{name}` was compared again, with other data or settings: run `mote train \
             --final {name} --out {}` to make it anew, or name `{}` to take the network of the first fold",
            path.display(),
            out.display(),
            folds.display()
        )));
    }
    Ok((last, path))
}

/// Returns whether the figures of two deployments come from the same comparison. Times and measured latencies of the host
/// differ when a comparison is repeated, and do not count.
fn same_comparison(a: &Deployment, b: &Deployment) -> bool {
    let key = |d: &Deployment| {
        d.evidence.as_ref().map(|e| {
            let run = &e.run;
            (
                e.data.digest.clone(),
                e.seed,
                run.split.clone(),
                run.pipeline_spec.clone(),
                run.metrics.clone(),
            )
        })
    };
    key(a) == key(b)
}

/// Writes the deployment of a trained pipeline.
pub(crate) fn save(
    trained: &TrainedPipeline,
    applied: &Applied,
    results: &Results,
    run: &Run,
) -> Result<()> {
    let path = path(&trained.experiment.out, &trained.pipeline.name);
    write(&of(trained, applied, results, run)?, &path)
}

/// Writes `deployment` to `path`, and the folder that it lies in.
pub(crate) fn write(deployment: &Deployment, path: &Path) -> Result<()> {
    let folder = path
        .parent()
        .expect("the file lies in the pipeline's folder");
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    Ok(deployment.save(path)?)
}

/// Returns the deployment of a trained pipeline, with the figures of `run`.
pub(crate) fn of(
    trained: &TrainedPipeline,
    applied: &Applied,
    results: &Results,
    run: &Run,
) -> Result<Deployment> {
    let experiment = &trained.experiment;
    let windows = experiment.windows();
    Ok(Deployment {
        evidence: Some(Evidence {
            // A pipeline may bring a window of its own.
            data: experiment.describe(),
            ..Evidence::new(results, run)
        }),
        ..Deployment::new(
            &trained.pipeline.name,
            applied.artifact.network()?.into_owned(),
            applied.artifact.runtime,
            f64::from(windows.rate_hz),
            windows.time,
            trained.hop(applied),
        )
    })
}
