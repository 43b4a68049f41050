//! A crate of its own: the generated pipeline, the engine's sources, and a type that takes samples.

use crate::generate;
use crate::interface::{Elem, Interface, Meaning};
use crate::self_test::{DECISIONS, decisions, digest};
use crate::{Deployment, Error, File, fill};
use mote_model::{Backend, Graph, Op, Runtime, WeightMemory};

/// Path and content of the engine's sources.
const ENGINE: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/engine.rs"));

const TARGET: &str = "Rust";

pub(crate) fn files(deployment: &Deployment, interface: &Interface) -> Result<Vec<File>, Error> {
    let runtime = runtime(deployment.runtime)?;
    let graph = &deployment.graph;
    let pipeline = generate(graph, runtime)?;
    let decisions = decisions(deployment)?;
    let needs = Needs::of(graph, runtime);
    let package = format!("mote-{}", deployment.slug());
    let source = package.replace('-', "_");
    let title = deployment.name.escape_default().to_string();
    let has_driver = interface.elem == Elem::Count && interface.channels == 3;
    let elem = interface.elem.rust();
    let buffer = Buffer::of(interface);
    let (score, real) = match interface.scores {
        Some(q) => (
            "i8",
            format!(
                "{:?} * (f32::from(score) - {:?})",
                q.scale,
                f32::from(q.zero_point)
            ),
        ),
        None => ("f32", "score".to_owned()),
    };
    let runs = interface.schedule.first + (DECISIONS - 1) * interface.schedule.every;
    let samples = interface.keep + runs * (interface.run - interface.keep);
    let values: &[(&str, &str)] = &[
        ("title", &title),
        ("package", &package),
        ("crate", &source),
        ("version", env!("CARGO_PKG_VERSION")),
        ("rust", env!("CARGO_PKG_RUST_VERSION")),
        ("elem", elem),
        ("zero", if elem == "f32" { "0.0" } else { "0" }),
        ("score", score),
        ("score_zero", if score == "f32" { "0.0" } else { "0" }),
        ("real", &real),
        ("probability", interface.meaning.of_a_score()),
        ("confidence_doc", interface.meaning.confidence()),
        ("confidence", confidence(interface.meaning)),
        ("unit", interface.unit()),
        ("channels", &interface.channels.to_string()),
        ("rate", &format!("{:?}", deployment.rate_hz as f32)),
        ("window", &deployment.window.to_string()),
        ("hop", &deployment.hop.to_string()),
        ("classes", &interface.labels.len().to_string()),
        ("labels", &format!("{:?}", interface.labels)),
        ("run", &interface.run.to_string()),
        ("keep", &interface.keep.to_string()),
        ("field", &buffer.field),
        ("value", &buffer.value),
        ("buffer", buffer.name),
        ("load", buffer.load),
        ("shift", &buffer.shift),
        ("errors", needs.errors()),
        ("decisions", &DECISIONS.to_string()),
        ("digest", &format!("{:#010x}", digest(&decisions))),
        ("samples", &samples.to_string()),
        ("convert", interface.elem.converted()),
        ("features", &needs.features()),
        ("interpreter", needs.optional(needs.interpreter, "bytemuck")),
        ("libm", needs.optional(needs.libm, "libm")),
        ("dependencies", needs.remark()),
        ("driver", if has_driver { DRIVER_REMARK } else { "" }),
    ];
    let mut engine_values = vec![("dependencies", needs.dependencies())];
    engine_values.extend(
        values
            .iter()
            .filter(|(key, _)| *key != "dependencies")
            .map(|&(k, v)| (k, v.to_owned())),
    );
    let engine_values: Vec<(&str, &str)> = engine_values
        .iter()
        .map(|(k, v)| (*k, v.as_str()))
        .collect();
    let mut files = vec![
        File::new(
            "Cargo.toml",
            fill(include_str!("rust/Cargo.toml.txt"), values),
        ),
        File::new(
            "README.md",
            fill(include_str!("rust/README.md.txt"), values),
        ),
        File::new("src/lib.rs", fill(include_str!("rust/lib.rs.txt"), values)),
        File::new("src/pipeline.rs", pipeline.text),
        File::new(
            "src/self_test.rs",
            fill(include_str!("rust/self_test.rs.txt"), values),
        ),
        File::new(
            "tests/self_test.rs",
            fill(include_str!("rust/test.rs.txt"), values),
        ),
        File::new(
            "engine/Cargo.toml",
            fill(include_str!("rust/engine.toml.txt"), &engine_values),
        ),
        File::new("engine/LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
        File::new(
            "engine/LICENSE-APACHE",
            include_str!("../../../LICENSE-APACHE"),
        ),
    ];
    files.extend(
        ENGINE
            .iter()
            .map(|&(path, text)| File::new(format!("engine/{path}"), text)),
    );
    if has_driver {
        files.push(File::new(
            "driver/Cargo.toml",
            fill(include_str!("rust/driver.toml.txt"), values),
        ));
        files.push(File::new(
            "driver/src/lib.rs",
            fill(include_str!("rust/driver.rs.txt"), values),
        ));
    }
    Ok(files)
}

/// Returns the code of the confidence in a decision.
fn confidence(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Levels => {
            "let mut next = f32::NEG_INFINITY;
        for (class, &score) in self.scores.iter().enumerate() {
            if class != self.class {
                next = next.max(Self::real(score));
            }
        }
        self.scores.get(self.class).map_or(0.0, |&score| Self::real(score) - next)"
        }
        _ => "self.scores.get(self.class).map_or(0.0, |&score| Self::real(score))",
    }
}

