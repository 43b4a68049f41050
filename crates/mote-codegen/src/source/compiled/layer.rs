//! The code of one layer: its constants, and the call of its kernel.

use super::Weights;
use super::paged::Paged;
use crate::source::words_list;
use mote::format::op;
use mote::kernels::activation::ActivationI8;
use mote::kernels::add::AddI8;
use mote::kernels::conv1d::Conv1d;
use mote::kernels::conv1d_i4::Conv1dI4;
use mote::kernels::conv1d_i8::{Conv1dI8, PaddedConv1dI8, ValidConv1dI8};
use mote::kernels::depthwise::{Depthwise, DepthwiseI8};
use mote::kernels::softmax::SoftmaxI8;
use mote::quant::Multiplier;
use mote::{Elem, Node, Tensor};
use mote_model::{Error, Node as GraphNode};

/// A node with its tensors.
pub(super) struct Layer<'a> {
    node: &'a Node<'a>,
    name: &'a str,
    input: Tensor,
    second: Tensor,
    output: Tensor,
}

/// What a layer becomes.
pub(super) struct Code {
    /// Items of `mod model_data`.
    pub data: String,
    /// An expression that runs the layer on `input`, `second` and `output`.
    pub call: String,
    /// Whether the call says how the run goes on.
    pub flows: bool,
    /// Whether it reads weights from RAM: from their copy there, or through the window.
    pub reads_weights: bool,
}

/// What its constants are named after, and those of the convolution that comes behind it [for sure](next_convolution).
#[derive(Default)]
pub(super) struct Names {
    pub constant: String,
    pub next: Option<String>,
}

