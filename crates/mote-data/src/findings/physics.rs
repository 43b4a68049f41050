//! Whether a signal can be what its description says it is.

use super::{Finding, FindingKind, percent};
use crate::{
    ChannelInfo, Error, IngestReport, Quantity, Reason, Recording, STANDARD_GRAVITY, Sink,
    resample::SECOND, segmentation::GAP_NS,
};
use std::collections::BTreeMap;

/// Relative deviation of |a| within a second below which the sensor was at rest.
const QUIET: f64 = 0.05;

/// Relative difference from standard gravity that offset, scale and placement of a sensor explain.
const GRAVITY_TOLERANCE: f64 = 0.2;

/// The same where nothing was at rest, and |a| is that of motion.
const MOVING_TOLERANCE: f64 = 0.4;

/// Relative difference of rates that is no mistake of the description.
const RATE_TOLERANCE: f64 = 0.2;

/// Share of samples that may lie at the largest value, beyond a range, or in a run of one value, without a word.
const SHARE: f64 = 0.01;

/// Largest magnitude that the sensor of the device gives where the description does not say: +-8 g.
const DEVICE_G: f32 = 8.0;

/// Looks at all that passes on its way to another sink.
pub(crate) struct Inspector<'a> {
    sink: &'a mut dyn Sink,
    /// Nominal rate in Hz.
    rate_hz: f64,
    channels: Vec<Channel>,
    /// First channels of the accelerometers, three channels each.
    vectors: Vec<Rest>,
    samples: u64,
    /// Samples in runs of one value, and in those of zeros.
    frozen: u64,
    zeros: u64,
    /// The longest run of one value: samples, user, activity.
    longest: Option<(usize, u32, String)>,
    /// Steps and their time in ns, gaps not counted; by recording.
    rates: Vec<(f64, f64)>,
    /// Records by activity.
    pub(crate) activities: BTreeMap<String, u64>,
}

/// One channel.
struct Channel {
    info: ChannelInfo,
    least: f32,
    most: f32,
    at_least: u64,
    at_most: u64,
    beyond: u64,
}

/// |a| of one accelerometer, a mean per second.
struct Rest {
    first: usize,
    quiet: Vec<f32>,
    all: Vec<f32>,
}

impl<'a> Inspector<'a> {
    /// Looks at signals of these channels at `rate_hz` on their way to `sink`. Without channels, only activities are counted.
    pub(crate) fn new(sink: &'a mut dyn Sink, channels: Vec<ChannelInfo>, rate_hz: f64) -> Self {
        let mut vectors = Vec::new();
        let mut next = 0;
        while let Some(three) = channels.get(next..next + 3) {
            if three.iter().all(|c| c.quantity == Quantity::Acceleration) {
                vectors.push(Rest {
                    first: next,
                    quiet: Vec::new(),
                    all: Vec::new(),
                });
                next += 3;
            } else {
                next += 1;
            }
        }
        let channel = |info| Channel {
            info,
            least: f32::INFINITY,
            most: f32::NEG_INFINITY,
            at_least: 0,
            at_most: 0,
            beyond: 0,
        };
        Self {
            sink,
            rate_hz,
            channels: channels.into_iter().map(channel).collect(),
            vectors,
            samples: 0,
            frozen: 0,
            zeros: 0,
            longest: None,
            rates: Vec::new(),
            activities: BTreeMap::new(),
        }
    }

