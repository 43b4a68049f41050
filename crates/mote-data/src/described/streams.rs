//! Rows of one file, grouped by user and device, on their way to recordings.

use super::{
    description::Description,
    reader::Known,
    samples::{Samples, join},
    text::text,
    users::Users,
};
use crate::{Error, IngestReport, Reason, Recording, Sensor, Sink};
use std::collections::HashMap;

/// One parsed row.
pub(crate) struct Row {
    pub user: Vec<u8>,
    pub device: Vec<u8>,
    /// The label that `class` was looked up for.
    pub label: Vec<u8>,
    pub class: Option<String>,
    /// Time in ns, where the file has one.
    pub t_ns: Option<i64>,
    pub sensors: Vec<RowSensor>,
}

/// The values of one sensor in a row.
pub(crate) struct RowSensor {
    pub there: bool,
    /// Largest plausible magnitude.
    pub limit: f32,
    pub values: Vec<f32>,
}

impl Row {
    pub(crate) fn new(description: &Description) -> Self {
        let sensor = |channel: &super::description::Channel| RowSensor {
            there: false,
            limit: channel.quantity.plausible(),
            values: vec![0.0; channel.columns.as_slice().len()],
        };
        Self {
            user: Vec::new(),
            device: Vec::new(),
            label: Vec::new(),
            class: None,
            t_ns: None,
            sensors: description.channels.iter().map(sensor).collect(),
        }
    }

    pub(crate) fn clear(&mut self) {
        for sensor in &mut self.sensors {
            sensor.there = false;
        }
    }
}

/// Most samples of one recording; a longer one goes on as the next, so that memory stays bounded.
const LONGEST: usize = 1 << 22;

/// What one user, or one device of a user, has recorded since the last change of activity.
struct Stream {
    user: u32,
    class: String,
    /// Lines of the first and the last row since then.
    lines: (u64, u64),
    sensors: Vec<Samples>,
    /// Rows of each sensor so far; stands for the time where there is none.
    rows: Vec<u64>,
}

/// Groups the rows of one file.
pub(crate) struct Streams<'a> {
    description: &'a Description,
    sink: &'a mut dyn Sink,
    ingest: &'a mut IngestReport,
    users: &'a mut Users,
    file: &'a str,
    /// Whether rows have times. Without them, a recording ends where rows of another user begin.
    timed: bool,
    /// Class of the whole file, where its path or a constant says so.
    class: Option<String>,
    step_ns: f64,
    open: Vec<Stream>,
    index: HashMap<(Vec<u8>, Vec<u8>), usize>,
    /// Key and position of the stream that the last row went to.
    last: Option<(Vec<u8>, Vec<u8>, usize)>,
}

impl<'a> Streams<'a> {
    pub(crate) fn new(
        description: &'a Description,
        sink: &'a mut dyn Sink,
        ingest: &'a mut IngestReport,
        users: &'a mut Users,
        file: &'a str,
        class: Option<String>,
    ) -> Self {
        Self {
            description,
            sink,
            ingest,
            users,
            file,
            timed: !description.columns.time.as_slice().is_empty(),
            class,
            step_ns: 1e9 / f64::from(description.rate_hz),
            open: Vec::new(),
            index: HashMap::new(),
            last: None,
        }
    }

    pub(crate) fn begin_file(&mut self) {
        self.ingest.files += 1;
    }

    pub(crate) fn skip_empty(&mut self) {
        self.ingest.files += 1;
        self.ingest.empty_files += 1;
        self.ingest.skip(self.file, "empty");
    }

    pub(crate) fn lines_above_header(&mut self, count: u64) {
        self.ingest.lines_above_header += count;
    }

    pub(crate) fn no_record(&mut self) {
        self.ingest.rows_without_sample += 1;
    }

    pub(crate) fn unknown_label(&mut self, label: &str) {
        self.ingest.unknown_label(label);
    }

    /// Rejects a row. Without a time column, time goes on with it.
    pub(crate) fn reject(&mut self, line: u64, reason: Reason, detail: impl FnOnce() -> String) {
        self.ingest.reject_field(self.file, line, reason, || {
            Some(detail()).filter(|d| !d.is_empty())
        });
        if let Some(stream) = self.last.as_ref().and_then(|l| self.open.get_mut(l.2)) {
            for rows in &mut stream.rows {
                *rows += 1;
            }
        }
    }