/// The first convolution of `nodes`, unless the run may end before.
pub(super) fn next_convolution(nodes: &[Node<'_>]) -> Option<usize> {
    let ends = |code| {
        matches!(
            code,
            op::WINDOW_MAX_I8
                | op::WINDOW_MAX_F32
                | op::WINDOW_AVERAGE_I8
                | op::WINDOW_AVERAGE_F32
                | op::EXIT_I8
                | op::EXIT_F32
        )
    };
    let next = nodes
        .iter()
        .position(|node| is_convolution(node.op()) || ends(node.op()))?;
    is_convolution(nodes.get(next)?.op()).then_some(next)
}

/// Whether the operator has weights.
const fn is_convolution(code: u8) -> bool {
    matches!(
        code,
        op::CONV_I8 | op::CONV_I4 | op::DEPTHWISE_I8 | op::CONV_F32 | op::DEPTHWISE_F32
    )
}

impl<'a> Layer<'a> {
    pub fn new(node: &'a Node<'a>, named: &'a GraphNode, elem: Elem) -> Result<Self, Error> {
        let engine = |_| Error::invalid(&named.name, "model", REFUSED);
        let layer = Self {
            node,
            name: &named.name,
            input: node.input().map_err(engine)?,
            second: node.second_input().map_err(engine)?,
            output: node.output().map_err(engine)?,
        };
        if layer.input.elem != elem || layer.output.elem != elem {
            return Err(Error::invalid(
                &named.name,
                "element type",
                "compiled code is all int8 or all f32; use the interpreter for networks that convert",
            ));
        }
        Ok(layer)
    }

    /// Where inputs and output lie.
    pub fn bindings(&self) -> String {
        let size = if self.input.elem == Elem::F32 { 1 } else { 4 };
        let bind_len = |name, t: &Tensor, len: usize| {
            let first = t.offset * size;
            format!("    let {name} = part(arena, {first}, {len})?;\n")
        };
        let bind = |name, t: &Tensor| bind_len(name, t, t.len());
        let mut text = bind_len("input", &self.input, self.input.len().max(self.reads()));
        let two = matches!(self.node.op(), op::ADD_I8 | op::ADD_F32);
        if two || self.node.tensors()[0] != self.node.tensors()[1] {
            text.push_str(&bind("second", &self.second));
        }
        text + &bind("output", &self.output)
    }

    /// The code; `names` has that of what it puts into `model_data`, unless that goes to `weights`.
    pub fn code(&self, names: &Names, weights: &mut Weights) -> Result<Code, Error> {
        let clamp = format!("kernels::Clamp::of({})", self.node.activation());
        let call = match self.node.op() {
            code if is_convolution(code) => return self.convolution(names, &clamp, weights),
            op::MAX_POOL_I8 => self.pool("max_i8")?,
            op::MAX_POOL_F32 => self.pool("max_f32")?,
            op::AVERAGE_POOL_I8 => self.pool("average_i8")?,
            op::AVERAGE_POOL_F32 => self.pool("average_f32")?,
            op::ADD_I8 => {
                let [a, a_exponent, b, b_exponent, sum, sum_exponent] = *self.words()?;
                let add = AddI8 {
                    zeros: [self.input.zero_point, self.second.zero_point],
                    factors: [multiplier(a, a_exponent), multiplier(b, b_exponent)],
                    factor: multiplier(sum, sum_exponent),
                    output: self.node.grid(self.output.zero_point),
                };
                format!("kernels::add::{add:?}.run(input, second, output)")
            }
            op::ADD_F32 => format!("kernels::add::run_f32({clamp}, input, second, output)"),
            op::ACTIVATION_I8 => {
                let [value, exponent] = *self.words()?;
                let layer = ActivationI8 {
                    input_zero: self.input.zero_point,
                    factor: multiplier(value, exponent),
                    output: self.node.grid(self.output.zero_point),
                };
                format!("kernels::activation::{layer:?}.run(input, output)")
            }
            op::ACTIVATION_F32 => format!("kernels::activation::run_f32({clamp}, input, output)"),
            op::SOFTMAX_I8 => {
                let [value, exponent, smallest] = *self.words()?;
                let layer = SoftmaxI8 {
                    factor: multiplier(value, exponent),
                    smallest: smallest as i32,
                };
                format!("kernels::softmax::{layer:?}.run(input, output)")
            }
            op::SOFTMAX_F32 => "kernels::softmax::run_f32(input, output)".to_owned(),
            op::HISTORY_I8 => "kernels::history::run_i8(input, output)".to_owned(),
            op::HISTORY_F32 => "kernels::history::run_f32(input, output)".to_owned(),
            op::WINDOW_MAX_I8 => return self.windows("max_i8"),
            op::WINDOW_MAX_F32 => return self.windows("max_f32"),
            op::WINDOW_AVERAGE_I8 => return self.windows("average_i8"),
            op::WINDOW_AVERAGE_F32 => return self.windows("average_f32"),
            op::EXIT_I8 => {
                let [margin] = *self.words()?;
                return Ok(exit(&format!("run_i8({}, input, output)", margin as i32)));
            }
            op::EXIT_F32 => {
                let [margin] = *self.words()?;
                return Ok(exit(&format!(
                    "run_f32(f32::from_bits({margin:#x}), input, output)"
                )));
            }
            other => {
                let what = format!("there is no compiled code for operator code {other}");
                return Err(Error::invalid(self.name, "operator", what));
            }
        };
        Ok(Code {
            data: String::new(),
            call,
            flows: false,
            reads_weights: false,
        })
    }

    /// The layer as an int8 convolution.
    fn conv_i8(&self) -> Result<Conv1dI8<'a>, Error> {
        let refused = |_| Error::invalid(self.name, "model", REFUSED);
        let node = self.node;
        let shape = node.conv_shape().map_err(refused)?;
        let grid = node.grid(self.output.zero_point);
        let zero = self.input.zero_point;
        Conv1dI8::new(shape, zero, grid, node.rounding(), node.parameters()).map_err(refused)
    }

    /// The layer as a convolution with weights of four bits.
    fn conv_i4(&self) -> Result<Conv1dI4<'a>, Error> {
        let refused = |_| Error::invalid(self.name, "model", REFUSED);
        let node = self.node;
        let shape = node.conv_shape().map_err(refused)?;
        let grid = node.grid(self.output.zero_point);
        let zero = self.input.zero_point;
        Conv1dI4::new(shape, zero, grid, node.rounding(), node.parameters()).map_err(refused)
    }

    /// How a resident convolution runs.
    fn entry(&self) -> Entry<'a> {
        if self.node.op() != op::CONV_I8 {
            return Entry::Any;
        }
        let Ok(conv) = self.conv_i8() else {
            return Entry::Any;
        };
        match (conv.valid(), conv.padded()) {
            (Some(valid), _) => Entry::Valid(valid),
            (None, Some(padded)) if conv.is_short() => Entry::Padded(padded),
            (None, None) if conv.is_short() => Entry::Copied(conv),
            _ => Entry::Any,
        }
    }

    /// Elements that the layer needs room for, on the stack, to copy fields of its input to: of two steps, which are
    /// computed together.
    pub fn buffer(&self) -> usize {
        match self.entry() {
            Entry::Padded(conv) if conv.two_fields() <= LARGEST_BUFFER => conv.two_fields(),
            Entry::Padded(conv) => conv.valid.groups * 4,
            Entry::Copied(conv) => conv.shape.rows().taps().next_multiple_of(4) * 2,
            Entry::Valid(_) | Entry::Any => 0,
        }
    }

    /// Elements that a convolution reads which copies nothing: perhaps a few more than its input has.
    fn reads(&self) -> usize {
        match self.entry() {
            Entry::Valid(conv) => conv.reads(),
            _ => 0,
        }
    }

    /// Words that the arena must have for that.
    pub fn reads_to(&self) -> usize {
        self.input.offset + self.reads().div_ceil(4)
    }

    /// A convolution. The arrays are statics of their own, so that each has a symbol, and the descriptor is static, so
    /// that nothing is put together at run time; but weights in RAM are found at run time.
    fn convolution(
        &self,
        names: &Names,
        clamp: &str,
        weights: &mut Weights,
    ) -> Result<Code, Error> {
        let refused = |_| Error::invalid(self.name, "model", REFUSED);
        let node = self.node;
        let shape = node.conv_shape().map_err(refused)?;
        let zero = self.input.zero_point;
        let grid = node.grid(self.output.zero_point);
        let constant = &names.constant;
        let all = node.parameters();
        let own = |len: usize| all.get(..len).unwrap_or(&[]);
        let rounding = node.rounding();
        // The last argument of kernels that unpack their weights.
        let mut scratch = String::new();
        let (kernel, values, arrays, words) = match node.op() {
            op::CONV_I8 => {
                let conv = self.conv_i8()?;
                (
                    "conv1d_i8::Conv1dI8",
                    format!(
                        "input_zero: {zero}, output: {grid:?}, rounding: Rounding::{rounding:?}"
                    ),
                    vec![
                        ("channels", pairs_array(conv.channels)),
                        ("weights", pairs_array(conv.weights)),
                    ],
                    own(conv.channels.as_flattened().len() + conv.weights.as_flattened().len()),
                )
            }
            op::CONV_I4 => {
                let conv = self.conv_i4()?;
                scratch = format!(", &mut [[0; 2]; {}]", conv.scratch_groups());
                (
                    "conv1d_i4::Conv1dI4",
                    format!(
                        "input_zero: {zero}, output: {grid:?}, rounding: Rounding::{rounding:?}"
                    ),
                    vec![
                        ("channels", pairs_array(conv.channels)),
                        ("weights", words_array(conv.weights)),
                    ],
                    own(conv.channels.as_flattened().len() + conv.weights.len()),
                )
            }
            op::DEPTHWISE_I8 => {
                let conv = DepthwiseI8::new(shape, zero, grid, all).map_err(refused)?;
                (
                    "depthwise::DepthwiseI8",
                    format!("input_zero: {zero}, output: {grid:?}"),
                    vec![
                        ("channels", pairs_array(conv.channels)),
                        ("weights", words_array(conv.weights)),
                    ],
                    own(conv.channels.as_flattened().len() + conv.weights.len()),
                )
            }
            op::CONV_F32 => {
                let words = own(Conv1d::parameter_words(&shape));
                let arrays = vec![("parameters", words_array(words))];
                ("conv1d::Conv1d", format!("clamp: {clamp}"), arrays, words)
            }
            _ => {
                let words = own(Depthwise::parameter_words(&shape));
                let arrays = vec![("parameters", words_array(words))];
                (
                    "depthwise::Depthwise",
                    format!("clamp: {clamp}"),
                    arrays,
                    words,
                )
            }
        };
        // From parameters that are found at run time; borrowed, for to move a descriptor out of its result is a call
        // of `memcpy`.
        let construct = |shape: &str, parameters: &str| match node.op() {
            op::CONV_I8 | op::CONV_I4 | op::DEPTHWISE_I8 => {
                let rounding = match node.op() {
                    op::CONV_I8 | op::CONV_I4 => format!(", Rounding::{rounding:?}"),
                    _ => String::new(),
                };
                format!(
                    "let conv = kernels::{kernel}::new({shape}, {zero}, {grid:?}{rounding}, {parameters});\n    \
                     let conv = conv.as_ref().map_err(|&e| e)?;\n"
                )
            }
            _ => format!(
                "let conv = kernels::{kernel} {{ shape: {shape}, {values}, parameters: {parameters} }};\n"
            ),
        };
        if let Some(pages) = &mut weights.pages {
            let layer = Paged {
                name: self.name,
                constant,
                op: node.op(),
                shape,
                words,
                entry: match node.op() {
                    op::CONV_I8 if self.conv_i8()?.is_short() => "run_short_tile",
                    _ => "run_tile",
                },
                scratch,
                next: names.next.as_deref(),
            };
            return layer.code(pages, construct);
        }
        // Kernels that unpack their weights have one entry only.
        let tile = match scratch.is_empty() {
            true => String::new(),
            false => format!(", 0, {}{scratch}", shape.out_channels),
        };
        let shape = format!("kernels::conv1d::{shape:?}");
        if weights.copied {
            let first = weights.words.len();
            weights.words.extend_from_slice(words);
            let parameters = format!("part(weights, {first}, {})?", words.len());
            let conv = construct(&shape, &parameters);
            return Ok(Code {
                data: String::new(),
                call: match tile.is_empty() {
                    true => format!("{conv}    conv.run(input, output)"),
                    false => format!("{conv}    conv.run_tile(input, output{tile})"),
                },
                flows: false,
                reads_weights: true,
            });
        }
        let mut data = String::new();
        let mut fields = String::new();
        for (field, (element, len, list)) in arrays {
            let array = format!("{constant}_{}", field.to_uppercase());
            data.push_str(&format!(
                "    pub static {array}: [{element}; {len}] = {list};\n"
            ));
            fields.push_str(&format!(", {field}: &model_data::{array}"));
        }
        let contiguous = |conv: &ValidConv1dI8<'_>| {
            format!(
                "kernels::conv1d_i8::ValidConv1dI8 {{ groups: {}, step: {}, steps: {}, outputs: {}, row: {}, \
                 output: {grid:?}, rounding: Rounding::{rounding:?}{fields} }}",
                conv.groups, conv.step, conv.steps, conv.outputs, conv.row
            )
        };
        let (kernel, entry, value) = match self.entry() {
            Entry::Valid(conv) => (
                "conv1d_i8::ValidConv1dI8",
                "run".to_owned(),
                contiguous(&conv),
            ),
            Entry::Padded(conv) => (
                "conv1d_i8::PaddedConv1dI8",
                "run::<BUFFER>".to_owned(),
                format!(
                    "kernels::conv1d_i8::PaddedConv1dI8 {{ valid: {}, padding: {}, input_zero: {zero} }}",
                    contiguous(&conv.valid),
                    conv.padding
                ),
            ),
            entry => (
                kernel,
                match (entry, tile.is_empty()) {
                    (Entry::Copied(_), _) => "run_copied::<BUFFER>",
                    (_, true) => "run",
                    (_, false) => "run_tile",
                }
                .to_owned(),
                format!("kernels::{kernel} {{ shape: {shape}, {values}{fields} }}"),
            ),
        };
        Ok(Code {
            data,
            call: format!(
                "static LAYER: kernels::{kernel}<'static> = {value};\n    \
                 LAYER.{entry}(input, output{tile})"
            ),
            flows: false,
            reads_weights: false,
        })
    }

    fn pool(&self, kernel: &str) -> Result<String, Error> {
        let refused = |_| Error::invalid(self.name, "model", REFUSED);
        let shape = self.node.pool_shape().map_err(refused)?;
        Ok(format!("kernels::pool::{shape:?}.{kernel}(input, output)"))
    }

    fn windows(&self, kernel: &str) -> Result<Code, Error> {
        let refused = |_| Error::invalid(self.name, "model", REFUSED);
        let shape = self.node.window_pool_shape().map_err(refused)?;
        let call = format!(
            "let complete = kernels::window_pool::{shape:?}.{kernel}(input, second, output)?;\n    \
             Ok(StepOutcome::continue_if(complete))"
        );
        Ok(Code {
            data: String::new(),
            call,
            flows: true,
            reads_weights: false,
        })
    }

    fn words<const N: usize>(&self) -> Result<&[u32; N], Error> {
        let missing = |_| Error::invalid(self.name, "parameters", "fewer than the operator has");
        self.node.words().map_err(missing)
    }
}

