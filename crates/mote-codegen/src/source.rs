//! Writes the Rust source of a pipeline, to be `include!`d by a firmware.
//!
//! Whatever the [`Runtime`], the source has the same face:
//!
//! ```text
//! pub type Elem = i8 | i16 | f32;   // samples: i16 sensor counts when the network has a front end
//! pub type Out = i8 | f32;          // scores, one per class
//! pub const INPUT_LEN: usize;
//! pub const OUTPUT_LEN: usize;
//! pub struct Pipeline;              // all RAM the inference needs, but stack
//! impl Pipeline {
//!     pub const fn new() -> Self;
//!     pub fn init(&mut self) -> Result<(), mote::Error>;
//!     pub fn input(&mut self) -> &mut [Elem];   // INPUT_LEN samples, time-major
//!     pub fn run(&mut self) -> Result<bool, mote::Error>; // whether there is a new decision
//!     pub fn output(&self) -> &[Out];           // OUTPUT_LEN scores, after a run
//! }
//! mod model_data { /* statics: everything that is model and not code */ }
//! ```
//!
//! It has no unsafe code, needs the engine only and does not allocate; but one of boxed layers needs the engine's feature
//! `boxed` and a global allocator ([`FirmwareFeature::Heap`]). One whose weights are
//! [paged](mote_model::WeightMemory::Paged) needs a driver of their storage ([`FirmwareFeature::External`]): it is generic
//! over the [`mote::Storage`], and has besides
//!
//! ```text
//! pub struct Pipeline<S = &'static [u32]>;
//! impl<S: Storage> Pipeline<S> { pub const fn over(storage: S) -> Self; }
//! pub mod external { pub static WEIGHTS: [u32; _]; } // what is to be written to the storage
//! ```
//!
//! All are written from the words of the model format, so that weights are laid out in one place.

mod boxed;
mod compiled;
mod interpreter;

use mote::describe;
use mote::{Elem, Model, Tensor};
use mote_model::{
    Backend, Error, FirmwareFeature, Graph, LayerFunction, Operators, PipelinePort, PipelineSource,
    PortType, Runtime, WeightMemory, blob,
};

/// The function of the engine that runs a layer, in the interpreter and in boxed layers.
const STEP: &str = "mote_step";

/// Generates the source of a pipeline that runs `graph` as `runtime` says.
///
/// # Errors
/// As [`Runtime::check`] and [`blob::to_words`]; for compiled code when the network mixes int8 and f32; for paging when
/// the window is smaller than what the least part of a layer needs.
pub fn generate(graph: &Graph, runtime: Runtime) -> Result<PipelineSource, Error> {
    with_pipeline(graph, runtime, |pipeline| {
        let functions = match runtime.backend {
            Backend::Boxed | Backend::Interpreter => vec![STEP.to_owned(); graph.nodes.len()],
            Backend::Compiled => compiled::functions(graph),
        };
        let layers = graph.nodes.iter().zip(functions);
        Ok(PipelineSource {
            text: match runtime.backend {
                Backend::Boxed => boxed::write(pipeline)?,
                Backend::Interpreter => interpreter::write(pipeline)?,
                Backend::Compiled => compiled::write(pipeline)?,
            },
            features: features(runtime),
            layers: layers
                .map(|(node, function)| LayerFunction {
                    layer: node.name.clone(),
                    function,
                })
                .collect(),
            input: pipeline.input_port(),
            output: pipeline.output_port(),
        })
    })
}

fn features(runtime: Runtime) -> Vec<FirmwareFeature> {
    let mut features = Vec::new();
    if runtime.has_heap() {
        features.push(FirmwareFeature::Heap);
    }
    if matches!(runtime.weights, WeightMemory::Paged { .. }) {
        features.push(FirmwareFeature::External);
    }
    features
}

/// Weights that lie outside the image, and how they get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Bytes of the window: what the largest page needs, or twice that, at most as many as the runtime allows.
    pub window: usize,
    /// Pages, all of which are loaded in every run that goes through all layers.
    pub pages: usize,
    /// Bytes in the storage.
    pub bytes: usize,
}

/// Returns what it takes to page the weights of `graph`; `None` when `runtime` does not page.
///
/// # Errors
/// As [`generate`].
pub fn paging(graph: &Graph, runtime: Runtime) -> Result<Option<Paging>, Error> {
    with_pipeline(graph, runtime, compiled::paging)
}

