//! The model as one block of data, and the interpreter.

use super::{Pipeline, registry_name, suffix, words_list};
use crate::Error;

pub(super) fn write(pipeline: &Pipeline) -> Result<String, Error> {
    let mut kernels: Vec<&str> = Vec::new();
    for node in pipeline.model.nodes() {
        let name = registry_name(node.op())?;
        if !kernels.contains(&name) {
            kernels.push(name);
        }
    }
    let kernels: Vec<String> = kernels.iter().map(|k| format!("registry::{k}")).collect();
    let (counts_field, counts_new, input, load) = if pipeline.model.frontend().is_some() {
        (
            "    counts: [Elem; INPUT_LEN],\n",
            "            counts: [0; INPUT_LEN],\n",
            "        &mut self.counts\n".to_owned(),
            "        network.load_counts(&self.counts, &mut self.arena)?;\n",
        )
    } else {
        let input = format!(
            "        match &self.network {{\n\
             \x20           Some(network) => network.input_{}(&mut self.arena).unwrap_or_default(),\n\
             \x20           None => &mut [],\n\
             \x20       }}\n",
            suffix(pipeline.input.elem)
        );
        ("", "", input, "")
    };
    let head = pipeline.head("a model in Mote's format, and the interpreter.");
    let arena = pipeline.model.arena_words();
    let kernels = kernels.join(", ");
    let output = suffix(pipeline.output.elem);
    let model = words_list(pipeline.words);
    Ok(format!(
        "{head}\
use mote::{{Error, Interpreter, Model, registry}};

const ARENA_WORDS: usize = {arena};
const KERNELS: &[registry::Kernel] = &[{kernels}];

pub struct Pipeline {{
    network: Option<Interpreter<'static>>,
{counts_field}    arena: [u32; ARENA_WORDS],
}}

impl Pipeline {{
    pub const fn new() -> Self {{
        Self {{
            network: None,
{counts_new}            arena: [0; ARENA_WORDS],
        }}
    }}

    pub fn init(&mut self) -> Result<(), Error> {{
        self.network = Some(Interpreter::new(Model::parse(&model_data::MODEL)?, KERNELS)?);
        Ok(())
    }}

    pub fn input(&mut self) -> &mut [Elem] {{
{input}    }}

    pub fn run(&mut self) -> Result<(), Error> {{
        let network = self.network.as_ref().ok_or(Error::NotAModel)?;
{load}        network.run(&mut self.arena)
    }}

    pub fn output(&self) -> &[Out] {{
        match &self.network {{
            Some(network) => network.output_{output}(&self.arena).unwrap_or_default(),
            None => &[],
        }}
    }}
}}

mod model_data {{
    pub static MODEL: [u32; {}] = {model};
}}
",
        pipeline.words.len()
    ))
}
