//! One function per layer.
//!
//! The engine's kernels are called with constant descriptors, so that the compiler can specialise them, and
//! only data that is read at run time stays in the image: no shapes, no operator codes, no checksum.

mod code;
mod layer;
mod paged;
mod weights;

use super::{GeneratorInput, Paging, rust_type, words_list};
use layer::Layer;
use mote::Elem;
use mote::format::FRONTEND_WORDS;
use mote_model::{Error, Graph, Init, WeightMemory};
use paged::Pages;
use weights::Weights;

pub(super) fn write(pipeline: &GeneratorInput) -> Result<String, Error> {
    let runtime = pipeline.runtime;
    let elem = pipeline.input.elem;
    let mut weights = Weights {
        copied: runtime.weights == WeightMemory::InRam,
        pages: Pages::new(runtime.weights),
        ..Weights::default()
    };
    let mut layers = String::new();
    let mut calls = String::new();
    let mut data = String::new();
    let (generic, extra, extra_type) = match runtime.weights {
        WeightMemory::InRam => ("", ", &self.weights", ", weights: &[u32; WEIGHTS_LEN]"),
        WeightMemory::InFlash => ("", "", ""),
        WeightMemory::Paged { .. } => paged::ARGUMENTS,
    };
    let mut arena = pipeline.model.arena_words();
    let mut buffer = 0;
    let nodes: Vec<mote::Node> = pipeline.model.nodes().collect();
    let functions = functions(pipeline.graph);
    let all: Vec<Layer<'_>> = nodes
        .iter()
        .zip(&pipeline.graph.nodes)
        .map(|(node, named)| Layer::new(node, named, elem))
        .collect::<Result<_, _>>()?;
    for (layer, function) in all.iter().zip(&functions) {
        arena = arena.max(layer.reads_to());
        buffer = buffer.max(layer.buffer());
        let code = layer.code(&function.to_uppercase(), &mut weights)?;
        let (generic, extra, extra_type) = if code.reads_weights {
            (generic, extra, extra_type)
        } else {
            ("", "", "")
        };
        let result = if layer.may_end() {
            calls.push_str(&format!(
                "        match {function}(arena{extra})? {{\n\
                 \x20           StepOutcome::Continue => (),\n\
                 \x20           StepOutcome::Exited => return Ok(true),\n\
                 \x20           StepOutcome::NeedMoreSamples => return Ok(false),\n\
                 \x20       }}\n"
            ));
            "StepOutcome"
        } else {
            calls.push_str(&format!("        {function}(arena{extra})?;\n"));
            "()"
        };
        layers.push_str(&format!(
            "#[inline(never)]\n\
             fn {function}{generic}(arena: &Arena{extra_type}) -> Result<{result}, Error> {{\n\
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
    let mut fields = String::new();
    let mut values = String::new();
    let first = pipeline.input.offset * size;
    let mut input =
        format!("        self.arena.0.get_mut({first}..{first} + INPUT_LEN).unwrap_or_default()\n");
    if let Some(words) = pipeline.model.frontend() {
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
                 \x20   let input = part(arena, {first}, INPUT_LEN)?;\n\
                 \x20   kernels::frontend::Frontend::new(&model_data::FRONT_END).{load}\n\
                 }}\n\n"
            ),
        );
        fields.push_str("    counts: [Elem; INPUT_LEN],\n");
        values.push_str("            counts: [0; INPUT_LEN],\n");
        input = "        &mut self.counts\n".to_owned();
    }
    let (mut init, mut ensure, mut load) = ("        Ok(())\n", "", "");
    let mut constants = String::new();
    if buffer > 0 && !weights.copied && weights.pages.is_none() {
        constants = format!("const BUFFER: usize = {buffer};\n");
    }
    if weights.copied {
        let len = weights.words.len();
        constants = format!("const WEIGHTS_LEN: usize = {len};\n");
        fields.push_str("    loaded: bool,\n    weights: [u32; WEIGHTS_LEN],\n");
        values.push_str("            loaded: false,\n            weights: [0; WEIGHTS_LEN],\n");
        data.push_str(&format!(
            "    pub static WEIGHTS: [u32; {len}] = {};\n",
            words_list(&weights.words)
        ));
        load = LOAD;
        (init, ensure) = if runtime.init == Init::Lazy {
            (init, "        self.load();\n")
        } else {
            ("        self.load();\n        Ok(())\n", "")
        };
    }
    let (mut run, mut layers_fn) = ("", "pub fn run");
    let mut frame = paged::RESIDENT;
    let mut external = String::new();
    if let Some(pages) = &weights.pages {
        frame = paged::PAGED;
        let (window, value) = pages.window();
        constants = window;
        fields.push_str(paged::FIELDS);
        values.push_str(&value);
        external = pages.module();
        if pipeline.graph.state().next().is_some() {
            (run, layers_fn) = (paged::RESTART, "fn layers");
        }
    }
    let head = pipeline.prologue(frame.how);
    let (parameters, constructor) = (frame.parameters, frame.constructor);
    let labels = pipeline.labels();
    let arena = arena * size;
    let output = pipeline.output.offset * size;
    Ok(format!(
        "{head}\
use core::cell::Cell;
#[allow(unused_imports)]
use mote::StepOutcome;
use mote::{{Error, kernels}};
#[allow(unused_imports)]
use mote::quant::{{Multiplier, Output, Rounding}};

const ARENA_LEN: usize = {arena};
{constants}
type Arena = [Cell<{scalar}>; ARENA_LEN];

/// Kernels read int8 elements by the word.
#[repr(align(4))]
struct Aligned([{scalar}; ARENA_LEN]);

pub struct Pipeline{parameters} {{
{fields}    arena: Aligned,
}}

{constructor}        Self {{
{values}            arena: Aligned([{zero}; ARENA_LEN]),
        }}
    }}

    pub fn init(&mut self) -> Result<(), Error> {{
{init}    }}

