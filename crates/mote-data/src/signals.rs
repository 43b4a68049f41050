//! Recordings as continuous signals on one grid, for a network that is already there: what it is to decide about may have no
//! labels.

use crate::{
    Described, Error, Hints, IngestReport, Quantity, Recording, Sink, Source, Task,
    load::{locate, read},
    resample::{SECOND, resample},
    segmentation::GAP_NS,
    sources::Layout,
};
use std::{path::Path, sync::Arc};

/// The label that recordings have of which nobody said what was done.
pub(crate) const UNLABELLED: &str = "unlabelled";

/// One user's signal without a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Who.
    pub user: u32,
    /// Time of the first sample in s, from the origin of the file's times.
    pub start_s: f64,
    /// Samples `[time][channels]` on the grid, in the units of [`Quantity::unit`](crate::Quantity::unit).
    pub x: Vec<f32>,
    /// What was done at each sample, an index into [`Signals::labels`]; `None` where that is not known.
    pub truth: Vec<Option<usize>>,
}

/// All signals of some recordings.
#[derive(Debug, Clone, PartialEq)]
pub struct Signals {
    /// In the order of the files.
    pub signals: Vec<Signal>,
    /// Values per sample.
    pub channels: usize,
    /// What each of them measures; empty where the source does not know.
    pub quantities: Vec<Quantity>,
    /// Labels in the files.
    pub labels: Vec<String>,
    /// What became of every record.
    pub ingest: IngestReport,
}

/// Reads the recordings called `name` onto a grid of `rate_hz`: a task, or the path of a folder, a description, an archive, a
/// text file or an npz. Files that nobody has described may lack labels, and a rate when `hints` has one.
///
/// # Errors
/// As [`task`](crate::task) and [`load`](crate::load); for windows from NumPy of another rate.
pub fn signals(
    name: &str,
    root: Option<&Path>,
    rate_hz: f64,
    hints: &Hints,
) -> Result<Signals, Error> {
    let task = match crate::task::undescribed(name) {
        Some(path) => {
            let source = Described::guess(path, hints)?;
            Task::new(name, source.labels(), source.rate_hz(), Arc::new(source))
        }
        None => crate::task(name)?,
    };
    let source: &dyn Source = task.source.as_ref();
    let channels = match source.layout() {
        Layout::Recordings { channels } => channels,
        Layout::Windows {
            channels,
            rate_hz: own,
            ..
        } if (f64::from(own) / rate_hz - 1.0).abs() < 0.01 => channels,
        Layout::Windows { rate_hz: own, .. } => {
            let reason = format!(
                "its windows have {own} Hz, and {rate_hz} Hz are needed; windows cannot be brought to another rate"
            );
            return Err(Error::format(name, reason));
        }
    };
    let files = locate(source, root)?;
    let mut ingest = IngestReport::default();
    let mut sink = Collect {
        rate_hz: rate_hz as f32,
        channels,
        labels: Vec::new(),
        signals: Vec::new(),
        open: None,
    };
    read(&task, &files, &mut ingest, &mut sink)?;
    sink.close();
    Ok(Signals {
        signals: sink.signals,
        channels,
        quantities: source.channels().iter().map(|c| c.quantity).collect(),
        labels: sink.labels,
        ingest,
    })
}

/// A signal that may go on with the next recording.
struct Open {
    user: u32,
    t_ns: Vec<i64>,
    samples: Vec<f32>,
    /// First sample of each activity.
    changes: Vec<(usize, Option<usize>)>,
}

struct Collect {
    rate_hz: f32,
    channels: usize,
    labels: Vec<String>,
    signals: Vec<Signal>,
    open: Option<Open>,
}

impl Collect {
    fn label(&mut self, activity: &str) -> Option<usize> {
        if activity.is_empty() || activity == UNLABELLED {
            return None;
        }
        let known = self.labels.iter().position(|l| l == activity);
        Some(known.unwrap_or_else(|| {
            self.labels.push(activity.to_owned());
            self.labels.len() - 1
        }))
    }

