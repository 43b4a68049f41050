//! `results.json` and `report.html`: round trip, errors, contents, and a real browser.

mod common;

use mote_report::{read, render_html, write_report};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory that stays after the test, so that the page can be looked at.
fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn results_survive_the_round_trip() {
    for results in [common::results(), common::system()] {
        let paths = write_report(&results, &directory("round-trip/new")).unwrap();
        let same = read(&paths.json).unwrap() == results;
        assert!(same, "{} reads back differently", paths.json.display());
    }
    let left: Vec<_> = std::fs::read_dir(directory("round-trip/new"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 2, "temporary files are gone: {left:?}");
}

/// What this crate does not interpret must come back as it was written, digit for digit, and is absent when there is none.
#[test]
fn settings_are_kept_as_they_are() {
    let mut results = common::results();
    let plain = serde_json::to_value(&results).unwrap();
    assert!(plain.get("settings").is_none());
    assert!(plain.pointer("/runs/0/pipeline_spec").is_none());

    let settings =
        serde_json::json!({"split": {"group": 6}, "rate": 0.1, "seed": u64::MAX, "board": null});
    let spec =
        serde_json::json!({"name": "cnn-int8", "techniques": [{"int8": {"calibration": 99.9}}]});
    results.settings = Some(settings.clone());
    results.runs[1].pipeline_spec = Some(spec.clone());
    let first = write_report(&results, &directory("settings/first")).unwrap();
    let again = write_report(&read(&first.json).unwrap(), &directory("settings/again")).unwrap();
    let text = std::fs::read_to_string(&again.json).unwrap();
    assert_eq!(text, std::fs::read_to_string(&first.json).unwrap());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["settings"], settings);
    assert_eq!(json["runs"][1]["pipeline_spec"], spec);
}

/// The names other tools read, spelled out.
#[test]
fn field_names_are_fixed() {
    let json = serde_json::to_value(common::results()).unwrap();
    for pointer in [
        "/schema",
        "/task",
        "/seed",
        "/command",
        "/created",
        "/versions/mote",
        "/data/digest",
        "/data/synthetic",
        "/data/source",
        "/data/windows",
        "/data/users",
        "/data/rate_hz",
        "/data/window_s",
        "/data/hop_s",
        "/runs/0/pipeline",
        "/runs/0/task",
        "/runs/0/split",
        "/runs/0/folds",
        "/runs/0/metrics/accuracy/mean",
        "/runs/0/metrics/accuracy/ci95",
        "/runs/0/metrics/balanced_accuracy/mean",
        "/runs/0/metrics/macro_f1/mean",
        "/runs/0/model/parameters",
        "/runs/0/model/macs",
        "/runs/0/model/bytes",
        "/runs/0/host/latency_us",
        "/runs/0/fold_results/0/macro_f1",
        "/runs/0/device/0/board",
        "/runs/0/device/0/core",
        "/runs/0/device/0/optimize",
        "/runs/0/device/0/flash_code",
        "/runs/0/device/0/flash_model",
        "/runs/0/device/0/ram_static",
        "/runs/0/device/0/ram_stack",
        "/runs/0/device/0/ram_heap",
        "/runs/0/device/0/instructions",
        "/runs/0/device/0/cycles",
        "/runs/0/device/0/latency_ms",
        "/runs/0/device/0/energy_uj",
        "/runs/0/device/0/average_power_uw",
        "/runs/0/device/0/battery_days",
        "/runs/0/device/0/fits",
        "/runs/0/device/0/method/cycles",
        "/runs/0/device/0/layers/0/name",
    ] {
        let value = json.pointer(pointer);
        assert!(
            value.is_some_and(|v| !v.is_null()),
            "{pointer} is {value:?}"
        );
    }
    assert_eq!(json["schema"], "mote-results/1");
    assert_eq!(json["runs"][0]["device"][0]["method"]["cycles"], "modelled");
    assert_eq!(json["runs"][2]["device"][0]["status"], "unavailable");
    let json = serde_json::to_value(common::system()).unwrap();
    assert_eq!(json["runs"][3]["baseline"], "f32");
    assert_eq!(json["runs"][3]["early"]["share"], 0.625);
    assert_eq!(json["runs"][3]["early"]["loss"], 0.012);
    let device = json["runs"][3]["device"][0].as_object().unwrap();
    for (worst, mean) in [
        ("cycles_worst", "cycles"),
        ("latency_worst_ms", "latency_ms"),
        ("energy_worst_uj", "energy_uj"),
    ] {
        assert!(
            device[worst].as_f64() > device[mean].as_f64(),
            "{worst}: {device:?}"
        );
    }
    let json = serde_json::to_value(common::hybrid()).unwrap();
    let hybrid = &json["runs"][3];
    assert_eq!(
        (&hybrid["window_s"], &hybrid["hop_s"]),
        (&10.0.into(), &1.0.into())
    );
    assert!(hybrid["spec"].is_string());
    let plain = json["runs"][0].as_object().unwrap();
    assert!(!plain.contains_key("baseline") && !plain.contains_key("early"));
    assert!(json.pointer("/runs/0/device/0/cycles_worst").is_none());
}

