//! The layers of a network as constants and calls.

use crate::Error;
use mote::describe::{C, Description, Weighted};
use mote::format::FRONTEND_WORDS;
use mote::kernels::conv1d::Shape;
use mote::kernels::depthwise::DepthwiseI8;
use mote::op::Ending;
use mote::quant::Rounding;
use mote::{Node, Tensor};
use mote_model::{Node as GraphNode, Weights};
use std::fmt::Display;

/// A piece of the source: its name, what it needs before it, its text.
struct Part {
    name: &'static str,
    needs: &'static [&'static str],
    text: &'static str,
}

macro_rules! parts {
    ($($name:literal: [$($needs:literal),*];)*) => {
        &[$(Part {
            name: $name,
            needs: &[$($needs),*],
            text: include_str!(concat!($name, ".c.txt")),
        }),*]
    };
}

/// All pieces, each behind those it needs.
const PARTS: &[Part] = parts! {
    "base": [];
    "rounding_shift": [];
    "multiplier": ["rounding_shift"];
    "channel": ["base"];
    "mean": [];
    "conv": ["channel"];
    "dot_i8": ["conv"];
    "dot_i4": ["conv"];
    "depthwise": ["channel"];
    "pool": [];
    "max_pool": ["pool"];
    "average_pool": ["pool", "mean"];
    "add": ["base", "multiplier"];
    "activation": ["base", "multiplier"];
    "leaky_relu": ["base", "multiplier"];
    "softmax": ["base", "multiplier"];
    "exit": [];
    "history": [];
    "windows": [];
    "window_max": ["windows"];
    "sums": [];
    "window_average": ["windows", "sums", "mean"];
    "levels": [];
    "filter": ["levels"];
    "filter_change": ["levels"];
    "rescale": ["base", "multiplier"];
    "mean_pool": ["pool", "rescale"];
    "window_mean": ["windows", "sums", "rescale"];
    "lookup": [];
    "copy": [];
    "transpose": [];
    "concat": ["base", "multiplier"];
    "mul": ["base", "multiplier"];
    "scale_channels": ["base", "multiplier"];
    "shift_channels": ["base", "multiplier"];
    "image": [];
    "max_pool_2d": ["image"];
    "average_pool_2d": ["image", "mean"];
    "image_weights": ["image", "channel"];
    "conv_2d": ["image_weights"];
    "depthwise_2d": ["image_weights"];
    "frontend": ["base", "multiplier"];
};

/// Layers, as they are added.
#[derive(Default)]
pub(super) struct Layers {
    /// Constants.
    pub data: String,
    /// Body of the function that runs them.
    pub calls: String,
    needed: Vec<&'static str>,
    count: usize,
}

impl Layers {
    /// Returns the functions that the layers call.
    pub fn parts(&self) -> String {
        let mut needed = self.needed.clone();
        for part in PARTS.iter().rev() {
            if needed.contains(&part.name) {
                needed.extend(part.needs);
            }
        }
        let texts = PARTS.iter().filter(|part| needed.contains(&part.name));
        texts.map(|part| format!("{}\n", part.text)).collect()
    }

    /// Adds the conversion of samples.
    pub fn front_end(&mut self, channels: &[[u32; FRONTEND_WORDS]]) {
        self.needed.push("frontend");
        let rows: Vec<String> = channels
            .iter()
            .map(|row| braces(row.map(|w| w as i32)))
            .collect();
        self.data.push_str(&format!(
            "static const int32_t front_end_channels[][{FRONTEND_WORDS}] = {};\n\n",
            braces(rows)
        ));
    }

