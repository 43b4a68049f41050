//! Generates synthetic recordings, for trying things out without data.
//!
//! The model is a phone in a trouser pocket: gravity, the body's bounce as harmonics of the step rate, and sensor noise,
//! all rotated into the phone's axes. Users differ in cadence, strength, posture, the position of the phone and its
//! noise; within a recording, cadence and strength drift. Figures from such data show that the programs work; they say
//! nothing about people.

use crate::{Error, IngestReport, Recording, STANDARD_GRAVITY, Sensor, Sink};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Normal};
use std::{
    f64::consts::{PI, TAU},
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SynthSpec {
    /// Users, numbered from 1; 1 to 36, as in WISDM v1.1.
    pub users: u32,
    /// Length of a recording in seconds, 1 to 86,400; each user has one of each activity.
    pub seconds: f32,
    /// Samples per second before jitter, 1 to 1000.
    pub rate_hz: f32,
    /// The same seed gives the same recordings.
    pub seed: u64,
}

impl Default for SynthSpec {
    fn default() -> Self {
        Self {
            users: 24,
            seconds: 60.0,
            rate_hz: 20.0,
            seed: 1,
        }
    }
}

impl SynthSpec {
    /// Checks that the settings make sense.
    ///
    /// # Errors
    /// [`Error::SynthSpec`] naming the field.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |field, value, reason| {
            Err(Error::SynthSpec {
                field,
                value,
                reason,
            })
        };
        if !(1..=36).contains(&self.users) {
            return bad("users", self.users as f32, "must lie between 1 and 36");
        }
        if !(1.0..=86_400.0).contains(&self.seconds) {
            let reason = "must lie between 1 s and one day";
            return bad("seconds", self.seconds, reason);
        }
        if !(1.0..=1000.0).contains(&self.rate_hz) {
            return bad("rate_hz", self.rate_hz, "must lie between 1 and 1000 Hz");
        }
        Ok(())
    }
}

/// How an activity moves the phone; rates in Hz, accelerations in m/s^2.
struct Gait {
    activity: &'static str,
    steps_hz: f64,
    /// Vertical bounce, and how strongly its harmonics follow.
    bounce: f64,
    harmonics: [f64; 3],
    /// Forward and sideways sway.
    forward: f64,
    side: f64,
    /// Forward lean of the thigh in radians, and its swing with each stride.
    pitch: f64,
    swing: f64,
    /// Spread of cadence and strength within a recording.
    unrest: f64,
}

#[rustfmt::skip]
const GAITS: [Gait; 6] = [
    Gait { activity: "walking", steps_hz: 1.85, bounce: 2.6, harmonics: [1.0, 0.50, 0.25], forward: 1.5, side: 0.9, pitch: 0.15, swing: 0.30, unrest: 0.05 },
    Gait { activity: "jogging", steps_hz: 2.60, bounce: 7.5, harmonics: [1.0, 0.45, 0.20], forward: 3.5, side: 1.8, pitch: 0.25, swing: 0.45, unrest: 0.06 },
    Gait { activity: "upstairs", steps_hz: 1.60, bounce: 2.1, harmonics: [1.0, 0.40, 0.15], forward: 1.7, side: 1.0, pitch: 0.40, swing: 0.42, unrest: 0.10 },
    Gait { activity: "downstairs", steps_hz: 1.80, bounce: 3.1, harmonics: [1.0, 0.70, 0.50], forward: 1.3, side: 1.1, pitch: 0.22, swing: 0.26, unrest: 0.10 },
    Gait { activity: "sitting", steps_hz: 0.25, bounce: 0.04, harmonics: [1.0, 0.0, 0.0], forward: 0.03, side: 0.03, pitch: 1.35, swing: 0.01, unrest: 0.3 },
    Gait { activity: "standing", steps_hz: 0.35, bounce: 0.05, harmonics: [1.0, 0.0, 0.0], forward: 0.06, side: 0.06, pitch: 0.10, swing: 0.02, unrest: 0.3 },
];

