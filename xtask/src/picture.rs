//! `cargo xtask picture`: the top of a report as the README shows it.

use crate::command::{root, run};
use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[derive(clap::Args)]
pub struct Args {
    /// Results to draw, as `cargo xtask compare` leaves them.
    #[arg(long, default_value = "out/results.json")]
    results: PathBuf,
    /// The picture to write.
    #[arg(long, default_value = "docs/report.png")]
    picture: PathBuf,
    /// Width and height, in pixels: the first sections of the page.
    #[arg(long, num_args = 2, value_names = ["WIDTH", "HEIGHT"], default_values_t = [1280, 1430])]
    size: Vec<u32>,
}

/// Names a Chromium goes by.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "chromium-headless-shell",
    "google-chrome",
];

/// A README is no place for larger files.
const LARGEST: u64 = 250 * 1024;

pub fn picture(args: &Args) -> Result<()> {
    let found = BROWSERS.into_iter().find(|browser| {
        let version = Command::new(browser)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    });
    let Some(browser) = found else {
        bail!("there is no Chromium to draw the page; on Debian: apt-get install chromium");
    };
    let (results, picture) = (root().join(&args.results), root().join(&args.picture));
    let folder = root().join("target/mote-picture");
    let paths = mote_report::write_report(&mote_report::read(&results)?, &folder)?;
    let size: Vec<String> = args.size.iter().map(u32::to_string).collect();
    run(Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .arg(format!("--window-size={}", size.join(",")))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", paths.html.display()))
        // It complains about a desktop that is not there.
        .stderr(Stdio::null()))?;
    let bytes = std::fs::metadata(&picture)
        .with_context(|| format!("{browser} left no `{}`", picture.display()))?
        .len();
    ensure!(
        bytes <= LARGEST,
        "`{}` has {bytes} bytes, more than {LARGEST}: draw less of the page with --size",
        picture.display()
    );
    println!("{}: {bytes} bytes", picture.display());
    Ok(())
}