    /// Adds `node`, which `named` describes.
    ///
    /// # Errors
    /// When there is no C for it.
    pub fn add(&mut self, node: &Node<'_>, named: &GraphNode) -> Result<(), Error> {
        let engine =
            |e: mote::Error| Error::invalid("graph", format!("layer `{}`: {e}", named.name));
        let layer = Layer {
            node,
            named,
            id: format!("layer_{:02}", self.count),
            input: node.input().map_err(engine)?,
            second: node.second_input().map_err(engine)?,
            output: node.output().map_err(engine)?,
        };
        self.count += 1;
        self.data
            .push_str(&format!("/* {} */\n", comment(&named.name)));
        match Weighted::of(node).map_err(engine)? {
            Some(Weighted::ConvI8(conv)) => {
                let (shape, rounding) = (conv.shape, conv.rounding);
                self.conv(&layer, "dot_i8", &shape, rounding, conv.channels);
            }
            Some(Weighted::ConvI4(conv)) => {
                let (shape, rounding) = (conv.shape, conv.rounding);
                self.conv(&layer, "dot_i4", &shape, rounding, conv.channels);
            }
            Some(Weighted::DepthwiseI8(conv)) => self.depthwise(&layer, &conv),
            _ => match Description::of(node).map_err(engine)? {
                Description {
                    c: Some(c),
                    inputs,
                    ending,
                    ..
                } => self.plain(&layer, c, inputs, ending),
                _ => {
                    let what = format!(
                        "layer `{}`: there is no C for the operator {} in f32 or between number types; export a network that is int8 throughout, or export to Rust",
                        named.name,
                        named.op.name()
                    );
                    return Err(Error::unsupported(super::TARGET, what));
                }
            },
        }
        Ok(())
    }

    /// Adds a layer without weights.
    fn plain(&mut self, layer: &Layer<'_>, c: C, inputs: usize, ending: Ending) {
        let mut arguments = Vec::new();
        if let Some((kind, fields)) = c.constant {
            self.descriptor(layer, kind, fields);
            arguments.push(format!("&{}", layer.id));
        }
        arguments.extend(c.arguments);
        arguments.push(at(&layer.input));
        if inputs == 2 {
            arguments.push(at(&layer.second));
        }
        arguments.push(at(&layer.output));
        let call = format!("{}({})", c.function, arguments.join(", "));
        self.calls.push_str(&match ending {
            Ending::Never => format!("    {call};\n"),
            Ending::Exit => format!("    if ({call}) {{\n        return 1;\n    }}\n"),
            Ending::Wait => format!("    if (!{call}) {{\n        return 0;\n    }}\n"),
        });
        self.needed.push(c.part);
    }

    /// Adds a descriptor for the function `kind`.
    fn descriptor(&mut self, layer: &Layer<'_>, kind: &str, fields: String) {
        let id = &layer.id;
        self.data
            .push_str(&format!("static const {kind}_t {id} = {{{fields}}};\n\n"));
    }

    fn conv(
        &mut self,
        layer: &Layer<'_>,
        dot: &'static str,
        shape: &Shape,
        rounding: Rounding,
        engine_channels: &[[u32; 2]],
    ) {
        let (in_zero, grid) = (layer.input.zero_point, layer.grid());
        let rows = shape.rows();
        let (outputs, taps) = (shape.group_outputs, rows.taps());
        let groups = shape.out_channels / outputs.max(1);
        let weights = layer.weights();
        let mut packed = Vec::new();
        let mut channels = Vec::new();
        for group in 0..groups {
            // The engine has a pair of channels where there is only one left.
            let own = engine_channels
                .iter()
                .skip(group * outputs.next_multiple_of(2));
            channels.extend(own.take(outputs).copied());
            for first in (0..outputs).step_by(4) {
                for tap in 0..taps {
                    packed.extend((first..first + 4).map(|o| {
                        match o < outputs {
                            true => weights
                                .get((group * outputs + o) * taps + tap)
                                .copied()
                                .expect("a kernel has a weight per tap and output"),
                            false => 0,
                        }
                    }));
                }
            }
        }
        if dot == "dot_i4" {
            packed = nibbles(&packed);
        }
        self.arrays(layer, &packed, &channels);
        let (start, step) = (
            -((shape.padding * shape.in_channels) as i64),
            shape.stride * shape.in_channels,
        );
        let once = u8::from(rounding == Rounding::Once);
        let id = &layer.id;
        let fields = format!(
            "{dot}, {id}_weights, {id}_channels, {}, {}, {start}, {step}, {}, {}, {}, {groups}, {}, {outputs}, {in_zero}, {grid}, {once}",
            shape.in_time * shape.in_channels,
            shape.out_time,
            rows.count,
            rows.len,
            rows.step,
            shape.group_inputs,
        );
        self.descriptor(layer, "conv", fields);
        self.needed.push(dot);
        self.call(layer, "conv");
    }

