//! What techniques are worth: runs beside the baseline they name, and chains that add one technique at a time.

use crate::schema::{Results, Run};
use std::collections::BTreeSet;

/// A baseline and the runs that are shown against it, by position in the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ablation {
    /// The baseline.
    pub baseline: usize,
    /// The others, in file order; at least one.
    pub rows: Vec<usize>,
}

/// One step of a chain: the run that has one technique more than the run before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step<'a> {
    /// Position of the run in the results.
    pub run: usize,
    /// The technique it adds, without options.
    pub technique: &'a str,
}

impl Ablation {
    /// Lists all of them, in order of their first row.
    pub fn all(results: &Results) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (row, run) in results.runs.iter().enumerate() {
            let Some(baseline) = baseline(results, run).filter(|&b| b != row) else {
                continue;
            };
            match all.iter_mut().find(|a| a.baseline == baseline) {
                Some(ablation) => ablation.rows.push(row),
                None => all.push(Self {
                    baseline,
                    rows: vec![row],
                }),
            }
        }
        all
    }

    /// Finds the longest chain of runs that starts at the baseline and adds exactly one technique per step, among
    /// the runs that are `known`; of equally long ones the first in file order. Without the baseline itself;
    /// empty when the baseline is not known.
    pub fn chain<'a>(&self, results: &'a Results, known: impl Fn(&Run) -> bool) -> Vec<Step<'a>> {
        let member = |run: usize| {
            let of = &results.runs[run];
            known(of).then(|| (run, techniques(of)))
        };
        let Some((_, start)) = member(self.baseline) else {
            return Vec::new();
        };
        let mut rows: Vec<_> = self.rows.iter().filter_map(|&r| member(r)).collect();
        // From the largest sets down, so that what may follow a run has its own longest chain already. The
        // sort is stable, which leaves runs of equally many techniques in file order.
        rows.sort_by_key(|(_, set)| std::cmp::Reverse(set.len()));
        let mut chains: Vec<(BTreeSet<&str>, Vec<Step<'a>>)> = Vec::new();
        for (run, set) in rows {
            let mut chain = longest(&set, &chains);
            chain.insert(0, Step { run, technique: "" });
            chains.push((set, chain));
        }
        longest(&start, &chains)
    }
}

/// Finds the longest of the `chains` that continue `set`, and names its first step. The first of equally long ones counts.
fn longest<'a>(
    set: &BTreeSet<&'a str>,
    chains: &[(BTreeSet<&'a str>, Vec<Step<'a>>)],
) -> Vec<Step<'a>> {
    let mut best: Vec<Step<'a>> = Vec::new();
    for (next, chain) in chains {
        let mut added = next.difference(set);
        if let (Some(technique), None) = (added.next(), added.next())
            && next.len() == set.len() + 1
            && chain.len() > best.len()
        {
            best.clone_from(chain);
            if let Some(first) = best.first_mut() {
                first.technique = technique;
            }
        }
    }
    best
}

/// The combination a comparison is about, and the run it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hybrid {
    /// Position of the hybrid.
    pub run: usize,
    /// Position of its baseline.
    pub baseline: usize,
}

impl Hybrid {
    /// Finds the first run that was made from a candidate of `mote fit` and names a baseline that is there.
    pub fn of(results: &Results) -> Option<Self> {
        let mut runs = results.runs.iter().enumerate();
        runs.find_map(|(run, r)| {
            r.spec.as_ref()?;
            let baseline = baseline(results, r)?;
            Some(Self { run, baseline })
        })
    }