{load}    pub fn input(&mut self) -> &mut [Elem] {{
{input}    }}

{run}    {layers_fn}(&mut self) -> Result<bool, Error> {{
{ensure}        let arena = Cell::from_mut(&mut self.arena.0).as_array_of_cells();
{calls}        Ok(true)
    }}

    pub fn output(&self) -> &[Out] {{
        self.arena.0.get({output}..{output} + OUTPUT_LEN).unwrap_or_default()
    }}
}}

/// Elements `first..first + len` of the arena; the check is decided at compile time.
#[inline(always)]
fn part<T>(arena: &[T], first: usize, len: usize) -> Result<&[T], Error> {{
    arena.get(first..first + len).ok_or(Error::ArenaTooSmall)
}}

{layers}{external}mod model_data {{
    #[allow(unused_imports)]
    use super::{{Output, Rounding, kernels}};

{data}{labels}}}
"
    ))
}

/// Returns the names of the functions that run the layers of `graph`. The number makes them differ.
pub(super) fn functions(graph: &Graph) -> Vec<String> {
    let numbered = graph.nodes.iter().enumerate();
    numbered
        .map(|(index, node)| format!("layer_{index:02}_{}", identifier(&node.name)))
        .collect()
}

/// Returns what it takes to page the weights of `pipeline`; `None` when they are not paged.
pub(super) fn paging(pipeline: &GeneratorInput) -> Result<Option<Paging>, Error> {
    let mut weights = Weights {
        pages: Pages::new(pipeline.runtime.weights),
        ..Weights::default()
    };
    let nodes: Vec<mote::Node> = pipeline.model.nodes().collect();
    for (node, named) in nodes.iter().zip(&pipeline.graph.nodes) {
        Layer::new(node, named, pipeline.input.elem)?.code("", &mut weights)?;
    }
    Ok(weights.pages.map(|pages| pages.summary()))
}

/// Copies the weights to RAM, once.
const LOAD: &str = "    fn load(&mut self) {
        if !self.loaded {
            self.weights = *core::hint::black_box(&model_data::WEIGHTS);
            self.loaded = true;
        }
    }

";

/// Returns `name` with all but letters and digits as underscores.
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
