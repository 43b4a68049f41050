//! What a deployment looks like from outside: samples in, decisions out.

use crate::{Deployment, Error};
use mote_model::sensor::STANDARD_GRAVITY;
use mote_model::stream::Schedule;
use mote_model::{Graph, Node, Op, Quant, SENSOR_G_PER_COUNT};
use mote_report::ChannelUnit;

/// Type of a sample's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elem {
    /// Counts of the sensor, which the network's front end converts.
    Count,
    /// The network's own int8 input.
    I8,
    /// The network's own f32 input.
    F32,
}

impl Elem {
    pub fn rust(self) -> &'static str {
        match self {
            Elem::Count => "i16",
            Elem::I8 => "i8",
            Elem::F32 => "f32",
        }
    }
}

/// The interface of a deployment, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Interface {
    /// What the values of a sample are, as a sentence.
    unit: String,
    /// Type of a sample's values.
    pub elem: Elem,
    /// Values of a sample.
    pub channels: usize,
    /// Samples that a run takes.
    pub run: usize,
    /// How many of them the next run takes again.
    pub keep: usize,
    /// Runs up to and with the first decision, and from then on from one to the next.
    pub schedule: Schedule,
    /// Class names, one per score.
    pub labels: Vec<String>,
    /// Grid of the scores; `None` when they are f32.
    pub scores: Option<Quant>,
    /// What the scores mean.
    pub meaning: Meaning,
}

/// What scores mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing but that the largest one wins.
    Scores,
    /// Probabilities.
    Probabilities,
    /// Probabilities whose temperature was fitted on training users.
    Calibrated,
    /// Levels of a filter: logarithms of probabilities, 0 for the likeliest class.
    Levels,
}

impl Meaning {
    /// Returns what the scores of `graph` mean.
    fn of(graph: &Graph) -> Self {
        let filters = |node: &Node| matches!(node.op, Op::Filter(_));
        let mut last = graph.nodes.iter().rfind(|n| n.output == graph.output);
        // A pool of one step lets scores pass as they are.
        while let Some(node) = last
            && matches!(&node.op, Op::WindowPool(pool) if pool.steps == 1)
        {
            let input = node.inputs.first();
            last = graph.nodes.iter().find(|n| Some(&n.output) == input);
        }
        match last.map(|n| &n.op) {
            Some(Op::Filter(_)) => Meaning::Levels,
            Some(Op::Softmax) if graph.nodes.iter().any(filters) => Meaning::Calibrated,
            Some(Op::Softmax) => Meaning::Probabilities,
            _ => Meaning::Scores,
        }
    }

    /// Returns the end of the sentence "a score stands for this real number".
    pub fn of_a_score(self) -> &'static str {
        match self {
            Meaning::Scores => "",
            Meaning::Probabilities | Meaning::Calibrated => ": a probability",
            Meaning::Levels => ": nats below the likeliest class",
        }
    }

    /// Returns a sentence that says what the confidence in a decision is.
    pub fn confidence(self) -> &'static str {
        match self {
            Meaning::Scores => {
                "The largest score, as a real number. It is no probability, but grows with what speaks for the class."
            }
            Meaning::Probabilities => {
                "The network's probability of the class. It was not calibrated: expect it to be too high."
            }
            Meaning::Calibrated => {
                "The probability that the class is right, calibrated on the users that the network was trained on."
            }
            Meaning::Levels => {
                "Nats by which the class leads the next one: the logarithm of how many times likelier it is. It was not calibrated."
            }
        }
    }
}

/// Counts per m/s^2: 4096 per g. Values of any other quantity have as many counts per unit.
const COUNTS_PER_UNIT: f32 = 1.0 / (STANDARD_GRAVITY * SENSOR_G_PER_COUNT);