#[test]
fn unknown_fields_and_values_are_tolerated_and_optional_ones_may_be_missing() {
    let directory = directory("tolerant");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("results.json");
    let text = r#"{
        "schema": "mote-results/1", "task": "t", "moon_phase": "full",
        "data": {"digest": "d", "synthetic": false, "source": "s"},
        "runs": [{
            "pipeline": "p", "task": "t", "split": "group:2", "folds": 2, "mood": 3,
            "metrics": {"accuracy": {"mean": 0.5}, "balanced_accuracy": {"mean": 0.5, "ci95": null},
                        "macro_f1": {"mean": 0.5, "ci95": 0.1, "median": 0.5}},
            "device": [{"board": "b", "status": "exploded", "method": {"cycles": "guessed"}}]
        }]
    }"#;
    std::fs::write(&path, text).unwrap();
    let results = read(&path).unwrap();
    assert_eq!(results.runs[0].metrics.accuracy.ci95, None);
    assert_eq!(results.runs[0].baseline, None);
    assert_eq!(results.runs[0].device[0].cycles_worst, None);
    let html = render_html(&results);
    assert!(html.contains("no reason was recorded"));
}

#[test]
fn wrong_files_are_named_and_explained() {
    let directory = directory("wrong");
    std::fs::create_dir_all(&directory).unwrap();
    let message = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        read(&path).unwrap_err().to_string()
    };
    let other = message("other.json", r#"{"schema": "mote-results/2"}"#);
    assert!(
        other.contains("other.json") && other.contains("\"mote-results/2\""),
        "{other}"
    );
    assert!(message("none.json", "{}").contains("is missing"));
    assert!(message("cut.json", r#"{"schema": "#).contains("cut.json"));
    let partial = message(
        "partial.json",
        r#"{"schema": "mote-results/1", "task": "t"}"#,
    );
    assert!(partial.contains("`data`"), "{partial}");
    let absent = read(&directory.join("absent.json"))
        .unwrap_err()
        .to_string();
    assert!(absent.contains("absent.json"), "{absent}");
}

#[test]
fn the_page_is_self_contained_and_escaped() {
    let html = render_html(&common::results());
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "{outside} in the page");
    }
    assert!(html.contains("stairs &lt;&amp;&gt;") && !html.contains("stairs <&>"));
    assert!(html.contains("no firmware for trees &lt;yet&gt;"));
    assert!(!html.contains("NaN") && !html.contains("inf\""));
    assert!(!html.contains("SYNTHETIC DATA"));
    let mut results = common::results();
    results.data.synthetic = true;
    let html = render_html(&results);
    assert!(html.contains("<title>[SYNTHETIC]") && html.contains("SYNTHETIC DATA"));
    assert!(html.contains("class=\"synthetic\""));
}

#[test]
fn the_best_accuracy_is_the_first_of_the_best_and_honest() {
    let best = |results: &mote_report::Results| -> String {
        let html = render_html(results);
        let tile = part(&html, "Best m-F1", "</div>");
        part(tile, "class=\"who\">", "<").to_owned()
    };
    let mut results = common::system();
    assert_eq!(best(&results), "f32");
    results.runs[0].leaks = true;
    assert_eq!(best(&results), "f32+static-pruning");
}

#[test]
fn the_envelope_shows_shares_of_its_limits() {
    let mut results = common::results();
    results.runs[0].device[0].fits_envelope = Some(false);
    let html = render_html(&results);
    let table = part(&html, "id=\"envelope\"", "</table>");
    for unit in ["% of 4 MB", "% of 200 MHz", "% of 50 mW"] {
        assert!(table.contains(unit), "{unit}");
    }
    let row = part(table, "</span> cnn-int8<", "</tr>");
    // 120 of 200 MHz; 0.42 M cycles at 280 pJ in 3.5 ms are 33.6 of 50 mW.
    for cell in [">60.0<", ">67.2<", ">yes<"] {
        assert!(row.contains(cell), "{cell} is missing in {row}");
    }
    assert!(part(table, "</span> cnn-f32<", "</tr>").contains(">NO<"));
    assert!(!table.contains("forest"), "not measured");
}