fn with_pipeline<T>(
    graph: &Graph,
    runtime: Runtime,
    run: impl Fn(&GeneratorInput) -> Result<T, Error>,
) -> Result<T, Error> {
    let words = blob::to_words(graph, &runtime.plan(graph)?)?;
    let own = |_: mote::Error| Error::network("model", "the engine does not accept it");
    let model = Model::parse(&words).map_err(own)?;
    run(&GeneratorInput {
        graph,
        runtime,
        words: &words,
        model,
        input: model.input().map_err(own)?,
        output: model.output().map_err(own)?,
    })
}

/// A network, and its model in the engine's format: what sources are written from.
struct GeneratorInput<'a> {
    graph: &'a Graph,
    runtime: Runtime,
    words: &'a [u32],
    model: Model<'a>,
    input: Tensor,
    output: Tensor,
}

impl GeneratorInput<'_> {
    /// Returns what a run reads: counts of the sensor, when the network has a front end.
    fn input_port(&self) -> PipelinePort {
        PipelinePort {
            elem: match self.model.frontend() {
                Some(_) => PortType::I16,
                None => port_type(self.input.elem),
            },
            len: self.input.len(),
        }
    }

    fn output_port(&self) -> PipelinePort {
        PipelinePort {
            elem: port_type(self.output.elem),
            len: self.output.len(),
        }
    }

    /// Writes the beginning of the file: what it is, types and lengths. `how` may go on with further lines of comment.
    fn prologue(&self, how: &str) -> String {
        let name = self.graph.name.escape_default();
        let (input, output) = (self.input_port(), self.output_port());
        format!(
            "// Network `{name}`, generated by Mote: {how}\n\n\
             pub type Elem = {};\n\
             pub type Out = {};\n\
             pub const INPUT_LEN: usize = {};\n\
             pub const OUTPUT_LEN: usize = {};\n\n",
            input.elem, output.elem, input.len, output.len,
        )
    }

    /// Writes the list of operators that the pipeline registers: items of the module `registry`, or its constant `ALL`.
    fn operators(&self, registry: &str) -> Result<String, Error> {
        if self.runtime.operators == Operators::All {
            // Operators that only imported networks have would be a burden that networks of one's own do not carry.
            let trained =
                |node: mote::Node| mote::registry::TRAINED.iter().any(|k| k.op == node.op());
            let list = match self.model.nodes().all(trained) {
                true => "TRAINED",
                false => "ALL",
            };
            return Ok(format!("{registry}::{list}"));
        }
        let mut names: Vec<&str> = Vec::new();
        for node in self.model.nodes() {
            let entry = describe::operator(node.op()).ok_or_else(|| {
                let what = format!("operator code {} is new to it", node.op());
                Error::network("code generation", what)
            })?;
            let name = entry.name;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let names: Vec<String> = names.iter().map(|n| format!("{registry}::{n}")).collect();
        Ok(format!("&[{}]", names.join(", ")))
    }

    /// Writes the class names as an item of `mod model_data`; nothing when they are pruned. The pipeline itself reads
    /// them only as boxed layers: `#[used]` keeps them in the image in the other cases.
    fn labels(&self) -> String {
        let labels = &self.graph.labels;
        if self.runtime.operators == Operators::Used {
            return String::new();
        }
        format!(
            "    #[used]\n    pub static LABELS: [&str; {}] = {labels:?};\n",
            labels.len()
        )
    }
}

fn port_type(elem: Elem) -> PortType {
    match elem {
        Elem::F32 => PortType::F32,
        Elem::I8 => PortType::I8,
    }
}

fn rust_type(elem: Elem) -> &'static str {
    match elem {
        Elem::F32 => "f32",
        Elem::I8 => "i8",
    }
}

/// Returns the part of a method's name that names the type.
fn suffix(elem: Elem) -> &'static str {
    match elem {
        Elem::F32 => "f32",
        Elem::I8 => "i8",
    }
}

/// Writes words as the elements of an array.
fn words_list(words: &[u32]) -> String {
    let lines: Vec<String> = words
        .chunks(10)
        .map(|line| {
            let line: Vec<String> = line.iter().map(|word| format!("{word:#x},")).collect();
            format!("        {}\n", line.join(" "))
        })
        .collect();
    format!("[\n{}    ]", lines.concat())
}
