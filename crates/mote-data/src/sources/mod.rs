//! Data sets: one file each, behind one trait.

mod motionsense;
mod npz;
mod synthetic;
mod wisdm_2019;
mod wisdm_features;
mod wisdm_v1;

pub use motionsense::MotionSense;
pub use npz::Npz;
pub use synthetic::Synthetic;
pub(crate) use wisdm_2019::ACTIVITIES as ACTIVITIES_2019;
pub use wisdm_2019::{Device, Wisdm2019};
pub use wisdm_features::WisdmFeatures;
pub use wisdm_v1::WisdmV1;

use crate::{ChannelInfo, Error, Files, IngestReport, Sink};
use std::{fmt, path::Path, sync::Arc};

/// A published data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// Short name, also the folder below the data root.
    pub name: &'static str,
    /// Full name.
    pub title: &'static str,
    /// Whom to cite.
    pub citation: &'static str,
    /// Official archive.
    pub url: &'static str,
    /// Name of that archive below the data set's folder.
    pub archive: &'static str,
}

/// What a source passes to its sink.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Layout {
    /// Recordings, to be resampled and cut into windows.
    Recordings {
        /// Values per sample.
        channels: usize,
    },
    /// Ready-made windows: samples, or rows of features (`time` is 1 then).
    Windows {
        /// Time steps per window.
        time: usize,
        /// Channels, or features.
        channels: usize,
        /// Rate in Hz.
        rate_hz: f32,
        /// New samples from one window to the next.
        hop: usize,
    },
}

/// Reads one data set.
pub trait Source: fmt::Debug + Send + Sync {
    /// Returns its name, as in task names (`wisdm-2019-watch`).
    fn name(&self) -> &str;

    /// Returns the published data set it reads, if that can be downloaded.
    fn dataset(&self) -> Option<&'static Dataset>;

    /// Looks for the data: below `root`, for published data sets.
    fn locate(&self, root: Option<&Path>) -> Option<Files>;

    /// Returns whether the file `name` of the data set belongs to this source.
    fn wants(&self, name: &str) -> bool;

    /// Returns whether it has recordings or ready-made windows.
    fn layout(&self) -> Layout {
        Layout::Recordings { channels: 3 }
    }

    /// Says what the channels of recordings are, in order; empty for sources that cannot know.
    fn channels(&self) -> Vec<ChannelInfo> {
        match self.layout() {
            Layout::Recordings { channels: 3 } => ChannelInfo::accelerometer(),
            Layout::Windows {
                time, channels: 3, ..
            } if time > 1 => ChannelInfo::accelerometer(),
            _ => Vec::new(),
        }
    }

    /// Returns whether the data is synthetic.
    fn is_synthetic(&self) -> bool {
        false
    }

    /// Returns, for x, y and z, whether a recording mirrored along that axis is as plausible as the recording itself.
    ///
    /// That holds for all axes of a phone, which may be in the pocket any way round. Of a watch it holds for the axis along
    /// the forearm, which points to the hand on one wrist and to the elbow on the other.
    fn mirrored_axes(&self) -> [bool; 3] {
        [false; 3]
    }

    /// Computes the SHA-256, in hex, over the bytes of the files.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn digest(&self, files: &Files) -> Result<String, Error> {
        files.digest(&|name| self.wants(name))
    }

    /// Reads everything: passes recordings (or ready-made windows) to `sink`, one at a time, and counts every record in
    /// `ingest`.
    ///
    /// # Errors
    /// When a file cannot be read at all, or the sink returns an error; bad records are no error.
    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error>;
}

/// Lists the built-in sources of published data.
pub fn sources() -> Vec<Arc<dyn Source>> {
    vec![
        Arc::new(Wisdm2019::new(Device::Watch)),
        Arc::new(Wisdm2019::new(Device::Phone)),
        Arc::new(WisdmV1),
        Arc::new(WisdmFeatures),
        Arc::new(MotionSense),
    ]
}

/// Finds `dataset` below `root`: as the first of `names` in the data set's folder or in `root` itself, or as
/// a folder that holds a wanted file. `root` may also be the file.
fn locate(
    root: Option<&Path>,
    dataset: &Dataset,
    names: &[&str],
    wants: &dyn Fn(&str) -> bool,
) -> Option<Files> {
    let root = root?;
    let folder = root.join(dataset.name);
    let is_one = |p: &Path| names.iter().any(|n| p.ends_with(n));
    if root.is_file() {
        return is_one(root).then(|| Files::at(root));
    }
    let named = [folder.as_path(), root]
        .into_iter()
        .flat_map(|base| names.iter().map(move |n| base.join(n)))
        .find(|p| p.is_file());
    if let Some(path) = named {
        return Some(Files::at(path));
    }
    let folder = if folder.is_dir() {
        folder
    } else {
        root.to_owned()
    };
    let files = Files::at(folder);
    files.holds(wants).then_some(files)
}

/// Returns the last part of a `/`-separated name.
fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
