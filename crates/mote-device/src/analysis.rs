//! Joins execution counts with the code they belong to: instructions and cycles per inference, per layer, per
//! function, and as folded stacks.

use crate::Error;
use crate::cycles::Costs;
use crate::footprint::{Footprint, Symbol};
use crate::profile::Profile;
use mote_model::LayerFunction;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Instructions, and cycles where the core's timing is known. Per decision, averaged over all that were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Instructions executed.
    pub instructions: u64,
    /// Cycles, modelled.
    pub cycles: Option<u64>,
}

/// Work of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Layer or function.
    pub name: String,
    /// Its own work, for a layer including what it calls.
    #[serde(flatten)]
    pub work: Work,
}

/// What one root function did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Analysis {
    /// All of it.
    pub total: Work,
    /// Instructions of the longest call.
    pub longest: u64,
    /// Layers in the order they ran, then what ran outside any.
    pub layers: Vec<Part>,
    /// Functions, the costliest first, without what they call.
    pub functions: Vec<Part>,
    /// `caller;callee;... work` lines (cycles where known, else instructions), for flame graphs.
    #[serde(skip)]
    pub folded: String,
}

/// The functions that run the layers of a pipeline.
#[derive(Debug, Clone, Copy)]
pub struct LayerFunctions<'a>(pub &'a [LayerFunction]);

impl<'a> LayerFunctions<'a> {
    /// Returns whether the function `symbol` runs a layer, so that its calls are numbered.
    pub(crate) fn is_layer(self, symbol: &str) -> bool {
        let name = base_name(symbol);
        self.0.iter().any(|layer| layer.function == name)
    }

    /// Returns the name of the layer that ran in the call `ordinal`, from 1, of the function `symbol`; the function's
    /// own name when it is no layer's.
    fn name(self, ordinal: u32, symbol: &'a str) -> &'a str {
        let function = base_name(symbol);
        let mut of_function = self.0.iter().filter(|layer| layer.function == function);
        let layer = match (of_function.next(), of_function.next()) {
            (Some(only), None) => Some(only),
            (None, _) => None,
            // One function runs several layers, one after the other.
            (Some(_), Some(_)) => (ordinal as usize)
                .checked_sub(1)
                .and_then(|n| self.0.get(n)),
        };
        layer.map_or(function, |layer| layer.layer.as_str())
    }
}

/// Returns the last segment of a path, without type parameters.
fn base_name(path: &str) -> &str {
    let plain = path.split_once("::<").map_or(path, |(plain, _)| plain);
    plain.rsplit_once("::").map_or(plain, |(_, name)| name)
}

/// Finds functions by address.
struct Functions<'a>(BTreeMap<u32, &'a Symbol>);

impl<'a> Functions<'a> {
    fn new(footprint: &'a Footprint) -> Self {
        let mut map = BTreeMap::new();
        for symbol in &footprint.symbols {
            map.entry(symbol.address as u32).or_insert(symbol);
        }
        Self(map)
    }

    fn name(&self, address: u32) -> &'a str {
        let candidate = self.0.range(..=address).next_back();
        candidate
            .filter(|(start, s)| u64::from(address - **start) < s.size.max(1))
            .map_or("(no symbol)", |(_, s)| s.name.as_str())
    }
}

/// Sums over calls, in work of all windows.
#[derive(Default, Clone, Copy)]
struct Sum {
    instructions: u64,
    cycles: u64,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.instructions += other.instructions;
        self.cycles += other.cycles;
    }

    /// Returns the mean work of `runs` of all `calls`.
    fn per(self, runs: u64, calls: u64, timed: bool) -> Work {
        let mean = |sum: u64| (sum * runs + calls / 2).checked_div(calls).unwrap_or(0);
        Work {
            instructions: mean(self.instructions),
            cycles: timed.then(|| mean(self.cycles)),
        }
    }
}

