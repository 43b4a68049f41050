//! `mote predict`: what a deployed network makes of new recordings.

use crate::progress::tell_ingest;
use crate::ui::Ui;
use anyhow::{Context, Result, ensure};
use mote_data::{Hints, Signals};
use mote_experiment::{Decided, Predicted, Prediction, deployment, predict};
use mote_report::{Recorded, recordings};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Signals that a plot shows.
const DRAWN: usize = 12;

/// Decide about new recordings with a deployed network, by the engine as on the device.
///
/// Recordings are a folder, a text file, an archive, an npz, a description (csv:FILE.toml) or a task; `-` reads text from the
/// standard input to its end. They need no labels; where they have some, the agreement and a confusion matrix are printed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mote predict balanced recordings/                     the pipeline `balanced` below out/
  mote predict out/pipelines/balanced/final.json walk.csv --plot walk.svg
  cat walk.csv | mote predict balanced - --rate 50")]
pub struct Args {
    /// A pipeline below --out (its final model where there is one), or a deployment file (*.json).
    model: String,
    /// The recordings.
    recordings: String,
    /// The folder that a comparison wrote.
    #[arg(long, default_value = "out")]
    out: PathBuf,
    /// Folder that holds the data sets, for tasks.
    #[arg(long, env = "MOTE_DATA")]
    data: Option<PathBuf>,
    /// Samples per second of the recordings, where they have no times.
    #[arg(long)]
    rate: Option<f64>,
    /// Every decision as CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Every decision as JSON.
    #[arg(long)]
    json: bool,
    /// Draw the signals with the decisions under them.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    if let Some(rate) = args.rate {
        ensure!(
            (1.0..=1000.0).contains(&rate),
            "--rate {rate}: from 1 to 1000 samples per second"
        );
    }
    let (model, path) = deployment::open(&args.out, &args.model)?;
    ui.info(format_args!("{}: {}", model.name, path.display()));
    let hints = Hints {
        labels: false,
        rate_hz: args.rate,
    };
    let read = |name: &str| mote_data::signals(name, args.data.as_deref(), model.rate_hz, &hints);
    let signals = match args.recordings.as_str() {
        "-" => {
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("standard-input.csv");
            let mut text = std::fs::File::create(&file)?;
            std::io::copy(&mut std::io::stdin().lock(), &mut text)?;
            read(&file.display().to_string())?
        }
        name => read(name)?,
    };
    tell_ingest(ui, &signals.ingest);
    let prediction = predict(&model, &signals)?;
    if let Some(file) = &args.plot {
        let drawing = draw(&prediction, &signals, model.rate_hz);
        std::fs::write(file, drawing).with_context(|| file.display().to_string())?;
        ui.info(format_args!("drawn: {}", file.display()));
        if let Some(more) = signals.signals.len().checked_sub(DRAWN).filter(|n| *n > 0) {
            ui.info(format_args!("{more} more signals are not drawn"));
        }
    }
    let text = match () {
        () if args.json => json(&prediction)?,
        () if args.csv => csv(&prediction),
        () => table(&prediction),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn json(prediction: &Prediction) -> Result<String> {
    let mut value = serde_json::to_value(prediction)?;
    if let (Some(agreement), Some(object)) = (prediction.agreement(), value.as_object_mut()) {
        object.insert("agreement".to_owned(), agreement.into());
        object.insert(
            "confusion".to_owned(),
            serde_json::to_value(&prediction.confusion)?,
        );
    }
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

fn csv(prediction: &Prediction) -> String {
    let mut text = "recording,user,time_s,decision,confidence,truth\n".to_owned();
    let name = |class: usize| prediction.labels.get(class).map_or("", String::as_str);
    for (n, signal) in prediction.signals.iter().enumerate() {
        for d in &signal.decisions {
            let confidence = d.confidence.map_or(String::new(), |p| format!("{p:.3}"));
            let truth = d.truth.map_or("", name);
            writeln!(
                text,
                "{},{},{:.3},{},{confidence},{truth}",
                n + 1,
                quoted(&signal.user),
                d.time_s,
                quoted(name(d.class)),
                truth = quoted(truth)
            )
            .expect("text has room");
        }
    }
    text
}

/// Writes a field of CSV.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// Writes what was decided from when to when, and how it agrees with the labels.
fn table(prediction: &Prediction) -> String {
    let mut text = format!(
        "{:<12} {:>10} {:>10}  {:<18} {:>6}  truth\n",
        "user", "from s", "to s", "decision", "sure"
    );
    let name = |class: usize| prediction.labels.get(class).map_or("", String::as_str);
    for signal in &prediction.signals {
        for bout in bouts(signal) {
            let sure: Vec<f32> = bout.iter().filter_map(|d| d.confidence).collect();
            let sure = match sure.len() {
                0 => "-".to_owned(),
                n => format!("{:.2}", sure.iter().sum::<f32>() / n as f32),
            };
            let (first, last) = (bout.first(), bout.last());
            let (Some(first), Some(last)) = (first, last) else {
                continue;
            };
            let truth = first.truth.map_or("", name);
            writeln!(
                text,
                "{:<12} {:>10.1} {:>10.1}  {:<18} {sure:>6}  {truth}",
                signal.user,
                first.time_s,
                last.time_s,
                name(first.class)
            )
            .expect("text has room");
        }
    }
    if let Some(agreement) = prediction.agreement() {
        let total = prediction.confusion.total();
        writeln!(
            text,
            "\n{:.1} % of {total} decisions agree with the labels",
            100.0 * agreement
        )
        .expect("text has room");
        text += &confusion(prediction);
    }
    for (label, count) in &prediction.other_labels {
        writeln!(
            text,
            "{count} decisions while the label was {label:?}, which is no class of the network"
        )
        .expect("text has room");
    }
    text
}

/// Parts decisions where decision or truth changes.
fn bouts(signal: &Predicted) -> impl Iterator<Item = &[Decided]> {
    signal
        .decisions
        .chunk_by(|a, b| a.class == b.class && a.truth == b.truth)
}

fn confusion(prediction: &Prediction) -> String {
    let width = prediction
        .labels
        .iter()
        .map(|l| l.chars().count())
        .max()
        .unwrap_or(0)
        .max(8);
    let mut text = format!("\n{:<width$}", "truth");
    for label in &prediction.labels {
        write!(text, " {label:>width$}").expect("text has room");
    }
    text.push('\n');
    for (truth, label) in prediction.labels.iter().enumerate() {
        write!(text, "{label:<width$}").expect("text has room");
        for decided in 0..prediction.labels.len() {
            write!(
                text,
                " {:>width$}",
                prediction.confusion.cell(truth, decided)
            )
            .expect("text has room");
        }
        text.push('\n');
    }
    text
}

fn draw(prediction: &Prediction, signals: &Signals, rate_hz: f64) -> String {
    let titles: Vec<String> = prediction
        .signals
        .iter()
        .map(|s| format!("user {}, {:.0} s", s.user, s.seconds))
        .collect();
    type Runs = (Vec<(f64, usize)>, Vec<(f64, Option<usize>)>);
    let runs = |p: &Predicted| -> Runs {
        let at = |d: &Decided| d.time_s - p.start_s;
        let decided = p.decisions.iter().map(|d| (at(d), d.class)).collect();
        (
            decided,
            p.decisions.iter().map(|d| (at(d), d.truth)).collect(),
        )
    };
    let all: Vec<Runs> = prediction.signals.iter().map(runs).collect();
    let drawn: Vec<Recorded<'_>> = signals
        .signals
        .iter()
        .zip(&all)
        .zip(&titles)
        .take(DRAWN)
        .map(|((signal, (decided, truth)), title)| Recorded {
            title,
            x: &signal.x,
            channels: signals.channels,
            rate_hz,
            start_s: signal.start_s,
            decided,
            truth,
        })
        .collect();
    recordings(&drawn, &prediction.labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_bouts_in_the_table_and_rows_in_the_csv() {
        let decided = |time_s: f64, class, truth| Decided {
            time_s,
            class,
            confidence: Some(0.5),
            truth,
        };
        let labels = vec!["sit".to_owned(), "walk, fast".to_owned()];
        let mut confusion = mote_report::Confusion::new(&labels);
        for (truth, class) in [(0, 0), (0, 0), (0, 1)] {
            confusion.add(truth, class);
        }
        let prediction = Prediction {
            labels,
            signals: vec![Predicted {
                user: "anna".to_owned(),
                start_s: 0.0,
                seconds: 9.0,
                decisions: vec![
                    decided(1.0, 0, Some(0)),
                    decided(2.0, 0, Some(0)),
                    decided(3.0, 1, Some(0)),
                ],
            }],
            confusion,
            other_labels: vec![("hop".to_owned(), 4)],
        };
        let table = table(&prediction);
        assert!(table.contains("66.7 % of 3 decisions agree"), "{table}");
        assert!(table.lines().any(|l| l.contains("anna")
            && l.contains("1.0")
            && l.contains("2.0")
            && l.contains("0.50")));
        assert!(table.contains("4 decisions while the label was \"hop\""));
        let csv = csv(&prediction);
        assert_eq!(csv.lines().count(), 4);
        assert!(
            csv.contains("1,anna,3.000,\"walk, fast\",0.500,sit"),
            "{csv}"
        );
        let json: serde_json::Value = serde_json::from_str(&json(&prediction).unwrap()).unwrap();
        assert_eq!(json["signals"][0]["decisions"][2]["class"], 1);
        assert!((json["agreement"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    }
}