    pub(crate) fn blank_line(&mut self, ends_recording: bool) -> Result<(), Error> {
        self.ingest.blank_lines += 1;
        if ends_recording {
            return self.finish();
        }
        Ok(())
    }

    /// Adds a row; a change of activity passes on what the user has recorded before.
    pub(crate) fn push(&mut self, line: u64, row: &Row, known: &Known) -> Result<(), Error> {
        let at = match &self.last {
            Some((user, device, at)) if *user == row.user && *device == row.device => *at,
            _ => {
                if !self.timed {
                    self.finish()?;
                }
                self.stream(row, known)
            }
        };
        let Some(class) = row.class.as_ref().or(self.class.as_ref()) else {
            return Ok(());
        };
        let ends =
            |s: &Stream| s.class != *class || s.sensors.iter().any(|s| s.t_ns.len() >= LONGEST);
        if self.open.get(at).is_some_and(ends) {
            let class = class.clone();
            self.flush_up_to(at)?;
            if let Some(stream) = self.open.get_mut(at) {
                stream.class = class;
            }
        }
        let Some(stream) = self.open.get_mut(at) else {
            return Ok(());
        };
        if stream.sensors.iter().all(|s| s.t_ns.is_empty()) {
            stream.lines.0 = line;
        }
        stream.lines.1 = line;
        let slots = stream.sensors.iter_mut().zip(&mut stream.rows);
        for (sensor, (samples, rows)) in row.sensors.iter().zip(slots) {
            if sensor.there {
                *rows += 1;
                let t_ns = row.t_ns.unwrap_or((*rows as f64 * self.step_ns) as i64);
                samples.push(t_ns, line, &sensor.values);
            }
        }
        Ok(())
    }

    /// Finds the stream of a row, or opens it.
    fn stream(&mut self, row: &Row, known: &Known) -> usize {
        let key = (row.user.clone(), row.device.clone());
        let at = match self.index.get(&key) {
            Some(&at) => at,
            None => {
                let name = match &known.user {
                    Some(user) if self.description.columns.user.is_none() => user.clone(),
                    _ => text(&row.user).into_owned(),
                };
                let count = row.sensors.len();
                self.open.push(Stream {
                    user: self.users.number(&name),
                    class: row.class.clone().or(self.class.clone()).unwrap_or_default(),
                    lines: (0, 0),
                    sensors: vec![Samples::default(); count],
                    rows: vec![0; count],
                });
                self.index.insert(key.clone(), self.open.len() - 1);
                self.open.len() - 1
            }
        };
        self.last = Some((key.0, key.1, at));
        at
    }

    /// Passes on what stream `at` has recorded, after what others had ended before it began: recordings stay in the order of
    /// the file, and a file with one user after another is not held until its end.
    fn flush_up_to(&mut self, at: usize) -> Result<(), Error> {
        let begin = self.open.get(at).map_or(0, |stream| stream.lines.0);
        self.flush_in_order(&|stream| stream.lines.1 < begin)?;
        self.flush(at)
    }

    /// Passes on what the streams that `which` chooses have recorded, in the order of their first rows.
    fn flush_in_order(&mut self, which: &dyn Fn(&Stream) -> bool) -> Result<(), Error> {
        let holds = |s: &Stream| s.sensors.iter().any(|s| !s.t_ns.is_empty());
        let mut chosen: Vec<(u64, usize)> = self
            .open
            .iter()
            .enumerate()
            .filter(|(_, stream)| holds(stream) && which(stream))
            .map(|(at, stream)| (stream.lines.0, at))
            .collect();
        chosen.sort_unstable();
        chosen.into_iter().try_for_each(|(_, at)| self.flush(at))
    }

