//! Label efficiency: m-F1 against the share of the training users' labels, one line per way of training.

use super::scale::Scale;
use super::{WIDTH, class, line, n, svg, text};
use crate::format;
use crate::schema::{Estimate, Run};
use maud::{Markup, html};

const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 20.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 256.0;
const HEIGHT: f64 = 300.0;

/// One way of training, with several shares of the labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Family {
    /// What its runs' names begin with.
    pub name: String,
    /// Share of the labels in `0..=1`, and m-F1, by rising share; at least two.
    pub points: Vec<(f64, Estimate)>,
}

impl Family {
    /// Finds the families among `runs`: pipelines that differ only in the option `labels` of a technique.
    pub fn all<'a>(runs: impl Iterator<Item = &'a Run>) -> Vec<Self> {
        let mut families: Vec<(Vec<String>, Self)> = Vec::new();
        for run in runs.filter(|r| !r.leaks) {
            let Some((key, share)) = key(&run.techniques) else {
                continue;
            };
            let point = (share, run.metrics.macro_f1);
            match families.iter_mut().find(|(k, _)| *k == key) {
                Some((_, family)) => family.points.push(point),
                None => {
                    let digits = |c: char| c.is_ascii_digit() || c == '-';
                    let name = run.pipeline.trim_end_matches(digits).to_owned();
                    let points = vec![point];
                    families.push((key, Self { name, points }));
                }
            }
        }
        let mut families: Vec<Self> = families.into_iter().map(|(_, f)| f).collect();
        families.retain(|f| f.points.len() > 1);
        for family in &mut families {
            family.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        families
    }
}

/// Returns the techniques without the option `labels`, and its value.
fn key(techniques: &[String]) -> Option<(Vec<String>, f64)> {
    let mut found = None;
    let rest = techniques
        .iter()
        .map(|technique| {
            let (name, options) = technique.split_once(':').unwrap_or((technique, ""));
            let mut kept = vec![name];
            for option in options.split(',') {
                match option.trim().strip_prefix("labels=") {
                    Some(value) => found = value.parse().ok().filter(|&v: &f64| v > 0.0),
                    None => kept.push(option),
                }
            }
            kept.join(",")
        })
        .collect();
    Some((rest, found?))
}

/// Draws `families`; there must be at least one.
pub(crate) fn labels(families: &[Family]) -> Markup {
    let points = || families.iter().flat_map(|f| &f.points);
    let shares: Vec<f64> = points().map(|(share, _)| *share).collect();
    let least = shares.iter().copied().fold(1.0, f64::min);
    let most = shares.iter().copied().fold(0.0, f64::max);
    let scores: Vec<f64> = points()
        .flat_map(|(_, e)| {
            let half = e.ci95.unwrap_or(0.0);
            [e.mean - half, e.mean + half]
        })
        .collect();
    let x = Scale::log(least, most, LEFT + 10.0, RIGHT);
    let y = Scale::for_shares(&scores, BOTTOM, TOP);
    let mut marked = shares;
    marked.sort_by(f64::total_cmp);
    marked.dedup();
    let body = html! {
        (text(4.0, 12.0, "", "m-F1"))
        @for (i, family) in families.iter().enumerate() {
            text x=(n(RIGHT)) y=(n(12.0 + 15.0 * i as f64)) class={ "end name " (class(i)) } { "● " (family.name) }
        }
        @for tick in y.ticks(5) {
            (line((LEFT, y.at(tick)), (RIGHT, y.at(tick)), "grid"))
            (text(LEFT - 6.0, y.at(tick) + 4.0, "end muted", &format::significant(tick)))
        }
        @for share in marked {
            (text(x.at(share), BOTTOM + 17.0, "mid muted", &format!("{} %", format::significant(100.0 * share))))
        }
        (line((LEFT, BOTTOM), (RIGHT, BOTTOM), "axis"))
        (text(RIGHT, HEIGHT - 8.0, "end", "share of the labels"))
        @for (i, family) in families.iter().enumerate() {
            @let at = |(share, e): &(f64, Estimate)| format!("{},{}", n(x.at(*share)), n(y.at(e.mean)));
            @let way: Vec<String> = family.points.iter().map(at).collect();
            g class=(class(i)) {
                polyline points=(way.join(" ")) class="curve" {}
                @for (share, e) in &family.points {
                    @let half = e.ci95.unwrap_or(0.0);
                    (line((x.at(*share), y.at(e.mean - half)), (x.at(*share), y.at(e.mean + half)), "interval"))
                    circle cx=(n(x.at(*share))) cy=(n(y.at(e.mean))) r="4.5" class="mark" {
                        title { (family.name) " with " (format::significant(100.0 * share)) " % of the labels: m-F1 "
                            (format::share(e.mean)) }
                    }
                }
            }
        }
    };
    let label = format!("m-F1 by share of the labels, {} ways", families.len());
    svg(&label, HEIGHT, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Metrics;

    #[test]
    fn runs_that_differ_in_their_labels_are_a_family() {
        let run = |name: &str, technique: &str, f1: f64| {
            let mut metrics = Metrics::default();
            metrics.macro_f1.mean = f1;
            Run {
                techniques: vec![technique.to_owned(), "int8".to_owned()],
                ..Run::new(name, "t", "s", metrics)
            }
        };
        let runs = [
            run("scratch-10", "contrastive:epochs=0,labels=0.1", 0.7),
            run("pretrained-10", "contrastive:labels=0.1", 0.8),
            run("scratch-1", "contrastive:epochs=0,labels=0.01", 0.5),
            run("alone-1", "contrastive:epochs=3,labels=0.01", 0.5),
            run("pretrained-100", "contrastive:labels=1", 0.9),
            run("plain", "contrastive", 0.9),
        ];
        let families = Family::all(runs.iter());
        let shown: Vec<_> = families
            .iter()
            .map(|f| {
                let shares = f.points.iter().map(|(s, e)| (*s, e.mean));
                (f.name.as_str(), shares.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("scratch", vec![(0.01, 0.5), (0.1, 0.7)]),
                ("pretrained", vec![(0.1, 0.8), (1.0, 0.9)])
            ]
        );
    }
}