    fn depthwise(&mut self, layer: &Layer<'_>, conv: &DepthwiseI8<'_>) {
        let shape = conv.shape;
        let (in_zero, grid) = (layer.input.zero_point, layer.grid());
        let channels: Vec<[u32; 2]> = conv
            .channels
            .iter()
            .take(shape.in_channels)
            .copied()
            .collect();
        self.arrays(layer, layer.weights(), &channels);
        let id = &layer.id;
        let fields = format!(
            "{id}_weights, {id}_channels, {}, {}, {}, {}, {}, {}, {}, {in_zero}, {grid}",
            shape.in_time,
            shape.out_time,
            shape.in_channels,
            shape.kernel,
            shape.stride,
            shape.dilation,
            shape.padding,
        );
        self.descriptor(layer, "depthwise", fields);
        self.needed.push("depthwise");
        self.call(layer, "depthwise");
    }

    /// Adds a call of `function` with the layer's constant.
    fn call(&mut self, layer: &Layer<'_>, function: &str) {
        let (x, y) = (at(&layer.input), at(&layer.output));
        let id = &layer.id;
        self.calls
            .push_str(&format!("    {function}(&{id}, {x}, {y});\n"));
    }

    /// Adds the weights and channels of a convolution.
    fn arrays(&mut self, layer: &Layer<'_>, weights: &[i8], channels: &[[u32; 2]]) {
        let id = &layer.id;
        let rows: Vec<String> = channels
            .iter()
            .map(|row| braces(row.map(|w| w as i32)))
            .collect();
        self.data.push_str(&format!(
            "static const int8_t {id}_weights[] = {};\nstatic const int32_t {id}_channels[][2] = {};\n",
            lines(weights),
            lines(&rows)
        ));
    }
}

/// A node, its names and tensors.
struct Layer<'a> {
    node: &'a Node<'a>,
    named: &'a GraphNode,
    id: String,
    input: Tensor,
    second: Tensor,
    output: Tensor,
}

impl Layer<'_> {
    /// Writes zero point and clamp of the output.
    fn grid(&self) -> String {
        let grid = self.node.grid(self.output.zero_point);
        list([grid.zero_point, grid.low, grid.high])
    }

    fn weights(&self) -> &[i8] {
        match self.named.op.weights() {
            Some(Weights::I8 { weights, .. }) => weights,
            _ => &[],
        }
    }
}

/// Packs pairs of weights in -7 to 7 into bytes: 8 is added to each, and the first is in the lower half.
fn nibbles(weights: &[i8]) -> Vec<i8> {
    let (pairs, _) = weights.as_chunks::<2>();
    pairs
        .iter()
        .map(|&[low, high]| {
            (low.wrapping_add(8) as u8 & 15 | (high.wrapping_add(8) as u8) << 4) as i8
        })
        .collect()
}

/// Writes the place of a tensor.
fn at(tensor: &Tensor) -> String {
    format!("a + {}", 4 * tensor.offset)
}

/// Returns `name` so that it cannot end a comment.
fn comment(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '*' && *c != '/' && !c.is_control())
        .collect()
}

fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
    values.join(", ")
}

fn braces<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    format!("{{{}}}", list(values))
}

/// Writes a list over several lines.
fn lines<T: Display>(values: &[T]) -> String {
    let lines: Vec<String> = values
        .chunks(16)
        .map(|line| format!("    {},\n", list(line)))
        .collect();
    format!("{{\n{}}}", lines.concat())
}
