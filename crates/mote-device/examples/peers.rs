//! Mote beside other engines, on the same networks, core and cycle model.
//!
//! ```text
//! cargo run --release -p mote-device --example peers -- [--json | --markdown]
//! ```
//!
//! Mote and microflow are built and run; the rows of `benches/peers.toml` are published figures, and marked so.

use mote_codegen::generate;
use mote_device::board::Board;
use mote_device::core::Optimize;
use mote_device::emulator::Windows;
use mote_device::image::FirmwareBuilder;
use mote_device::measure::{Job, Measurement, measure};
use mote_model::stream::{Schedule, stream};
use mote_model::{FirmwareFeature, Graph, PipelinePort, PipelineSource, PortType, Quant, Runtime};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const BOARD: &str = "stm32l4r5";
/// Samples between two decisions of a stream: a fifth of the networks' windows.
const HOP: usize = 20;

/// Networks in the order of the table; microflow is given those it has operators for, with one scale per dense layer.
const NETWORKS: [(&str, bool); 9] = [
    ("A_int8", false),
    ("A_int8_pt", true),
    ("A_valid_int8_pt", true),
    ("A_f32", false),
    ("B_int8", false),
    ("B_int8_pt", true),
    ("B_f32", false),
    ("C24_int8", false),
    ("C24_f32", false),
];

/// One engine on one network; bytes, and figures per decision.
#[derive(Clone, Serialize, Deserialize)]
struct EngineFigures {
    network: String,
    engine: String,
    optimize: String,
    /// Flash beyond the model; where the two cannot be told apart, all of it, and no model.
    code: u64,
    model: u64,
    ram_static: u64,
    stack: u64,
    instructions: u64,
    cycles: u64,
    /// Whether outputs are those of TensorFlow Lite's reference kernels.
    matches: String,
    #[serde(default)]
    published: bool,
}

#[derive(Deserialize)]
struct Published {
    row: Vec<EngineFigures>,
}

/// A reference network with its windows and the outputs they should have.
struct Reference {
    name: &'static str,
    file: PathBuf,
    graph: Graph,
    inputs: Vec<u8>,
    window: usize,
    outputs: Vec<f32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let style = env::args().nth(1).unwrap_or_default();
    let builder = FirmwareBuilder::locate()?;
    let board = Board::load(BOARD)?.without_waiting();
    let published: Published = toml::from_str(include_str!("../benches/peers.toml"))?;
    let mut rows = Vec::new();
    for (name, microflow) in NETWORKS {
        let reference = load(name)?;
        let measured = |engine: &str, source: PipelineSource, windows, optimize| {
            eprintln!("{name}: {engine}, {optimize}");
            let job = Job {
                pipeline: &source,
                board: &board,
                optimize,
                windows,
                hop_seconds: None,
                stack_limit: None,
            };
            Ok::<_, Box<dyn Error>>(measure(&builder, &job)?)
        };
        let windows = Windows::new(&reference.inputs, reference.window);
        for (engine, runtime, optimize) in [
            ("Mote, interpreter", Runtime::INTERPRETER, Optimize::Size),
            ("Mote, generated", Runtime::COMPILED, Optimize::Size),
            ("Mote, generated", Runtime::COMPILED, Optimize::Speed),
        ] {
            let source = generate(&reference.graph, runtime)?;
            let m = measured(engine, source, windows, optimize)?;
            rows.push(reference.row(engine, &m, reference.compare(&m)));
        }
        // Networks that pad, or do not pool over all of time, cannot be streamed.
        if let Ok(graph) = stream(&reference.graph, HOP, None) {
            let source = generate(&graph, Runtime::COMPILED)?;
            let schedule = Schedule::of(&graph).ok_or("a stream has a schedule")?;
            let tick = graph.tensor(graph.input)?.bytes();
            let whole = (reference.inputs.len() / tick - schedule.first) / schedule.every;
            let runs = schedule.first + whole * schedule.every;
            let ticks = Windows {
                bytes: &reference.inputs[..runs * tick],
                window: tick,
                warm_up: schedule.first,
                per_decision: schedule.every,
            };
            let engine = format!("Mote, streaming, a decision every {HOP} samples");
            let m = measured(&engine, source, ticks, Optimize::Speed)?;
            rows.push(reference.row(&engine, &m, "as windowed".to_owned()));
        }
        if microflow {
            for optimize in [Optimize::Size, Optimize::Speed] {
                match measured("microflow", reference.microflow()?, windows, optimize) {
                    Ok(m) => {
                        let mut row = reference.row("microflow 0.1.3", &m, reference.compare(&m));
                        // Its weights are constants among its code.
                        (row.code, row.model) = (row.code + row.model, 0);
                        rows.push(row);
                    }
                    Err(e) => eprintln!("{name}: microflow: {e}"),
                }
            }
        }
        let of_network = published.row.iter().filter(|r| r.network == name);
        rows.extend(of_network.cloned().map(|row| EngineFigures {
            published: true,
            ..row
        }));
    }
    match style.as_str() {
        "--json" => println!("{}", serde_json::to_string_pretty(&rows)?),
        "--markdown" => print_rows(&rows, true),
        _ => print_rows(&rows, false),
    }
    Ok(())
}

