//! `mote data`: what there is, what is wrong with it, and getting more.

use crate::args::DataArgs;
use crate::ui::Ui;
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use mote_data::{Hints, SynthSpec};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Data sets: list, describe, check, summary, fetch, synth.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

const OWN_DATA: &str = "\
A task of your own is described by a TOML file, --task csv:FILE.toml:

  path = \"recordings\"     # a CSV file, or a folder of them, relative to this file
  unit = \"g\"              # or m/s^2
  rate_hz = 50.0
  [columns]                # names in the header, or numbers from 0 with header = false
  x = \"ax\"
  y = \"ay\"
  z = \"az\"
  activity = \"label\"
  user = \"subject\"
  time = \"t\"               # optional; with it, time_unit = \"ms\" (ns, us, ms, s) above [columns]
  [labels]                 # value in the file = class
  walk = \"walking\"

Windows from Python, --task npz:FILE: numpy.savez(FILE, X=X, y=y, users=users).";

#[derive(Subcommand)]
enum Command {
    /// Every task, and whether its data is there. For recordings of your own, use csv:FILE.toml or npz:FILE.
    #[command(after_help = OWN_DATA)]
    List {
        /// Folder that holds the data sets.
        #[arg(long, env = "MOTE_DATA")]
        data: Option<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look at recordings that nobody has described, and write the description: which files, columns, units, rate, labels,
    /// users. Says what it saw and what it guessed.
    Describe {
        /// A folder, a text file or an archive with recordings; or a published data set such as pamap2, whose description is
        /// printed.
        path: PathBuf,
        /// Write the description to this file, for --task csv:FILE; it is printed otherwise.
        #[arg(long, value_name = "FILE.toml")]
        save: Option<PathBuf>,
    },
    /// Download a data set from its official place; goes on where an earlier download stopped.
    Fetch {
        /// A data set or a task.
        name: String,
        /// Folder that will hold the data sets.
        #[arg(long, env = "MOTE_DATA", default_value = "data")]
        data: PathBuf,
    },
    /// Read everything a task would and account for every record; fails when too many are bad.
    Check {
        /// The task.
        task: String,
        /// Folder that holds the data sets.
        #[arg(long, env = "MOTE_DATA")]
        data: Option<PathBuf>,
        /// Largest share of rejected records that still passes.
        #[arg(long, default_value_t = 0.01)]
        max_bad: f64,
        /// List every rejected record with file, line and reason, not only the first of each reason.
        #[arg(long)]
        list: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Users, recordings, rates and windows of a task.
    Summary {
        #[command(flatten)]
        data: DataArgs,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write synthetic recordings as WISDM-like text, to look at or to read back.
    Synth {
        /// Folder to write into.
        out: PathBuf,
        /// Users.
        #[arg(long, default_value_t = SynthSpec::default().users)]
        users: u32,
        /// Seconds per recording.
        #[arg(long, default_value_t = SynthSpec::default().seconds)]
        seconds: f32,
        /// Seed: the same seed gives the same recordings.
        #[arg(long, default_value_t = SynthSpec::default().seed)]
        seed: u64,
    },
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    match &args.command {
        Command::List { data, json } => list(data.clone(), *json),
        Command::Describe { path, save } => describe(path, save.as_deref(), ui),
        Command::Fetch { name, data } => fetch(name, data, ui),
        Command::Check {
            task,
            data,
            max_bad,
            list,
            json,
        } => check(task, data.clone(), *max_bad, *list, *json),
        Command::Summary { data, json } => summary(data, *json),
        Command::Synth {
            out,
            users,
            seconds,
            seed,
        } => {
            let spec = SynthSpec {
                users: *users,
                seconds: *seconds,
                seed: *seed,
                ..SynthSpec::default()
            };
            let path = mote_data::write_synthetic(&spec, out)?;
            ui.warn("these recordings are SYNTHETIC");
            println!("{}", path.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(data: Option<PathBuf>, json: bool) -> Result<ExitCode> {
    let listed = mote_data::list(data.as_deref());
    if json {
        println!("{}", serde_json::to_string_pretty(&listed)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{:<22} {:>7} {:>8}  {:<10} where",
        "task", "classes", "rate Hz", "there"
    );
    for l in &listed {
        let (there, place) = match &l.path {
            _ if l.synthetic => ("built in", "SYNTHETIC, generated".to_owned()),
            Some(path) => ("yes", path.display().to_string()),
            None if l.fetched => ("no", format!("mote data fetch {}", l.task)),
            None => ("no", l.url.clone()),
        };
        println!(
            "{:<22} {:>7} {:>8}  {there:<10} {place}",
            l.task, l.classes, l.rate_hz
        );
    }
    println!(
        "{:<22} {:>7} {:>8}  {:<10} recordings of your own",
        "csv:FILE.toml", "-", "-", "-"
    );
    println!(
        "{:<22} {:>7} {:>8}  {:<10} windows X, y, users from NumPy",
        "npz:FILE", "-", "-", "-"
    );
    Ok(ExitCode::SUCCESS)
}

fn describe(path: &Path, save: Option<&Path>, ui: &Ui) -> Result<ExitCode> {
    let name = path.to_string_lossy();
    if let Some(text) = mote_data::published(&name).filter(|_| !path.exists()) {
        match save {
            Some(file) => save_description(file, text)?,
            None => print!("{text}"),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let guess = mote_data::describe(path, &seen_from(path, save)?, &Hints::default())?;
    for (file, why) in guess.left_out.iter().take(10) {
        ui.info(format_args!("left out: {file}: {why}"));
    }
    if let Some(more) = guess.left_out.len().checked_sub(10).filter(|n| *n > 0) {
        ui.info(format_args!("left out: {more} more files"));
    }
    for text in &guess.guesses {
        ui.info(format_args!("guessed: {text}"));
    }
    for text in &guess.missing {
        ui.warn(format_args!("not known: {text}"));
    }
    match save {
        Some(file) => save_description(file, &guess.toml)?,
        None => print!("{}", guess.toml),
    }
    // A description that has to be completed is no success.
    Ok(match guess.missing.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn save_description(file: &Path, text: &str) -> Result<()> {
    if file.exists() {
        bail!(
            "{} is there already; choose another name, or remove it",
            file.display()
        );
    }
    std::fs::write(file, text).with_context(|| file.display().to_string())?;
    println!("mote data check csv:{}", file.display());
    Ok(())
}

/// Returns how a description in `save` names the recordings at `path`: relative to its own folder where they lie in it.
fn seen_from(path: &Path, save: Option<&Path>) -> Result<String> {
    let Some(file) = save else {
        return Ok(path.display().to_string());
    };
    let whole = |p: &Path| p.canonicalize().with_context(|| p.display().to_string());
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => whole(parent)?,
        _ => whole(Path::new("."))?,
    };
    let path = whole(path)?;
    Ok(match path.strip_prefix(&folder) {
        Ok(rest) if rest == Path::new("") => ".".to_owned(),
        Ok(rest) => rest.display().to_string(),
        Err(_) => path.display().to_string(),
    })
}

fn fetch(name: &str, data: &Path, ui: &Ui) -> Result<ExitCode> {
    let dataset = mote_data::dataset(name)?;
    ui.info(format_args!("{}: {}", dataset.title, dataset.url));
    let bar = ui.bytes(dataset.name);
    let fetched = mote_data::fetch(dataset, data, &mut |progress| {
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_position(progress.done);
    })?;
    bar.finish_and_clear();
    let how = if fetched.present {
        "was there already"
    } else {
        "downloaded"
    };
    println!(
        "{} ({how}), sha256 {}",
        fetched.path.display(),
        fetched.digest
    );
    Ok(ExitCode::SUCCESS)
}

fn check(
    task: &str,
    data: Option<PathBuf>,
    max_bad: f64,
    list: bool,
    json: bool,
) -> Result<ExitCode> {
    let task = mote_data::task(task)?;
    let examples = if list { usize::MAX } else { 5 };
    let ingest = mote_data::check(&task, data.as_deref(), examples)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&ingest)?);
    } else {
        print!("{ingest}");
    }
    if let Some(reason) = ingest.no_windows() {
        eprintln!("mote: no window came out of {}: {reason}", task.name);
        return Ok(ExitCode::FAILURE);
    }
    if ingest.bad_share() > max_bad {
        eprintln!(
            "mote: {:.3} % of the records of {} are bad, more than the {:.3} % allowed (--max-bad)",
            ingest.bad_share() * 100.0,
            task.name,
            max_bad * 100.0
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(data: &DataArgs, json: bool) -> Result<ExitCode> {
    let task = mote_data::task(&data.task)?;
    let settings = data.settings();
    let summary = mote_data::summary(&task, settings.folder.as_deref(), &settings.window)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (time, channels) = summary.shape;
    println!("{}  ({})", summary.task, summary.source);
    println!(
        "{} users, {} of them with every activity; windows of {time} x {channels}",
        summary.users, summary.complete_users
    );
    println!(
        "\n{:<18} {:>6} {:>11} {:>10} {:>9} {:>8}  rate Hz",
        "activity", "users", "recordings", "records", "minutes", "windows"
    );
    for (name, a) in &summary.activities {
        let rate = a
            .rate_hz
            .map_or("-".to_owned(), |(low, high)| format!("{low:.1}-{high:.1}"));
        println!(
            "{name:<18} {:>6} {:>11} {:>10} {:>9.1} {:>8}  {rate}",
            a.users,
            a.recordings,
            a.records,
            a.seconds / 60.0,
            a.windows
        );
    }
    println!("\n{}", summary.ingest);
    Ok(ExitCode::SUCCESS)
}
