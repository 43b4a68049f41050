//! One function per layer.
//!
//! The engine's kernels are called with constant descriptors, so that the compiler can specialise them, and
//! only data that is read at run time stays in the image: no shapes, no operator codes, no checksum.

use super::{Pipeline, rust_type, words_static};
use crate::{Error, Node as GraphNode};
use mote::format::{FRONTEND_WORDS, op};
use mote::kernels::activation::ActivationI8;
use mote::kernels::add::AddI8;
use mote::kernels::softmax::SoftmaxI8;
use mote::quant::Multiplier;
use mote::{Elem, Node, Tensor};

pub(super) fn write(pipeline: &Pipeline) -> Result<String, Error> {
    let elem = pipeline.input.elem;
    let mut layers = String::new();
    let mut calls = String::new();
    let mut data = String::new();
    for (index, ((node, parameters), named)) in pipeline
        .layers()
        .iter()
        .zip(&pipeline.graph.nodes)
        .enumerate()
    {
        let layer = Layer::new(node, named, elem)?;
        let function = format!("layer_{index:02}_{}", identifier(&named.name));
        let parameter_name = function.to_uppercase();
        let call = layer.call(&parameter_name)?;
        calls.push_str(&format!("        {function}(arena)?;\n"));
        let bindings = layer.bindings();
        layers.push_str(&format!(
            "#[inline(never)]\n\
             fn {function}(arena: &Arena) -> Result<(), Error> {{\n\
             {bindings}    {call}\n\
             }}\n\n"
        ));
        if call.contains(&parameter_name) {
            data.push_str(&words_static(&parameter_name, parameters));
        }
    }
    let scalar = rust_type(elem);
    let zero = if elem == Elem::F32 { "0.0" } else { "0" };
    let size = if elem == Elem::F32 { 1 } else { 4 };
    let (counts_field, counts_new, input) = match pipeline.model.frontend() {
        Some(words) => {
            data.push_str(&frontend_static(words));
            let load = match elem {
                Elem::F32 => "run_f32(counts, input)".to_owned(),
                Elem::I8 => format!("run_i8(counts, {}, input)", pipeline.input.zero_point),
            };
            calls.insert_str(0, "        front_end(&self.counts, arena)?;\n");
            layers.insert_str(
                0,
                &format!(
                    "#[inline(never)]\n\
                     fn front_end(counts: &[Elem; INPUT_LEN], arena: &Arena) -> Result<(), Error> {{\n\
                     \x20   let input = part(arena, {}, INPUT_LEN)?;\n\
                     \x20   kernels::frontend::Frontend::new(&model_data::FRONT_END).{load}\n\
                     }}\n\n",
                    pipeline.input.offset * size
                ),
            );
            (
                "    counts: [Elem; INPUT_LEN],\n",
                "            counts: [0; INPUT_LEN],\n",
                "        &mut self.counts\n".to_owned(),
            )
        }
        None => {
            let first = pipeline.input.offset * size;
            let input = format!(
                "        self.arena.0.get_mut({first}..{first} + INPUT_LEN).unwrap_or_default()\n"
            );
            ("", "", input)
        }
    };
    let head = pipeline.head("one function per layer.");
    let arena = pipeline.model.arena_words() * size;
    let output = pipeline.output.offset * size;
    Ok(format!(
        "{head}\
use core::cell::Cell;
use mote::{{Error, kernels}};
#[allow(unused_imports)]
use mote::quant::{{Multiplier, Output, Rounding}};

const ARENA_LEN: usize = {arena};

type Arena = [Cell<{scalar}>; ARENA_LEN];

/// Kernels read int8 elements by the word.
#[repr(align(4))]
struct Aligned([{scalar}; ARENA_LEN]);

pub struct Pipeline {{
{counts_field}    arena: Aligned,
}}

impl Pipeline {{
    pub const fn new() -> Self {{
        Self {{
{counts_new}            arena: Aligned([{zero}; ARENA_LEN]),
        }}
    }}

    pub fn init(&mut self) -> Result<(), Error> {{
        Ok(())
    }}

    pub fn input(&mut self) -> &mut [Elem] {{
{input}    }}

    pub fn run(&mut self) -> Result<(), Error> {{
        let arena = Cell::from_mut(&mut self.arena.0).as_array_of_cells();
{calls}        Ok(())
    }}

    pub fn output(&self) -> &[Out] {{
        self.arena.0.get({output}..{output} + OUTPUT_LEN).unwrap_or_default()
    }}
}}

/// Elements `first..first + len` of the arena; the check is decided at compile time.
#[inline(always)]
fn part<T>(arena: &[Cell<T>], first: usize, len: usize) -> Result<&[Cell<T>], Error> {{
    arena.get(first..first + len).ok_or(Error::ArenaTooSmall)
}}

{layers}mod model_data {{
{data}}}
"
    ))
}

