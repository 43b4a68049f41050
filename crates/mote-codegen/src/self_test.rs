//! How exported code shows that it computes what the engine computes.
//!
//! Every export contains a generator of made-up motion, [`Signal`], and a digest of what the engine decided about it here:
//! FNV-1a over the class and all scores of [`DECISIONS`] decisions. It runs wherever the code runs, on the device too,
//! and needs no recordings.

use crate::interface::{Elem, Interface};
use crate::{Deployment, Error};
use mote::kernels::argmax;
use mote::{Interpreter, Model, registry};
use mote_model::{Strategy, blob, plan};

/// Decisions that a self-test compares.
pub const DECISIONS: usize = 1000;

/// Made-up motion in counts of the sensor: posture and strength of movement change every 64 samples.
#[derive(Debug, Clone)]
pub struct Signal {
    state: u32,
    index: u32,
    shift: u32,
    base: Vec<i16>,
}

impl Signal {
    /// Makes the signal of a sensor with `channels` axes: always the same.
    pub fn new(channels: usize) -> Self {
        Self {
            state: 1,
            index: 0,
            shift: 0,
            base: vec![0; channels],
        }
    }

    /// Returns the next sample. Values stay within a quarter of the sensor's range in both directions.
    pub fn sample(&mut self) -> Vec<i16> {
        if self.index.is_multiple_of(64) {
            self.shift = 2 + u32::from(self.random() as u16 % 8);
            for i in 0..self.base.len() {
                let posture = self.random() >> 2;
                if let Some(base) = self.base.get_mut(i) {
                    *base = posture;
                }
            }
        }
        self.index = self.index.wrapping_add(1);
        let base = self.base.clone();
        let shift = self.shift;
        base.iter()
            .map(|base| base + (self.random() >> shift))
            .collect()
    }

    /// Returns the upper half of a linear congruential generator's state (Numerical Recipes).
    fn random(&mut self) -> i16 {
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.state >> 16) as i16
    }
}

/// The scores of one decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Scores {
    /// On the output's grid.
    I8(Vec<i8>),
    /// As they are.
    F32(Vec<f32>),
}

impl Scores {
    /// Returns the class with the largest score.
    pub fn class(&self) -> usize {
        match self {
            Scores::I8(scores) => argmax(scores),
            Scores::F32(scores) => argmax(scores),
        }
    }
}

/// Runs the engine on [`Signal`] and returns [`DECISIONS`] decisions.
///
/// # Errors
/// When the deployment is not valid.
pub fn decisions(deployment: &Deployment) -> Result<Vec<Scores>, Error> {
    let interface = Interface::of(deployment)?;
    let graph = &deployment.graph;
    let plan = plan(graph, Strategy::Overlap)?;
    let words = blob::to_words(graph, &plan)?;
    let engine = |e: mote::Error| Error::invalid("graph", e.to_string());
    let network =
        Interpreter::new(Model::parse(&words).map_err(engine)?, registry::ALL).map_err(engine)?;
    let mut arena = vec![0u32; plan.arena.div_ceil(4)];
    let mut signal = Signal::new(interface.channels);
    let mut samples: Vec<i16> = Vec::new();
    let mut found = Vec::new();
    while found.len() < DECISIONS {
        while samples.len() < interface.run * interface.channels {
            samples.extend(signal.sample());
        }
        match interface.elem {
            Elem::Count => network.load_counts(&samples, &mut arena).map_err(engine)?,
            Elem::I8 => {
                let input = network.input_i8(&mut arena).map_err(engine)?;
                for (x, &count) in input.iter_mut().zip(&samples) {
                    *x = (count >> 7) as i8;
                }
            }
            Elem::F32 => {
                let input = network.input_f32(&mut arena).map_err(engine)?;
                for (x, &count) in input.iter_mut().zip(&samples) {
                    *x = f32::from(count) / 4096.0;
                }
            }
        }
        samples.drain(..(interface.run - interface.keep) * interface.channels);
        if network.run(&mut arena).map_err(engine)? {
            found.push(match interface.scores {
                Some(_) => Scores::I8(network.output_i8(&arena).map_err(engine)?.to_vec()),
                None => Scores::F32(network.output_f32(&arena).map_err(engine)?.to_vec()),
            });
        }
    }
    Ok(found)
}

/// Returns the FNV-1a hash of the class and the scores (little-endian) of each decision.
pub fn digest(decisions: &[Scores]) -> u32 {
    let mut hash = 0x811c_9dc5;
    let mut take = |byte: u8| hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    for scores in decisions {
        take(scores.class() as u8);
        match scores {
            Scores::I8(scores) => scores.iter().for_each(|&s| take(s as u8)),
            Scores::F32(scores) => scores
                .iter()
                .flat_map(|s| s.to_le_bytes())
                .for_each(&mut take),
        }
    }
    hash
}