    /// Passes on what stream `at` has recorded.
    fn flush(&mut self, at: usize) -> Result<(), Error> {
        let Some(stream) = self.open.get_mut(at) else {
            return Ok(());
        };
        let count = stream.sensors.len();
        let mut sensors = std::mem::replace(&mut stream.sensors, vec![Samples::default(); count]);
        if sensors.iter().all(|s| s.t_ns.is_empty()) {
            return Ok(());
        }
        let (user, class) = (stream.user, stream.class.clone());
        let mut widths: Vec<usize> = self
            .description
            .channels
            .iter()
            .map(|c| c.columns.as_slice().len())
            .collect();
        let channels = widths.iter().sum();
        let same_rows = sensors
            .windows(2)
            .all(|w| matches!(w, [a, b] if a.lines == b.lines));
        if same_rows && count > 1 {
            sensors = vec![beside(&sensors, &widths)];
            widths = vec![channels];
        }
        let mut parts = Vec::new();
        for (mut samples, &width) in sensors.into_iter().zip(&widths) {
            let rows = samples.t_ns.len() as u64;
            let done = samples.order(width);
            self.ingest.sorted += u64::from(done.sorted);
            self.ingest.spread += if done.spread { rows } else { 0 };
            let mut rejected = 0;
            let (ingest, file) = (&mut *self.ingest, self.file);
            let part = samples.parts(width, &mut |line, reason| {
                rejected += 1;
                ingest.reject(file, line, reason);
            });
            ingest.read += rows - rejected;
            ingest.accepted += rows - rejected;
            ingest.clock_resets += part.len().saturating_sub(1) as u64;
            parts.push(part);
        }
        if let [only] = &mut parts[..] {
            for part in std::mem::take(only) {
                self.pass_on(user, &class, channels, part)?;
            }
            return Ok(());
        }
        self.join(user, &class, channels, &parts, &widths)
    }

    /// Joins the parts of several sensors. The clock of each is reset as often as that of the others, or they cannot be told
    /// to belong together.
    fn join(
        &mut self,
        user: u32,
        class: &str,
        channels: usize,
        parts: &[Vec<Samples>],
        widths: &[usize],
    ) -> Result<(), Error> {
        let count = parts.iter().map(Vec::len).min().unwrap_or(0);
        let most = |of: &dyn Fn(&Vec<Samples>) -> usize| parts.iter().map(of).max().unwrap_or(0);
        if parts.iter().any(|p| p.len() != count) {
            let all = most(&|p| p.iter().map(|s| s.t_ns.len()).sum());
            self.ingest.unjoined += all as u64;
            return Ok(());
        }
        let mut start = 0;
        let places: Vec<Vec<usize>> = widths
            .iter()
            .map(|&width| {
                start += width;
                (start - width..start).collect()
            })
            .collect();
        for n in 0..count {
            let sensors: Vec<(&Samples, &[usize])> = parts
                .iter()
                .zip(&places)
                .filter_map(|(part, places)| Some((part.get(n)?, places.as_slice())))
                .collect();
            let (joined, left_out) = join(&sensors, channels);
            self.ingest.unjoined += left_out;
            if !joined.t_ns.is_empty() {
                self.pass_on(user, class, channels, joined)?;
            }
        }
        Ok(())
    }

    fn pass_on(
        &mut self,
        user: u32,
        class: &str,
        channels: usize,
        samples: Samples,
    ) -> Result<(), Error> {
        let recording = Recording {
            user,
            activity: class.to_owned(),
            sensor: Sensor::Accelerometer,
            t_ns: samples.t_ns,
            channels,
            samples: samples.x,
        };
        self.sink.recording(recording, self.ingest)
    }

    /// Passes on everything.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.flush_in_order(&|_| true)
    }
}

/// Puts the values of sensors that were read from the same rows beside each other.
fn beside(sensors: &[Samples], widths: &[usize]) -> Samples {
    let mut joined = Samples::default();
    let Some(first) = sensors.first() else {
        return joined;
    };
    joined.t_ns = first.t_ns.clone();
    joined.lines = first.lines.clone();
    for i in 0..first.t_ns.len() {
        for (sensor, &width) in sensors.iter().zip(widths) {
            let row = sensor.x.get(i * width..(i + 1) * width);
            joined.x.extend_from_slice(row.unwrap_or(&[]));
        }
    }
    joined
}
