//! The tables for documentation: which rows they have, and what is in them.

mod common;

use mote_report::{render_figures, render_headline, render_streams};

#[test]
fn headline_has_the_claims_and_what_ran() {
    let mut results = common::results();
    let measured = |results: &mote_report::Results| {
        let ran = |r: &&mote_report::Run| {
            r.device
                .iter()
                .any(|d| d.board == "board-a" && d.cycles.is_some())
        };
        results.runs.iter().filter(ran).count()
    };
    let table = render_headline(&results).unwrap();
    assert!(
        table.contains("93.7 %") && table.contains("0.08 MB"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 3 + measured(&results), "{table}");
    let columns = table.lines().map(|l| l.matches('|').count());
    assert!(
        columns.collect::<Vec<_>>().iter().all(|&n| n == 8),
        "{table}"
    );
    for run in &mut results.runs {
        run.device.clear();
    }
    assert_eq!(render_headline(&results), None);
}

#[test]
fn streams_are_those_asked_for_of_this_task() {
    let results = common::streams();
    let task = results.task.as_str();
    let table = render_streams(&results, task, &["forest", "cnn-f32"]).unwrap();
    let rows: Vec<_> = table.lines().skip(4).collect();
    assert!(
        rows[0].starts_with("| `forest` | 0.622") && rows[1].starts_with("| `cnn-f32` | 0.803"),
        "{table}"
    );
    assert_eq!(render_streams(&results, task, &["lda"]), None, "not run");
    assert_eq!(render_streams(&results, task, &["no such row"]), None);
    assert_eq!(render_streams(&results, "another/2", &["forest"]), None);
}

#[test]
fn figures_are_those_asked_for_in_their_order() {
    let results = common::results();
    let names: Vec<_> = results
        .runs
        .iter()
        .filter(|r| !r.device.is_empty())
        .map(|r| r.pipeline.as_str())
        .collect();
    let (first, second) = (names[0], names[1]);
    let table = render_figures(&results, "board-a", &[second, first]).unwrap();
    let rows: Vec<_> = table.lines().skip(4).collect();
    assert!(
        rows[0].starts_with(&format!("| `{second}` |"))
            && rows[1].starts_with(&format!("| `{first}` |")),
        "{table}"
    );
    assert_eq!(
        render_figures(&results, "board-a", &[first, "no such row"]),
        None
    );
    assert_eq!(render_figures(&results, "no such board", &[first]), None);
    let with_task = format!("{} on board-a", results.task);
    let same = render_figures(&results, &with_task, &[second, first]);
    assert_eq!(same, Some(table));
    assert_eq!(
        render_figures(&results, "another/2 on board-a", &[first]),
        None
    );
}