fn exit(call: &str) -> Code {
    Code {
        data: String::new(),
        call: format!("Ok(StepOutcome::exit_if(kernels::exit::{call}?))"),
        flows: true,
        reads_weights: false,
    }
}

/// The function of the engine that a resident convolution calls.
enum Entry<'a> {
    Valid(ValidConv1dI8<'a>),
    Padded(PaddedConv1dI8<'a>),
    Copied(Conv1dI8<'a>),
    Any,
}

/// Largest buffer that is made for two fields rather than one.
const LARGEST_BUFFER: usize = 384;

const REFUSED: &str = "the engine does not accept it";

/// Element type, length and text of an array.
type Array = (&'static str, usize, String);

fn words_array(words: &[u32]) -> Array {
    ("u32", words.len(), words_list(words))
}

fn pairs_array(pairs: &[[u32; 2]]) -> Array {
    let lines: Vec<String> = pairs
        .chunks(5)
        .map(|line| {
            let line: Vec<String> = line
                .iter()
                .map(|[a, b]| format!("[{a:#x}, {b:#x}],"))
                .collect();
            format!("        {}\n", line.join(" "))
        })
        .collect();
    (
        "[u32; 2]",
        pairs.len(),
        format!("[\n{}    ]", lines.concat()),
    )
}

fn multiplier(value: u32, exponent: u32) -> Multiplier {
    Multiplier {
        value: value as i32,
        exponent: exponent as i32,
    }
}