/// What distinguishes one user from another.
struct Person {
    cadence: f64,
    strength: f64,
    posture: f64,
    climb: f64,
    sharpness: f64,
    noise: f64,
    phone: [[f64; 3]; 3],
}

/// Draws from a normal distribution.
#[allow(
    clippy::expect_used,
    reason = "every standard deviation is a constant or a checked setting"
)]
fn normal(rng: &mut StdRng, mean: f64, std: f64) -> f64 {
    let normal = Normal::new(mean, std).expect("standard deviations here are finite");
    normal.sample(rng)
}

impl Person {
    fn new(rng: &mut StdRng) -> Self {
        // The phone may be upside down in the pocket, and it never lies quite straight.
        let flip = if rng.random_bool(0.35) { PI } else { 0.0 };
        let turn = rotation(2, normal(rng, 0.0, 0.30));
        let tilt = rotation(0, normal(rng, 0.0, 0.20));
        Self {
            cadence: normal(rng, 1.0, 0.08).clamp(0.8, 1.25),
            strength: normal(rng, 0.0, 0.22).exp(),
            posture: normal(rng, 0.0, 0.12),
            climb: normal(rng, 0.0, 0.10),
            sharpness: normal(rng, 0.0, 0.25).exp(),
            noise: normal(rng, 0.0, 0.3).exp() * 0.25,
            phone: multiply(rotation(1, flip), multiply(turn, tilt)),
        }
    }
}

/// Returns the rotation about axis 0 (x), 1 (y) or 2 (z) by `angle` radians.
fn rotation(axis: usize, angle: f64) -> [[f64; 3]; 3] {
    let (s, c) = angle.sin_cos();
    match axis {
        0 => [[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]],
        1 => [[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]],
        _ => [[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]],
    }
}

