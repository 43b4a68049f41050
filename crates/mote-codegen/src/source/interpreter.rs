//! The model as one block of data, and the interpreter.

use super::{GeneratorInput, suffix, words_list};
use mote_model::{Error, Init, WeightMemory};

pub(super) fn write(pipeline: &GeneratorInput) -> Result<String, Error> {
    let runtime = pipeline.runtime;
    let words = pipeline.words.len();
    let lazy = runtime.init == Init::Lazy;
    let copied = runtime.weights == WeightMemory::InRam;
    let mut fields = String::new();
    let mut values = String::new();
    let (model, copy) = if !copied {
        ("&model_data::MODEL", "")
    } else {
        // The model stays in RAM, as if it came from a file.
        fields.push_str(&format!("    model: [u32; {words}],\n"));
        values.push_str(&format!("            model: [0; {words}],\n"));
        let copy = "        self.model = *core::hint::black_box(&model_data::MODEL);\n";
        ("&self.model", copy)
    };
    let (input, convert) = if pipeline.model.frontend().is_some() {
        fields.push_str("    counts: [Elem; INPUT_LEN],\n");
        values.push_str("            counts: [0; INPUT_LEN],\n");
        (
            "        &mut self.counts\n".to_owned(),
            "        network.load_counts(&self.counts, &mut self.arena)?;\n",
        )
    } else {
        let elem = suffix(pipeline.input.elem);
        let load = match (lazy, copied) {
            (true, true) => {
                "        if self.load().is_err() {\n            return &mut [];\n        }\n"
            }
            _ => "",
        };
        let input = format!(
            "{load}        match Interpreter::resume({model}, KERNELS) {{\n\
             \x20           Ok(network) => network.input_{elem}(&mut self.arena).unwrap_or_default(),\n\
             \x20           Err(_) => &mut [],\n\
             \x20       }}\n"
        );
        (input, "")
    };
    let (init, ensure) = if lazy {
        ("        Ok(())\n", "        self.load()?;\n")
    } else {
        (
            "        self.load()\n",
            "        if !self.loaded {\n            return Err(Error::NotAModel);\n        }\n",
        )
    };
    let head = pipeline.prologue("a model in Mote's format, and the interpreter.");
    let arena = pipeline.model.arena_words();
    let kernels = pipeline.operators("registry")?;
    let output = suffix(pipeline.output.elem);
    let list = words_list(pipeline.words);
    let labels = pipeline.labels();
    Ok(format!(
        "{head}\
use mote::{{Error, Interpreter, Model, registry}};

const ARENA_WORDS: usize = {arena};
const KERNELS: &[registry::Kernel] = {kernels};

pub struct Pipeline {{
    loaded: bool,
{fields}    arena: [u32; ARENA_WORDS],
}}

impl Pipeline {{
    pub const fn new() -> Self {{
        Self {{
            loaded: false,
{values}            arena: [0; ARENA_WORDS],
        }}
    }}

    pub fn init(&mut self) -> Result<(), Error> {{
{init}    }}

    /// Checks the model, once.
    fn load(&mut self) -> Result<(), Error> {{
        if self.loaded {{
            return Ok(());
        }}
{copy}        Interpreter::new(Model::parse({model})?, KERNELS)?;
        self.loaded = true;
        Ok(())
    }}

    pub fn input(&mut self) -> &mut [Elem] {{
{input}    }}

    pub fn run(&mut self) -> Result<bool, Error> {{
{ensure}        let network = Interpreter::resume({model}, KERNELS)?;
{convert}        network.run(&mut self.arena)
    }}

    pub fn output(&self) -> &[Out] {{
        match Interpreter::resume({model}, KERNELS) {{
            Ok(network) => network.output_{output}(&self.arena).unwrap_or_default(),
            Err(_) => &[],
        }}
    }}
}}

mod model_data {{
    pub static MODEL: [u32; {words}] = {list};
{labels}}}
"
    ))
}
