//! One C header and one source, int8, with the arithmetic of the engine.
//!
//! Functions are written once, in `c/*.c.txt`, and go into the source when the network needs them; layers are constants
//! they are called with. Places in the arena are planned as the engine's are; only, samples are converted as they
//! come, so that a window is kept in the input tensor and nowhere else.

mod layer;

use crate::interface::{Elem, Interface, Meaning};
use crate::self_test::{DECISIONS, decisions, digest};
use crate::{Deployment, Error, File, fill};
use layer::Layers;
use mote::Model;
use mote_model::plan::{Options, plan_with};
use mote_model::{Strategy, blob};

const TARGET: &str = "C";

pub(crate) fn files(deployment: &Deployment, interface: &Interface) -> Result<Vec<File>, Error> {
    let graph = &deployment.graph;
    let Some(scores) = interface.scores.filter(|_| interface.elem != Elem::F32) else {
        let what =
            "the network computes in f32; export one with the technique `int8`, or export to Rust";
        return Err(Error::unsupported(TARGET, what));
    };
    let options = Options {
        strategy: Strategy::Overlap,
        keep_input: interface.keep > 0,
    };
    let plan = plan_with(graph, options)?;
    let words = blob::to_words(graph, &plan)?;
    let engine = |e: mote::Error| Error::invalid("graph", e.to_string());
    let model = Model::parse(&words).map_err(engine)?;
    let (input, output) = (
        model.input().map_err(engine)?,
        model.output().map_err(engine)?,
    );
    let mut layers = Layers::default();
    for (node, named) in model.nodes().zip(&graph.nodes) {
        layers.add(&node, named)?;
    }
    let mut convert = "sample[c]";
    if let Some(channels) = model.frontend() {
        layers.front_end(channels);
        convert = "front_end(sample[c], front_end_channels[c])";
    }
    let title: String = deployment
        .name
        .chars()
        .filter(|c| *c != '*' && *c != '/' && !c.is_control())
        .collect();
    let labels: Vec<String> = interface
        .labels
        .iter()
        .map(|label| literal(label))
        .collect();
    let elem = match interface.elem {
        Elem::Count => "int16_t",
        _ => "int8_t",
    };
    let (run, keep) = (interface.run, interface.keep);
    let runs = interface.schedule.first + (DECISIONS - 1) * interface.schedule.every;
    let values: &[(&str, &str)] = &[
        ("parts", &layers.parts()),
        ("data", &layers.data),
        ("calls", &layers.calls),
        ("convert", convert),
        ("title", &title),
        ("labels", &labels.join(", ")),
        ("unit", interface.unit()),
        ("elem", elem),
        ("channels", &interface.channels.to_string()),
        ("rate", &format!("{:?}", deployment.rate_hz as f32)),
        ("window", &deployment.window.to_string()),
        ("hop", &deployment.hop.to_string()),
        ("classes", &interface.labels.len().to_string()),
        ("arena", &plan.arena.to_string()),
        ("ram", &(plan.arena + 4).to_string()),
        ("score_scale", &format!("{:?}", scores.scale)),
        ("score_zero", &scores.zero_point.to_string()),
        ("probability", interface.meaning.of_a_score()),
        ("confidence_doc", interface.meaning.confidence()),
        (
            "least_zero",
            match interface.meaning {
                Meaning::Levels => "",
                _ => " + MOTE_SCORE_ZERO",
            },
        ),
        ("confidence", confidence(interface.meaning)),
        ("in_zero", &input.zero_point.to_string()),
        ("input", &(4 * input.offset).to_string()),
        ("output", &(4 * output.offset).to_string()),
        ("run", &run.to_string()),
        ("keep", &keep.to_string()),
        ("shift", &shift(keep, run, interface.channels)),
        ("samples", &(keep + runs * (run - keep)).to_string()),
        (
            "narrow",
            if interface.elem == Elem::Count {
                ""
            } else {
                " >> 7"
            },
        ),
        ("decisions", &DECISIONS.to_string()),
        (
            "digest",
            &format!("{:#010x}", digest(&decisions(deployment)?)),
        ),
    ];
    Ok(vec![
        File::new("mote.h", fill(include_str!("c/mote.h.txt"), values)),
        File::new("mote.c", fill(include_str!("c/mote.c.txt"), values)),
        File::new(
            "mote_self_test.c",
            fill(include_str!("c/mote_self_test.c.txt"), values),
        ),
        File::new("README.md", fill(include_str!("c/README.md.txt"), values)),
    ])
}

/// Returns the code that makes the confidence in a decision out of its largest score.
fn confidence(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Levels => {
            "    int32_t next = INT8_MIN;
    for (int32_t i = 0; i < MOTE_CLASSES; i++) {
        if (i != decision->index && decision->scores[i] > next) {
            next = decision->scores[i];
        }
    }
    confidence -= next;
"
        }
        _ => "",
    }
}

/// Writes the code that moves what the next window needs to the beginning of the input.
fn shift(keep: usize, run: usize, channels: usize) -> String {
    match keep {
        0 => String::new(),
        _ => format!(
            "    for (int32_t i = 0; i < {}; i++) {{\n        input[i] = input[i + {}];\n    }}\n",
            keep * channels,
            (run - keep) * channels
        ),
    }
}

/// Writes `text` as a string literal of C.
fn literal(text: &str) -> String {
    let escaped: String = text
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'?' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            other => format!("\\{other:03o}"),
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn labels_are_literals_whatever_they_contain() {
        assert_eq!(literal("walk \"up\"?"), r#""walk \"up\"\?""#);
        assert_eq!(literal("Gehen ü1"), r#""Gehen \303\2741""#);
    }
}
