//! Takes a pipeline out of Mote: as a `no_std` Rust crate, as one C header and source, or as a model file.
//!
//! A [`Deployment`] is everything that leaves: the network as it runs, how it is fed, and the evidence for it.
//! [`export`] writes it for one [`Target`], always with a model card. What is written is complete (it builds in an
//! empty directory, without Mote) and brings a [self-test](self_test) along, which compares it, bit for bit, with what
//! the engine decided here.
//!
//! ```no_run
//! use mote_codegen::{Deployment, Target, export};
//! use std::path::Path;
//!
//! let deployment = Deployment::load(Path::new("runs/hybrid/deployment.json"))?;
//! for file in export(&deployment, Target::C, Path::new("firmware/activity"))? {
//!     println!("{}", file.display());
//! }
//! # Ok::<(), mote_codegen::Error>(())
//! ```

#![allow(
    clippy::expect_used,
    reason = "a host crate: an invariant that does not hold is a bug, and says so"
)]

mod blob;
mod c;
mod card;
mod deployment;
mod error;
mod interface;
mod rust;
pub mod self_test;
mod source;

pub use deployment::{Deployment, Evidence, FORMAT, FinalModel};
pub use error::Error;
pub use source::{Paging, generate, paging};

use interface::Interface;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a deployment is exported to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A directory with a `no_std` crate that contains the engine.
    Rust,
    /// A C99 header and source.
    C,
    /// A file in the engine's model format.
    Blob,
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "rust" => Ok(Target::Rust),
            "c" => Ok(Target::C),
            "blob" => Ok(Target::Blob),
            other => {
                let what = format!("`{other}`; expected rust, c or blob");
                Err(Error::invalid("target", what))
            }
        }
    }
}

/// A file to be written: its path below the directory of the export, and its content.
struct File {
    path: String,
    content: Vec<u8>,
}

impl File {
    fn new(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            content: content.into(),
        }
    }
}

/// Writes `deployment` for `target` into `dir`, which is made when it does not exist, and returns the files written.
/// Files of these names that are there already are replaced.
///
/// # Errors
/// When parts of the deployment contradict each other, when the target cannot have something that the deployment
/// has (the message names it), or when a file cannot be written.
pub fn export(deployment: &Deployment, target: Target, dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let interface = Interface::of(deployment)?;
    let mut files = match target {
        Target::Rust => rust::files(deployment, &interface)?,
        Target::C => c::files(deployment, &interface)?,
        Target::Blob => blob::files(deployment, &interface)?,
    };
    let card = card::text(deployment, &interface, target);
    files.push(File::new("MODEL_CARD.md", card));
    let mut written = Vec::new();
    for file in files {
        let path = dir.join(file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        fs::write(&path, file.content).map_err(Error::io(&path))?;
        written.push(path);
    }
    Ok(written)
}

/// Replaces each `@key@` in `template` by its value.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (key, value) in values {
        text = text.replace(&format!("@{key}@"), value);
    }
    text
}
