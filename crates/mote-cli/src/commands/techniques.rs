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
    let all = mote_techniques::registry();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(ExitCode::SUCCESS);
    }
    for technique in all {
        println!("{:<14} {}", technique.name, technique.summary);
        for option in technique.options {
            let default = option.default.map(|value| format!(", default {value}"));
            println!(
                "{:<14}   {}: {} ({}{})",
                "",
                option.name,
                option.summary,
                option.values,
                default.unwrap_or_default()
            );
        }
    }
    println!("\nWrite them into a pipeline as \"name\" or \"name:option=value,option=value\".");
    Ok(ExitCode::SUCCESS)
}
