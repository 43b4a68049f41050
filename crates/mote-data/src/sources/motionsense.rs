//! MotionSense, raw accelerometer: an iPhone in the front trouser pocket at 50 Hz.
//!
//! `B_Accelerometer_data/wlk_7/sub_3.csv`: the folder is activity and trial, the file the user; lines are
//! `index,x,y,z` in g under a header. There are no timestamps; the index at 50 Hz stands for them.

use super::{Dataset, Source, base_name, locate};
use crate::{
    Error, Files, IngestReport, Reason, STANDARD_GRAVITY, Sensor, Sink,
    recording::Collector,
    records::{decimal, number},
};
use std::{
    io::{BufRead, BufReader},
    path::Path,
};

const DATASET: Dataset = Dataset {
    name: "motionsense",
    title: "MotionSense (2019), raw accelerometer",
    citation: "Malekzadeh, Clegg, Cavallaro, Haddadi: Mobile Sensor Data Anonymization, IoTDI 2019",
    url: "https://raw.githubusercontent.com/mmalekzadeh/motion-sense/master/data/B_Accelerometer_data.zip",
    archive: "B_Accelerometer_data.zip",
};

/// Time from one index to the next, in ns.
const STEP_NS: i64 = 20_000_000;

/// Folder names and activities.
const ACTIVITIES: [(&str, &str); 6] = [
    ("wlk", "walking"),
    ("jog", "jogging"),
    ("ups", "upstairs"),
    ("dws", "downstairs"),
    ("sit", "sitting"),
    ("std", "standing"),
];

/// Reader of MotionSense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MotionSense;

/// Returns user and activity of a file, by its name.
fn user_activity(name: &str) -> Option<(u32, &'static str)> {
    let user = base_name(name).strip_prefix("sub_")?.strip_suffix(".csv")?;
    let (folder, _) = name.rsplit_once('/')?;
    let (code, _trial) = base_name(folder).split_once('_')?;
    let (_, activity) = ACTIVITIES.iter().find(|(c, _)| *c == code)?;
    Some((user.parse().ok()?, activity))
}

/// Parses `index,x,y,z` (in g) to a time in ns and a sample in m/s^2.
fn parse(line: &[u8]) -> Result<(i64, [f32; 3]), Reason> {
    let mut fields = line.split(|&b| b == b',').map(<[u8]>::trim_ascii);
    let (Some(index), Some(x), Some(y), Some(z), None) = (
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
    ) else {
        return Err(Reason::FieldCount);
    };
    if [index, x, y, z].iter().any(|f| f.is_empty()) {
        return Err(Reason::EmptyField);
    }
    let index: u32 = number(index)?;
    let g = [decimal(x)?, decimal(y)?, decimal(z)?];
    Ok((i64::from(index) * STEP_NS, g.map(|v| v * STANDARD_GRAVITY)))
}

impl Source for MotionSense {
    fn name(&self) -> &str {
        "motionsense"
    }

    fn dataset(&self) -> Option<&'static Dataset> {
        Some(&DATASET)
    }

    fn mirrored_axes(&self) -> [bool; 3] {
        [true; 3]
    }

    fn locate(&self, root: Option<&Path>) -> Option<Files> {
        locate(root, &DATASET, &[DATASET.archive], &|n| self.wants(n))
    }

    fn wants(&self, name: &str) -> bool {
        user_activity(name).is_some()
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        files.visit(&|n| self.wants(n), &mut |name, reader| {
            let Some(key) = user_activity(name) else {
                return Ok(());
            };
            let mut collector = Collector::new(sink, ingest, name, Sensor::Accelerometer);
            for (number, line) in (1..).zip(BufReader::new(reader).split(b'\n')) {
                let line = line.map_err(Error::io(files.entry(name)))?;
                let line = line.trim_ascii();
                if line.is_empty() {
                    collector.blank_lines(1);
                } else if number > 1 || line.first().is_some_and(u8::is_ascii_digit) {
                    match parse(line) {
                        Ok((t_ns, sample)) => collector.push(number, key, t_ns, sample)?,
                        Err(reason) => collector.reject(number, reason),
                    }
                }
            }
            collector.finish()
        })
    }
}
