//! `mote techniques`: what there is to put into a pipeline.

use anyhow::Result;
use std::process::ExitCode;

/// The techniques there are.
#[derive(clap::Args)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.json {
        let all: Vec<_> = mote_techniques::registry()
            .iter()
            .map(|t| {
                serde_json::json!({
                    "name": t.name(), "kind": t.kind(), "summary": t.summary(),
                    "options": t.options().iter().map(|(n, s)| serde_json::json!({"name": n, "summary": s})).collect::<Vec<_>>(),
                })
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(ExitCode::SUCCESS);
    }
    for technique in mote_techniques::registry() {
        println!("{:<10} {}", technique.name(), technique.summary());
        for (name, summary) in technique.options() {
            println!("{:<10}   {name}: {summary}", "");
        }
    }
    println!("\nWrite them into a pipeline as \"name\" or \"name:option=value,option=value\".");
    Ok(ExitCode::SUCCESS)
}
