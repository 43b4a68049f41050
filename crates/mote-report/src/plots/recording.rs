//! A recording with the decisions under it, as an SVG file of its own.

use crate::format;
use maud::{Markup, PreEscaped, html};

/// Width and height of a row, in units of the drawing.
const WIDTH: f64 = 960.0;
const SIGNAL: f64 = 160.0;
const RIBBON: f64 = 16.0;
const LEFT: f64 = 64.0;

/// Columns that a signal is drawn with: the range of its values in each.
const COLUMNS: usize = 880;

/// Colours of channels and classes; they tell apart for the colour-blind (Okabe and Ito 2008).
const COLORS: [&str; 10] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#8c564b",
    "#bcbd22", "#17becf",
];

/// A signal and what was decided about it.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// What stands above it.
    pub title: &'a str,
    /// Samples `[time][channels]`.
    pub x: &'a [f32],
    /// Values per sample.
    pub channels: usize,
    /// Samples per second.
    pub rate_hz: f64,
    /// Time of the first sample in s.
    pub start_s: f64,
    /// Seconds from the first sample to each decision, and its class.
    pub decided: &'a [(f64, usize)],
    /// The same of the truth, where it is known.
    pub truth: &'a [(f64, Option<usize>)],
}

/// Draws recordings one under the other; classes are named by `labels`.
pub fn recordings(all: &[Recorded<'_>], labels: &[String]) -> String {
    let row = SIGNAL + 3.0 * RIBBON + 40.0;
    let legend = 24.0 * (labels.len() as f64 / 6.0).ceil();
    let height = legend + row * all.len() as f64 + 8.0;
    let drawing = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (height) } font-family="sans-serif" font-size="12" role="img" {
            rect width="100%" height="100%" fill="#ffffff" {}
            @for (n, label) in labels.iter().enumerate() {
                @let (x, y) = (LEFT + 145.0 * (n % 6) as f64, 6.0 + 24.0 * (n / 6) as f64);
                rect x=(x) y=(y) width="12" height="12" fill=(color(n)) {}
                text x=(x + 17.0) y=(y + 11.0) { (format::shorten(label, 18)) }
            }
            @for (n, recorded) in all.iter().enumerate() {
                g transform={ "translate(0 " (legend + row * n as f64) ")" } { (one(recorded, labels)) }
            }
        }
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n",
        drawing.into_string()
    )
}

fn color(n: usize) -> &'static str {
    COLORS[n % COLORS.len()]
}

/// Draws one recording.
fn one(recorded: &Recorded<'_>, labels: &[String]) -> Markup {
    let steps = recorded.x.len() / recorded.channels.max(1);
    let seconds = steps as f64 / recorded.rate_hz;
    let x = |t: f64| LEFT + (WIDTH - LEFT - 8.0) * (t / seconds.max(1e-9)).clamp(0.0, 1.0);
    let (low, high) = recorded
        .x
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), &v| {
            (low.min(v), high.max(v))
        });
    let span = f64::from(high - low).max(1e-6);
    let top = 20.0;
    let y = |v: f32| top + SIGNAL * (1.0 - f64::from(v - low) / span);
    let truth: Vec<(f64, Option<usize>)> = recorded.truth.to_vec();
    let decided: Vec<(f64, Option<usize>)> = recorded
        .decided
        .iter()
        .map(|&(t, class)| (t, Some(class)))
        .collect();
    let ribbon = |values: &[(f64, Option<usize>)], y: f64, what: &str| {
        html! {
            text x=(LEFT - 6.0) y=(y + 12.0) text-anchor="end" { (what) }
            @for (from, to, class) in runs(values, seconds) {
                @if let Some(class) = class {
                    rect x=(round(x(from))) y=(y) width=(round(x(to) - x(from))) height=(RIBBON - 2.0) fill=(color(class)) {
                        title { (labels.get(class).map_or("", String::as_str)) ", " (time(recorded.start_s + from)) " to " (time(recorded.start_s + to)) }
                    }
                }
            }
        }
    };
    let below = top + SIGNAL + 6.0;
    let known = truth.iter().any(|(_, class)| class.is_some());
    html! {
        text x=(LEFT) y="14" font-weight="bold" { (recorded.title) }
        text x=(LEFT - 6.0) y=(top + 10.0) text-anchor="end" { (format::figure(f64::from(high))) }
        text x=(LEFT - 6.0) y=(top + SIGNAL) text-anchor="end" { (format::figure(f64::from(low))) }
        @for channel in 0..recorded.channels {
            path d=(outline(recorded, channel, &x, &y)) fill="none" stroke=(color(channel)) stroke-width="1" opacity="0.8" {}
        }
        (ribbon(&decided, below, "decided"))
        @if known { (ribbon(&truth, below + RIBBON, "truth")) }
        @for tick in 0..=4u32 {
            @let at = seconds * f64::from(tick) / 4.0;
            text x=(round(x(at))) y=(below + 2.0 * RIBBON + 14.0) text-anchor={ (anchor(tick)) } fill="#555555" {
                (time(recorded.start_s + at))
            }
        }
    }
}

