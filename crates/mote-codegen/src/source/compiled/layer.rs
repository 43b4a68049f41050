//! The code of one layer: its constants, and the call of its kernel.

use super::code::Code;
use super::paged::Paged;
use super::weights::Weights;
use crate::source::words_list;
use mote::describe::{Body, Description, Weighted, rust_clamp};
use mote::kernels::conv1d::{Conv1d, Shape};
use mote::kernels::conv1d_i8::{Conv1dI8, PaddedConv1dI8, ValidConv1dI8};
use mote::kernels::depthwise::{Depthwise, ValidDepthwiseI8};
use mote::op::Ending;
use mote::{Elem, Node, Tensor};
use mote_model::{Error, Node as GraphNode};

/// A node with its tensors.
pub(super) struct Layer<'a> {
    node: &'a Node<'a>,
    name: &'a str,
    input: Tensor,
    second: Tensor,
    output: Tensor,
    description: Description,
    weighted: Option<Weighted<'a>>,
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
            description: Description::of(node).map_err(engine)?,
            weighted: Weighted::of(node).map_err(engine)?,
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

    /// Returns whether a run may end at this layer: its function then returns a `StepOutcome`.
    pub fn may_end(&self) -> bool {
        self.description.ending != Ending::Never
    }

    /// Writes the statements that bind inputs and output to their places in the arena.
    pub fn bindings(&self) -> String {
        let size = if self.input.elem == Elem::F32 { 1 } else { 4 };
        let bind_len = |name, t: &Tensor, len: usize| {
            let first = t.offset * size;
            format!("    let {name} = part(arena, {first}, {len})?;\n")
        };
        let bind = |name, t: &Tensor| bind_len(name, t, t.len());
        let mut text = bind_len("input", &self.input, self.input.len().max(self.reads()));
        if self.description.inputs == 2 {
            text.push_str(&bind("second", &self.second));
        }
        text + &bind("output", &self.output)
    }

    /// Writes the code. What it adds to `model_data` begins with the name `constant`, unless it goes to `weights`.
    pub fn code(&self, constant: &str, weights: &mut Weights) -> Result<Code, Error> {
        let call = match (&self.description.rust, self.weighted) {
            (Body::Call(call), _) => call,
            (Body::Weighted, Some(weighted)) => {
                return self.convolution(&weighted, constant, weights);
            }
            (Body::Weighted, None) => {
                let what = "there is no compiled code for its weights";
                return Err(Error::invalid(self.name, "operator", what));
            }
        };
        let call = match self.description.ending {
            Ending::Never => call.clone(),
            Ending::Exit => format!("Ok(StepOutcome::exit_if({call}?))"),
            Ending::Wait => format!(
                "let complete = {call}?;\n    \
                 Ok(StepOutcome::continue_if(complete))"
            ),
        };
        Ok(Code {
            data: String::new(),
            call,
            reads_weights: false,
        })
    }

    /// Returns the engine's function that runs the convolution when its weights are in flash.
    fn entry(&self) -> Entry<'a> {
        let conv = match self.weighted {
            Some(Weighted::ConvI8(conv)) => conv,
            Some(Weighted::DepthwiseI8(conv)) => {
                return conv.valid().map_or(Entry::Any, Entry::ValidDepthwise);
            }
            _ => return Entry::Any,
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
            Entry::Valid(_) | Entry::ValidDepthwise(_) | Entry::Any => 0,
        }
    }

    /// Returns how many elements a convolution without copies reads: perhaps a few more than its input has.
    fn reads(&self) -> usize {
        match self.entry() {
            Entry::Valid(conv) => conv.reads(),
            _ => 0,
        }
    }

    /// Returns how many words the arena needs for these reads.
    pub fn reads_to(&self) -> usize {
        self.input.offset + self.reads().div_ceil(4)
    }

    /// A convolution. The arrays are statics of their own, so that each has a symbol, and the descriptor is static, so
    /// that nothing is put together at run time; but weights in RAM are found at run time.
    fn convolution(
        &self,
        weighted: &Weighted<'a>,
        constant: &str,
        weights: &mut Weights,
    ) -> Result<Code, Error> {
        let Kernel {
            path: kernel,
            shape,
            values,
            arrays,
            arguments,
            scratch,
        } = Kernel::of(weighted);
        let words = self.node.parameters();
        let words = words
            .get(..self.description.words)
            .expect("a model that was parsed has the words of its operators");
        // Makes the kernel of parameters that are found at run time. Its result is borrowed, because moving the
        // descriptor out of it would call `memcpy`.
        let construct = |shape: &str, parameters: &str| match &arguments {
            Some(arguments) => format!(
                "let conv = kernels::{kernel}::new({shape}, {arguments}, {parameters});\n    \
                 let conv = conv.as_ref().map_err(|&e| e)?;\n"
            ),
            None => format!(
                "let conv = kernels::{kernel} {{ shape: {shape}, {values}, parameters: {parameters} }};\n"
            ),
        };
        if let Some(pages) = &mut weights.pages {
            let layer = Paged {
                name: self.name,
                constant,
                weighted: *weighted,
                shape,
                words,
                entry: match weighted {
                    Weighted::ConvI8(conv) if conv.is_short() => "run_short_tile",
                    _ => "run_tile",
                },
                scratch,
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
                 output: {:?}, rounding: Rounding::{:?}{fields} }}",
                conv.groups,
                conv.step,
                conv.steps,
                conv.outputs,
                conv.row,
                conv.output,
                conv.rounding
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
                    "kernels::conv1d_i8::PaddedConv1dI8 {{ valid: {}, padding: {}, input_zero: {} }}",
                    contiguous(&conv.valid),
                    conv.padding,
                    conv.input_zero
                ),
            ),
            Entry::ValidDepthwise(conv) => (
                "depthwise::ValidDepthwiseI8",
                match conv.is_whole() {
                    true => "run_blocks".to_owned(),
                    false => "run".to_owned(),
                },
                format!(
                    "kernels::depthwise::ValidDepthwiseI8 {{ kernel: {}, steps: {}, row: {}, tap: {}, step: {}, \
                     output: {:?}{fields} }}",
                    conv.kernel, conv.steps, conv.row, conv.tap, conv.step, conv.output
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
            reads_weights: false,
        })
    }
}