    /// Finds the longest way from the baseline to the hybrid among the runs that are `known`: each run has all techniques of
    /// the one before it and more. Positions, and what each adds; empty when the two ends are not known.
    pub fn path(self, results: &Results, known: impl Fn(&Run) -> bool) -> Vec<(usize, String)> {
        let set = |run: usize| {
            let of = &results.runs[run];
            known(of).then(|| techniques(of))
        };
        let (Some(start), Some(end)) = (set(self.baseline), set(self.run)) else {
            return Vec::new();
        };
        let between = |(row, run): (usize, &Run)| {
            let member = set(row)?;
            let against = run.baseline.is_some() && baseline(results, run) == Some(self.baseline);
            let strictly = member.is_superset(&start)
                && member.is_subset(&end)
                && member.len() > start.len()
                && member.len() < end.len();
            (against && strictly && run.spec.is_none()).then_some((row, member))
        };
        let mut members: Vec<_> = results
            .runs
            .iter()
            .enumerate()
            .filter_map(between)
            .collect();
        members.sort_by_key(|(_, set)| set.len());
        members.push((self.run, end));
        // The longest way to each member, and the one before it on that way.
        let mut ways: Vec<(usize, Option<usize>)> = Vec::new();
        for (i, (_, set)) in members.iter().enumerate() {
            let mut way = (0, None);
            for (j, (_, before)) in members.iter().enumerate().take(i) {
                let length = ways[j].0 + 1;
                if length > way.0 && before.is_subset(set) && before.len() < set.len() {
                    way = (length, Some(j));
                }
            }
            ways.push(way);
        }
        let mut path = Vec::new();
        let mut at = Some(members.len() - 1);
        while let Some(i) = at {
            at = ways[i].1;
            let row = members[i].0;
            let before = at.map_or(&start, |j| &members[j].1);
            // In the order of the pipeline.
            let mut added = names(&results.runs[row].techniques);
            added.retain(|t| !before.contains(t));
            if row == self.run {
                added.push("own network");
            }
            path.push((row, added.join(", ")));
        }
        path.reverse();
        path
    }
}

/// Finds the baseline that `run` names, of the same task and split; returns its position.
fn baseline(results: &Results, run: &Run) -> Option<usize> {
    let name = run.baseline.as_ref()?;
    results.runs.iter().position(|r| {
        r.pipeline == *name && r.task == run.task && r.split == run.split && r.leaks == run.leaks
    })
}

/// Returns whether another run is shown against the one at `position`.
pub(crate) fn is_baseline(results: &Results, position: usize) -> bool {
    let mut against = results.runs.iter().filter_map(|r| baseline(results, r));
    against.any(|b| b == position)
}

/// Returns the techniques of a run as a set of names, without options.
fn techniques(run: &Run) -> BTreeSet<&str> {
    names(&run.techniques).into_iter().collect()
}

/// Returns techniques without their options.
fn names(techniques: &[String]) -> Vec<&str> {
    let names = techniques.iter().filter_map(|t| t.split(':').next());
    names.collect()
}

/// Writes a sentence for every baseline that is named but not there.
pub(crate) fn strays(results: &Results) -> Vec<String> {
    let mut strays: Vec<(&str, Vec<&str>)> = Vec::new();
    for run in &results.runs {
        let Some(name) = run.baseline.as_deref() else {
            continue;
        };
        if baseline(results, run).is_none() {
            match strays.iter_mut().find(|(of, _)| *of == name) {
                Some((_, runs)) => runs.push(&run.pipeline),
                None => strays.push((name, vec![&run.pipeline])),
            }
        }
    }
    strays
        .into_iter()
        .map(|(name, runs)| {
            format!(
                "No changes are shown for {}: the baseline {name} is not among the runs of this task and split.",
                runs.join(", ")
            )
        })
        .collect()
}