fn anchor(tick: u32) -> PreEscaped<&'static str> {
    PreEscaped(match tick {
        0 => "start",
        4 => "end",
        _ => "middle",
    })
}

/// Draws the range of values of each column.
fn outline(
    recorded: &Recorded<'_>,
    channel: usize,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f32) -> f64,
) -> String {
    let values: Vec<f32> = recorded
        .x
        .iter()
        .skip(channel)
        .step_by(recorded.channels.max(1))
        .copied()
        .collect();
    let per_column = values.len().div_ceil(COLUMNS).max(1);
    let mut path = String::new();
    for (n, column) in values.chunks(per_column).enumerate() {
        let at = x((n * per_column) as f64 / recorded.rate_hz);
        let low = column.iter().copied().fold(f32::MAX, f32::min);
        let high = column.iter().copied().fold(f32::MIN, f32::max);
        let command = if n == 0 { 'M' } else { 'L' };
        path += &format!("{command}{:.1} {:.1}", at, y(low));
        if low != high {
            path += &format!("L{:.1} {:.1}", at, y(high));
        }
    }
    path
}

/// Joins values that are the same into runs, from their time to that of the next.
fn runs(values: &[(f64, Option<usize>)], end: f64) -> Vec<(f64, f64, Option<usize>)> {
    let mut runs: Vec<(f64, f64, Option<usize>)> = Vec::new();
    for (n, &(from, class)) in values.iter().enumerate() {
        let to = values.get(n + 1).map_or(end, |next| next.0);
        match runs.last_mut() {
            Some(last) if last.2 == class => last.1 = to,
            _ => runs.push((from, to, class)),
        }
    }
    runs
}

fn round(v: f64) -> f64 {
    (v * 10.0).round() / 10.0
}

/// Writes a time as minutes and seconds.
fn time(seconds: f64) -> String {
    if seconds.abs() < 1e6 {
        let sign = if seconds < -0.5 { "-" } else { "" };
        let whole = seconds.abs().round() as u64;
        return format!("{sign}{}:{:02}", whole / 60, whole % 60);
    }
    // Since 1970: the time of day in UTC.
    let day = seconds.rem_euclid(86_400.0).floor() as u64;
    format!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_and_truth_are_runs_under_the_signal() {
        let x: Vec<f32> = (0..600).map(|n| (n % 30) as f32 - 15.0).collect();
        let decided = [(1.0, 0), (2.0, 0), (3.0, 1)];
        let truth = [(0.0, Some(0)), (2.5, Some(1))];
        let recorded = Recorded {
            title: "user <7>",
            x: &x,
            channels: 3,
            rate_hz: 20.0,
            start_s: 60.0,
            decided: &decided,
            truth: &truth,
        };
        let labels = ["sit".to_owned(), "walk & run".to_owned()];
        let svg = recordings(&[recorded, recorded], &labels);
        assert!(
            svg.starts_with("<?xml")
                && svg.contains("user &lt;7&gt;")
                && svg.contains("walk &amp; run")
        );
        assert_eq!(svg.matches("<path").count(), 6);
        // Two runs of decisions and two of truth, twice.
        assert_eq!(svg.matches("<title>").count(), 8);
        assert!(svg.contains("sit, 1:01 to 1:03"), "{svg}");
        assert!(!svg.contains("NaN"));
        assert_eq!(
            runs(&[(0.0, Some(1)), (1.0, Some(1)), (2.0, None)], 4.0),
            [(0.0, 2.0, Some(1)), (2.0, 4.0, None)]
        );
    }
}
