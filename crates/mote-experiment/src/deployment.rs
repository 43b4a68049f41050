//! What `mote export` reads: one deployment per network, beside the results.

use crate::error::{Error, Place as _, Result};
use crate::evaluator::Applied;
use crate::trained::TrainedPipeline;
use mote_codegen::{Deployment, Evidence};
use mote_report::{Results, Run};
use std::path::{Path, PathBuf};

/// Name of the file in a pipeline's folder.
const FILE: &str = "deployment.json";

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

/// Writes the deployment of a trained pipeline.
pub(crate) fn save(
    trained: &TrainedPipeline,
    applied: &Applied,
    results: &Results,
    run: &Run,
) -> Result<()> {
    let experiment = &trained.experiment;
    let windows = experiment.windows();
    let deployment = Deployment {
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
    };
    let path = path(&experiment.out, &trained.pipeline.name);
    let folder = path
        .parent()
        .expect("the file lies in the pipeline's folder");
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    Ok(deployment.save(&path)?)
}
