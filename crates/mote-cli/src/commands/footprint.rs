//! `mote footprint`: flash and RAM of any ELF image.

use anyhow::Result;
use mote_device::footprint::Footprint;
use std::path::PathBuf;
use std::process::ExitCode;

/// Flash and RAM of any ELF image, by section and by largest symbols.
#[derive(clap::Args)]
pub struct Args {
    /// The image.
    image: PathBuf,
    /// Symbols to list.
    #[arg(long, default_value_t = 20)]
    symbols: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let mut footprint = Footprint::read(&args.image)?;
    let panic_free = footprint.is_panic_free();
    footprint.symbols.truncate(args.symbols);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&footprint)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("flash code   {:>8} B", footprint.flash_code);
    println!("flash model  {:>8} B", footprint.flash_model);
    println!("static RAM   {:>8} B", footprint.ram_static);
    println!(
        "panic code   {:>8}",
        if panic_free { "none" } else { "present" }
    );
    println!("\nsections");
    for section in &footprint.sections {
        println!("  {:<20} {:>8} B", section.name, section.size);
    }
    println!("\nlargest symbols");
    for symbol in &footprint.symbols {
        println!("  {:>8} B  {}", symbol.size, symbol.name);
    }
    Ok(ExitCode::SUCCESS)
}
