//! What a little more or less would buy: the pipelines of a file that are better than one of them in something.

use mote_metrics::dominates;
use mote_report::{DeviceFigures, Results, Run};

/// Neighbours that are shown, at most.
const MOST: usize = 5;

/// What a decision takes on a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Flash of code and model, in bytes.
    pub flash: u64,
    /// Static RAM, stack and heap, in bytes.
    pub ram: u64,
    /// Cycles per decision; instructions on a core whose timing is not published.
    pub work: u64,
    /// `cycles` or `instructions`.
    pub unit: &'static str,
}

impl Cost {
    /// Returns the cost on a board; `None` when it was not measured.
    pub fn on(device: &DeviceFigures) -> Option<Self> {
        let (work, unit) = match device.cycles {
            Some(cycles) => (cycles, "cycles"),
            None => (device.instructions?, "instructions"),
        };
        Some(Self {
            flash: device.flash()?,
            ram: device.ram()?,
            work,
            unit,
        })
    }

    /// Returns the cost on the first board of `run`.
    pub fn of(run: &Run) -> Option<Self> {
        run.device.first().and_then(Self::on)
    }
}

/// Returns the runs on the front of the file that are better than `run` in something, the nearest in m-F1 first.
pub fn neighbours<'r>(results: &'r Results, run: &Run) -> Vec<&'r Run> {
    // A run that was judged on streams is compared with others that were.
    let share = |r: &Run| match &run.stream {
        Some(_) => r.stream.as_ref().map(|s| s.macro_f1.mean),
        None => Some(r.metrics.macro_f1.mean),
    };
    let values = |r: &Run| {
        let cost = Cost::of(r)?;
        let [flash, ram, work] = [cost.flash, cost.ram, cost.work].map(|c| c as f64);
        Some([-share(r)?, flash, ram, work])
    };
    let Some(own) = values(run) else {
        return Vec::new();
    };
    let others: Vec<(&Run, [f64; 4])> = results
        .runs
        .iter()
        .filter(|r| r.pipeline != run.pipeline)
        .filter_map(|r| Some((r, values(r)?)))
        .collect();
    let mut front: Vec<&Run> = others
        .iter()
        .filter(|(_, v)| !others.iter().any(|(_, other)| dominates(other, v)))
        .filter(|(_, v)| v.iter().zip(&own).any(|(a, b)| a < b))
        .map(|(r, _)| *r)
        .collect();
    let distance = |r: &Run| match (share(r), share(run)) {
        (Some(a), Some(b)) => (a - b).abs(),
        _ => f64::INFINITY,
    };
    front.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    front.truncate(MOST);
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_report::{Data, Metrics};

    fn run(name: &str, macro_f1: f64, flash: u64, cycles: Option<u64>) -> Run {
        let mut run = Run::new(name, "synthetic/6", "group:2", Metrics::default());
        run.metrics.macro_f1.mean = macro_f1;
        run.device.push(DeviceFigures {
            flash_code: Some(flash),
            flash_model: Some(0),
            ram_static: Some(1),
            ram_stack: Some(0),
            ram_heap: Some(0),
            instructions: Some(10),
            cycles,
            ..DeviceFigures::default()
        });
        run
    }

    #[test]
    fn neighbours_are_better_in_something_and_on_the_front() {
        let mut results = Results::new("synthetic/6", Data::default());
        results.runs = vec![
            run("own", 0.8, 100, Some(50)),
            run("better", 0.9, 200, Some(60)),
            run("smaller", 0.79, 80, Some(50)),
            run("dominated", 0.78, 90, Some(55)),
            run("worse", 0.7, 110, Some(70)),
        ];
        let found = neighbours(&results, &results.runs[0]);
        let names: Vec<&str> = found.iter().map(|r| r.pipeline.as_str()).collect();
        assert_eq!(names, ["smaller", "better"]);
    }

    #[test]
    fn a_core_without_timing_is_compared_by_instructions() {
        let cost = Cost::of(&run("m7", 0.8, 100, None)).unwrap();
        assert_eq!((cost.work, cost.unit), (10, "instructions"));
        let mut unmeasured = run("none", 0.8, 100, None);
        unmeasured.device[0].instructions = None;
        assert_eq!(Cost::of(&unmeasured), None);
    }
}