/// Returns what the function entered at `root` did in `runs` calls, on average.
///
/// # Errors
/// [`Error::UnknownInstruction`] when costs are asked for and one of an executed instruction is not known.
pub fn analyse(
    profile: &Profile,
    root: u32,
    runs: u64,
    layers_of: LayerFunctions<'_>,
    footprint: &Footprint,
    costs_of: Option<&dyn Costs>,
) -> Result<Analysis, Error> {
    let Some(calls) = profile.roots.iter().find(|r| r.entry == root) else {
        return Ok(Analysis::default());
    };
    let functions = Functions::new(footprint);
    let mut costs = HashMap::new();
    let mut total = Sum::default();
    let mut layers: BTreeMap<u32, (String, Sum)> = BTreeMap::new();
    let mut outside = Sum::default();
    let mut by_function: BTreeMap<&str, Sum> = BTreeMap::new();
    let mut stacks: BTreeMap<String, Sum> = BTreeMap::new();

    for (id, context) in profile.contexts.iter().enumerate() {
        if profile.callers(id).last().map(|c| c.entry) != Some(root) {
            continue;
        }
        // What a layer calls is part of the layer.
        let mut callers = profile.callers(id).filter(|c| c.ordinal > 0);
        let layer = callers
            .find(|c| layers_of.is_layer(functions.name(c.entry)))
            .map(|c| (c.ordinal, c.entry));
        let path = path_of(profile, id, layers_of, &functions);
        for count in &context.counts {
            let mut sum = Sum {
                instructions: count.executed,
                cycles: 0,
            };
            if let Some(costs_of) = costs_of {
                let cost = match costs.get(&count.address) {
                    Some(cost) => *cost,
                    None => {
                        let cost = costs_of.at(count.address)?;
                        costs.insert(count.address, cost);
                        cost
                    }
                };
                sum.cycles = cost.of(count.executed, count.taken);
            }
            let function = functions.name(count.address);
            total.add(sum);
            by_function.entry(function).or_default().add(sum);
            match layer {
                Some((ordinal, entry)) => {
                    let name = || layers_of.name(ordinal, functions.name(entry)).to_owned();
                    let slot = layers
                        .entry(ordinal)
                        .or_insert_with(|| (name(), Sum::default()));
                    slot.1.add(sum);
                }
                None => outside.add(sum),
            }
            // A function reached by a jump (a tail call) has no context of its own: it is named behind it.
            let stack = if function == functions.name(context.entry) {
                path.clone()
            } else {
                format!("{path};{function}")
            };
            stacks.entry(stack).or_default().add(sum);
        }
    }

    let timed = costs_of.is_some();
    let part = |name: &str, sum: Sum| Part {
        name: name.to_owned(),
        work: sum.per(runs, calls.calls, timed),
    };
    let mut parts: Vec<_> = layers.values().map(|(n, s)| part(n, *s)).collect();
    parts.push(part("(outside layers)", outside));
    let mut ranked: Vec<_> = by_function.into_iter().map(|(n, s)| part(n, s)).collect();
    ranked.sort_by_key(|p| std::cmp::Reverse((p.work.cycles, p.work.instructions)));
    let folded = stacks
        .iter()
        .map(|(stack, sum)| (stack, sum.per(runs, calls.calls, timed)))
        .map(|(stack, w)| format!("{stack} {}\n", w.cycles.unwrap_or(w.instructions)))
        .collect();
    Ok(Analysis {
        total: total.per(runs, calls.calls, timed),
        longest: calls.longest,
        layers: parts,
        functions: ranked,
        folded,
    })
}

fn path_of(
    profile: &Profile,
    context: usize,
    layers: LayerFunctions<'_>,
    functions: &Functions<'_>,
) -> String {
    let mut names = Vec::new();
    let mut at = Some(context);
    while let Some(context) = at.and_then(|i| profile.contexts.get(i)) {
        let name = functions.name(context.entry);
        names.push(match context.ordinal {
            0 => name.to_owned(),
            n => layers.name(n, name).to_owned(),
        });
        at = context.parent;
    }
    names.reverse();
    names.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_told_by_their_functions() {
        let layer = |layer: &str, function: &str| LayerFunction {
            layer: layer.to_owned(),
            function: function.to_owned(),
        };
        let interpreted = [layer("conv", "mote_step"), layer("dense", "mote_step")];
        let interpreted = LayerFunctions(&interpreted);
        assert!(interpreted.is_layer("mote::interp::mote_step"));
        assert!(interpreted.is_layer("mote::interp::mote_step::<mote::Model>"));
        assert_eq!(interpreted.name(2, "a::mote_step::<T>"), "dense");
        let compiled = [
            layer("conv", "layer_00_conv"),
            layer("dense", "layer_01_dense"),
        ];
        let compiled = LayerFunctions(&compiled);
        assert!(compiled.is_layer("fw::pipeline::layer_00_conv"));
        assert!(!compiled.is_layer("fw::pipeline::layer_name"));
        assert_eq!(compiled.name(1, "a::layer_01_dense"), "dense");
        assert_eq!(compiled.name(1, "fw::front_end"), "front_end");
    }

    #[test]
    fn means_are_rounded() {
        let sum = Sum {
            instructions: 5,
            cycles: 7,
        };
        assert_eq!(sum.per(1, 2, true).instructions, 3);
        assert_eq!(sum.per(1, 3, true).cycles, Some(2));
        assert_eq!(sum.per(1, 3, false).cycles, None);
        assert_eq!(sum.per(5, 10, true).cycles, Some(4));
    }
}
