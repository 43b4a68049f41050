//! Trials as a list of commands, to be run elsewhere.

use crate::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The command line of a trial as words, without the option that says where its record goes.
pub type Command = Vec<String>;

/// Writes into `folder`: `trials.txt`, one command per line; `run.sh`, which runs those that have no record yet, one
/// after the other; `slurm.sh`, the same as an array job. Each command leaves its record in `folder/records/N.json`,
/// from where [`collect`](crate::collect) reads it. Commands name data and program as on this machine.
///
/// # Errors
/// [`Error::Io`].
pub fn export(commands: &[Command], folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let records = folder.join("records");
    fs::create_dir_all(&records).map_err(Error::io(&records))?;
    let mut list = String::new();
    for command in commands {
        let words = command.iter().map(|word| quoted(word));
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{}", words.collect::<Vec<_>>().join(" "));
    }
    let last = commands.len();
    let files = [
        ("trials.txt", list),
        (
            "run.sh",
            format!(
                "{HEAD}for n in $(seq 1 {last}); do\n{}\ndone\n",
                one("\"$n\"")
            ),
        ),
        (
            "slurm.sh",
            format!(
                "#!/bin/sh\n#SBATCH --job-name=mote-search\n#SBATCH --array=1-{last}\n#SBATCH --cpus-per-task=2\n\
                 #SBATCH --mem=4G\n#SBATCH --time=01:00:00\n#SBATCH --output=slurm-%A_%a.out\n\
                 # Submit in this folder: sbatch slurm.sh\nset -u\n\
                 cd \"${{SLURM_SUBMIT_DIR:-$(dirname \"$0\")}}\" || exit 1\n{}\n",
                one("\"$SLURM_ARRAY_TASK_ID\"")
            ),
        ),
    ];
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Error::io(&path))?;
        paths.push(path);
    }
    Ok(paths)
}

const HEAD: &str = "#!/bin/sh\n# Runs every trial that has no record yet, one after the other.\nset -u\ncd \"$(dirname \"$0\")\" || exit 1\n";

/// Returns shell lines that run the command of line `n`, unless its record is there. The record is moved into place
/// when it is complete.
fn one(n: &str) -> String {
    format!(
        "    record=records/$(printf %04d {n}).json\n    \
         if [ ! -e \"$record\" ]; then\n        \
         eval \"$(sed -n {n}p trials.txt) --out work --record $record.part\" && mv \"$record.part\" \"$record\"\n    \
         fi"
    )
}

/// Returns the command line of a record, as a person would type it.
pub fn command_line(words: &[String]) -> String {
    words
        .iter()
        .map(|w| quoted(w))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    match shlex::try_quote(word) {
        Ok(quoted) => quoted.into_owned(),
        // A zero byte cannot be in an argument.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;
    use crate::{Figures, Record, collect};
    use std::process::Command as Process;

    #[test]
    fn the_script_runs_each_command_once_and_its_records_are_collected() {
        let folder = tempfile::tempdir().unwrap();
        // Stands for `mote trial`: its record is what it is given.
        let stub = folder.path().join("a stub.sh");
        fs::write(
            &stub,
            "#!/bin/sh\ncp \"$1\" \"$5\"\necho once >> runs.txt\n",
        )
        .unwrap();
        let records: Vec<Record> = [3, 4]
            .map(|w| record(&format!("window={w},net=c8k3"), 0.5, Figures::default()))
            .to_vec();
        let list: Vec<Command> = records
            .iter()
            .enumerate()
            .map(|(i, r)| {
                let input = folder.path().join(format!("{i} in.txt"));
                fs::write(&input, r.line()).unwrap();
                ["sh", stub.to_str().unwrap(), input.to_str().unwrap()]
                    .map(str::to_owned)
                    .to_vec()
            })
            .collect();
        let jobs = folder.path().join("jobs");
        let paths = export(&list, &jobs).unwrap();
        assert_eq!(paths.len(), 3);
        for _ in 0..2 {
            let done = Process::new("sh")
                .arg(jobs.join("run.sh"))
                .status()
                .unwrap();
            assert!(done.success());
        }
        assert_eq!(collect(&jobs.join("records")).unwrap().records, records);
        let runs = fs::read_to_string(jobs.join("runs.txt")).unwrap();
        assert_eq!(runs.lines().count(), 2);
        // The array job runs one line each.
        fs::remove_file(jobs.join("records/0002.json")).unwrap();
        let done = Process::new("sh")
            .arg("slurm.sh")
            .current_dir(&jobs)
            .env("SLURM_ARRAY_TASK_ID", "2")
            .env_remove("SLURM_SUBMIT_DIR")
            .status()
            .unwrap();
        assert!(done.success());
        assert_eq!(collect(&jobs.join("records")).unwrap().records, records);
    }
}