    /// Looks at `x`, `[time][channels]`, a second of which has `per_second` samples.
    fn look(&mut self, user: u32, activity: &str, x: &[f32], per_second: usize) {
        let width = self.channels.len();
        if width == 0 || !x.len().is_multiple_of(width) {
            return;
        }
        self.samples += (x.len() / width) as u64;
        for sample in x.chunks_exact(width) {
            for (channel, &value) in self.channels.iter_mut().zip(sample) {
                channel.add(value);
            }
        }
        let least = per_second.max(10);
        for run in x
            .chunks_exact(width)
            .collect::<Vec<_>>()
            .chunk_by(|a, b| a == b)
        {
            if run.len() < least {
                continue;
            }
            self.frozen += run.len() as u64;
            let zero = run.first().is_some_and(|s| s.iter().all(|&v| v == 0.0));
            self.zeros += if zero { run.len() as u64 } else { 0 };
            if self.longest.as_ref().is_none_or(|l| run.len() > l.0) {
                self.longest = Some((run.len(), user, activity.to_owned()));
            }
        }
        for vector in &mut self.vectors {
            for second in x.chunks(per_second.max(4) * width) {
                vector.add(second, width);
            }
        }
    }

    /// Returns what was seen, once all is read.
    pub(crate) fn findings(&self, ingest: &IngestReport) -> Vec<Finding> {
        let mut all: Vec<Finding> = self
            .vectors
            .iter()
            .filter_map(|v| self.gravity(v))
            .collect();
        all.extend(self.unit(ingest));
        all.extend(self.rate());
        all.extend(self.channels.iter().flat_map(|c| c.findings(self.samples)));
        all.extend(self.frozen(ingest));
        all
    }

    fn gravity(&self, vector: &Rest) -> Option<Finding> {
        let (found, resting) = vector.magnitude()?;
        let gravity = f64::from(STANDARD_GRAVITY);
        let tolerance = if resting {
            GRAVITY_TOLERANCE
        } else {
            MOVING_TOLERANCE
        };
        let ratio = gravity / found;
        if (ratio - 1.0).abs() < tolerance {
            return None;
        }
        // Values of one unit that were taken for another are off by the ratio of both.
        let mistakes = [
            (
                gravity,
                "the description says m/s^2, and the values look like g: unit = \"g\"",
            ),
            (
                gravity / 1000.0,
                "the description says m/s^2, and the values look like mg: unit = \"mg\"",
            ),
            (
                1.0 / gravity,
                "the description says g, and the values look like m/s^2: unit = \"m/s^2\"",
            ),
            (
                1e-3,
                "the description says g, and the values look like mg: unit = \"mg\"",
            ),
            (
                1000.0 / gravity,
                "the description says mg, and the values look like m/s^2: unit = \"m/s^2\"",
            ),
            (
                1e3,
                "the description says mg, and the values look like g: unit = \"g\"",
            ),
        ];
        // Motion without gravity is about as small as gravity in thousandths: only a sensor at rest tells the two apart.
        let known = if resting { mistakes.len() } else { 4 };
        let mut likely = mistakes.iter().take(known);
        let likely = likely.find(|(factor, _)| (ratio / factor - 1.0).abs() < tolerance);
        let at = match resting {
            true => "at rest",
            false => "(nothing was at rest)",
        };
        let which = match self.vectors.len() {
            1 => String::new(),
            _ => {
                let channel = self.channels.get(vector.first);
                channel.map_or(String::new(), |c| format!(" of {}", c.info.name))
            }
        };
        let what = match likely {
            Some((_, what)) => (*what).to_owned(),
            None if found < 0.5 * gravity => {
                "gravity was taken out (\"linear acceleration\"), which a device's sensor does not do: use the \
                 recordings with gravity"
                    .to_owned()
            }
            None => format!(
                "no unit explains that; raw counts have a scale: unit = \"g\" and scale = {:.6}, if they are",
                1.0 / (found / gravity).max(1e-9)
            ),
        };
        Some(Finding::new(
            FindingKind::Gravity,
            format!("|a|{which} {at} is {found:.2} m/s^2, where gravity is 9.81: {what}"),
        ))
    }

