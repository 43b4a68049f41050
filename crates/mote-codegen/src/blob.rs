//! The network in the engine's model format.

use crate::interface::Interface;
use crate::{Deployment, Error, File};
use mote_model::{Strategy, plan, to_blob};

/// Writes the model with the smallest arena that an interpreter can use, whatever runtime the pipeline was measured with.
pub(crate) fn files(deployment: &Deployment, _: &Interface) -> Result<Vec<File>, Error> {
    let graph = &deployment.graph;
    let plan = plan(graph, Strategy::Overlap)?;
    let name = format!("{}.mote", deployment.slug());
    Ok(vec![File::new(name, to_blob(graph, &plan)?)])
}
