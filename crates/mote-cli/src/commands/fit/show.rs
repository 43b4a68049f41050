//! What `mote fit` says at the end.

use crate::progress::{CANDIDATE_HEAD, candidate_row};
use anyhow::Result;
use mote_experiment::fit::{Found, missed};
use mote_search::{NearMiss, Record};
use std::path::Path;

/// Prints the front, the best, and how to go on from there with results in `out`; or what comes closest.
pub fn print(found: &Found, out: &Path) {
    let Found { outcome, names } = found;
    if let Some(best) = &outcome.best {
        println!("{CANDIDATE_HEAD}");
        for record in &outcome.front {
            println!(
                "{}",
                candidate_row(record.score(), record.best_figures(), &record.candidate)
            );
            if let Some(name) = names.get(&record.candidate) {
                let measured = record.measured.as_ref();
                let missed =
                    measured.map(|m| format!(", predicted: {}", missed(&record.figures, m)));
                println!("      {name}{}", missed.unwrap_or_default());
            }
        }
        println!("\nbest: {}\n  {}", best.candidate, best.command);
        if let Some(name) = names.get(&best.candidate) {
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
        None => println!(
            "nothing was tried: the warnings above say why; without any, give it more time with --budget"
        ),
    }
    for near in &outcome.near {
        println!("{}", closest(near));
    }
}

fn closest(near: &NearMiss) -> String {
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
        near.candidate
    )
}

/// Returns the same for programs; the candidates of the front have their names as `pipeline`.
pub fn json(found: &Found) -> Result<serde_json::Value> {
    let Found { outcome, names } = found;
    let named = |record: &Record| -> Result<serde_json::Value> {
        let mut value = serde_json::to_value(record)?;
        if let (Some(fields), Some(name)) = (value.as_object_mut(), names.get(&record.candidate)) {
            fields.insert("pipeline".to_owned(), name.as_str().into());
        }
        Ok(value)
    };
    let near = |n: &NearMiss| {
        serde_json::json!({
            "spec": n.candidate, "figures": n.figures, "macro_f1": n.macro_f1, "broken": n.broken,
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
