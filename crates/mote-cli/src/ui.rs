//! The terminal: messages by verbosity, progress bars, a clean stop on Ctrl-C.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Messages go to standard error, results to standard output.
#[derive(Clone)]
pub struct Ui {
    verbosity: i8,
    bars: MultiProgress,
    stop: Arc<AtomicBool>,
}

impl Ui {
    /// `verbosity`: -1 quiet, 0 normal, 1 and more detailed.
    pub fn new(verbosity: i8) -> Self {
        Self {
            verbosity,
            bars: MultiProgress::new(),
            stop: Arc::default(),
        }
    }

    /// Prints a line, silenced by `-q`.
    pub fn info(&self, message: impl Display) {
        if self.verbosity >= 0 {
            self.print(message);
        }
    }

    /// Prints a line with `-v` only.
    pub fn detail(&self, message: impl Display) {
        if self.verbosity >= 1 {
            self.print(message);
        }
    }

    /// Prints a line in any case.
    pub fn warn(&self, message: impl Display) {
        self.print(format!("warning: {message}"));
    }

    fn print(&self, message: impl Display) {
        // Through the bars, so that a line does not tear one apart.
        if self.bars.println(message.to_string()).is_err() || !std::io::stderr().is_terminal() {
            eprintln!("{message}");
        }
    }

    /// Returns a progress bar of `length` steps; hidden when quiet.
    pub fn bar(&self, length: u64, what: impl Into<String>) -> ProgressBar {
        self.styled(
            length,
            what,
            "{prefix:>14} {bar:32} {pos}/{len} {msg} ({elapsed}, {eta} left)",
        )
    }

    /// Returns a progress bar of bytes, whose length is learnt on the way; hidden when quiet.
    pub fn bytes(&self, what: impl Into<String>) -> ProgressBar {
        self.styled(
            0,
            what,
            "{prefix:>14} {bar:32} {bytes}/{total_bytes} ({eta} left)",
        )
    }

    fn styled(&self, length: u64, what: impl Into<String>, template: &str) -> ProgressBar {
        if self.verbosity < 0 {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template).expect("the template is valid");
        self.bars.add(
            ProgressBar::new(length)
                .with_style(style)
                .with_prefix(what.into()),
        )
    }

    /// Makes the first Ctrl-C stop at the next safe place, and a second one at once.
    pub fn catch_interrupt(&self) -> anyhow::Result<()> {
        let stop = self.stop();
        ctrlc::set_handler(move || {
            if stop.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            eprintln!(
                "\nstopping at the next safe place; the same command goes on from there (Ctrl-C again: at once)"
            );
        })?;
        Ok(())
    }

    /// Returns the flag that is set once the user asked to stop.
    pub fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }
}