    /// Says that rejected values look like those of another unit.
    fn unit(&self, ingest: &IngestReport) -> Option<Finding> {
        let beyond = ingest
            .rejected
            .get(&Reason::Implausible)
            .copied()
            .unwrap_or(0);
        if (beyond as f64) < 0.02 * ingest.read as f64 || beyond == 0 {
            return None;
        }
        Some(Finding::new(
            FindingKind::Unit,
            format!(
                "{beyond} of {} records have values beyond 1,000 m/s^2 or rad/s: they may be in mg, or raw counts, which have \
                 a scale",
                ingest.read
            ),
        ))
    }

    fn rate(&self) -> Option<Finding> {
        let (steps, time) = self
            .rates
            .iter()
            .fold((0.0, 0.0), |(s, t), (steps, time)| (s + steps, t + time));
        if time <= 0.0 || self.rate_hz <= 0.0 {
            return None;
        }
        let measured = steps / time;
        let ratio = measured / self.rate_hz;
        if (ratio - 1.0).abs() <= RATE_TOLERANCE {
            return None;
        }
        let hint = match ratio {
            r if r > 1.5 => {
                "; rows of several sensors or devices may be mixed (`where` chooses some, columns.device tells devices apart), \
                 or time_unit is another"
            }
            _ => "; compare rate_hz and time_unit with the time column",
        };
        Some(Finding::new(
            FindingKind::Rate,
            format!(
                "samples come at {measured:.1} Hz by their times, where {} Hz is declared{hint}",
                self.rate_hz
            ),
        ))
    }

    fn frozen(&self, ingest: &IngestReport) -> Option<Finding> {
        let share = self.frozen as f64 / self.samples.max(1) as f64;
        if share <= SHARE {
            return None;
        }
        let what = match self.zeros * 2 > self.frozen {
            true => "zeros",
            false => "one value",
        };
        let (length, user, activity) = self.longest.as_ref()?;
        let seconds = *length as f64 / self.rate_hz.max(1.0);
        let user = ingest.users.get(user).cloned().unwrap_or(user.to_string());
        Some(Finding::new(
            FindingKind::Frozen,
            format!(
                "{} of the samples lie in runs of {what} of a second or longer, the longest of {seconds:.0} s ({activity}, user \
                 {user}): the sensor or the recorder stood still",
                percent(share)
            ),
        ))
    }
}

impl Channel {
    fn add(&mut self, value: f32) {
        if value < self.least {
            (self.least, self.at_least) = (value, 0);
        }
        if value > self.most {
            (self.most, self.at_most) = (value, 0);
        }
        self.at_least += u64::from(value == self.least);
        self.at_most += u64::from(value == self.most);
        self.beyond += u64::from(self.range().is_some_and(|range| value.abs() > range));
    }

    /// Largest magnitude of the device's sensor.
    fn range(&self) -> Option<f32> {
        let acceleration = self.info.quantity == Quantity::Acceleration;
        let device = acceleration.then_some(DEVICE_G * STANDARD_GRAVITY);
        self.info.range.or(device)
    }

    fn findings(&self, samples: u64) -> Vec<Finding> {
        let mut all = Vec::new();
        let (name, unit) = (&self.info.name, self.info.quantity.unit());
        if samples < 2 {
            return all;
        }
        let share = |count: u64| count as f64 / samples as f64;
        if self.least == self.most {
            all.push(Finding::new(
                FindingKind::StillChannel,
                format!(
                    "channel {name} is {} {unit} in every sample: the axis is dead, or the column is another",
                    self.least
                ),
            ));
            return all;
        }
        // A sensor at its limit gives one extreme value again and again, far from where it usually is.
        let wide = self.info.quantity != Quantity::Acceleration
            || self.most.max(-self.least) > 1.5 * STANDARD_GRAVITY;
        for (count, value) in [(self.at_most, self.most), (self.at_least, self.least)] {
            if wide && count >= 10 && share(count) > SHARE {
                all.push(Finding::new(
                    FindingKind::SensorLimit,
                    format!(
                        "{} of the samples of {name} are exactly {value:.2} {unit}, the most extreme value there is: the sensor \
                         was at its limit",
                        percent(share(count))
                    ),
                ));
            }
        }
        if let Some(range) = self.range().filter(|_| share(self.beyond) > SHARE) {
            all.push(Finding::new(
                FindingKind::DeviceRange,
                format!(
                    "{} of the samples of {name} are beyond {range:.1} {unit}, where the sensor of the device saturates",
                    percent(share(self.beyond))
                ),
            ));
        }
        all
    }
}