const DRIVER_REMARK: &str = "\
- `driver/` feeds it from an ST LIS2DH12 on any I2C bus of `embedded-hal` 1.0; a crate of its own, to copy from.\n";

/// Returns the runtime of the exported crate: the measured one, but lazy, so that nothing has to be called first.
fn runtime(measured: Runtime) -> Result<Runtime, Error> {
    if measured.has_heap() {
        let what = "the pipeline keeps its network on a heap; export one with the technique `flatten` or `arena`";
        return Err(Error::unsupported(TARGET, what));
    }
    if matches!(measured.weights, WeightMemory::Paged { .. }) {
        let what = "the pipeline pages its weights from a storage that only the application knows; export one without the technique `paged`";
        return Err(Error::unsupported(TARGET, what));
    }
    Ok(measured.lazy())
}

/// Where samples gather until a run.
struct Buffer {
    field: String,
    value: String,
    name: &'static str,
    load: &'static str,
    shift: String,
}

impl Buffer {
    fn of(interface: &Interface) -> Self {
        let own = interface.keep > 0 && interface.elem != Elem::Count;
        let elem = interface.elem.rust();
        let zero = if elem == "f32" { "0.0" } else { "0" };
        // Counts stay where they are during a run; the network's own input may be overwritten.
        let name = if own {
            "self.window"
        } else {
            "self.pipeline.input()"
        };
        let text = |text: String| if own { text } else { String::new() };
        Self {
            field: text(format!("    window: [{elem}; RUN * CHANNELS],\n")),
            value: text(format!("            window: [{zero}; RUN * CHANNELS],\n")),
            name,
            load: match own {
                true => {
                    "        for (x, &value) in self.pipeline.input().iter_mut().zip(&self.window) {\n            *x = value;\n        }\n"
                }
                false => "",
            },
            shift: match interface.keep {
                0 => String::new(),
                _ => format!(
                    "        let samples = &mut {name}[..];\n        if samples.len() == RUN * CHANNELS {{\n            samples.copy_within((RUN - KEEP) * CHANNELS.., 0);\n        }}\n"
                ),
            },
        }
    }
}

impl Elem {
    /// Returns an expression that converts `count`.
    fn converted(self) -> &'static str {
        match self {
            Elem::Count => "count",
            Elem::I8 => "(count >> 7) as i8",
            Elem::F32 => "f32::from(count) / 4096.0",
        }
    }
}

/// Parts of the engine that not every network needs, for they depend on other crates.
struct Needs {
    interpreter: bool,
    libm: bool,
}

impl Needs {
    fn of(graph: &Graph, runtime: Runtime) -> Self {
        let interpreter = runtime.backend == Backend::Interpreter;
        let float = |id: usize| graph.tensors.get(id).is_some_and(|t| t.quant.is_none());
        let libm = graph.nodes.iter().any(|node| match node.op {
            Op::Softmax => float(node.output),
            Op::Quantize => true,
            _ => false,
        });
        Self {
            interpreter,
            // The registry names every operator.
            libm: libm || interpreter,
        }
    }

    fn features(&self) -> String {
        let named = [(self.interpreter, "interpreter"), (self.libm, "libm")];
        let names: Vec<String> = named
            .iter()
            .filter(|(needed, _)| *needed)
            .map(|(_, name)| format!("{name:?}"))
            .collect();
        match names.is_empty() {
            true => String::new(),
            false => format!(", features = [{}]", names.join(", ")),
        }
    }

    fn optional(&self, needed: bool, name: &'static str) -> &'static str {
        match (needed, name) {
            (false, _) => "",
            (true, "libm") => "\"dep:libm\"",
            (true, _) => "\"dep:bytemuck\"",
        }
    }

    fn dependencies(&self) -> String {
        let mut text = String::new();
        for (needed, line) in [
            (
                self.interpreter,
                "bytemuck = { version = \"1\", default-features = false, optional = true }\n",
            ),
            (
                self.libm,
                "libm = { version = \"0.2\", default-features = false, optional = true }\n",
            ),
        ] {
            if needed {
                text.push_str(line);
            }
        }
        match text.is_empty() {
            true => text,
            false => format!("\n[dependencies]\n{text}"),
        }
    }

    fn remark(&self) -> &'static str {
        match (self.interpreter, self.libm) {
            (false, false) => ", which depends on nothing",
            (true, _) => ", which depends on `bytemuck` and `libm`",
            (false, true) => ", which depends on `libm`",
        }
    }

    fn errors(&self) -> &'static str {
        match self.interpreter {
            true => "When the model in flash is damaged.",
            false => "None: generated code that compiles does not fail.",
        }
    }
}
