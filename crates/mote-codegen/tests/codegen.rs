//! Generated pipelines, compiled and run as a firmware would (but on the host), give what the interpreter gives.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use mote::{Interpreter, Model, registry};
use mote_codegen::generate;
use mote_import::tflite::import;
use mote_model::stream::stream;
use mote_model::{
    Backend, FirmwareFeature, Frontend, Graph, Op, Operators, Plan, Runtime, Strategy,
    WeightMemory, Weights, blob, plan,
};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn load(name: &str) -> Graph {
    let path = format!(
        "{}/../mote-import/tests/models/{name}.tflite",
        env!("CARGO_MANIFEST_DIR")
    );
    import(name, &fs::read(path).unwrap()).unwrap()
}

/// Network B with a sensor in front.
fn with_frontend(name: &str) -> Graph {
    let mut graph = load(name);
    graph.frontend = Some(Frontend {
        offset: vec![100, -4000, 0],
        scale: vec![1e-3, 2e-3, 0.5e-3],
    });
    graph
}

/// The network with weights of four bits in its second convolution and those behind, and in its last dense layer.
fn mixed(mut graph: Graph) -> Graph {
    let mut first = true;
    for node in &mut graph.nodes {
        let weights = match &mut node.op {
            Op::Conv1d(conv) if conv.groups == 1 && !std::mem::take(&mut first) => {
                &mut conv.weights
            }
            Op::Dense(dense) => &mut dense.weights,
            _ => continue,
        };
        if let Weights::I8 {
            weights,
            bits,
            scales,
            ..
        } = weights
        {
            *bits = 4;
            weights.iter_mut().for_each(|w| *w /= 16);
            scales.iter_mut().for_each(|s| *s *= 16.0);
        }
    }
    graph
}

/// A stream of which every second run decides, from the sixth on.
fn streamed(graph: Graph) -> Graph {
    stream(&graph, 40, Some(20)).unwrap()
}

/// A sample for position `i` of window `n`, within int8 unless there are counts.
fn sample(n: usize, i: usize, counts: bool) -> i16 {
    let x = (n * 7919 + i * 104_729) % 65_521;
    let x = (x * x % 65_521) as i32 - 32_760;
    if counts { x as i16 } else { (x / 256) as i16 }
}

/// Scores of `windows` windows, or runs of a stream, by the interpreter: one line per decision.
fn expected(graph: &Graph, plan: &Plan, windows: usize) -> String {
    let words = blob::to_words(graph, plan).unwrap();
    let network = Interpreter::new(Model::parse(&words).unwrap(), registry::ALL).unwrap();
    let mut arena = vec![0; plan.arena / 4];
    let len = graph.tensor(graph.input).unwrap().shape.len();
    let counts = graph.frontend.is_some();
    let mut text = String::new();
    for n in 0..windows {
        let window: Vec<i16> = (0..len).map(|i| sample(n, i, counts)).collect();
        if counts {
            network.load_counts(&window, &mut arena).unwrap();
        } else if let Ok(input) = network.input_i8(&mut arena) {
            input
                .iter_mut()
                .zip(&window)
                .for_each(|(x, &w)| *x = w as i8);
        } else {
            let input = network.input_f32(&mut arena).unwrap();
            input
                .iter_mut()
                .zip(&window)
                .for_each(|(x, &w)| *x = f32::from(w));
        }
        if network.run(&mut arena).unwrap() {
            match network.output_i8(&arena) {
                Ok(y) => writeln!(text, "{y:?}").unwrap(),
                Err(_) => writeln!(text, "{:?}", network.output_f32(&arena).unwrap()).unwrap(),
            }
        }
    }
    text
}

const WINDOWS: usize = 8;

/// Begins the line that names a case in the output.
const MARK: &str = "case ";

/// A generated pipeline, and what it should decide.
struct Case {
    /// The network and how it runs.
    title: String,
    /// Name of its module.
    module: String,
    source: String,
    /// Its scores, one line per decision.
    expected: String,
}

