//! The layers of a network as constants and calls.

use crate::Error;
use mote::format::{FRONTEND_WORDS, op};
use mote::kernels::conv1d_i4::Conv1dI4;
use mote::kernels::conv1d_i8::Conv1dI8;
use mote::kernels::depthwise::DepthwiseI8;
use mote::kernels::window_pool;
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
    "softmax": ["base", "multiplier"];
    "exit": [];
    "history": [];
    "windows": [];
    "window_max": ["windows"];
    "window_average": ["windows", "mean"];
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
    /// The functions that the layers call.
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

    /// The conversion of samples.
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
        let (x, y) = (at(&layer.input), at(&layer.output));
        let kind = match node.op() {
            op::CONV_I8 | op::CONV_I4 => self.conv(&layer).map_err(engine)?,
            op::DEPTHWISE_I8 => self.depthwise(&layer).map_err(engine)?,
            op::MAX_POOL_I8 => self.pool(&layer, "max_pool").map_err(engine)?,
            op::AVERAGE_POOL_I8 => self.pool(&layer, "average_pool").map_err(engine)?,
            op::ADD_I8 => return self.sum(&layer).map_err(engine),
            op::ACTIVATION_I8 => self.activation(&layer).map_err(engine)?,
            op::SOFTMAX_I8 => self.softmax(&layer).map_err(engine)?,
            op::HISTORY_I8 => {
                self.needed.push("history");
                let (len, whole) = (layer.input.len(), layer.output.len());
                self.calls
                    .push_str(&format!("    history({len}, {whole}, {x}, {y});\n"));
                return Ok(());
            }
            op::WINDOW_MAX_I8 => return self.windows(&layer, "window_max").map_err(engine),
            op::WINDOW_AVERAGE_I8 => return self.windows(&layer, "window_average").map_err(engine),
            op::EXIT_I8 => {
                let &[margin] = node.words().map_err(engine)?;
                let len = layer.input.len();
                self.needed.push("exit");
                self.calls.push_str(&format!(
                    "    if (leads({}, {len}, {x}, {y})) {{\n        return 1;\n    }}\n",
                    margin as i32
                ));
                return Ok(());
            }
            _ => {
                let what = format!(
                    "layer `{}`: there is no C for the operator {} in f32 or between number types; export a network that is int8 throughout, or export to Rust",
                    named.name,
                    named.op.name()
                );
                return Err(Error::unsupported(super::TARGET, what));
            }
        };
        self.calls
            .push_str(&format!("    {kind}(&{}, {x}, {y});\n", layer.id));
        Ok(())
    }

    /// A descriptor for the function `kind`.
    fn descriptor(&mut self, layer: &Layer<'_>, kind: &str, fields: String) {
        let id = &layer.id;
        self.data
            .push_str(&format!("static const {kind}_t {id} = {{{fields}}};\n\n"));
    }

    fn conv(&mut self, layer: &Layer<'_>) -> Result<&'static str, mote::Error> {
        let node = layer.node;
        let shape = node.conv_shape()?;
        let (in_zero, grid) = (layer.input.zero_point, layer.grid());
        let output = node.grid(layer.output.zero_point);
        let (rounding, parameters) = (node.rounding(), node.parameters());
        let (dot, engine_channels) = if node.op() == op::CONV_I4 {
            let conv = Conv1dI4::new(shape, in_zero, output, rounding, parameters)?;
            ("dot_i4", conv.channels)
        } else {
            let conv = Conv1dI8::new(shape, in_zero, output, rounding, parameters)?;
            ("dot_i8", conv.channels)
        };
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
                                .unwrap_or(0),
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
        let once = u8::from(rounding == mote::quant::Rounding::Once);
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
        Ok("conv")
    }

    fn depthwise(&mut self, layer: &Layer<'_>) -> Result<&'static str, mote::Error> {
        let node = layer.node;
        let shape = node.conv_shape()?;
        let (in_zero, grid) = (layer.input.zero_point, layer.grid());
        let conv = DepthwiseI8::new(
            shape,
            in_zero,
            node.grid(layer.output.zero_point),
            node.parameters(),
        )?;
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
        Ok("depthwise")
    }

    /// Weights and channels of a convolution.
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

    fn pool(&mut self, layer: &Layer<'_>, kind: &'static str) -> Result<&'static str, mote::Error> {
        let shape = layer.node.pool_shape()?;
        let fields = [
            shape.in_time,
            shape.out_time,
            shape.channels,
            shape.kernel,
            shape.stride,
            shape.padding,
        ];
        self.descriptor(layer, "pool", list(fields));
        self.needed.push(kind);
        Ok(kind)
    }

    fn sum(&mut self, layer: &Layer<'_>) -> Result<(), mote::Error> {
        let [a, a_by, b, b_by, sum, sum_by] = layer.node.words()?.map(|w| w as i32);
        let (len, grid) = (layer.output.len(), layer.grid());
        let zeros = braces([layer.input.zero_point, layer.second.zero_point]);
        let fields = format!(
            "{len}, {{{{{a}, {a_by}}}, {{{b}, {b_by}}}, {{{sum}, {sum_by}}}}}, {zeros}, {grid}"
        );
        self.descriptor(layer, "add", fields);
        self.needed.push("add");
        let (a, b, y) = (at(&layer.input), at(&layer.second), at(&layer.output));
        self.calls
            .push_str(&format!("    add(&{}, {a}, {b}, {y});\n", layer.id));
        Ok(())
    }

    fn activation(&mut self, layer: &Layer<'_>) -> Result<&'static str, mote::Error> {
        let [value, exponent] = layer.node.words()?.map(|w| w as i32);
        let (len, grid) = (layer.output.len(), layer.grid());
        let zero = layer.input.zero_point;
        self.descriptor(
            layer,
            "activation",
            format!("{len}, {value}, {exponent}, {zero}, {grid}"),
        );
        self.needed.push("activation");
        Ok("activation")
    }

    fn softmax(&mut self, layer: &Layer<'_>) -> Result<&'static str, mote::Error> {
        let [value, exponent, smallest] = layer.node.words()?.map(|w| w as i32);
        let len = layer.output.len();
        self.descriptor(
            layer,
            "softmax",
            format!("{len}, {value}, {exponent}, {smallest}"),
        );
        self.needed.push("softmax");
        Ok("softmax")
    }

    fn windows(&mut self, layer: &Layer<'_>, kind: &'static str) -> Result<(), mote::Error> {
        let shape = layer.node.window_pool_shape()?;
        let lanes = shape.lanes();
        let window_pool::Shape {
            in_time,
            channels,
            steps,
            hop,
            skip,
        } = shape;
        self.descriptor(
            layer,
            "windows",
            list([in_time, channels, steps, hop, skip, lanes]),
        );
        self.needed.push(kind);
        let (x, state, y) = (at(&layer.input), at(&layer.second), at(&layer.output));
        self.calls.push_str(&format!(
            "    if (!{kind}(&{}, {x}, {state}, {y})) {{\n        return 0;\n    }}\n",
            layer.id
        ));
        Ok(())
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
    /// Zero point and clamp of the output.
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

/// Pairs of weights in -7 to 7 as bytes, 8 added to each, the first in the lower half.
fn nibbles(weights: &[i8]) -> Vec<i8> {
    let (pairs, _) = weights.as_chunks::<2>();
    pairs
        .iter()
        .map(|&[low, high]| {
            (low.wrapping_add(8) as u8 & 15 | (high.wrapping_add(8) as u8) << 4) as i8
        })
        .collect()
}

/// Where a tensor lies.
fn at(tensor: &Tensor) -> String {
    format!("a + {}", 4 * tensor.offset)
}

/// A name that does not end a comment.
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

/// A list over several lines.
fn lines<T: Display>(values: &[T]) -> String {
    let lines: Vec<String> = values
        .chunks(16)
        .map(|line| format!("    {},\n", list(line)))
        .collect();
    format!("{{\n{}}}", lines.concat())
}
