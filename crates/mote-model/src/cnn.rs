//! The architecture of a 1-D CNN: blocks of convolutions, global average pool, dense layer.
//!
//! A [`Cnn`] is what experiment files, presets and the search write down. Training and the search both ask it for the
//! same [layers](Cnn::layers), shapes and counts, and [`graph`] turns layers with their weights into a
//! [`Graph`](crate::Graph).

mod block;
mod geometry;
mod layer;
mod presets;

pub use block::{Block, blocks_text, parse_blocks};
pub use geometry::{ConvGeometry, Padding};
pub use layer::{ConvLayer, graph};

use crate::{Activation, Error, Shape};
use serde::{Deserialize, Serialize};

/// Largest number of channels, taps, steps of stride or steps of dilation.
const MOST: usize = 4096;

/// Clamp behind every block.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "kebab-case")]
pub enum Nonlinearity {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `min(max(x, 0), 6)`: bounds the range that int8 has to cover.
    Relu6,
}

impl Nonlinearity {
    /// Returns the same clamp as the network description names it.
    pub fn activation(self) -> Activation {
        match self {
            Nonlinearity::Relu => Activation::Relu,
            Nonlinearity::Relu6 => Activation::Relu6,
        }
    }
}

/// A 1-D CNN: blocks, global average pool, dense layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cnn {
    /// The blocks, first to last.
    pub blocks: Vec<Block>,
    /// Clamp behind every block.
    #[serde(default)]
    pub nonlinearity: Nonlinearity,
    /// What every block reads beyond the ends of a window.
    #[serde(default)]
    pub padding: Padding,
}

impl Cnn {
    /// Checks the architecture against windows of shape `input`.
    ///
    /// # Errors
    /// [`Error::Cnn`] naming the block and the field.
    pub fn validate(&self, input: Shape) -> Result<(), Error> {
        let wrong = |field: String, what: String| Err(Error::Cnn { field, what });
        if self.blocks.is_empty() {
            return wrong("blocks".to_owned(), "give at least one block".to_owned());
        }
        if input.is_empty() {
            let what = "the input has no samples: choose a longer window".to_owned();
            return wrong("input".to_owned(), what);
        }
        let mut time = input.time;
        for (i, block) in self.blocks.iter().enumerate() {
            let fields = [
                ("channels", block.channels),
                ("kernel", block.kernel),
                ("stride", block.stride),
                ("dilation", block.dilation),
            ];
            for (field, value) in fields {
                if !(1..=MOST).contains(&value) {
                    return wrong(
                        format!("blocks[{i}].{field}"),
                        format!("{value} is not in 1..={MOST}"),
                    );
                }
            }
            let geometry = ConvGeometry::new(block, time, self.padding);
            if geometry.time_out == 0 {
                return wrong(
                    format!("blocks[{i}].kernel"),
                    format!(
                        "{} taps do not fit the {time} steps that are left without padding: choose longer \
                         windows, or smaller kernels or strides before",
                        block.kernel
                    ),
                );
            }
            time = geometry.time_out;
        }
        Ok(())
    }

    /// Returns the convolutions of all blocks for windows of shape `input`, first to last. A plain block is one
    /// convolution, a separable block two.
    ///
    /// # Errors
    /// Those of [`Cnn::validate`].
    pub fn layers(&self, input: Shape) -> Result<Vec<ConvLayer>, Error> {
        self.validate(input)?;
        let mut layers = Vec::new();
        let Shape {
            mut time,
            mut channels,
        } = input;
        for (index, block) in self.blocks.iter().enumerate() {
            let geometry = ConvGeometry::new(block, time, self.padding);
            let name = format!("conv{}", index + 1);
            let activation = self.nonlinearity.activation();
            let spatial = ConvLayer {
                name,
                block: index,
                geometry,
                in_channels: channels,
                out_channels: block.channels,
                depthwise: false,
                activation,
            };
            if block.separable {
                layers.push(ConvLayer {
                    name: format!("{}_depthwise", spatial.name),
                    out_channels: channels,
                    depthwise: true,
                    activation: Activation::None,
                    ..spatial
                });
                layers.push(ConvLayer {
                    name: format!("conv{}_pointwise", index + 1),
                    block: index,
                    geometry: ConvGeometry::pointwise(geometry.time_out),
                    in_channels: channels,
                    out_channels: block.channels,
                    depthwise: false,
                    activation,
                });
            } else {
                layers.push(spatial);
            }
            (time, channels) = (geometry.time_out, block.channels);
        }
        Ok(layers)
    }

    /// Returns the shape behind the last block, which the global pool reads, for windows of shape `input`.
    ///
    /// # Errors
    /// Those of [`Cnn::validate`].
    pub fn features_shape(&self, input: Shape) -> Result<Shape, Error> {
        let layers = self.layers(input)?;
        Ok(layers.iter().fold(input, |_, layer| layer.output()))
    }

    /// Counts weights and biases with batch norms folded in, for windows of shape `input` and `classes` classes.
    ///
    /// # Errors
    /// Those of [`Cnn::validate`].
    pub fn parameters(&self, input: Shape, classes: usize) -> Result<usize, Error> {
        let convolutions: usize = self.layers(input)?.iter().map(ConvLayer::parameters).sum();
        let features = self.features_shape(input)?.channels;
        Ok(convolutions + classes * (features + 1))
    }

    /// Counts multiply-accumulates per window of shape `input`, as [`Graph::macs`](crate::Graph::macs) does.
    ///
    /// # Errors
    /// Those of [`Cnn::validate`].
    pub fn macs(&self, input: Shape, classes: usize) -> Result<usize, Error> {
        let convolutions: usize = self.layers(input)?.iter().map(ConvLayer::macs).sum();
        let features = self.features_shape(input)?.channels;
        Ok(convolutions + classes * features)
    }

