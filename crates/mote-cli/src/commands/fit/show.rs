//! What `mote fit` says, on the way and at the end.

use crate::ui::Ui;
use anyhow::Result;
use mote_search::{Figures, Near, Outcome, Record, Spec, Status};
use std::collections::BTreeMap;
use std::path::Path;

/// The front so far.
pub fn progress(status: &Status<'_>, ui: &Ui) {
    ui.info(format_args!(
        "{:.0} min: {} candidates tried{}; front of {} folds, {} % of the epochs:",
        status.elapsed.as_secs_f64() / 60.0,
        status.candidates,
        if status.all_folds {
            ", some on all folds"
        } else {
            ""
        },
        status.effort.folds,
        status.effort.percent
    ));
    for record in status.front.iter().take(8) {
        ui.info(format_args!(
            "  {}",
            row(record.macro_f1, &record.figures, &record.spec)
        ));
    }
}

fn row(macro_f1: f64, f: &Figures, spec: &Spec) -> String {
    let or = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
    format!(
        "{macro_f1:.3} {:>8} {:>7} {:>9} {:>8} {:>8}  {spec}",
        f.flash,
        f.ram,
        f.cycles.map_or("-".to_owned(), |c| c.to_string()),
        or(f.latency_ms),
        or(f.energy_uj)
    )
}

const HEAD: &str = " m-F1    flash     RAM    cycles       ms       uJ  candidate";

/// What was found: the front, the best, and how to go on from there by the `names` below `out`; or what comes closest.
pub fn print(outcome: &Outcome, names: &BTreeMap<Spec, String>, out: &Path) {
    if let Some(best) = &outcome.best {
        println!("{HEAD}");
        for record in &outcome.front {
            println!(
                "{}",
                row(record.macro_f1, record.best_figures(), &record.spec)
            );
            if let Some(name) = names.get(&record.spec) {
                let measured = record.measured.as_ref();
                let missed =
                    measured.map(|m| format!(", predicted: {}", missed(&record.figures, m)));
                println!("      {name}{}", missed.unwrap_or_default());
            }
        }
        println!("\nbest: {}\n  {}", best.spec, best.command);
        if let Some(name) = names.get(&best.spec) {
            let results = out.join("results.json");
            println!("  mote explain {name} --results {}", results.display());
            println!("  mote export {name} --out {} --to rust", out.display());
        }
        return;
    }
    match outcome.binding() {
        Some(limit) => println!(
            "nothing keeps all limits; {} binds. Closest:",
            limit.option()
        ),
        None => println!("nothing was tried: give it more time with --budget"),
    }
    for near in &outcome.near {
        println!("{}", closest(near));
    }
}

fn closest(near: &Near) -> String {
    let broken: Vec<String> = near
        .broken
        .iter()
        .map(|(limit, excess)| format!("{} missed by {:.0} %", limit.option(), excess * 100.0))
        .collect();
    let f = &near.figures;
    let f1 = near
        .macro_f1
        .map_or("not trained".to_owned(), |f| format!("m-F1 {f:.3}"));
    format!(
        "  {}: flash {}, RAM {}, {f1}: {}",
        broken.join(", "),
        f.flash,
        f.ram,
        near.spec
    )
}

/// By how much the cost model missed what was measured.
pub fn missed(predicted: &Figures, measured: &Figures) -> String {
    let share =
        |p: u64, m: u64| format!("{p} ({:+.1} %)", (p as f64 / m.max(1) as f64 - 1.0) * 100.0);
    let cycles = predicted.cycles.zip(measured.cycles);
    format!(
        "flash {}, RAM {}, cycles {}",
        share(predicted.flash, measured.flash),
        share(predicted.ram, measured.ram),
        cycles.map_or("unknown".to_owned(), |(p, m)| share(p, m))
    )
}

/// The same for programs; the candidates of the front have their names as `pipeline`.
pub fn json(outcome: &Outcome, names: &BTreeMap<Spec, String>) -> Result<serde_json::Value> {
    let named = |record: &Record| -> Result<serde_json::Value> {
        let mut value = serde_json::to_value(record)?;
        if let (Some(fields), Some(name)) = (value.as_object_mut(), names.get(&record.spec)) {
            fields.insert("pipeline".to_owned(), name.as_str().into());
        }
        Ok(value)
    };
    let near = |n: &Near| {
        serde_json::json!({
            "spec": n.spec, "figures": n.figures, "macro_f1": n.macro_f1, "broken": n.broken,
        })
    };
    let best = outcome.best.as_ref().map(named).transpose()?;
    let front: Result<Vec<_>> = outcome.front.iter().map(named).collect();
    Ok(serde_json::json!({
        "best": best,
        "front": front?,
        "candidates": outcome.candidates,
        "binding": outcome.binding(),
        "closest": outcome.near.iter().map(near).collect::<Vec<_>>(),
    }))
}