impl Rest {
    /// Adds the mean of |a| over a second.
    fn add(&mut self, second: &[f32], width: usize) {
        let magnitudes: Vec<f64> = second
            .chunks_exact(width)
            .filter_map(|s| s.get(self.first..self.first + 3))
            .map(|a| {
                a.iter()
                    .map(|&v| f64::from(v) * f64::from(v))
                    .sum::<f64>()
                    .sqrt()
            })
            .collect();
        if magnitudes.len() < 4 {
            return;
        }
        let count = magnitudes.len() as f64;
        let mean = magnitudes.iter().sum::<f64>() / count;
        let variance = magnitudes.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / count;
        self.all.push(mean as f32);
        if variance.sqrt() < QUIET * mean {
            self.quiet.push(mean as f32);
        }
    }

    /// Returns |a| in m/s^2, and whether it is that of a sensor at rest; `None` with too little signal.
    fn magnitude(&self) -> Option<(f64, bool)> {
        let resting = self.quiet.len() >= 5 && self.quiet.len() * 50 >= self.all.len();
        let mut values = if resting { &self.quiet } else { &self.all }.clone();
        if values.len() < 5 {
            return None;
        }
        let middle = values.len() / 2;
        let (_, median, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
        Some((f64::from(*median), resting))
    }
}

impl Sink for Inspector<'_> {
    fn recording(&mut self, recording: Recording, ingest: &mut IngestReport) -> Result<(), Error> {
        let count = recording.t_ns.len() as u64;
        *self
            .activities
            .entry(recording.activity.clone())
            .or_default() += count;
        let steps = recording.t_ns.windows(2).filter_map(|w| match w {
            [a, b] => Some(b.saturating_sub(*a)).filter(|step| *step <= GAP_NS),
            _ => None,
        });
        let (steps, time) = steps.fold((0.0, 0.0), |(n, t), step| (n + 1.0, t + step as f64));
        let rate = match time > 0.0 {
            true => steps / time * SECOND,
            false => self.rate_hz,
        };
        self.rates.push((steps, time / SECOND));
        if recording.channels == self.channels.len() {
            let (user, activity) = (recording.user, &recording.activity);
            self.look(user, activity, &recording.samples, rate.round() as usize);
        }
        self.sink.recording(recording, ingest)
    }

