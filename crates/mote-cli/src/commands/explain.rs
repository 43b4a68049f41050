//! `mote explain`: why a pipeline costs and gives what it does.

use crate::args::command_line;
use crate::progress::observer;
use crate::ui::Ui;
use anyhow::{Context, Result, bail};
use mote_codegen::Deployment;
use mote_experiment::{Cost, LeaveOneOut, WithoutTechnique, deployment, neighbours};
use mote_report::{Results, Run, StreamFigures};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a pipeline costs and gives what it does: what each technique is worth, where bytes and cycles go, which classes
/// and users fail, and what a little more or less would buy.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  mote compare --experiment system --task wisdm-2019-watch/5 --data DIR
  mote explain sys-int8-all

A technique's worth is the difference to the row that has all techniques but this one. Rows that the file lacks are made \
with the recorded settings and checkpoints, and kept in explain/PIPELINE beside the file, with a report of their own.")]
pub struct Args {
    /// A pipeline of the file, by name.
    pipeline: String,
    /// A results.json of `mote compare` or `mote fit`.
    #[arg(long, default_value = "out/results.json")]
    results: PathBuf,
    /// Folder that holds the data sets; default: the recorded one.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Leave the device figures of missing rows out.
    #[arg(long)]
    no_device: bool,
    /// Only read: leave missing rows out.
    #[arg(long)]
    no_run: bool,
    /// Folds worked on at a time; default: the number of cores.
    #[arg(long)]
    threads: Option<usize>,
    /// As JSON: the run, the rows without one technique each, and the neighbours on the front.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let results = mote_report::read(&args.results)?;
    let Some(run) = results.runs.iter().find(|r| r.pipeline == args.pipeline) else {
        let known: Vec<&str> = results.runs.iter().map(|r| r.pipeline.as_str()).collect();
        bail!(
            "there is no pipeline `{}` in `{}`; there are: {}",
            args.pipeline,
            args.results.display(),
            known.join(", ")
        );
    };
    ui.catch_interrupt()?;
    let missing = LeaveOneOut {
        only_read: args.no_run,
        no_device: args.no_device,
        data: args.data.clone(),
        threads: args.threads,
        command: command_line(),
    };
    let without = missing.rows(&args.results, &results, run, &observer(ui))?;
    let neighbours = neighbours(&results, run);
    if args.json {
        let rows: Vec<_> = without
            .iter()
            .map(|row| match &row.made {
                Ok(run) => serde_json::json!({"without": row.technique, "run": run}),
                Err(why) => serde_json::json!({"without": row.technique, "why": why}),
            })
            .collect();
        let text = serde_json::json!({"run": run, "without": rows, "neighbours": neighbours});
        println!("{}", serde_json::to_string_pretty(&text)?);
        return Ok(ExitCode::SUCCESS);
    }
    head(&results, run);
    worth(run, &without);
    memory_map(&args.results, run)?;
    layers(run);
    confusion(run);
    users(run);
    println!("\nwhat a little more or less buys");
    if neighbours.is_empty() {
        println!("  no other pipeline of the file is better in anything");
    }
    for other in neighbours {
        println!("  {}: {}", other.pipeline, change(run, other));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what `other` takes and gives more than `run`.
fn change(run: &Run, other: &Run) -> String {
    let streams = run.stream.as_ref().zip(other.stream.as_ref());
    let (before, after, place) = match streams {
        Some((a, b)) => (a.macro_f1, b.macro_f1, " on streams"),
        None => (run.metrics.macro_f1, other.metrics.macro_f1, ""),
    };
    let points = (after.mean - before.mean) * 100.0;
    let costs = match (Cost::of(run), Cost::of(other)) {
        (Some(a), Some(b)) => format!(
            ", flash {:+} B, RAM {:+} B, {} {:+}",
            b.flash.cast_signed() - a.flash.cast_signed(),
            b.ram.cast_signed() - a.ram.cast_signed(),
            a.unit,
            b.work.cast_signed() - a.work.cast_signed()
        ),
        _ => String::new(),
    };
    format!("m-F1{place} {points:+.1} points{costs}")
}

fn head(results: &Results, run: &Run) {
    println!("{} on {}, {}", run.pipeline, run.task, run.split);
    if results.data.synthetic {
        println!("  SYNTHETIC recordings: the figures say nothing about people");
    }
    if let Some(stream) = &run.stream {
        on_streams(stream);
    }
    println!(
        "  m-F1 {:.3}, accuracy {:.3}{}",
        run.metrics.macro_f1.mean,
        run.metrics.accuracy.mean,
        if run.stream.is_some() {
            " on windows"
        } else {
            ""
        }
    );
    for device in &run.device {
        match Cost::on(device) {
            Some(Cost {
                flash,
                ram,
                work,
                unit,
            }) => println!(
                "  {}: flash {flash} B, RAM {ram} B, {work} {unit}",
                device.board
            ),
            None => println!(
                "  {}: not measured: {}",
                device.board,
                device.why.as_deref().unwrap_or("unknown")
            ),
        }
    }
    for note in &run.notes {
        println!("  {note}");
    }
}

/// Prints figures on continuous streams.
pub fn on_streams(stream: &StreamFigures) {
    println!(
        "  m-F1 {:.3}, accuracy {:.3} on continuous streams: bouts of {} s on average, changes fade over {} s",
        stream.macro_f1.mean, stream.accuracy.mean, stream.bout_s, stream.fade_s
    );
    let bouts: Vec<String> = stream
        .by_bout
        .iter()
        .map(|b| format!("{:.3} at {} s", b.accuracy, b.seconds))
        .collect();
    println!("  accuracy by length of bouts: {}", bouts.join(", "));
    let within =
        |delay: Option<f64>| delay.map_or("never".to_owned(), |seconds| format!("{seconds:.1} s"));
    println!(
        "  half of the changes are noticed within {}, nine of ten within {}; {:.1} false changes per hour",
        within(stream.delay_s.median),
        within(stream.delay_s.p90),
        stream.false_changes_per_hour
    );
}

fn worth(run: &Run, without: &[WithoutTechnique]) {
    println!("\nwithout one technique");
    if without.is_empty() {
        println!("  it has none");
    }
    for row in without {
        match &row.made {
            Ok(other) => println!("  {}: {}", row.technique, change(run, other)),
            Err(why) => println!("  {}: {why}", row.technique),
        }
    }
}

/// Prints where tensors lie, from the deployment that was left beside the results.
fn memory_map(results: &Path, run: &Run) -> Result<()> {
    println!("\nmemory map");
    let folder = results.parent().unwrap_or(Path::new("."));
    let path = deployment::path(folder, &run.pipeline);
    if !path.is_file() {
        println!(
            "  `{}` is not there: run the comparison again",
            path.display()
        );
        return Ok(());
    }
    let deployment = Deployment::load(&path)?;
    let plan = deployment
        .runtime
        .plan(&deployment.graph)
        .with_context(|| format!("`{}`", path.display()))?;
    println!("  {} bytes hold all tensors", plan.arena);
    let nodes = &deployment.graph.nodes;
    let name = |i: usize| &nodes[i].name;
    for row in plan.rows() {
        println!(
            "  {:>6} to {:>6}  from {} to {}",
            row.offset,
            row.offset + row.len,
            name(row.first),
            name(row.last)
        );
    }
    Ok(())
}

fn layers(run: &Run) {
    let Some(device) = run.device.iter().find(|d| !d.layers.is_empty()) else {
        return;
    };
    println!("\nlayers on {}", device.board);
    let total: u64 = device.layers.iter().filter_map(|l| l.instructions).sum();
    for layer in &device.layers {
        let Some(instructions) = layer.instructions else {
            println!("  {:<28} not measured", layer.name);
            continue;
        };
        let share = 100.0 * instructions as f64 / total.max(1) as f64;
        let cycles = layer.cycles.map_or("-".to_owned(), |c| c.to_string());
        let waiting = layer.cycles_flash.map_or(String::new(), |c| {
            format!(", of which {c} waiting for flash")
        });
        println!(
            "  {:<28} {instructions:>10} instructions {share:>5.1} % {cycles:>10} cycles{waiting}",
            layer.name
        );
    }
    for line in mote_report::waiting(device) {
        println!("  {line}");
    }
}

fn confusion(run: &Run) {
    let confusion = &run.metrics.confusion;
    println!("\nconfusion: rows are the truth");
    print!("  {:<16}", "");
    for label in &confusion.labels {
        print!(" {:>8.8}", label);
    }
    println!();
    for (label, counts) in confusion.labels.iter().zip(&confusion.counts) {
        print!("  {label:<16.16}");
        for count in counts {
            print!(" {count:>8}");
        }
        println!();
    }
}

fn users(run: &Run) {
    let mut users = run.metrics.per_user.clone();
    users.sort_by(|a, b| a.macro_f1.total_cmp(&b.macro_f1));
    println!("\nusers it fails for");
    for user in users.iter().take(5) {
        println!(
            "  user {}: m-F1 {:.3}, accuracy {:.3}, {} windows",
            user.user, user.macro_f1, user.accuracy, user.windows
        );
    }
    let q = run.metrics.user_quantiles.macro_f1;
    println!(
        "  median over users {:.3}, lowest tenth below {:.3}",
        q.median, q.q10
    );
}