fn load(name: &'static str) -> Result<Reference, Box<dyn Error>> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mote-import/tests/models");
    let file = models.join(name).with_extension("tflite").canonicalize()?;
    let graph = mote_import::tflite::import(name, &fs::read(&file)?)?;
    let golden = fs::read(models.join(format!("{name}.golden.json")))?;
    let golden: serde_json::Value = serde_json::from_slice(&golden)?;
    let values = |field: &str| -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
        Ok(serde_json::from_value(golden[field].clone())?)
    };
    let input = graph.tensor(graph.input)?;
    let window = input.bytes();
    let inputs = values("inputs")?.concat();
    let inputs = match input.quant {
        Some(_) => inputs.iter().map(|&x| x as i8 as u8).collect(),
        None => inputs.iter().flat_map(|x| x.to_le_bytes()).collect(),
    };
    Ok(Reference {
        name,
        file,
        inputs,
        window,
        outputs: values("outputs")?.concat(),
        graph,
    })
}

impl Reference {
    fn row(&self, engine: &str, m: &Measurement, matches: String) -> EngineFigures {
        EngineFigures {
            network: self.name.to_owned(),
            engine: engine.to_owned(),
            optimize: m.figures.optimize.clone(),
            code: m.figures.flash_code.unwrap_or_default(),
            model: m.figures.flash_model.unwrap_or_default(),
            ram_static: m.figures.ram_static.unwrap_or_default(),
            stack: m.figures.ram_stack.unwrap_or_default(),
            instructions: m.figures.instructions.unwrap_or_default(),
            cycles: m.figures.cycles.unwrap_or_default(),
            matches,
            published: false,
        }
    }

    /// How far outputs are from the reference's: in steps of an int8 output, which microflow gives as f32.
    fn compare(&self, m: &Measurement) -> String {
        let quant = self
            .graph
            .tensors
            .get(self.graph.output)
            .and_then(|t| t.quant);
        let as_floats = m.outputs.len() == 4 * self.outputs.len();
        let found: Vec<f32> = match as_floats {
            true => {
                let (words, _) = m.outputs.as_chunks();
                words.iter().map(|w| f32::from_le_bytes(*w)).collect()
            }
            false => m.outputs.iter().map(|&b| f32::from(b as i8)).collect(),
        };
        let in_steps = |x: f32| match quant {
            Some(Quant { scale, zero_point }) if as_floats => {
                (x / scale).round() + f32::from(zero_point)
            }
            _ => x,
        };
        let pairs = found.iter().map(|&x| in_steps(x)).zip(&self.outputs);
        let largest = pairs.map(|(x, y)| (x - y).abs()).fold(0.0f32, f32::max);
        match quant {
            _ if found.len() != self.outputs.len() => "another number of outputs".to_owned(),
            Some(_) if largest == 0.0 => "yes".to_owned(),
            Some(_) => format!("off by up to {largest}"),
            None => format!("within {largest:.0e}"),
        }
    }

