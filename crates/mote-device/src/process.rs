//! Running programs under a time bound.

use crate::Error;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;
use wait_timeout::ChildExt;

/// What a program said.
#[derive(Debug)]
pub(crate) struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Returns the last `lines` lines of stderr, or of stdout when stderr is empty.
    pub fn tail(&self, lines: usize) -> String {
        let text = match self.stderr.trim_end() {
            "" => self.stdout.trim_end(),
            text => text,
        };
        let all: Vec<_> = text.lines().collect();
        let from = all.len().saturating_sub(lines);
        all.get(from..).unwrap_or_default().join("\n")
    }
}

/// Runs `command` without input for at most `seconds`, then ends it.
pub(crate) fn run(command: &mut Command, seconds: u64) -> Result<Output, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let spawn_error = |source| Error::Spawn {
        program: program.clone(),
        source,
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(spawn_error)?;
    // Both pipes are drained while the program runs: a full one would block it.
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = child
        .wait_timeout(Duration::from_secs(seconds))
        .map_err(spawn_error)?;
    let Some(status) = status else {
        end(&mut child);
        return Err(Error::Timeout { program, seconds });
    };
    Ok(Output {
        status,
        stdout: stdout.join().expect("reading a pipe does not panic"),
        stderr: stderr.join().expect("reading a pipe does not panic"),
    })
}

/// Runs `command` and gives its trimmed stdout, `None` when it fails in any way.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = run(command, 60).ok()?;
    let text = output.stdout.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks ends the text early, which is all that can be had then.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn end(child: &mut Child) {
    // Either it is dead already or it dies now; both are fine.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended() {
        let error = run(Command::new("sleep").arg("600"), 0).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run(&mut Command::new("no-such-program"), 1).unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}