    /// Brings the open signal onto the grid.
    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let mut from = 0;
        while from < open.t_ns.len() {
            let rest = &open.t_ns[from..];
            let gap = rest
                .windows(2)
                .position(|w| w[1].saturating_sub(w[0]) > GAP_NS);
            let to = gap.map_or(open.t_ns.len(), |at| from + at + 1);
            let (t_ns, samples) = (
                &open.t_ns[from..to],
                &open.samples[from * self.channels..to * self.channels],
            );
            let mut x = Vec::new();
            resample(t_ns, samples, self.channels, self.rate_hz, &mut x);
            let start = t_ns[0];
            let mut source = from;
            let truth = (0..x.len() / self.channels).map(|n| {
                let t = start.saturating_add((n as f64 / f64::from(self.rate_hz) * SECOND) as i64);
                while source + 1 < to && open.t_ns[source + 1] <= t {
                    source += 1;
                }
                let change = open
                    .changes
                    .iter()
                    .rev()
                    .find(|(first, _)| *first <= source);
                change.and_then(|(_, label)| *label)
            });
            self.signals.push(Signal {
                user: open.user,
                start_s: start as f64 / SECOND,
                truth: truth.collect(),
                x,
            });
            from = to;
        }
    }
}

impl Sink for Collect {
    fn recording(&mut self, recording: Recording, _: &mut IngestReport) -> Result<(), Error> {
        let label = self.label(&recording.activity);
        let goes_on = self.open.as_ref().is_some_and(|open| {
            let step = match (open.t_ns.last(), recording.t_ns.first()) {
                (Some(last), Some(first)) => first.saturating_sub(*last),
                _ => 0,
            };
            open.user == recording.user && (1..=GAP_NS).contains(&step)
        });
        if !goes_on {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| Open {
            user: recording.user,
            t_ns: Vec::new(),
            samples: Vec::new(),
            changes: Vec::new(),
        });
        open.changes.push((open.t_ns.len(), label));
        open.t_ns.extend(recording.t_ns);
        open.samples.extend(recording.samples);
        Ok(())
    }

    fn window(
        &mut self,
        user: u32,
        activity: &str,
        values: &[f32],
        _: &mut IngestReport,
    ) -> Result<(), Error> {
        let label = self.label(activity);
        self.signals.push(Signal {
            user,
            start_s: 0.0,
            x: values.to_vec(),
            truth: vec![label; values.len() / self.channels.max(1)],
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activities_that_follow_each_other_are_one_signal() {
        let folder = tempfile::tempdir().unwrap();
        let row = |n: usize| {
            let label = ["walk", "sit", ""][(n / 100).min(2)];
            // A pause of ten seconds in the middle of the second activity.
            let t = 50 * n + if n < 150 { 0 } else { 10_000 };
            format!("{t},{}.5,0,9.8,{label}\n", n % 10)
        };
        let text: String = std::iter::once("t,x,y,z,label\n".to_owned())
            .chain((0..300).map(row))
            .collect();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let found = signals(&path.display().to_string(), None, 20.0, &Hints::default()).unwrap();
        assert_eq!(
            (found.labels, found.channels),
            (vec!["walk".to_owned(), "sit".to_owned()], 3)
        );
        let [first, second] = &found.signals[..] else {
            panic!("two signals");
        };
        assert_eq!((first.truth.len(), second.truth.len()), (150, 150));
        assert_eq!((first.truth[99], first.truth[100]), (Some(0), Some(1)));
        assert_eq!((second.truth[49], second.truth[50]), (Some(1), None));
        assert_eq!((first.x[0], first.x[3 * 7]), (0.5, 7.5));
        assert!((second.start_s - 17.5).abs() < 1e-6);
    }

    #[test]
    fn labels_and_rate_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (0..200)
            .map(|n| format!("0.0{},0.{},9.8\n", n % 7, n % 9))
            .collect();
        std::fs::write(folder.path().join("a.csv"), format!("x,y,z\n{text}")).unwrap();
        let name = folder.path().display().to_string();
        let without = signals(
            &name,
            None,
            20.0,
            &Hints {
                labels: false,
                rate_hz: None,
            },
        );
        assert!(without.unwrap_err().to_string().contains("rate"));
        let hints = Hints {
            labels: false,
            rate_hz: Some(40.0),
        };
        let found = signals(&name, None, 20.0, &hints).unwrap();
        assert_eq!(found.signals[0].truth, vec![None; 100]);
    }
}
