//! `mote report`: a recorded comparison again.

use crate::ui::Ui;
use anyhow::Result;
use mote_report::{Results, TableOptions};
use std::path::PathBuf;
use std::process::ExitCode;

/// Show a recorded results.json again.
#[derive(clap::Args)]
pub struct Args {
    /// A results.json written by `mote compare`.
    results: PathBuf,
    /// Also write report.html (and results.json) into this folder.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode> {
    let results = mote_report::read(&args.results)?;
    print_table(&results);
    if let Some(out) = &args.out {
        let paths = mote_report::write_report(&results, out)?;
        ui.info(format_args!("report: {}", paths.html.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The comparison as a table on standard output.
pub fn print_table(results: &Results) {
    print!(
        "{}",
        mote_report::render_table(results, &TableOptions::detect())
    );
}
