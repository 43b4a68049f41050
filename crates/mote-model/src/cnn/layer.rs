//! The convolutions that blocks stand for, and the graph they make.

use super::ConvGeometry;
use crate::{Activation, Conv1d, Dense, Error, Graph, Op, Pool, PoolKind, Shape, Weights};

/// One convolution of a network. Weights are `[out][kernel][in]`, those of a depthwise one `[channels][kernel]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvLayer {
    /// Unique name: `conv1`, or `conv2_depthwise` and `conv2_pointwise`.
    pub name: String,
    /// Index of the block it belongs to.
    pub block: usize,
    /// Taps, steps and padding.
    pub geometry: ConvGeometry,
    /// Input channels.
    pub in_channels: usize,
    /// Output channels; as many as input channels when depthwise.
    pub out_channels: usize,
    /// Whether every channel has a kernel of its own.
    pub depthwise: bool,
    /// Clamp behind it.
    pub activation: Activation,
}

impl ConvLayer {
    /// Returns the number of products that one output value sums up.
    pub fn fan_in(&self) -> usize {
        match self.depthwise {
            true => self.geometry.kernel,
            false => self.geometry.kernel * self.in_channels,
        }
    }

    /// Returns the shape of the output.
    pub fn output(&self) -> Shape {
        Shape::new(self.geometry.time_out, self.out_channels)
    }

    /// Counts weights and biases.
    pub fn parameters(&self) -> usize {
        self.out_channels * (self.fan_in() + 1)
    }

    /// Counts multiply-accumulates per window: all taps of every output value, those on padding too.
    pub fn macs(&self) -> usize {
        self.output().len() * self.fan_in()
    }

    /// Returns the operator with these `weights`.
    pub fn op(&self, weights: Weights) -> Op {
        Op::Conv1d(Conv1d {
            out_channels: self.out_channels,
            kernel: self.geometry.kernel,
            stride: self.geometry.stride,
            dilation: self.geometry.dilation,
            padding: self.geometry.padding,
            groups: if self.depthwise { self.in_channels } else { 1 },
            activation: self.activation,
            weights,
        })
    }
}

/// Builds the graph of `layers` on windows of shape `input`: the convolutions with their `weights`, the global average
/// pool unless there is one step only, and a dense layer with the weights `head`, `[classes][features]`. Its output is logits. Tensors are f32.
///
/// # Errors
/// [`Error::Network`] when there are not as many weights as layers, [`Error::Shape`] when a layer does not fit the one
/// before it.
pub fn graph(
    name: &str,
    input: Shape,
    layers: &[ConvLayer],
    weights: Vec<Weights>,
    head: Weights,
) -> Result<Graph, Error> {
    if layers.len() != weights.len() {
        return Err(Error::network(
            "weights",
            format!(
                "there are weights of {} layers for {}; give one set per layer",
                weights.len(),
                layers.len()
            ),
        ));
    }
    let mut graph = Graph::new(name, input);
    for (layer, weights) in layers.iter().zip(weights) {
        graph.push(layer.name.clone(), layer.op(weights))?;
    }
    let time = graph.tensor(graph.output)?.shape.time;
    // The mean of a single step is the step itself.
    if time > 1 {
        let pool = Pool {
            kind: PoolKind::Average,
            kernel: time,
            stride: 1,
            padding: [0, 0],
        };
        graph.push("pool", Op::Pool(pool))?;
    }
    let dense = Dense {
        out_features: head.outputs(),
        activation: Activation::None,
        weights: head,
    };
    graph.push("dense", Op::Dense(dense))?;
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cnn::{Block, Cnn};

    #[test]
    fn every_layer_needs_weights() {
        let input = Shape::new(20, 3);
        let cnn = Cnn {
            blocks: vec![Block::separable(8, 5, 2)],
            ..Cnn::default()
        };
        let layers = cnn.layers(input).unwrap();
        let head = Weights::F32 {
            weights: vec![0.0; 16],
            bias: vec![0.0; 2],
        };
        let message = graph("cnn", input, &layers, vec![head.clone()], head).unwrap_err();
        assert!(message.to_string().contains("1 layers for 2"), "{message}");
    }

    #[test]
    fn a_separable_block_is_two_convolutions() {
        let cnn = Cnn {
            blocks: vec![Block::plain(4, 3, 1), Block::separable(8, 5, 2)],
            ..Cnn::default()
        };
        let layers = cnn.layers(Shape::new(20, 3)).unwrap();
        let found: Vec<_> = layers
            .iter()
            .map(|l| {
                (
                    l.name.as_str(),
                    l.block,
                    l.fan_in(),
                    l.output(),
                    l.activation,
                )
            })
            .collect();
        let expected = [
            ("conv1", 0, 9, Shape::new(20, 4), Activation::Relu),
            ("conv2_depthwise", 1, 5, Shape::new(10, 4), Activation::None),
            ("conv2_pointwise", 1, 4, Shape::new(10, 8), Activation::Relu),
        ];
        assert_eq!(found, expected);
    }
}
