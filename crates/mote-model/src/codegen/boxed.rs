//! The model as one block of data, and the baseline that loads it onto the heap.

use super::{Pipeline, suffix, words_list};

pub(super) fn write(pipeline: &Pipeline) -> String {
    let input = match pipeline.model.frontend() {
        Some(_) => "counts".to_owned(),
        None => format!("input_{}", suffix(pipeline.input.elem)),
    };
    let head = pipeline.head(
        "a model in Mote's format, loaded onto the heap as boxed layers.\n\
         // features: heap",
    );
    let output = suffix(pipeline.output.elem);
    let words = pipeline.words.len();
    let model = words_list(pipeline.words);
    let labels = &pipeline.graph.labels;
    format!(
        "{head}\
use mote::Error;
use mote_baseline::Network;

pub struct Pipeline {{
    network: Option<Network>,
}}

impl Pipeline {{
    pub const fn new() -> Self {{
        Self {{ network: None }}
    }}

    pub fn init(&mut self) -> Result<(), Error> {{
        self.network = Some(Network::new(&model_data::MODEL, &model_data::LABELS)?);
        Ok(())
    }}

    pub fn input(&mut self) -> &mut [Elem] {{
        match &mut self.network {{
            Some(network) => network.{input}().unwrap_or_default(),
            None => &mut [],
        }}
    }}

    pub fn run(&mut self) -> Result<(), Error> {{
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
    pub static LABELS: [&str; {}] = {labels:?};
}}
",
        labels.len()
    )
}
