//! The terminal table: what it shows, how wide it is, what it warns of.

mod common;

use mote_report::{TableOptions, render_table};

fn options(width: usize) -> TableOptions {
    TableOptions {
        width,
        ..TableOptions::default()
    }
}

fn widest(table: &str) -> usize {
    table.lines().map(|l| l.chars().count()).max().unwrap_or(0)
}

#[test]
fn fits_the_terminal_with_every_board() {
    for results in [common::results(), common::many()] {
        for width in [100, 120, 200] {
            let table = render_table(&results, &options(width));
            assert!(
                widest(&table) <= width,
                "{} > {width}\n{table}",
                widest(&table)
            );
            assert!(table.contains("on board-a · Cortex-M4F · 120 MHz · -O3"));
            assert!(table.contains("on board-b · Cortex-M0 · 16 MHz · -Os"));
        }
    }
    println!("{}", render_table(&common::results(), &options(110)));
}

#[test]
fn one_board_on_a_wide_terminal_needs_one_table() {
    let mut options = options(180);
    options.boards = vec!["board-a".to_owned()];
    let table = render_table(&common::results(), &options);
    assert!(!table.contains("board-b"));
    assert_eq!(table.matches("pipeline").count(), 1, "{table}");
    options.width = 100;
    let table = render_table(&common::results(), &options);
    assert_eq!(table.matches("pipeline").count(), 2, "{table}");
}

#[test]
fn figures_have_units_and_empty_cells_have_reasons() {
    let table = render_table(&common::results(), &options(120));
    for part in [
        "12,345",
        "280 k",
        "µJ",
        "ms",
        "±0.0",
        "group:6",
        "36 users",
        "2,160 windows",
    ] {
        assert!(table.contains(part), "no {part} in\n{table}");
    }
    assert!(table.contains("no firmware for trees <yet>"), "{table}");
    assert!(table.contains("not run on this board"), "{table}");
    assert!(!table.contains("NaN") && !table.contains("null"), "{table}");
}

#[test]
fn plain_unless_asked_and_the_best_is_marked_when_coloured() {
    let results = common::results();
    assert!(!render_table(&results, &options(120)).contains('\u{1b}'));
    let color = TableOptions {
        color: true,
        ..options(120)
    };
    let table = render_table(&results, &color);
    let best = table.lines().find(|l| l.contains("lda")).unwrap();
    assert!(
        best.contains("\u{1b}[38;5;10m") && best.contains("860"),
        "{best:?}"
    );
}

#[test]
fn synthetic_data_and_leaks_are_loud() {
    let mut results = common::results();
    assert!(!render_table(&results, &options(100)).contains("!!!"));
    results.data.synthetic = true;
    results.runs[1].leaks = true;
    results.runs[1].split = "random:10".to_owned();
    results.runs[0].warnings = vec!["the fixture is on fire".to_owned()];
    let table = render_table(&results, &options(100));
    assert!(table.contains("!!! SYNTHETIC DATA !!!"), "{table}");
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("!!! LEAKING SPLIT !!!"), "{table}");
    assert!(
        words.contains("too high: cnn-int8 · random:10 (leaks)."),
        "{table}"
    );
    assert!(
        table.contains("!!! WARNING !!! cnn-f32 · group:6: the fixture is on fire"),
        "{table}"
    );
}

/// cnn-int8 has the highest m-F1 of the fixture; once it leaks, the honest cnn-f32 is marked instead.
#[test]
fn a_leaking_run_is_never_the_best() {
    let marked = |leaks: bool| -> Vec<String> {
        let mut results = common::results();
        results.runs[1].leaks = leaks;
        let color = TableOptions {
            color: true,
            ..options(120)
        };
        let table = render_table(&results, &color);
        let rows = table.lines().filter(|l| l.contains(" ±"));
        let best = rows.filter(|l| l.contains("\u{1b}[38;5;10m\u{1b}[1m") && l.contains("0.8"));
        best.take(1).map(|l| l.chars().take(8).collect()).collect()
    };
    assert_eq!(marked(false), ["cnn-int8"]);
    assert_eq!(marked(true), ["cnn-f32 "]);
}

#[test]
fn changes_look() {
    println!("{}", render_table(&common::system(), &options(80)));
}

#[test]
fn an_empty_comparison_is_a_table_too() {
    let mut results = common::results();
    results.runs.clear();
    assert!(render_table(&results, &options(100)).contains("fixture/5"));
}