#[test]
fn plots_without_data_are_left_out() {
    let mut results = common::results();
    for run in &mut results.runs {
        run.device.clear();
        run.fold_results.clear();
    }
    let html = render_html(&results);
    for absent in ["memory-flash", "layers", "curves", "accuracy-ram"] {
        assert!(
            !html.contains(&format!("data-plot=\"{absent}\"")),
            "{absent} is there"
        );
    }
    assert!(!html.contains("data-picks=\"target\""));
    results.runs.clear();
    assert!(render_html(&results).contains("holds no run"));
}

/// The part of the page from `start` up to the first `end` behind it.
#[allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]
fn part<'a>(html: &'a str, start: &str, end: &str) -> &'a str {
    let rest = html.split(start).nth(1).unwrap();
    rest.split(end).next().unwrap()
}

#[test]
fn the_ablation_shows_every_run_with_its_change() {
    let html = render_html(&common::system());
    let section = part(&html, "id=\"techniques\"", "</section>");
    assert_eq!(section.matches("class=\"baseline\"").count(), 4);
    assert_eq!(section.matches("<th scope=\"row\"").count(), 4 * 14);
    let table = part(section, "Against f32 on board-a", "</table>");
    let row = |name: &str| part(table, &format!("</span> {name}<"), "</tr>");
    assert_eq!(row("f32+all").matches("<td").count(), 12);
    assert_eq!(row("f32+all").matches("class=\"change").count(), 12);
    assert!(row("f32+all").contains("3,220<span class=\"change better\">−95.3\u{a0}%</span>"));
    assert!(row("f32+streaming").contains("2,800<span class=\"change worse\">+797\u{a0}%</span>"));
    assert!(row("f32+lazy").contains("62.5 % stop early, 1.2 points of accuracy lost"));
    assert!(row("f32+lazy").contains("<span class=\"worst\">max 5.41 M</span>"));
    let board_b = section.split("Against f32 on board-b").nth(1).unwrap();
    let failed = part(board_b, "f32+lazy<", "</tr>");
    assert_eq!(failed.matches("–¹").count(), 10, "{failed}");
    assert!(section.contains("¹ failed: the image needs 41,000 B of RAM"));
    assert!(!render_html(&common::results()).contains("id=\"techniques\""));
}

#[test]
fn waterfalls_go_from_total_to_total() {
    let mut results = common::system();
    let html = render_html(&results);
    assert_eq!(html.matches("data-plot=\"waterfall-ram\"").count(), 4);
    assert_eq!(html.matches("data-plot=\"waterfall-flash\"").count(), 4);
    let ram = part(&html, "data-plot=\"waterfall-ram\"", "</figure>");
    let shown: Vec<usize> = [
        ">68,612 B<",
        "static-pruning<",
        ">−32,800 B<",
        "flatten<",
        ">−520 B<",
        "arena<",
        ">−23,352 B<",
        "streaming<",
        ">−8,720 B<",
        "lazy<",
        ">0 B<",
    ]
    .iter()
    .map(|text| ram.find(text).unwrap_or(ram.len()))
    .collect();
    assert!(shown.is_sorted_by(|a, b| a < b), "{shown:?}\n{ram}");
    assert!(ram.contains(">3,220 B<") && ram.contains("(−95.3 %)"));
    // The run of two techniques fails on the first board: its chain is cut short and says so.
    results.runs[6].device[0].ram_stack = None;
    let html = render_html(&results);
    let ram = part(&html, "data-plot=\"waterfall-ram\"", "</figure>");
    assert!(!ram.contains("streaming<"), "{ram}");
    assert!(
        ram.contains("not in the chain: f32+pruning+flatten."),
        "{ram}"
    );
    results.runs.truncate(1);
    results
        .runs
        .extend(common::system().runs.into_iter().skip(6).take(1));
    let html = render_html(&results);
    assert!(html.contains("No waterfall of RAM") && html.contains("No waterfall of Flash"));
}