/// Multiplies the matrix `m` with the vector `v`.
fn turn(m: [[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
}

/// Multiplies two matrices.
fn multiply(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let [p, q, r] = [0, 1, 2].map(|c| turn(a, b.map(|row| row[c])));
    let ([a, b, c], [d, e, f], [g, h, i]) = (p, q, r);
    [[a, d, g], [b, e, h], [c, f, i]]
}

/// Generates one recording of `gait` by `person`.
fn record(
    user: u32,
    person: &Person,
    gait: &Gait,
    spec: &SynthSpec,
    rng: &mut StdRng,
) -> Recording {
    let rate = f64::from(spec.rate_hz);
    let count = (f64::from(spec.seconds) * rate) as usize;
    let moving = gait.bounce > 1.0;
    let cadence = gait.steps_hz * person.cadence * normal(rng, 1.0, 0.03);
    let strength = person.strength * normal(rng, 0.0, 0.08).exp();
    let climb = if gait.activity.ends_with("stairs") {
        person.climb
    } else {
        0.0
    };
    let pitch = gait.pitch + person.posture + climb + normal(rng, 0.0, 0.05);
    let mut phase = rng.random_range(0.0..TAU);
    let (mut drift, mut pause) = (0.0, 0);
    let mut t_ns = rng.random_range(1_000_000_000_000i64..100_000_000_000_000);
    let mut recording = Recording {
        user,
        activity: gait.activity.to_owned(),
        sensor: Sensor::Accelerometer,
        t_ns: Vec::with_capacity(count),
        channels: 3,
        samples: Vec::with_capacity(3 * count),
    };
    for _ in 0..count {
        // A slow, bounded random walk makes steps uneven; from time to time the user stops for a moment.
        drift += (-drift * 0.5 + normal(rng, 0.0, gait.unrest * 2.0)) / rate.sqrt();
        if moving && pause == 0 && rng.random_bool(0.03 / rate) {
            pause = (rng.random_range(0.5..1.5) * rate) as u32;
        }
        let vigour = if pause > 0 { 0.25 } else { 1.0 } * strength * (1.0 + drift);
        pause = pause.saturating_sub(1);
        phase += TAU * cadence * (1.0 + 0.5 * drift) / rate;
        let bounce: f64 = (1u32..)
            .zip(gait.harmonics)
            .map(|(n, share)| {
                let edge = if n > 1 { person.sharpness } else { 1.0 };
                share * edge * (f64::from(n) * phase + 0.7 * f64::from(n - 1)).sin()
            })
            .sum();
        let body = [
            vigour * gait.side * (phase / 2.0).sin(),
            f64::from(STANDARD_GRAVITY) + vigour * gait.bounce * bounce,
            vigour * gait.forward * (phase + 0.9).cos(),
        ];
        let thigh = rotation(
            0,
            pitch + vigour.min(1.5) * gait.swing * (phase / 2.0).sin(),
        );
        let phone = turn(person.phone, turn(thigh, body));
        let fidget = if !moving && rng.random_bool(0.02 / rate) {
            3.0
        } else {
            0.0
        };
        let sample = phone.map(|v| (v + normal(rng, 0.0, person.noise + fidget)) as f32);
        recording.t_ns.push(t_ns);
        recording.samples.extend(sample);
        let jitter = normal(rng, 1.0, 0.04).clamp(0.6, 1.4);
        t_ns += (jitter * 1e9 / rate) as i64;
    }
    recording
}

/// Generates all recordings of `spec`, user by user, activity by activity.
///
/// # Errors
/// [`Error::SynthSpec`] for a setting that makes no sense, and the errors of `sink`.
pub fn synthesize(
    spec: &SynthSpec,
    ingest: &mut IngestReport,
    sink: &mut dyn Sink,
) -> Result<(), Error> {
    spec.check()?;
    for user in 1..=spec.users {
        // A seed per user, so that a user does not change with the number of users.
        let mut rng = StdRng::seed_from_u64(spec.seed ^ (u64::from(user) << 32));
        let person = Person::new(&mut rng);
        for gait in &GAITS {
            let recording = record(user, &person, gait, spec, &mut rng);
            ingest.read += recording.t_ns.len() as u64;
            ingest.accepted += recording.t_ns.len() as u64;
            sink.recording(recording, ingest)?;
        }
    }
    Ok(())
}

/// Writes generated recordings in the text format of WISDM v1.1 raw, below `root` where its reader looks for them.
/// Returns the file's path.
///
/// # Errors
/// [`Error::SynthSpec`] for a setting that makes no sense, [`Error::Io`] when the folder or file cannot be written.
pub fn write_synthetic(spec: &SynthSpec, root: &Path) -> Result<PathBuf, Error> {
    spec.check()?;
    let folder = root.join("wisdm-v1.1");
    std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let path = folder.join("WISDM_ar_v1.1_raw.txt");
    let file = File::create_new(&path).map_err(Error::io(&path))?;
    let mut text = Text {
        out: BufWriter::new(file),
        path: &path,
    };
    synthesize(spec, &mut IngestReport::default(), &mut text)?;
    text.out.flush().map_err(Error::io(&path))?;
    Ok(path)
}

/// Writes recordings as text.
struct Text<'a> {
    out: BufWriter<File>,
    path: &'a Path,
}

impl Sink for Text<'_> {
    fn recording(&mut self, recording: Recording, _: &mut IngestReport) -> Result<(), Error> {
        let Recording { user, activity, .. } = &recording;
        let (head, tail) = activity.split_at(activity.len().min(1));
        let activity = head.to_uppercase() + tail;
        let samples = recording.samples.as_chunks().0;
        for (t_ns, [x, y, z]) in recording.t_ns.iter().zip(samples) {
            writeln!(self.out, "{user},{activity},{t_ns},{x},{y},{z};")
                .map_err(Error::io(self.path))?;
        }
        Ok(())
    }

    fn window(&mut self, _: u32, _: &str, _: &[f32], _: &mut IngestReport) -> Result<(), Error> {
        Ok(())
    }
}
