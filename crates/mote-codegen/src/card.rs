//! The model card: what a reader must know before relying on the network.

use crate::interface::{Elem, Interface};
use crate::{Deployment, Evidence, Target};
use mote_model::Op;
use mote_report::{DeviceFigures, Estimate, Metrics, Quantiles, Run};
use std::fmt::Display;

/// Writes the card of `deployment`, as Markdown.
pub(crate) fn text(deployment: &Deployment, interface: &Interface, target: Target) -> String {
    let mut card = Card::default();
    card.line(&format!("# Model card: {}", cell(&deployment.name)));
    card.what(deployment, interface);
    match &deployment.evidence {
        Some(evidence) => {
            card.data(evidence);
            card.protocol(deployment, evidence);
            card.metrics(&evidence.run.metrics);
            card.devices(&evidence.run, target);
            card.other_size(deployment, &evidence.run);
        }
        None => {
            card.heading("Evidence");
            card.line(
                "None. It is not known what the network was trained on, and it was not evaluated: do not rely on it before \
                 you have done both.",
            );
        }
    }
    card.limits(deployment, interface);
    if let Some(evidence) = &deployment.evidence {
        card.reproduce(evidence);
    }
    card.text
}

#[derive(Default)]
struct Card {
    text: String,
}

impl Card {
    /// Adds a paragraph.
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push_str("\n\n");
    }

    fn heading(&mut self, text: &str) {
        self.line(&format!("## {text}"));
    }

    fn list(&mut self, items: &[String]) {
        let items: Vec<String> = items.iter().map(|item| format!("- {item}\n")).collect();
        self.line(items.concat().trim_end());
    }

    fn table(&mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = row(head.iter().map(|&h| h.to_owned()).collect());
        text.push_str(&row(vec!["---".to_owned(); head.len()]));
        text.extend(rows.into_iter().map(row));
        self.line(text.trim_end());
    }

    fn what(&mut self, deployment: &Deployment, interface: &Interface) {
        let graph = &deployment.graph;
        let rate = deployment.rate_hz;
        let seconds =
            |samples: usize| format!("{samples} samples ({:.2} s)", samples as f64 / rate);
        let labels: Vec<String> = interface.labels.iter().map(|l| cell(l)).collect();
        self.heading("What it does");
        self.line(&format!(
            "It tells {} activities apart: {}.",
            labels.len(),
            labels.join(", ")
        ));
        let mut items = vec![
            format!(
                "Input: {} values per sample at {rate} Hz. {}",
                interface.channels,
                interface.unit()
            ),
            format!(
                "Window: {}; a decision every {}.",
                seconds(deployment.window),
                seconds(deployment.hop)
            ),
            format!(
                "Network: `{}`, {}, {} parameters, {} layers{}.",
                cell(&graph.name),
                if interface.scores.is_some() {
                    "int8"
                } else {
                    "f32"
                },
                graph.parameters(),
                graph.nodes.len(),
                if interface.keep == 0 && interface.run != deployment.window {
                    ", run as a stream"
                } else {
                    ""
                }
            ),
        ];
        let filters = graph.nodes.iter().filter_map(|node| match &node.op {
            Op::Filter(filter) => Some(filter),
            _ => None,
        });
        items.extend(filters.map(|filter| {
            let changes = filter.costs.iter().copied().filter(|&cost| cost > 0.0);
            let (least, most) = changes.fold((f32::INFINITY, 0.0f32), |(least, most), cost| {
                (least.min(cost), most.max(cost))
            });
            format!(
                "Filter: a decision changes only for evidence that lasts. A change costs {least:.1} to {most:.1} nats, and \
                 scores count {:.2} times per step.",
                filter.weight
            )
        }));
        items.push(format!(
            "Confidence in a decision: {} The exported code says \"not sure\" below a threshold of the application's, and \
             reports only changes if asked to.",
            interface.meaning.confidence()
        ));
        if let Some(evidence) = &deployment.evidence {
            let techniques = &evidence.run.techniques;
            items.push(match techniques.is_empty() {
                true => "Techniques: none, it is a baseline.".to_owned(),
                false => format!("Techniques: {}.", techniques.join(", ")),
            });
        }
        self.list(&items);
    }

    fn data(&mut self, evidence: &Evidence) {
        let data = &evidence.data;
        self.heading("Data");
        if data.synthetic {
            self.line(
                "**The recordings are SYNTHETIC. The figures below say nothing about people.**",
            );
        }
        self.list(&[
            format!("Task: `{}`", evidence.run.task),
            format!("Source: {}", data.source),
            format!("SHA-256: `{}`", data.digest),
            format!("{} windows of {} users", data.windows, data.users),
        ]);
    }

    fn protocol(&mut self, deployment: &Deployment, evidence: &Evidence) {
        let run = &evidence.run;
        self.heading("Protocol");
        let leak = match run.leaks {
            true => "**Users are on both sides of the split: every figure below is too high.**",
            false => "No user is both trained on and tested on.",
        };
        let mut items = vec![
            format!("Split `{}`, {} folds. {leak}", run.split, run.folds),
            "Figures are those of the integer or float arithmetic that is exported, not of a simulation of it.".to_owned(),
            which_network(deployment, run),
        ];
        let data = &evidence.data;
        if let (Some(window), Some(hop)) = (data.window_s, data.hop_s) {
            items.push(format!(
                "Tested on windows of {window} s, {hop} s apart; the export decides every {} s.",
                deployment.hop as f64 / deployment.rate_hz
            ));
        }
        items.extend(run.warnings.iter().map(|w| format!("**{w}**")));
        match &deployment.final_model {
            Some(last) => {
                items.extend(last.doubt(run).map(|why| format!("**{why}**")));
                items.extend(last.notes.iter().cloned());
            }
            None => items.extend(run.notes.iter().cloned()),
        }
        self.list(&items);
    }

    fn metrics(&mut self, metrics: &Metrics) {
        self.heading("How good it is");
        let row = |name: &str, e: Estimate, pooled: f64| {
            let interval = e.ci95.map_or("–".to_owned(), |ci| format!("± {ci:.3}"));
            vec![
                name.to_owned(),
                format!("{:.3}", e.mean),
                interval,
                format!("{pooled:.3}"),
            ]
        };
        let pooled = &metrics.pooled;
        self.table(
            &["", "mean over folds", "95 %", "all windows together"],
            [
                row("accuracy", metrics.accuracy, pooled.accuracy),
                row(
                    "balanced accuracy",
                    metrics.balanced_accuracy,
                    pooled.balanced_accuracy,
                ),
                row("macro F1", metrics.macro_f1, pooled.macro_f1),
            ],
        );
        if !metrics.per_class.is_empty() {
            self.line("Per class:");
            self.table(
                &["class", "windows", "precision", "recall", "F1"],
                metrics.per_class.iter().map(|c| {
                    let [p, r, f] = [c.precision, c.recall, c.f1].map(share);
                    vec![cell(&c.label), c.windows.to_string(), p, r, f]
                }),
            );
        }
        let confusion = &metrics.confusion;
        if !confusion.counts.is_empty() {
            self.line("Confusion, windows by true class (rows) and decision (columns):");
            let mut head = vec![""];
            head.extend(confusion.labels.iter().map(String::as_str));
            let rows = confusion.labels.iter().zip(&confusion.counts);
            self.table(
                &head,
                rows.map(|(label, row)| {
                    let mut cells = vec![cell(label)];
                    cells.extend(row.iter().map(u64::to_string));
                    cells
                }),
            );
        }
        if !metrics.per_user.is_empty() {
            self.line(&format!(
                "Over the {} users tested:",
                metrics.per_user.len()
            ));
            let row = |name: &str, q: &Quantiles| {
                let values = [q.min, q.q10, q.q25, q.median, q.q75, q.q90, q.max];
                let mut cells = vec![name.to_owned()];
                cells.extend(values.map(|v| format!("{v:.3}")));
                cells
            };
            self.table(
                &[
                    "", "worst", "10 %", "25 %", "median", "75 %", "90 %", "best",
                ],
                [
                    row("accuracy", &metrics.user_quantiles.accuracy),
                    row("macro F1", &metrics.user_quantiles.macro_f1),
                ],
            );
        }
    }

    fn devices(&mut self, run: &Run, target: Target) {
        self.heading("What it needs");
        if run.device.is_empty() {
            self.line("No device was measured.");
            return;
        }
        self.table(
            &[
                "board",
                "core",
                "flash, code",
                "flash, model",
                "RAM",
                "stack",
                "heap",
                "cycles",
                "latency",
                "energy",
            ],
            run.device.iter().map(|d| {
                vec![
                    format!("{} (-O{})", d.board, d.optimize),
                    d.core.clone(),
                    figure(d, "flash_code", d.flash_code, "B"),
                    figure(d, "flash_model", d.flash_model, "B"),
                    figure(d, "ram_static", d.ram_static, "B"),
                    figure(d, "ram_stack", d.ram_stack, "B"),
                    figure(d, "ram_heap", d.ram_heap, "B"),
                    figure(d, "cycles", d.cycles, ""),
                    figure(
                        d,
                        "latency_ms",
                        d.latency_ms.map(|v| format!("{v:.2}")),
                        "ms",
                    ),
                    figure(d, "energy_uj", d.energy_uj.map(|v| format!("{v:.1}")), "uJ"),
                ]
            }),
        );
        self.line(
            "Per decision, of the whole image with start-up code and without a sensor driver. In brackets how a figure \
             came about: read from the image (elf), counted in an emulator (emulated), computed from such counts (modelled).",
        );
        match target {
            Target::C => self.line("Measured with the engine in Rust; the exported C was not measured."),
            Target::Blob => self.line("Measured with the generated pipeline; interpreting the file takes more of everything."),
            Target::Rust => (),
        }
        for device in &run.device {
            if let Some(why) = &device.why {
                self.line(&format!("{}: {why}", device.board));
            }
        }
    }

    /// Says so when the final model takes other bytes than the network that was measured.
    fn other_size(&mut self, deployment: &Deployment, run: &Run) {
        let (Some(last), Some(measured)) = (&deployment.final_model, run.model.bytes) else {
            return;
        };
        if last.bytes != measured && !run.device.is_empty() {
            self.line(&format!(
                "The network of the first fold was measured, of {measured} bytes; this one has {}, so its flash and cycles \
                 differ.",
                last.bytes
            ));
        }
    }

    fn limits(&mut self, deployment: &Deployment, interface: &Interface) {
        self.heading("Limits");
        let mut items = vec![
            "It knows the activities above and nothing else: whatever else the wearer does comes out as one of them, often \
             with much confidence."
                .to_owned(),
            format!(
                "It was made for {} Hz. Another rate, another place on the body, another orientation of the sensor, or another \
                 group of people than in the data was not tested.",
                deployment.rate_hz
            ),
            "Moments between two activities were not tested: windows of the data lie within one activity.".to_owned(),
            "It is not a medical device, and nothing that someone's safety depends on should depend on it.".to_owned(),
        ];
        if interface.elem == Elem::Count {
            items.push(format!(
                "It expects samples as above, and nothing checks them: {}",
                interface.unit()
            ));
        }
        self.list(&items);
    }

    fn reproduce(&mut self, evidence: &Evidence) {
        self.heading("How to reproduce it");
        self.line(&format!("```text\n{}\n```", evidence.command));
        let versions: Vec<String> = evidence
            .versions
            .iter()
            .map(|(tool, v)| format!("{tool} {v}"))
            .collect();
        self.line(&format!(
            "Seed {}, run that ended at {}, with {}.",
            evidence.seed,
            evidence.created,
            versions.join(", ")
        ));
    }
}

/// Says which network is exported, and what the figures of `run` say about it.
fn which_network(deployment: &Deployment, run: &Run) -> String {
    match &deployment.final_model {
        Some(last) => format!(
            "The figures are the folds', and the network is the final model. It was made in the same way as the networks of \
             the {} folds, but trained on all {} users ({} windows) for {} epochs ({}), so nobody is left to test it on. The \
             figures estimate how well it does on people it does not know.",
            run.folds, last.users, last.windows, last.epochs, last.epochs_from
        ),
        None => "Each fold has a network of its own. The exported network is that of the first fold, trained on part of the \
                 users: the figures estimate how well networks made this way do, not how well this one does. `mote train \
                 --final` makes one that was trained on all users."
            .to_owned(),
    }
}

/// Writes a figure with its unit and method; a dash when there is none.
fn figure<T: Display>(device: &DeviceFigures, field: &str, value: Option<T>, unit: &str) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    let method = device.method.get(field);
    let method = method.map_or(String::new(), |m| format!(" ({})", m.name()));
    format!("{value} {unit}").trim_end().to_owned() + &method
}

fn share(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |v| format!("{v:.3}"))
}

/// Escapes `text` for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
