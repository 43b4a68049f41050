//! WISDM Smartphone and Smartwatch Activity and Biometrics data set (2019), raw text.
//!
//! Lines are `user,code,timestamp in ns,x,y,z;` in m/s^2 (rad/s for the gyroscope), one file per user,
//! device and sensor, `data_1600_accel_watch.txt`. Rates vary with user and activity, so only the
//! timestamps give the time.

use super::{Dataset, Source, base_name, locate};
use crate::{
    Error, Files, IngestReport, Reason, Sensor, Sink, recording::Collector, records::read_records,
};
use std::{io::Read, path::Path};

const DATASET: Dataset = Dataset {
    name: "wisdm-2019",
    title: "WISDM Smartphone and Smartwatch Activity and Biometrics Dataset (2019)",
    citation: "Weiss, Yoneda, Hayajneh: Smartphone and Smartwatch-Based Biometrics Using Activities of \
               Daily Living, IEEE Access 7 (2019), 10.1109/ACCESS.2019.2940729",
    url: "https://archive.ics.uci.edu/static/public/507/\
          wisdm+smartphone+and+smartwatch+activity+and+biometrics+dataset.zip",
    archive: "wisdm+smartphone+and+smartwatch+activity+and+biometrics+dataset.zip",
};

/// Activity codes and names, from the data set's `activity_key.txt` (there is no `N`).
pub(crate) const ACTIVITIES: [(u8, &str); 18] = [
    (b'A', "walking"),
    (b'B', "jogging"),
    (b'C', "stairs"),
    (b'D', "sitting"),
    (b'E', "standing"),
    (b'F', "typing"),
    (b'G', "teeth"),
    (b'H', "soup"),
    (b'I', "chips"),
    (b'J', "pasta"),
    (b'K', "drinking"),
    (b'L', "sandwich"),
    (b'M', "kicking"),
    (b'O', "catch"),
    (b'P', "dribbling"),
    (b'Q', "writing"),
    (b'R', "clapping"),
    (b'S', "folding"),
];

/// Where the sensor was worn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// On the wrist of the dominant hand.
    Watch,
    /// In the trouser pocket.
    Phone,
}

/// Reader of one device and sensor of WISDM 2019.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wisdm2019 {
    device: Device,
    sensor: Sensor,
}

impl Wisdm2019 {
    /// Builds a reader of the accelerometer of `device`.
    pub fn new(device: Device) -> Self {
        Self::with_sensor(device, Sensor::Accelerometer)
    }

    /// Builds a reader of any sensor of `device`; not every copy of the data set has the gyroscope.
    pub fn with_sensor(device: Device, sensor: Sensor) -> Self {
        Self { device, sensor }
    }

    /// Returns the user whose file this is; `None` when this source does not want it.
    fn user(&self, name: &str) -> Option<u32> {
        let rest = base_name(name)
            .strip_prefix("data_")?
            .strip_suffix(".txt")?;
        let (user, kind) = rest.split_once('_')?;
        let wanted = match (self.sensor, self.device) {
            (Sensor::Accelerometer, Device::Watch) => "accel_watch",
            (Sensor::Accelerometer, Device::Phone) => "accel_phone",
            (Sensor::Gyroscope, Device::Watch) => "gyro_watch",
            (Sensor::Gyroscope, Device::Phone) => "gyro_phone",
        };
        (kind == wanted).then_some(user)?.parse().ok()
    }
}

impl Source for Wisdm2019 {
    fn name(&self) -> &str {
        match self.device {
            Device::Watch => "wisdm-2019-watch",
            Device::Phone => "wisdm-2019-phone",
        }
    }

    fn dataset(&self) -> Option<&'static Dataset> {
        Some(&DATASET)
    }

    fn mirrored_axes(&self) -> [bool; 3] {
        match self.device {
            Device::Watch => [true, false, false],
            Device::Phone => [true; 3],
        }
    }

    fn locate(&self, root: Option<&Path>) -> Option<Files> {
        let names = ["wisdm-dataset.zip", DATASET.archive];
        locate(root, &DATASET, &names, &|n| self.wants(n))
    }

    fn wants(&self, name: &str) -> bool {
        self.user(name).is_some()
    }

    fn read(
        &self,
        files: &Files,
        ingest: &mut IngestReport,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        files.visit(&|n| self.wants(n), &mut |name, reader| {
            let owner = self.user(name);
            let mut collector = Collector::new(sink, ingest, name, self.sensor);
            read_text(reader, files, name, &mut collector, |user, code| {
                if owner.is_some_and(|o| o != user) {
                    return Err(Reason::WrongUser);
                }
                let known = |(c, _): &&(u8, &str)| matches!(code, [x] if x == c);
                let activity = ACTIVITIES.iter().find(known);
                activity.map(|a| a.1).ok_or(Reason::UnknownActivity)
            })?;
            collector.finish()
        })
    }
}

/// Reads WISDM text; `known` checks the user and names the activity.
pub(super) fn read_text(
    reader: &mut dyn Read,
    files: &Files,
    name: &str,
    collector: &mut Collector<'_>,
    known: impl Fn(u32, &[u8]) -> Result<&'static str, Reason>,
) -> Result<(), Error> {
    let blank = read_records(reader, |line, record| {
        let named = record.and_then(|r| {
            if r.t_ns == 0 {
                return Err(Reason::ZeroTimestamp);
            }
            known(r.user, r.activity).map(|activity| (r, activity))
        });
        match named {
            Ok((r, activity)) => collector.push(line, (r.user, activity), r.t_ns, r.sample),
            Err(reason) => {
                collector.reject(line, reason);
                Ok(())
            }
        }
    })
    .map_err(Error::io(files.entry(name)))??;
    collector.blank_lines(blank);
    Ok(())
}
