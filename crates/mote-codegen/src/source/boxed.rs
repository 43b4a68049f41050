//! The model as one block of data, loaded onto the heap.

use super::{GeneratorInput, suffix, words_list};
use mote_model::{Error, Init, Operators, WeightMemory};

pub(super) fn write(pipeline: &GeneratorInput) -> Result<String, Error> {
    let runtime = pipeline.runtime;
    let elem = suffix(pipeline.input.elem);
    let port = match pipeline.model.frontend() {
        Some(_) => "counts".to_owned(),
        None => format!("input_{elem}"),
    };
    let head = pipeline.prologue(
        "a model in Mote's format, loaded onto the heap as boxed layers.\n\
         // It needs a global allocator.",
    );
    let output = suffix(pipeline.output.elem);
    let words = pipeline.words.len();
    let model = words_list(pipeline.words);
    let kinds = pipeline.operators("layer")?;
    let keep = match runtime.weights {
        WeightMemory::InRam => "Copied",
        WeightMemory::InFlash | WeightMemory::Paged { .. } => "InPlace",
    };
    let labels = match runtime.operators {
        Operators::All => "&model_data::LABELS",
        Operators::Used => "&[]",
    };
    let lazy = runtime.init == Init::Lazy;
    let data = pipeline.labels();
    let (init, ensure) = if lazy {
        (
            "        Ok(())\n",
            "        if self.load().is_err() {\n            return &mut [];\n        }\n",
        )
    } else {
        ("        self.load()\n", "")
    };
    Ok(format!(
        "{head}\
use mote::Error;
use mote::boxed::{{Keep, Network, Settings, layer}};

const SETTINGS: Settings<'static> = Settings {{
    kinds: {kinds},
    keep: Keep::{keep},
    lazy: {lazy},
    labels: {labels},
}};

pub struct Pipeline {{
    network: Option<Network>,
}}

impl Pipeline {{
    pub const fn new() -> Self {{
        Self {{ network: None }}
    }}

    pub fn init(&mut self) -> Result<(), Error> {{
{init}    }}

    fn load(&mut self) -> Result<(), Error> {{
        if self.network.is_none() {{
            self.network = Some(Network::new(&model_data::MODEL, SETTINGS)?);
        }}
        Ok(())
    }}

    pub fn input(&mut self) -> &mut [Elem] {{
{ensure}        match &mut self.network {{
            Some(network) => network.{port}().unwrap_or_default(),
            None => &mut [],
        }}
    }}

    pub fn run(&mut self) -> Result<bool, Error> {{
        self.network.as_mut().ok_or(Error::NotAModel)?.run()
    }}

    pub fn output(&self) -> &[Out] {{
        match &self.network {{
            Some(network) => network.output_{output}().unwrap_or_default(),
            None => &[],
        }}
    }}
}}

mod model_data {{
    pub static MODEL: [u32; {words}] = {model};
{data}}}
"
    ))
}
