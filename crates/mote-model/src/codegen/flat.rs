//! One function per layer.
//!
//! The engine's kernels are called with constant descriptors, so that the compiler can specialise them, and
//! only data that is read at run time stays in the image: no shapes, no operator codes, no checksum.

mod layer;

use super::{Pipeline, rust_type};
use crate::Error;
use layer::Layer;
use mote::Elem;
use mote::format::FRONTEND_WORDS;

pub(super) fn write(pipeline: &Pipeline) -> Result<String, Error> {
    let elem = pipeline.input.elem;
    let mut layers = String::new();
    let mut calls = String::new();
    let mut data = String::new();
    let nodes: Vec<mote::Node> = pipeline.model.nodes().collect();
    for (index, (node, named)) in nodes.iter().zip(&pipeline.graph.nodes).enumerate() {
        let layer = Layer::new(node, named, elem)?;
        let function = format!("layer_{index:02}_{}", identifier(&named.name));
        let code = layer.code(&function.to_uppercase())?;
        calls.push_str(&format!("        {function}(arena)?;\n"));
        layers.push_str(&format!(
            "#[inline(never)]\n\
             fn {function}(arena: &Arena) -> Result<(), Error> {{\n\
             {}    {}\n\
             }}\n\n",
            layer.bindings(),
            code.call
        ));
        data.push_str(&code.data);
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
    #[allow(unused_imports)]
    use super::{{Output, Rounding, kernels}};

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