/// Returns a colour for each run: each has its own as far as `colors` suffice; otherwise
/// runs share the colour of the baseline they are shown against.
pub(crate) fn colors(results: &Results, colors: usize) -> Vec<usize> {
    let count = results.runs.len();
    if count <= colors {
        return (0..count).collect();
    }
    let mut next = 0;
    let mut out: Vec<Option<usize>> = vec![None; count];
    for (row, run) in results.runs.iter().enumerate() {
        let family = baseline(results, run).unwrap_or(row);
        let color = out[family].unwrap_or_else(|| {
            next += 1;
            (next - 1) % colors
        });
        out[family] = Some(color);
        out[row] = Some(color);
    }
    out.into_iter()
        .map(|color| color.expect("the loop gives every row a colour"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Data, Metrics};

    /// Runs by name, techniques, and whether they name the baseline `b`.
    fn results(runs: &[(&str, &[&str], bool)]) -> Results {
        let mut results = Results::new("t", Data::default());
        results.runs = runs
            .iter()
            .map(|(name, techniques, has)| Run {
                techniques: techniques.iter().map(|t| (*t).to_owned()).collect(),
                baseline: has.then(|| "b".to_owned()),
                ..Run::new(*name, "t", "s", Metrics::default())
            })
            .collect();
        results
    }

    fn chain(results: &Results, known: impl Fn(&Run) -> bool) -> Vec<(usize, &str)> {
        let ablations = Ablation::all(results);
        assert_eq!(ablations.len(), 1);
        let steps = ablations[0].chain(results, known);
        steps.into_iter().map(|s| (s.run, s.technique)).collect()
    }

    #[test]
    fn the_chain_adds_one_technique_per_step_in_file_order() {
        let results = results(&[
            ("xy", &["int8", "y", "x"], true),
            ("b", &["int8:bits=8"], false),
            ("z", &["int8", "z"], true),
            ("x", &["x", "int8"], true),
            ("xyz", &["int8", "x:a=1", "y", "z"], true),
            ("y", &["int8", "y"], true),
            ("xz", &["int8", "x:a=2", "z"], true),
            ("no-int8", &["x", "y", "z", "v"], true),
            ("other", &["int8", "x", "y", "z", "v"], false),
        ]);
        // Six orders lead to xyz; the one through z comes first in the file.
        assert_eq!(chain(&results, |_| true), [(2, "z"), (6, "x"), (4, "y")]);
        let no_z = |run: &Run| run.pipeline != "z";
        assert_eq!(chain(&results, no_z), [(3, "x"), (0, "y"), (4, "z")]);
        // A run that is not known ends the chain early; without the baseline there is none.
        let pairs = |run: &Run| run.pipeline != "xyz";
        assert_eq!(chain(&results, pairs), [(2, "z"), (6, "x")]);
        assert_eq!(chain(&results, |run| run.pipeline != "b"), []);
    }

    #[test]
    fn the_way_to_the_hybrid_may_add_several_techniques_at_once() {
        let mut results = results(&[
            ("b", &[], false),
            ("x", &["x"], true),
            ("xyz", &["x", "y", "z:a=1"], true),
            ("xyv", &["x", "y", "v"], true),
            ("hybrid", &["x", "y", "z", "w"], true),
        ]);
        assert_eq!(Hybrid::of(&results), None);
        results.runs[4].spec = Some("window=5,net=c8k3".to_owned());
        let hybrid = Hybrid::of(&results).unwrap();
        assert_eq!((hybrid.run, hybrid.baseline), (4, 0));
        let step = |run, text: &str| (run, text.to_owned());
        assert_eq!(
            hybrid.path(&results, |_| true),
            [step(1, "x"), step(2, "y, z"), step(4, "w, own network")]
        );
        let way = hybrid.path(&results, |run| run.pipeline != "xyz");
        assert_eq!(way, [step(1, "x"), step(4, "y, z, w, own network")]);
        assert_eq!(hybrid.path(&results, |run| run.pipeline != "b"), []);
    }

    #[test]
    fn a_step_of_two_techniques_is_no_step() {
        let results = results(&[("b", &[], false), ("xy", &["x", "y"], true)]);
        assert_eq!(chain(&results, |_| true), []);
    }

    #[test]
    fn baselines_are_of_the_same_split_and_missing_ones_are_named() {
        let mut results = results(&[("b", &[], false), ("x", &["x"], true), ("y", &["y"], true)]);
        results.runs[2].split = "other".to_owned();
        let all = Ablation::all(&results);
        assert_eq!((all[0].baseline, all[0].rows.as_slice()), (0, &[1][..]));
        assert_eq!(all.len(), 1);
        let strays = strays(&results);
        assert_eq!(strays.len(), 1);
        assert!(strays[0].contains("for y: the baseline b"), "{strays:?}");
    }

    #[test]
    fn runs_share_the_colour_of_their_baseline_only_when_colours_run_out() {
        let results = results(&[
            ("lda", &[], false),
            ("x", &["x"], true),
            ("b", &[], false),
            ("y", &["y"], true),
        ]);
        assert_eq!(colors(&results, 4), [0, 1, 2, 3]);
        assert_eq!(colors(&results, 3), [0, 1, 1, 1]);
    }
}
