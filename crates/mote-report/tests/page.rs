//! `report.html`: what the page shows.

mod common;

use mote_report::render_html;

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
    if let Some(stream) = &mut twins.runs[0].stream {
        stream.calibration_error = Some(0.0123);
    }
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
    // Calibration has a column where a row gives probabilities.
    assert!(twins.contains(">ECE<") && twins.contains(">0.012<"));
    assert!(!html.contains(">ECE<"));
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
