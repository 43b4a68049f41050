//! The network of a candidate before it is trained: every shape is right, the weights are arbitrary.
//!
//! Sizes, memory plans and cycles do not depend on the values of weights, so the planner and the format writer give the
//! same results as for the trained network.

use crate::candidate::Candidate;
use crate::error::Error;
use mote_model::cnn::{self, Cnn};
use mote_model::{Activation, Dense, Frontend, Graph, Op, Quant, Runtime, Shape, Weights, stream};

/// The shapes that a task gives a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shapes {
    /// Sampling rate in Hz.
    pub rate_hz: f64,
    /// Values per sample.
    pub channels: usize,
    /// Classes.
    pub classes: usize,
}

/// Builds the int8 network of `candidate` as the device runs it, and returns it with how it is held. What pruning
/// leaves is estimated: every block loses the same share of channels, so that the multiply-accumulates come down by the
/// share asked for.
///
/// # Errors
/// [`Error::Impossible`] when the window is too short for the kernels, or the network cannot be streamed.
pub fn network(candidate: &Candidate, shapes: Shapes) -> Result<(Graph, Runtime), Error> {
    let impossible = |source| Error::Impossible {
        candidate: candidate.to_string(),
        source,
    };
    let graph = windowed(candidate, shapes).map_err(impossible)?;
    let mut runtime = Runtime::COMPILED;
    if candidate.lazy {
        runtime = runtime.lazy();
    }
    if candidate.page > 0 {
        runtime = runtime.paged(candidate.page);
    }
    if !candidate.stream {
        return Ok((graph, runtime));
    }
    let hop = candidate.hop_samples(shapes.rate_hz);
    let graph = stream::stream(&graph, hop, None).map_err(impossible)?;
    Ok((graph, runtime))
}

/// Builds the network over whole windows.
fn windowed(candidate: &Candidate, shapes: Shapes) -> Result<Graph, mote_model::Error> {
    let time = (candidate.window_s(shapes.rate_hz) * shapes.rate_hz).round() as usize;
    let input = Shape::new(time, shapes.channels);
    let name = candidate.network();
    let mut graph = if candidate.pca > 0 {
        let mut graph = Graph::new(name, input);
        let inputs = input.len();
        graph.push("components", dense(candidate.pca, inputs, Activation::None))?;
        graph.push("hidden", dense(32, candidate.pca, Activation::Relu))?;
        graph.push("dense", dense(shapes.classes, 32, Activation::None))?;
        graph
    } else {
        let network = pruned(&candidate.cnn, candidate.prune);
        let layers = network.layers(input)?;
        // The same layers as `int8:bits=4`: all but the first convolution and the depthwise ones.
        let bits = |i: usize| match i > 0 && !layers[i].depthwise {
            true => candidate.bits,
            false => 8,
        };
        let convolutions = layers.iter().enumerate();
        let convolutions =
            convolutions.map(|(i, layer)| weights(layer.out_channels, layer.fan_in(), bits(i)));
        let features = network.features_shape(input)?.channels;
        let head = weights(shapes.classes, features, 8);
        cnn::graph(&name, input, &layers, convolutions.collect(), head)?
    };
    graph.frontend = Some(Frontend {
        offset: vec![0; shapes.channels],
        scale: vec![1e-3; shapes.channels],
    });
    for tensor in &mut graph.tensors {
        tensor.quant = Some(Quant {
            scale: 0.05,
            zero_point: -128,
        });
    }
    Ok(graph)
}

/// Estimates the network that is left when `percent` of the multiply-accumulates are pruned.
fn pruned(network: &Cnn, percent: u8) -> Cnn {
    let mut network = network.clone();
    if percent > 0 {
        let keep = (1.0 - f64::from(percent) / 100.0).sqrt();
        for block in &mut network.blocks {
            let left = ((block.channels as f64 * keep) / 4.0).round() as usize * 4;
            block.channels = left.max(4).min(block.channels);
        }
    }
    network
}

fn dense(out_features: usize, inputs: usize, activation: Activation) -> Op {
    Op::Dense(Dense {
        out_features,
        activation,
        weights: weights(out_features, inputs, 8),
    })
}

fn weights(outputs: usize, taps: usize, bits: u8) -> Weights {
    let largest = ((1i16 << (bits - 1)) - 1) as i8;
    Weights::I8 {
        weights: (0..outputs * taps)
            .map(|i| noise(i).clamp(-largest, largest))
            .collect(),
        scales: vec![0.01; outputs],
        bias: vec![100; outputs],
        bits,
    }
}

/// Returns a number from -127 to 127 that depends on `i` only, so that the network is the same every time.
fn noise(i: usize) -> i8 {
    (((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as i8).max(-127)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATCH: Shapes = Shapes {
        rate_hz: 20.0,
        channels: 3,
        classes: 5,
    };

    fn graph(text: &str) -> Result<(Graph, Runtime), Error> {
        network(&text.parse().unwrap(), WATCH)
    }

    #[test]
    fn a_candidate_is_a_sound_network() {
        // The default network: 10 k parameters.
        let text = "window=3,pad=same,net=c24k9s2-d48k7s2-d64k5s2-d64k5";
        let (graph, runtime) = graph(text).unwrap();
        graph.validate().unwrap();
        assert_eq!(graph.tensor(graph.output).unwrap().shape, Shape::new(1, 5));
        assert_eq!(graph.parameters(), 10_357);
        assert_eq!(runtime, Runtime::COMPILED);
    }

    #[test]
    fn pruning_takes_about_its_share() {
        let macs = |prune| {
            let text = format!("window=3,pad=same,net=c24k9s2-d48k7s2-d64k5s2,prune={prune}");
            graph(&text).unwrap().0.macs() as f64
        };
        let left = macs(50) / macs(0);
        assert!((0.4..0.65).contains(&left), "{left}");
    }

    #[test]
    fn what_cannot_run_is_an_error() {
        let too_long = graph("window=1,net=c8k9s2-c8k9s2").unwrap_err().to_string();
        assert!(too_long.contains("c8k9s2"), "{too_long}");
        let padded = graph("window=3,pad=same,net=c8k3,run=stream").unwrap_err();
        assert!(padded.to_string().contains("padding"), "{padded}");
        // 20 samples between decisions are no multiple of 8: the nearest is 24.
        assert!(graph("window=5,net=c8k3s2-c8k3s2-c8k3s2,run=stream").is_ok());
        assert!(graph("window=5,net=c8k3s2-c8k3s2,run=stream").is_ok());
    }
}
