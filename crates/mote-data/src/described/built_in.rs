//! Published data sets that a description can read: the files of `datasets/`, to copy and edit.

use super::Described;
use crate::{
    Dataset, Error, Files, IngestReport, Sink, Task,
    sources::{Layout, Source},
};
use std::{path::Path, sync::Arc, sync::LazyLock};

/// The files of `datasets/`, by name.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/datasets.rs"));

/// All of them, read once.
static BUILT_IN: LazyLock<Vec<BuiltIn>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &'static str)| {
        BuiltIn::new(name, text).expect("a test reads every description")
    };
    EMBEDDED.iter().map(read).collect()
});

/// A published data set, and its description.
#[derive(Debug, Clone)]
struct BuiltIn {
    dataset: &'static Dataset,
    described: Described,
}

/// A built-in data set as a source.
#[derive(Debug, Clone, Copy)]
struct Published(&'static BuiltIn);

/// Returns the tasks of the built-in descriptions, each with all classes: `pamap2/12`.
pub(crate) fn tasks() -> Vec<Task> {
    let task = |built_in: &'static BuiltIn| {
        let labels = built_in.described.labels();
        let name = format!("{}/{}", built_in.dataset.name, labels.len());
        Task::new(
            name,
            labels,
            built_in.described.rate_hz(),
            Arc::new(Published(built_in)),
        )
    };
    BUILT_IN.iter().map(task).collect()
}

/// Returns the text of the built-in description called `name`.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    EMBEDDED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

impl BuiltIn {
    fn new(name: &'static str, text: &'static str) -> Result<Self, Error> {
        let described = Described::built_in(name, text)?;
        let about = described.about();
        let dataset = Dataset {
            name,
            title: about.title.leak(),
            citation: about.cite.leak(),
            url: about.url.leak(),
            archive: "",
        };
        Ok(Self {
            // One small value per data set, for the time of the program.
            dataset: Box::leak(Box::new(dataset)),
            described,
        })
    }
}

impl Source for Published {
    fn name(&self) -> &str {
        self.0.dataset.name
    }

    fn dataset(&self) -> Option<&'static Dataset> {
        Some(self.0.dataset)
    }

    /// The data set's folder below `root`, or `root` itself when it has its files.
    fn locate(&self, root: Option<&Path>) -> Option<Files> {
        let root = root?;
        let folder = root.join(self.0.dataset.name);
        [folder.as_path(), root]
            .into_iter()
            .map(|path| Files::at(path).with_archives())
            .find(|files| files.path().exists() && files.holds_deep(&|name| self.wants(name)))
    }

    fn wants(&self, name: &str) -> bool {
        self.0.described.wants(name)
    }

    fn layout(&self) -> Layout {
        self.0.described.layout()
    }

    fn channels(&self) -> Vec<crate::ChannelInfo> {
        self.0.described.channels()
    }

    fn mirrored_axes(&self) -> [bool; 3] {
        self.0.described.mirrored_axes()
    }

    fn digest(&self, files: &Files) -> Result<String, Error> {
        self.0.described.digest(files)
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        self.0.described.read(files, ingest, sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_description_is_read_and_says_where_it_comes_from() {
        let names: BTreeSet<&str> = BUILT_IN.iter().map(|b| b.dataset.name).collect();
        assert_eq!(names.len(), EMBEDDED.len());
        assert!(names.contains("pamap2") && names.contains("umafall"));
        for built_in in BUILT_IN.iter() {
            let d = built_in.dataset;
            assert!(
                d.url.starts_with("http") && !d.title.is_empty() && d.citation.len() > 10,
                "{d:?}"
            );
            assert!(built_in.described.labels().len() > 3, "{d:?}");
        }
    }
}