    /// Returns the input steps that one step of the last block reads, without padding.
    pub fn receptive_field(&self) -> usize {
        let mut stride = 1;
        let mut field = 1;
        for block in &self.blocks {
            field += (block.kernel - 1) * block.dilation * stride;
            stride *= block.stride;
        }
        field
    }

    /// Returns the input steps per step of the last block.
    pub fn total_stride(&self) -> usize {
        self.blocks.iter().map(|b| b.stride).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Weights;
    use proptest::prelude::*;

    fn networks() -> impl Strategy<Value = Cnn> {
        let block = (1..20usize, 1..8usize, 1..4usize, any::<bool>(), 1..4usize);
        let block = block.prop_map(|(channels, kernel, stride, separable, dilation)| Block {
            channels,
            kernel,
            stride,
            separable,
            dilation,
        });
        let nonlinearity = prop_oneof![Just(Nonlinearity::Relu), Just(Nonlinearity::Relu6)];
        let padding = prop_oneof![Just(Padding::Same), Just(Padding::Valid)];
        let blocks = prop::collection::vec(block, 1..4);
        (blocks, nonlinearity, padding).prop_map(|(blocks, nonlinearity, padding)| Cnn {
            blocks,
            nonlinearity,
            padding,
        })
    }

    fn zeros(layer: &ConvLayer) -> Weights {
        Weights::F32 {
            weights: vec![0.0; layer.fan_in() * layer.out_channels],
            bias: vec![0.0; layer.out_channels],
        }
    }

    proptest! {
        #[test]
        fn shapes_and_counts_are_those_of_the_graph(
            cnn in networks(), time in 1..80usize, channels in 1..7usize, classes in 2..9usize,
        ) {
            let input = Shape::new(time, channels);
            let Ok(layers) = cnn.layers(input) else {
                prop_assert_eq!(cnn.padding, Padding::Valid, "padded kernels fit any window");
                return Ok(());
            };
            let features = cnn.features_shape(input).unwrap();
            let head = Weights::F32 {
                weights: vec![0.0; classes * features.channels],
                bias: vec![0.0; classes],
            };
            let weights = layers.iter().map(zeros).collect();
            let graph = graph("cnn", input, &layers, weights, head).unwrap();
            prop_assert_eq!(graph.parameters(), cnn.parameters(input, classes).unwrap());
            prop_assert_eq!(graph.macs(), cnn.macs(input, classes).unwrap());
            for (node, layer) in graph.nodes.iter().zip(&layers) {
                prop_assert_eq!(graph.tensor(node.output).unwrap().shape, layer.output());
            }
            prop_assert_eq!(graph.tensor(graph.output).unwrap().shape, Shape::new(1, classes));
        }

        #[test]
        fn the_short_form_reads_back(cnn in networks()) {
            prop_assert_eq!(parse_blocks(&blocks_text(&cnn.blocks)).unwrap(), cnn.blocks);
        }
    }

    #[test]
    fn a_window_of_the_receptive_field_gives_one_step() {
        let cnn = Cnn {
            blocks: parse_blocks("c24k9s2-d48k7s2-d64k5r2-d64k5").unwrap(),
            padding: Padding::Valid,
            ..Cnn::default()
        };
        let field = cnn.receptive_field();
        assert_eq!(field, 1 + 8 + 6 * 2 + 8 * 4 + 4 * 4);
        let steps = |time| cnn.features_shape(Shape::new(time, 3)).unwrap().time;
        assert_eq!(
            (steps(field), steps(field + 3), steps(field + 4)),
            (1, 1, 2)
        );
        assert!(cnn.features_shape(Shape::new(field - 1, 3)).is_err());
    }

    #[test]
    fn settings_are_written_as_they_always_were() {
        let text = r#"{"blocks":[{"channels":8,"kernel":3},{"channels":9,"kernel":5,"stride":2,"separable":true,"dilation":3}],"padding":"valid","nonlinearity":"relu6"}"#;
        let cnn: Cnn = serde_json::from_str(text).unwrap();
        let dilated = Block {
            dilation: 3,
            ..Block::separable(9, 5, 2)
        };
        assert_eq!(cnn.blocks, [Block::plain(8, 3, 1), dilated]);
        assert_eq!(
            (cnn.padding, cnn.nonlinearity),
            (Padding::Valid, Nonlinearity::Relu6)
        );
        assert!(serde_json::from_str::<Cnn>(r#"{"blocks":[],"depth":3}"#).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let input = Shape::new(20, 3);
        let wrong = |blocks: Vec<Block>, padding, input| {
            let cnn = Cnn {
                blocks,
                padding,
                ..Cnn::default()
            };
            cnn.validate(input).unwrap_err().to_string()
        };
        let block = Block::plain(8, 5, 1);
        let cases = [
            (wrong(vec![], Padding::Same, input), "at least one block"),
            (
                wrong(vec![block], Padding::Same, Shape::new(0, 3)),
                "longer window",
            ),
            (
                wrong(
                    vec![block, Block { stride: 0, ..block }],
                    Padding::Same,
                    input,
                ),
                "blocks[1].stride",
            ),
            (
                wrong(vec![block, Block::plain(8, 17, 1)], Padding::Valid, input),
                "17 taps do not fit the 16 steps",
            ),
        ];
        for (message, part) in cases {
            assert!(message.contains(part), "{message}");
        }
    }
}