/// How a kernel with weights is written.
struct Kernel {
    /// Path of its type in the engine's `kernels`.
    path: &'static str,
    shape: Shape,
    /// Fields of the type, but for shape and weights.
    values: String,
    /// Names of the fields that are weights.
    arrays: Vec<(&'static str, Array)>,
    /// Arguments of `new` between shape and parameters; without, the type has the parameters as they are.
    arguments: Option<String>,
    /// Last argument of kernels that unpack their weights.
    scratch: String,
}

impl Kernel {
    fn of(weighted: &Weighted<'_>) -> Self {
        let scratch = String::new();
        match weighted {
            Weighted::ConvI8(conv) => Self {
                path: "conv1d_i8::Conv1dI8",
                shape: conv.shape,
                values: format!(
                    "input_zero: {}, output: {:?}, rounding: Rounding::{:?}",
                    conv.input_zero, conv.output, conv.rounding
                ),
                arrays: vec![
                    ("channels", pairs_array(conv.channels)),
                    ("weights", pairs_array(conv.weights)),
                ],
                arguments: Some(format!(
                    "{}, {:?}, Rounding::{:?}",
                    conv.input_zero, conv.output, conv.rounding
                )),
                scratch,
            },
            Weighted::ConvI4(conv) => Self {
                path: "conv1d_i4::Conv1dI4",
                shape: conv.shape,
                values: format!(
                    "input_zero: {}, output: {:?}, rounding: Rounding::{:?}",
                    conv.input_zero, conv.output, conv.rounding
                ),
                arrays: vec![
                    ("channels", pairs_array(conv.channels)),
                    ("weights", words_array(conv.weights)),
                ],
                arguments: Some(format!(
                    "{}, {:?}, Rounding::{:?}",
                    conv.input_zero, conv.output, conv.rounding
                )),
                scratch: format!(", &mut [[0; 2]; {}]", conv.scratch_groups()),
            },
            Weighted::DepthwiseI8(conv) => Self {
                path: "depthwise::DepthwiseI8",
                shape: conv.shape,
                values: format!("input_zero: {}, output: {:?}", conv.input_zero, conv.output),
                arrays: vec![
                    ("channels", pairs_array(conv.channels)),
                    ("weights", words_array(conv.weights)),
                ],
                arguments: Some(format!("{}, {:?}", conv.input_zero, conv.output)),
                scratch,
            },
            Weighted::ConvF32(conv) => Self {
                path: "conv1d::Conv1d",
                shape: conv.shape,
                values: format!("clamp: {}", rust_clamp(conv.clamp)),
                arrays: parameters_array(conv.parameters, Conv1d::parameter_words(&conv.shape)),
                arguments: None,
                scratch,
            },
            Weighted::DepthwiseF32(conv) => Self {
                path: "depthwise::Depthwise",
                shape: conv.shape,
                values: format!("clamp: {}", rust_clamp(conv.clamp)),
                arrays: parameters_array(conv.parameters, Depthwise::parameter_words(&conv.shape)),
                arguments: None,
                scratch,
            },
        }
    }
}

/// The function of the engine that a resident convolution calls.
enum Entry<'a> {
    Valid(ValidConv1dI8<'a>),
    ValidDepthwise(ValidDepthwiseI8<'a>),
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

/// Returns the one array of a kernel that reads its parameters as they are: the first `len` of `words`.
fn parameters_array(words: &[u32], len: usize) -> Vec<(&'static str, Array)> {
    let own = words
        .get(..len)
        .expect("a model that was parsed has the words of its operators");
    vec![("parameters", words_array(own))]
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