/// Says what the `count` values of a sample are.
fn unit(elem: Elem, count: usize, channels: &[ChannelUnit]) -> String {
    match elem {
        Elem::I8 => return "Values on the int8 grid of the network's input.".to_owned(),
        Elem::F32 => return "Values of the network's input.".to_owned(),
        Elem::Count => {}
    }
    let is_acceleration = |c: &ChannelUnit| c.quantity == "acceleration";
    if channels.iter().all(is_acceleration) && (!channels.is_empty() || count == 3) {
        return "Counts of a 16-bit accelerometer at +-8 g, gravity included: 4096 per g, in the order of the training data's axes."
            .to_owned();
    }
    let most = f32::from(i16::MAX) / COUNTS_PER_UNIT;
    if channels.len() != count {
        return format!(
            "Counts of 16 bits, {COUNTS_PER_UNIT:.1} for each unit of the training data (1 count is 1/{COUNTS_PER_UNIT:.1} of it; \
             4096 per g where that is acceleration in m/s^2), in the order of the training data's channels. Values beyond \
             +-{most:.1} units saturate."
        );
    }
    let sensors = channels
        .chunk_by(|a, b| a.quantity == b.quantity)
        .map(|sensor| {
            let names: Vec<&str> = sensor.iter().map(|c| c.name.as_str()).collect();
            let (names, first) = (names.join(", "), &sensor[0]);
            match is_acceleration(first) {
                true => format!("{names}: acceleration with gravity, 4096 counts per g"),
                false => format!(
                    "{names}: {}, {COUNTS_PER_UNIT:.1} counts per {}",
                    first.quantity, first.unit
                ),
            }
        });
    let sensors: Vec<String> = sensors.collect();
    format!(
        "Counts of 16 bits. {}. Values beyond +-{most:.1} m/s^2, or as many other units, saturate.",
        sensors.join("; ")
    )
}

impl Interface {
    /// # Errors
    /// When parts of `deployment` contradict each other.
    pub fn of(deployment: &Deployment) -> Result<Self, Error> {
        let Deployment {
            graph, window, hop, ..
        } = deployment;
        graph.validate()?;
        let input = graph.tensor(graph.input)?;
        let output = graph.tensor(graph.output)?;
        let run = input.shape.time;
        let rate = deployment.rate_hz;
        if !(rate.is_finite() && rate > 0.0) {
            let what = format!("{rate} Hz; expected a positive number");
            return Err(Error::invalid("rate_hz", what));
        }
        let schedule = Schedule::of(graph);
        let keep = match schedule {
            Some(schedule) if schedule.every * run != *hop => {
                let own = schedule.every * run;
                let what =
                    format!("{hop} samples; the network is a stream that decides every {own}");
                return Err(Error::invalid("hop", what));
            }
            Some(_) => 0,
            None if *window != run => {
                let what = format!("{window} samples; the network's input has {run}");
                return Err(Error::invalid("window", what));
            }
            None => match window.checked_sub(*hop) {
                Some(keep) if keep < *window => keep,
                _ => {
                    let what = format!("{hop} samples; expected 1 to {window}, the window");
                    return Err(Error::invalid("hop", what));
                }
            },
        };
        let classes = output.shape.len();
        let labels = deployment.labels(classes);
        if labels.len() != classes || classes > 256 {
            let what = format!(
                "{} for {classes} scores; expected one each, and at most 256",
                labels.len()
            );
            return Err(Error::invalid("labels", what));
        }
        let elem = match (&graph.frontend, input.quant) {
            (Some(_), _) => Elem::Count,
            (None, Some(_)) => Elem::I8,
            (None, None) => Elem::F32,
        };
        let data = deployment.evidence.as_ref().map(|e| &e.data);
        Ok(Self {
            unit: unit(
                elem,
                input.shape.channels,
                data.map_or(&[], |d| &d.channel_units),
            ),
            elem,
            channels: input.shape.channels,
            run,
            keep,
            schedule: schedule.unwrap_or(Schedule::WINDOWS),
            labels,
            scores: output.quant,
            meaning: Meaning::of(graph),
        })
    }

    /// Returns a sentence that says what the values of a sample are.
    pub fn unit(&self) -> &str {
        &self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str, quantity: &str, unit: &str) -> ChannelUnit {
        ChannelUnit {
            name: name.to_owned(),
            quantity: quantity.to_owned(),
            unit: unit.to_owned(),
        }
    }

    #[test]
    fn what_a_sample_is_is_said_for_every_sensor() {
        let axes = ["ax", "ay", "az"].map(|n| channel(n, "acceleration", "m/s^2"));
        let rates = ["gx", "gy", "gz"].map(|n| channel(n, "angular rate", "rad/s"));
        let one = unit(Elem::Count, 3, &axes);
        assert!(one.contains("4096 per g") && one == unit(Elem::Count, 3, &[]));
        let six = unit(Elem::Count, 6, &[&axes[..], &rates].concat());
        for part in [
            "ax, ay, az: acceleration with gravity, 4096",
            "gx, gy, gz: angular rate, 417.7 counts per rad/s",
            "+-78.5",
        ] {
            assert!(six.contains(part), "{part} in {six}");
        }
        let unknown = unit(Elem::Count, 6, &[]);
        assert!(
            unknown.contains("1/417.7") && !unknown.contains("accelerometer"),
            "{unknown}"
        );
    }
}