/// A name of letters, digits and underscores.
fn identifier(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect()
}

fn frontend_static(words: &[[u32; FRONTEND_WORDS]]) -> String {
    format!(
        "    pub static FRONT_END: [[u32; {FRONTEND_WORDS}]; {}] = {words:?};\n",
        words.len()
    )
}

/// A node with its tensors.
struct Layer<'a> {
    node: &'a Node<'a>,
    name: &'a str,
    input: Tensor,
    second: Tensor,
    output: Tensor,
}

impl<'a> Layer<'a> {
    fn new(node: &'a Node<'a>, named: &'a GraphNode, elem: Elem) -> Result<Self, Error> {
        let engine = |_| Error::invalid(&named.name, "model", "the engine does not accept it");
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
                "flat code is all int8 or all f32; use the interpreter for networks that convert",
            ));
        }
        Ok(layer)
    }

    /// Where inputs and output lie.
    fn bindings(&self) -> String {
        let size = if self.input.elem == Elem::F32 { 1 } else { 4 };
        let bind = |name, t: &Tensor| {
            format!(
                "    let {name} = part(arena, {}, {})?;\n",
                t.offset * size,
                t.len()
            )
        };
        let mut text = bind("input", &self.input);
        if matches!(self.node.op(), op::ADD_I8 | op::ADD_F32) {
            text.push_str(&bind("second", &self.second));
        }
        text + &bind("output", &self.output)
    }

    /// The call of the kernel; `parameters` names its words in `model_data`.
    fn call(&self, parameters: &str) -> Result<String, Error> {
        let node = self.node;
        let data = format!("&model_data::{parameters}");
        let clamp = format!("kernels::Clamp::of({})", node.activation());
        let grid = node.grid(self.output.zero_point);
        let zero = self.input.zero_point;
        let engine = |_| Error::invalid(self.name, "model", "the engine does not accept it");
        let conv = node.conv_shape().map_err(engine)?;
        let pool = node.pool_shape().map_err(engine)?;
        let rounding = node.rounding();
        Ok(match node.op() {
            op::CONV_I8 => {
                format!(
                    "kernels::conv1d_i8::Conv1dI8::new(kernels::conv1d::{conv:?}, {zero}, {grid:?}, Rounding::{rounding:?}, {data})?.run(input, output)"
                )
            }
            op::DEPTHWISE_I8 => {
                format!(
                    "kernels::depthwise::DepthwiseI8::new(kernels::conv1d::{conv:?}, {zero}, {grid:?}, {data})?.run(input, output)"
                )
            }
            op::CONV_F32 => format!(
                "kernels::conv1d::Conv1d {{ shape: kernels::conv1d::{conv:?}, clamp: {clamp}, parameters: {data} }}.run(input, output)"
            ),
            op::DEPTHWISE_F32 => format!(
                "kernels::depthwise::Depthwise {{ shape: kernels::conv1d::{conv:?}, clamp: {clamp}, parameters: {data} }}.run(input, output)"
            ),
            op::MAX_POOL_I8 => format!("kernels::pool::{pool:?}.max_i8(input, output)"),
            op::MAX_POOL_F32 => format!("kernels::pool::{pool:?}.max_f32(input, output)"),
            op::AVERAGE_POOL_I8 => format!("kernels::pool::{pool:?}.average_i8(input, output)"),
            op::AVERAGE_POOL_F32 => format!("kernels::pool::{pool:?}.average_f32(input, output)"),
            op::ADD_I8 => {
                let [a, a_exponent, b, b_exponent, sum, sum_exponent] = *self.words()?;
                let add = AddI8 {
                    zeros: [zero, self.second.zero_point],
                    factors: [multiplier(a, a_exponent), multiplier(b, b_exponent)],
                    factor: multiplier(sum, sum_exponent),
                    output: grid,
                };
                format!("kernels::add::{add:?}.run(input, second, output)")
            }
            op::ADD_F32 => format!("kernels::add::run_f32({clamp}, input, second, output)"),
            op::ACTIVATION_I8 => {
                let [value, exponent] = *self.words()?;
                let layer = ActivationI8 {
                    input_zero: zero,
                    factor: multiplier(value, exponent),
                    output: grid,
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
            other => {
                let what = format!("there is no flat code for operator code {other}");
                return Err(Error::invalid(self.name, "operator", what));
            }
        })
    }

    fn words<const N: usize>(&self) -> Result<&[u32; N], Error> {
        let missing = |_| Error::invalid(self.name, "parameters", "fewer than the operator has");
        self.node.words().map_err(missing)
    }
}

fn multiplier(value: u32, exponent: u32) -> Multiplier {
    Multiplier {
        value: value as i32,
        exponent: exponent as i32,
    }
}
