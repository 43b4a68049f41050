//! The network of a candidate before anything is trained: right in every shape, with weights that mean nothing.
//!
//! Sizes, memory plans and cycles do not depend on what weights say, so planner and format writer work on it as they
//! will on the trained one.

use crate::{Block, Error, Spec};
use mote_model::{
    Activation, Conv1d, Dense, Frontend, Graph, Op, PageBuffers, Pool, PoolKind, Quant, Runtime,
    Shape, Weights, stream,
};

/// What a task asks of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shapes {
    /// Sampling rate in Hz.
    pub rate_hz: f64,
    /// Values per sample.
    pub channels: usize,
    /// Classes.
    pub classes: usize,
}

/// The int8 network of `spec` as the device runs it, and how it is held. What pruning will leave is estimated: so many
/// channels less in every block that the multiply-accumulates come down by its share.
///
/// # Errors
/// [`Error::Impossible`] when the window is too short for the kernels, or the network cannot be streamed.
pub fn network(spec: &Spec, shapes: Shapes) -> Result<(Graph, Runtime), Error> {
    let impossible = |source| Error::Impossible {
        spec: spec.to_string(),
        source,
    };
    let graph = windowed(spec, shapes).map_err(impossible)?;
    let mut runtime = Runtime::COMPILED;
    if spec.lazy {
        runtime = runtime.lazy();
    }
    if spec.page > 0 {
        runtime = runtime.paged(spec.page, PageBuffers::One);
    }
    if !spec.stream {
        return Ok((graph, runtime));
    }
    let hop = spec.hop_samples(shapes.rate_hz);
    let graph = stream::stream(&graph, hop, None).map_err(impossible)?;
    Ok((graph, runtime))
}

fn windowed(spec: &Spec, shapes: Shapes) -> Result<Graph, mote_model::Error> {
    let time = (spec.window_s() * shapes.rate_hz).round() as usize;
    let mut graph = Graph::new(spec.network(), Shape::new(time, shapes.channels));
    graph.frontend = Some(Frontend {
        offset: vec![0; shapes.channels],
        scale: vec![1e-3; shapes.channels],
    });
    if spec.pca > 0 {
        let inputs = time * shapes.channels;
        graph.push("components", dense(spec.pca, inputs, Activation::None))?;
        graph.push("hidden", dense(32, spec.pca, Activation::Relu))?;
        graph.push("dense", dense(shapes.classes, 32, Activation::None))?;
        return Ok(quantized(graph));
    }
    let keep = (1.0 - f64::from(spec.prune) / 100.0).sqrt();
    for (i, block) in spec.blocks.iter().enumerate() {
        let left = match spec.prune {
            0 => block.channels,
            _ => (((block.channels as f64 * keep) / 4.0).round() as usize * 4).max(4),
        };
        let block = Block {
            channels: left.min(block.channels),
            ..*block
        };
        push_block(&mut graph, i + 1, block, spec)?;
    }
    let Shape { time, channels } = graph.tensor(graph.output)?.shape;
    let pool = Pool {
        kind: PoolKind::Average,
        kernel: time,
        stride: 1,
        padding: [0, 0],
    };
    graph.push("pool", Op::Pool(pool))?;
    graph.push("dense", dense(shapes.classes, channels, Activation::None))?;
    Ok(quantized(graph))
}

fn push_block(
    graph: &mut Graph,
    number: usize,
    block: Block,
    spec: &Spec,
) -> Result<(), mote_model::Error> {
    let input = graph.tensor(graph.output)?.shape;
    let padding = match spec.same_padding {
        true => {
            let steps = input.time.div_ceil(block.stride).saturating_sub(1);
            let total = (steps * block.stride + block.kernel).saturating_sub(input.time);
            [total / 2, total - total / 2]
        }
        false => [0, 0],
    };
    let conv = |out_channels, taps: [usize; 2], stride, padding, groups, activation| {
        let [kernel, inputs] = taps;
        Op::Conv1d(Conv1d {
            out_channels,
            kernel,
            stride,
            dilation: 1,
            padding,
            groups,
            activation,
            // As `int8:bits=4` has it: all but the first convolution and the depthwise ones.
            weights: match number > 1 && groups == 1 {
                true => weights(out_channels, kernel * inputs, spec.bits),
                false => weights(out_channels, kernel * inputs, 8),
            },
        })
    };
    let Block {
        channels,
        kernel,
        stride,
        separable,
    } = block;
    let name = format!("conv{number}");
    if separable {
        let taps = [kernel, 1];
        let none = Activation::None;
        let depthwise = conv(input.channels, taps, stride, padding, input.channels, none);
        graph.push(format!("{name}_depthwise"), depthwise)?;
        let pointwise = conv(
            channels,
            [1, input.channels],
            1,
            [0, 0],
            1,
            Activation::Relu,
        );
        graph.push(format!("{name}_pointwise"), pointwise)?;
    } else {
        let taps = [kernel, input.channels];
        graph.push(
            name,
            conv(channels, taps, stride, padding, 1, Activation::Relu),
        )?;
    }
    Ok(())
}

fn dense(out_features: usize, inputs: usize, activation: Activation) -> Op {
    Op::Dense(Dense {
        out_features,
        activation,
        weights: weights(out_features, inputs, 8),
    })
}

fn quantized(mut graph: Graph) -> Graph {
    for tensor in &mut graph.tensors {
        tensor.quant = Some(Quant {
            scale: 0.05,
            zero_point: -128,
        });
    }
    graph
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

/// A number from -127 to 127 that belongs to `i`: the same network every time.
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
        // 20 samples between decisions are no multiple of 8.
        assert!(graph("window=5,net=c8k3s2-c8k3s2-c8k3s2,run=stream").is_err());
        assert!(graph("window=5,net=c8k3s2-c8k3s2,run=stream").is_ok());
    }
}