    fn window(
        &mut self,
        user: u32,
        activity: &str,
        values: &[f32],
        ingest: &mut IngestReport,
    ) -> Result<(), Error> {
        *self.activities.entry(activity.to_owned()).or_default() += 1;
        self.look(user, activity, values, self.rate_hz.round() as usize);
        self.sink.window(user, activity, values, ingest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sensor;

    /// Takes everything.
    struct Nothing;

    impl Sink for Nothing {
        fn recording(&mut self, _: Recording, _: &mut IngestReport) -> Result<(), Error> {
            Ok(())
        }

        fn window(
            &mut self,
            _: u32,
            _: &str,
            _: &[f32],
            _: &mut IngestReport,
        ) -> Result<(), Error> {
            Ok(())
        }
    }

    /// Returns the kinds and texts of what is found in a minute of `sample`, at `rate_hz` where 50 is declared.
    fn found(rate_hz: f64, sample: impl Fn(f64) -> [f32; 3]) -> Vec<(FindingKind, String)> {
        let mut nothing = Nothing;
        let mut inspector = Inspector::new(&mut nothing, ChannelInfo::accelerometer(), 50.0);
        let t = (0..(60.0 * rate_hz) as i64).map(|n| n as f64 / rate_hz);
        let recording = Recording {
            user: 7,
            activity: "sitting".to_owned(),
            sensor: Sensor::Accelerometer,
            channels: 3,
            t_ns: t.clone().map(|t| (t * 1e9) as i64).collect(),
            samples: t.flat_map(&sample).collect(),
        };
        let mut ingest = IngestReport::default();
        inspector.recording(recording, &mut ingest).unwrap();
        let all = inspector.findings(&ingest);
        all.into_iter().map(|f| (f.kind, f.text)).collect()
    }

    /// Noise of about 1 % of gravity.
    fn noise(t: f64, k: f64) -> f32 {
        (0.1 * ((t * 7919.0 + k) * 12.9898).sin()) as f32
    }

    fn at_rest(t: f64) -> [f32; 3] {
        [noise(t, 1.0), noise(t, 2.0), 9.81 + noise(t, 3.0)]
    }

    #[test]
    fn sound_signal_gives_nothing() {
        assert_eq!(found(50.0, at_rest), []);
        assert_eq!(found(46.0, at_rest), []);
    }

    #[test]
    fn the_unit_that_explains_gravity_is_named() {
        for (factor, words) in [
            (1.0 / 9.81, "look like g"),
            (1000.0 / 9.81, "look like mg"),
            (
                9.81,
                "the description says g, and the values look like m/s^2",
            ),
            (0.001, "look like g: unit = \"g\""),
            (3.3, "raw counts"),
        ] {
            let all = found(50.0, |t| at_rest(t).map(|v| v * factor as f32));
            let gravity = all.iter().find(|f| f.0 == FindingKind::Gravity).unwrap();
            assert!(gravity.1.contains(words), "{factor}: {}", gravity.1);
        }
        let linear = found(50.0, |t| [noise(t, 1.0), noise(t, 2.0), noise(t, 3.0)]);
        assert!(linear[0].1.contains("gravity was taken out"), "{linear:?}");
    }

    #[test]
    fn the_measured_rate_is_compared() {
        let [(FindingKind::Rate, text)] = &found(100.0, at_rest)[..] else {
            panic!("one finding about the rate");
        };
        assert!(
            text.contains("100.0 Hz") && text.contains("50 Hz"),
            "{text}"
        );
        assert!(text.contains("several sensors"), "{text}");
    }

    #[test]
    fn limits_frozen_sensors_and_dead_axes_are_counted() {
        let clipped = found(50.0, |t| {
            let [x, y, z] = at_rest(t);
            [
                (40.0 * (t * 11.0).sin() as f32).clamp(-19.6, 19.6) + x * 0.0,
                y,
                z,
            ]
        });
        assert!(
            clipped
                .iter()
                .any(|f| f.0 == FindingKind::SensorLimit && f.1.contains("19.60"))
        );
        let frozen = found(50.0, |t| if t < 10.0 { [0.0; 3] } else { at_rest(t) });
        let text = &frozen
            .iter()
            .find(|f| f.0 == FindingKind::Frozen)
            .unwrap()
            .1;
        assert!(
            text.contains("zeros") && text.contains("10 s") && text.contains("user 7"),
            "{text}"
        );
        let dead = found(50.0, |t| [at_rest(t)[0], 0.0, at_rest(t)[2]]);
        assert!(
            dead.iter()
                .any(|f| f.0 == FindingKind::StillChannel && f.1.contains("channel y"))
        );
        let hard = found(50.0, |t| {
            [100.0 * (t * 11.0).sin() as f32, 0.5 + noise(t, 2.0), 9.8]
        });
        assert!(
            hard.iter()
                .any(|f| f.0 == FindingKind::DeviceRange && f.1.contains("78.5"))
        );
    }
}