    /// Returns a pipeline that runs microflow on the network's file.
    fn microflow(&self) -> Result<PipelineSource, Box<dyn Error>> {
        let input = self.graph.tensor(self.graph.input)?.shape;
        let outputs = self.graph.tensor(self.graph.output)?.shape.len();
        let port = |elem, len| PipelinePort { elem, len };
        Ok(PipelineSource {
            text: MICROFLOW
                .replace("FILE", &self.file.display().to_string())
                .replace("TIME", &input.time.to_string())
                .replace("CHANNELS", &input.channels.to_string())
                .replace("OUTPUTS", &outputs.to_string()),
            features: vec![FirmwareFeature::Microflow],
            layers: Vec::new(),
            input: port(PortType::I8, input.len()),
            output: port(PortType::F32, outputs),
        })
    }
}

const MICROFLOW: &str = r#"use nalgebra::SMatrix;

#[microflow::model("FILE")]
struct Network;

pub type Elem = i8;
pub type Out = f32;
pub const INPUT_LEN: usize = TIME * CHANNELS;
pub const OUTPUT_LEN: usize = OUTPUTS;

pub struct Pipeline {
    input: [i8; INPUT_LEN],
    output: [f32; OUTPUT_LEN],
}

impl Pipeline {
    pub const fn new() -> Self {
        Self { input: [0; INPUT_LEN], output: [0.0; OUTPUT_LEN] }
    }

    pub fn init(&mut self) -> Result<(), mote::Error> {
        Ok(())
    }

    pub fn input(&mut self) -> &mut [Elem] {
        &mut self.input
    }

    pub fn run(&mut self) -> Result<bool, mote::Error> {
        let at = |t: usize, _: usize| core::array::from_fn(|c| self.input[t * CHANNELS + c]);
        let scores = Network::predict_quantized([SMatrix::<[i8; CHANNELS], TIME, 1>::from_fn(at)]);
        for (slot, score) in self.output.iter_mut().zip(scores.iter()) {
            *slot = *score;
        }
        Ok(true)
    }

    pub fn output(&self) -> &[Out] {
        &self.output
    }
}
"#;

/// `1,234,567`; a dash for nothing.
fn grouped(value: u64) -> String {
    if value == 0 {
        return "-".to_owned();
    }
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn print_rows(rows: &[EngineFigures], markdown: bool) {
    let head = [
        "network",
        "engine",
        "opt",
        "code",
        "model",
        "static",
        "stack",
        "instructions",
        "cycles",
        "match",
    ];
    let cells = |row: &EngineFigures| {
        let engine = match row.published {
            true => format!("{} (published)", row.engine),
            false => row.engine.clone(),
        };
        [
            row.network.clone(),
            engine,
            row.optimize.clone(),
            grouped(row.code),
            grouped(row.model),
            grouped(row.ram_static),
            grouped(row.stack),
            grouped(row.instructions),
            grouped(row.cycles),
            row.matches.clone(),
        ]
    };
    let cells: Vec<[String; 10]> = rows.iter().map(cells).collect();
    if markdown {
        println!(
            "| {} |\n|---|---|---|---:|---:|---:|---:|---:|---:|---|",
            head.join(" | ")
        );
        for row in &cells {
            println!("| {} |", row.join(" | "));
        }
        return;
    }
    let head = head.map(str::to_owned);
    let width = |column: usize| {
        let all = cells.iter().chain([&head]);
        all.map(|row| row[column].len()).max().unwrap_or(0)
    };
    let widths: [usize; 10] = std::array::from_fn(width);
    for row in [&head].into_iter().chain(&cells) {
        let line: Vec<String> = row
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(i, (cell, width))| match i {
                0..3 | 9 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        println!("{}", line.join("  ").trim_end());
    }
}