/// Writes a crate with one module per case, whose `main` runs them one after the other.
fn write_crate(dir: &Path, cases: &[Case]) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let engine = crates.join("mote");
    fs::create_dir_all(dir.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"generated\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nmote = {{ path = {engine:?}, features = [\"boxed\"] }}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest).unwrap();
    let sample = "fn sample(n: usize, i: usize, counts: bool) -> i16 {
    let x = (n * 7919 + i * 104_729) % 65_521;
    let x = (x * x % 65_521) as i32 - 32_760;
    if counts { x as i16 } else { (x / 256) as i16 }
}";
    let mut main = format!("#![forbid(unsafe_code)]\n#![deny(warnings)]\n{sample}\nfn main() {{\n");
    let mut modules = String::new();
    for case in cases {
        let Case {
            module: name,
            source,
            ..
        } = case;
        fs::write(dir.join(format!("src/{name}.rs")), source).unwrap();
        // As in the firmware, the file is included, not a module of its own.
        writeln!(
            modules,
            "#[allow(clippy::all)]\nmod {name} {{ include!(\"{name}.rs\"); }}"
        )
        .unwrap();
        write!(
            main,
            "    println!(\"{MARK}{name}\");
    let mut p = {name}::Pipeline::new();
    p.init().unwrap();
    let counts = core::any::type_name::<{name}::Elem>() == \"i16\";
    for n in 0..{WINDOWS} {{
        assert_eq!(p.input().len(), {name}::INPUT_LEN);
        for (i, x) in p.input().iter_mut().enumerate() {{
            *x = sample(n, i, counts) as {name}::Elem;
        }}
        if p.run().unwrap() {{
            assert_eq!(p.output().len(), {name}::OUTPUT_LEN);
            println!(\"{{:?}}\", p.output());
        }}
    }}
"
        )
        .unwrap();
    }
    fs::write(dir.join("src/main.rs"), format!("{main}}}\n{modules}")).unwrap();
}

