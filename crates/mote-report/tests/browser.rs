//! `report.html` in a real browser.

mod common;

use mote_report::write_report;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory that stays after the test, so that the page can be looked at.
fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Renders the page in a real browser and checks the tree it built: every plot with marks inside, the script
/// ran to its end, nothing threw.
#[test]
fn chromium_builds_every_plot_without_errors() {
    let mut loud = common::many();
    loud.data.synthetic = true;
    loud.runs[3].leaks = true;
    loud.notes.push("a note".to_owned());
    for (name, results) in [
        ("page", common::results()),
        ("page-many", loud),
        ("page-system", common::system()),
        ("page-hybrid", common::hybrid()),
        ("page-streams", common::streams()),
    ] {
        let paths = write_report(&results, &directory(name)).unwrap();
        let Some(dom) = dump_dom(&paths.html) else {
            eprintln!("SKIPPED: chromium is not installed, so the report was not rendered");
            return;
        };
        assert!(
            dom.contains("data-ready=\"true\""),
            "the script did not finish"
        );
        assert!(!dom.contains("data-error="), "the script failed");
        for plot in [
            "accuracy-model",
            "accuracy-macs",
            "accuracy-latency",
            "accuracy-flash",
            "accuracy-ram",
            "accuracy-energy",
            "memory-flash",
            "memory-ram",
            "layers",
            "users",
            "class-f1",
            "confusion",
            "curves",
        ] {
            let marker = format!("data-plot=\"{plot}\"");
            let mut figures = dom.split(&marker).skip(1).peekable();
            assert!(figures.peek().is_some(), "{plot} is missing");
            for figure in figures {
                let figure = figure.split("</figure>").next().unwrap();
                assert!(figure.contains("<svg"), "{plot} has no drawing");
                let marks = ["<rect", "<circle", "<polyline"];
                assert!(marks.iter().any(|m| figure.contains(m)), "{plot} is empty");
            }
        }
        for plot in ["hybrid-ram", "hybrid-flash"] {
            let there = dom.contains(&format!("data-plot=\"{plot}\""));
            assert_eq!(there, name == "page-hybrid", "{plot} on {name}");
        }
        let ablation = name == "page-system" || name == "page-hybrid";
        for plot in ["waterfall-ram", "waterfall-flash"] {
            let there = dom.contains(&format!("data-plot=\"{plot}\""));
            assert_eq!(there, ablation, "{plot} on {name}");
        }
        let hidden = dom.matches("hidden=\"\"").count();
        assert!(
            hidden > 3,
            "only the chosen board and metric are shown, {hidden} panes are hidden"
        );
    }
}

/// The document tree after scripts ran; `None` without a Chromium.
#[allow(clippy::panic, reason = "a helper of tests may fail like a test")]
fn dump_dom(page: &Path) -> Option<String> {
    let profile = directory("chromium-profile");
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--virtual-time-budget=3000",
        "--dump-dom",
    ];
    for browser in ["chromium", "chromium-browser", "google-chrome"] {
        let output = Command::new(browser)
            .args(arguments)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("file://{}", page.display()))
            .output();
        match output {
            Ok(output) => {
                assert!(
                    output.status.success(),
                    "{browser} failed: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                return Some(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => panic!("cannot start {browser}: {e}"),
        }
    }
    None
}
