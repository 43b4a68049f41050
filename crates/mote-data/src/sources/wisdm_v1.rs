//! WISDM v1.1 raw text: one file, `user,activity,timestamp,x,y,z;` in m/s^2, a phone in the front trouser
//! pocket at nominally 20 Hz. Known for several records on one line, empty fields, blank lines and zero or
//! repeated timestamps; each is counted.

use super::{Dataset, Source, base_name, locate, wisdm_2019::read_text};
use crate::{Error, Files, IngestReport, Reason, Sensor, Sink, recording::Collector};
use std::path::Path;

pub(super) const DATASET: Dataset = Dataset {
    name: "wisdm-v1.1",
    title: "WISDM Activity Recognition v1.1 (2012)",
    citation: "Kwapisz, Weiss, Moore: Activity Recognition using Cell Phone Accelerometers, SensorKDD 2010",
    url: "https://www.cis.fordham.edu/wisdm/includes/datasets/latest/WISDM_ar_latest.tar.gz",
    archive: "WISDM_ar_latest.tar.gz",
};

/// The file's name in every copy of the data set.
const RAW: &str = "WISDM_ar_v1.1_raw.txt";

/// Names of the activities in the file and in tasks.
pub(crate) const ACTIVITIES: [(&str, &str); 6] = [
    ("Walking", "walking"),
    ("Jogging", "jogging"),
    ("Upstairs", "upstairs"),
    ("Downstairs", "downstairs"),
    ("Sitting", "sitting"),
    ("Standing", "standing"),
];

/// Users are numbered 1 to 36.
pub(super) const USERS: std::ops::RangeInclusive<u32> = 1..=36;

/// Translates an activity from its name in the file to its name in tasks.
pub(super) fn activity(name: &[u8]) -> Result<&'static str, Reason> {
    let known = |(a, _): &&(&str, &str)| a.as_bytes() == name;
    let activity = ACTIVITIES.iter().find(known);
    activity.map(|a| a.1).ok_or(Reason::UnknownActivity)
}

/// Reader of the WISDM v1.1 raw file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WisdmV1;

impl Source for WisdmV1 {
    fn name(&self) -> &str {
        "wisdm-v1.1"
    }

    fn dataset(&self) -> Option<&'static Dataset> {
        Some(&DATASET)
    }

    fn mirrored_axes(&self) -> [bool; 3] {
        [true; 3]
    }

    fn locate(&self, root: Option<&Path>) -> Option<Files> {
        let names = [RAW, "WISDM_ar_v1.1/WISDM_ar_v1.1_raw.txt", DATASET.archive];
        locate(root, &DATASET, &names, &|n| self.wants(n))
    }

    fn wants(&self, name: &str) -> bool {
        base_name(name) == RAW
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        files.visit(&|n| self.wants(n), &mut |name, reader| {
            let mut collector = Collector::new(sink, ingest, name, Sensor::Accelerometer);
            read_text(reader, files, name, &mut collector, |user, name| {
                if !USERS.contains(&user) {
                    return Err(Reason::WrongUser);
                }
                activity(name)
            })?;
            collector.finish()
        })
    }
}