#[test]
fn generated_pipelines_agree_with_the_interpreter() {
    let all: Vec<Runtime> = Runtime::combinations().collect();
    let interpreted: Vec<Runtime> = Runtime::combinations()
        .filter(|r| r.backend != Backend::Compiled)
        .collect();
    let three = [Runtime::BASELINE, Runtime::INTERPRETER, Runtime::COMPILED];
    let paged = |bytes| Runtime::COMPILED.paged(bytes);
    // All pages in one, a few channels per page, and as few as can be.
    let windows = [paged(1 << 20), paged(1024), paged(400)];
    let unplanned = Runtime::BASELINE.compiled().paged(700);
    // What no combination of techniques leads to.
    let others = [Backend::Boxed, Backend::Interpreter, Backend::Compiled].map(|backend| Runtime {
        backend,
        operators: Operators::Used,
        ..Runtime::BASELINE.lazy()
    });
    let in_flash = others.map(|runtime| Runtime {
        weights: WeightMemory::InFlash,
        operators: Operators::All,
        ..runtime
    });
    let mut cases = Vec::new();
    for (graph, runtimes) in [
        (load("A_int8"), &three[..]),
        (load("B_f32"), &all[..]),
        (load("B_int8"), &others[..]),
        (load("B_int8"), &in_flash[..]),
        (load("C24_int8"), &three[..]),
        (load("ops_f32"), &three[..]),
        // Convert inside, so that compiled code is refused.
        (load("ops_int8"), &interpreted[..]),
        (load("leaky_int8"), &interpreted[..]),
        (load("leaky_f32"), &three[..]),
        (with_frontend("B_int8"), &all[..]),
        (with_frontend("B_f32"), &three[..]),
        (streamed(with_frontend("B_int8")), &all[..]),
        (streamed(load("B_f32")), &three[..]),
        (load("A_int8"), &windows[..]),
        (load("C24_int8"), &[paged(1728)][..]),
        (load("B_f32"), &[paged(700), unplanned][..]),
        (load("ops_f32"), &windows[..1]),
        (with_frontend("B_int8"), &[windows[2], unplanned][..]),
        (streamed(with_frontend("B_int8")), &windows[1..]),
        (mixed(load("A_int8")), &three[..]),
        (mixed(load("A_int8")), &windows[..]),
        (mixed(with_frontend("B_int8")), &all[..]),
        (streamed(mixed(with_frontend("B_int8"))), &three[..]),
        (streamed(mixed(with_frontend("B_int8"))), &windows[1..]),
    ] {
        let plan = plan(&graph, Strategy::Overlap).unwrap();
        for &runtime in runtimes {
            let source = generate(&graph, runtime).unwrap().text;
            cases.push(Case {
                title: format!("{} {runtime}", graph.name),
                module: format!("{}_{}", graph.name, cases.len()).to_lowercase(),
                source,
                expected: expected(&graph, &plan, WINDOWS),
            });
        }
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    write_crate(&dir, &cases);
    // The versions this test was built with are at hand; nothing is downloaded.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    if lock.exists() {
        fs::copy(lock, dir.join("Cargo.lock")).unwrap();
    }
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--offline", "--target-dir"])
        .arg(dir.join("target"))
        .current_dir(&dir)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let said = String::from_utf8(output.stdout).unwrap();
    let found: Vec<(&str, &str)> = said
        .split(MARK)
        .skip(1)
        .filter_map(|case| case.split_once('\n'))
        .collect();
    assert_eq!(found.len(), cases.len());
    let mut wrong = Vec::new();
    for (case, (module, scores)) in cases.iter().zip(found) {
        assert_eq!(case.module, module);
        if let Some(difference) = first_difference(&case.expected, scores) {
            wrong.push(format!("{}: {difference}", case.title));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the first decision that is not as expected, as text; `None` when all are.
fn first_difference(expected: &str, found: &str) -> Option<String> {
    let pairs = expected.lines().zip(found.lines());
    let decision = pairs.clone().position(|(e, f)| e != f);
    match decision {
        Some(n) => {
            let (expected, found) = pairs.clone().nth(n)?;
            Some(format!("decision {n} is {found} instead of {expected}"))
        }
        None if expected.lines().count() == found.lines().count() => None,
        None => Some(format!(
            "{} decisions instead of {}",
            found.lines().count(),
            expected.lines().count()
        )),
    }
}

#[test]
fn a_case_that_differs_is_named_by_its_decision() {
    assert_eq!(first_difference("[1]\n[2]\n", "[1]\n[2]\n"), None);
    let wrong = first_difference("[1]\n[2]\n", "[1]\n[3]\n").unwrap();
    assert_eq!(wrong, "decision 1 is [3] instead of [2]");
    let short = first_difference("[1]\n[2]\n", "[1]\n").unwrap();
    assert_eq!(short, "1 decisions instead of 2");
}

#[test]
fn compiled_code_of_a_network_that_converts_is_refused_by_name() {
    let graph = load("ops_int8");
    let error = generate(&graph, Runtime::COMPILED).unwrap_err().to_string();
    assert!(
        error.contains("quantize_1") && error.contains("interpreter"),
        "{error}"
    );
}

#[test]
fn paging_needs_compiled_code_and_a_window_for_two_channels() {
    let graph = load("A_int8");
    let runtime = Runtime::COMPILED.paged(300);
    let error = generate(&graph, runtime).unwrap_err().to_string();
    // Two channels of 5 x 32 taps, with bias and factor.
    assert!(error.contains("336 bytes at least"), "{error}");
    let runtime = Runtime::INTERPRETER.paged(1024);
    let error = generate(&graph, runtime).unwrap_err().to_string();
    assert!(error.contains("compiled"), "{error}");
}

#[test]
fn only_the_operators_in_use_are_registered() {
    let graph = load("A_int8");
    let source = generate(&graph, Runtime::INTERPRETER).unwrap().text;
    let kernels = source
        .lines()
        .find(|l| l.starts_with("const KERNELS"))
        .unwrap();
    assert_eq!(
        kernels,
        "const KERNELS: &[registry::Kernel] = &[registry::CONV_I8, registry::AVERAGE_POOL_I8, registry::SOFTMAX_I8];"
    );
}

#[test]
fn the_baseline_asks_for_a_heap_and_has_the_labels() {
    let mut graph = load("B_int8");
    graph.labels = ["walk", "jog", "\"sit\"", "stand", "up", "down"]
        .map(String::from)
        .to_vec();
    let source = generate(&graph, Runtime::BASELINE).unwrap();
    assert_eq!(source.features, [FirmwareFeature::Heap]);
    assert_eq!((source.input.bytes(), source.output.len), (100 * 3, 6));
    let labels =
        r#"pub static LABELS: [&str; 6] = ["walk", "jog", "\"sit\"", "stand", "up", "down"];"#;
    assert!(source.text.contains(labels), "{}", source.text);
    for other in [Runtime::INTERPRETER, Runtime::COMPILED] {
        let source = generate(&graph, other).unwrap();
        assert!(source.features.is_empty() && !source.text.contains("LABELS"));
    }
}