#[test]
fn pipelines_with_the_same_outputs_share_a_plot_and_families_a_colour() {
    let html = render_html(&common::system());
    for plot in ["confusion", "class-f1", "curves"] {
        let figures: Vec<&str> = html
            .split(&format!("data-plot=\"{plot}\""))
            .skip(1)
            .collect();
        assert_eq!(figures.len(), 4, "{plot}");
        let caption = figures[0].split("</figcaption>").next().unwrap();
        assert_eq!(caption.matches("class=\"chip s0\"").count(), 8, "{caption}");
    }
    assert!(html.contains("int8+lazy and 5 others"));
    assert!(!html.contains("class=\"chip s2"));
    let scatter = part(&html, "data-plot=\"accuracy-model\"", "</figure>");
    assert!(scatter.contains(">1–3, 5–8, 11<"), "{scatter}");
}

#[test]
fn the_headline_holds_the_hybrid_against_baseline_and_claims() {
    let html = render_html(&common::hybrid());
    let section = part(&html, "id=\"headline\"", "</section>");
    // Once per board.
    assert_eq!(
        section
            .matches("windows of 10 s, a decision every 1 s")
            .count(),
        2
    );
    assert_eq!(section.matches("class=\"hybrid\"").count(), 2);
    assert_eq!(section.matches("claimed by the original").count(), 2);
    for claim in [
        "93.7 %",
        "0.08 MB",
        "0.03 s",
        "not measured here",
        "easier protocol",
    ] {
        assert!(section.contains(claim), "{claim}");
    }
    let way = part(section, "data-plot=\"hybrid-ram\"", "</figure>");
    for step in [
        "static-pruning<",
        "arena, flatten<",
        "lazy, streaming,<",
        "own network<",
        "balanced<",
    ] {
        assert!(way.contains(step), "{step} is missing in {way}");
    }
    let tiles = part(&html, "class=\"tiles compared\"", "class=\"controls\"");
    assert!(
        tiles.contains("m-F1 of balanced") && tiles.contains("times as much"),
        "{tiles}"
    );

    let many = render_html(&common::many());
    assert!(part(&many, "id=\"headline\"", "</section>").contains("of 14 pipelines"));
    assert!(!many.contains("data-plot=\"hybrid"));
}

#[test]
fn streams_are_quoted_before_windows() {
    let html = render_html(&common::streams());
    let headline = part(&html, "id=\"headline\"", "</table>");
    let place = |text: &str| headline.find(text).unwrap_or(headline.len());
    assert!(place(">stream</span>") < place(">accuracy<"), "{headline}");
    assert!(html.find("id=\"streams\"") < html.find("id=\"cost\""));
    assert!(html.contains("Best m-F1 on streams"));
    assert!(part(&html, "data-picks=\"metric\"", "</option>").contains("m-F1 on streams"));

    let section = part(&html, "id=\"streams\"", "</section>");
    // Rows that decided alike share a line and a strip; the one that was not run has none and says why.
    let mut twins = common::streams();
    twins.runs[1].stream = twins.runs[0].stream.clone();
    let twins = render_html(&twins);
    for (plot, html, count) in [
        ("bouts", section, 3),
        ("since", section, 3),
        ("bouts", &twins, 2),
    ] {
        let plot = part(html, &format!("data-plot=\"stream-{plot}\""), "</figure>");
        assert_eq!(plot.matches("<polyline").count(), count, "{plot}");
    }
    assert_eq!(section.matches("data-plot=\"stream-strip\"").count(), 3);
    assert_eq!(twins.matches("data-plot=\"stream-strip\"").count(), 2);
    assert!(section.contains("not run on continuous streams"));
    assert!(section.contains("too many changes were never noticed"));
    assert!(section.contains("What user 1600 did"));
    let losses = part(section, "data-plot=\"window-loss\"", "</table>");
    // Windows of 3 s lose 300 of 2,000 s of the first class, those of 10 s lose half.
    let long = part(losses, "10 s ", "</tr>");
    assert!(part(losses, "3 s ", "</tr>").contains("title=\"300 of 2,000 s\">15 %<"));
    assert!(
        long.contains(">50 %<") && long.contains("chip s2"),
        "{long}"
    );
    let windows = part(section, "On windows of common lengths", "</table>");
    assert!(
        windows.contains(">0.830<") && windows.contains(">0.910<"),
        "{windows}"
    );

    let without = render_html(&common::results());
    for absent in ["id=\"streams\"", "on streams", ">stream</span>"] {
        assert!(!without.contains(absent), "{absent}");
    }
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
