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
    /// Cycles, modelled: those of the core, and those it waits for flash.
    pub cycles: Option<u64>,
    /// Cycles waiting for flash; `None` where that is not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
    /// The share of them that is waiting for weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_weights: Option<u64>,
}

impl Work {
    /// Returns the cycles of the core alone, had its memory answered at once.
    pub fn core(&self) -> Option<u64> {
        Some(self.cycles?.saturating_sub(self.waiting.unwrap_or(0)))
    }
}

/// Work of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Layer or function.
    pub name: String,
    /// Its own work, for a layer including what it calls.
    #[serde(flatten)]
    pub work: Work,
    /// What a copy in RAM takes, in bytes: of the model's constants that a layer reads, or of the function; `None`
    /// where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
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

    fn symbol(&self, address: u32) -> Option<&'a Symbol> {
        let candidate = self.0.range(..=address).next_back();
        candidate
            .filter(|(start, s)| u64::from(address - **start) < s.size.max(1))
            .map(|(_, s)| *s)
    }

    fn name(&self, address: u32) -> &'a str {
        self.symbol(address)
            .map_or("(no symbol)", |s| s.name.as_str())
    }
}

/// Sums over calls, in work of all windows.
#[derive(Default, Clone, Copy)]
struct Sum {
    instructions: u64,
    /// Of the core.
    cycles: u64,
    /// For flash.
    waiting: u64,
    /// Of which for weights.
    waiting_weights: u64,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.instructions += other.instructions;
        self.cycles += other.cycles;
        self.waiting += other.waiting;
        self.waiting_weights += other.waiting_weights;
    }
}

/// How sums over all calls become figures of a decision.
#[derive(Clone, Copy)]
struct Mean {
    /// Calls that make a decision.
    runs: u64,
    /// Calls that were counted.
    calls: u64,
    /// Whether the core's timing is known.
    timed: bool,
    /// Whether waits for flash were counted.
    flash: bool,
}

impl Mean {
    /// Returns the mean work of a decision.
    fn of(self, sum: Sum) -> Work {
        let mean = |sum: u64| {
            (sum * self.runs + self.calls / 2)
                .checked_div(self.calls)
                .unwrap_or(0)
        };
        let flash = self.timed && self.flash;
        Work {
            instructions: mean(sum.instructions),
            // The sum of two rounded figures, so that core and waiting add up.
            cycles: self.timed.then(|| mean(sum.cycles) + mean(sum.waiting)),
            waiting: flash.then(|| mean(sum.waiting)),
            waiting_weights: flash.then(|| mean(sum.waiting_weights)),
        }
    }
}

/// Returns what the function entered at `root` did in `runs` calls, on average; `flash` says that the profile has waits
/// for flash.
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
    flash: bool,
) -> Result<Analysis, Error> {
    let Some(calls) = profile.roots.iter().find(|r| r.entry == root) else {
        return Ok(Analysis::default());
    };
    let functions = Functions::new(footprint);
    let mut costs = HashMap::new();
    let mut total = Sum::default();
    let mut layers: BTreeMap<u32, (String, Sum, u64)> = BTreeMap::new();
    let mut outside = Sum::default();
    let mut by_function: BTreeMap<&str, (Sum, Option<u64>)> = BTreeMap::new();
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
        let name_of = |ordinal, entry| layers_of.name(ordinal, functions.name(entry)).to_owned();
        if let Some((ordinal, entry)) = layer {
            let slot = layers
                .entry(ordinal)
                .or_insert_with(|| (name_of(ordinal, entry), Sum::default(), 0));
            slot.2 += context.weights;
        }
        let path = path_of(profile, id, layers_of, &functions);
        for count in &context.counts {
            let mut sum = Sum {
                instructions: count.executed,
                cycles: 0,
                waiting: count.waits.total(),
                waiting_weights: count.waits.weights,
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
            let slot = by_function.entry(function).or_default();
            slot.0.add(sum);
            slot.1 = functions.symbol(count.address).map(|s| s.size);
            match layer.and_then(|(ordinal, _)| layers.get_mut(&ordinal)) {
                Some(slot) => slot.1.add(sum),
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

    let mean = Mean {
        runs,
        calls: calls.calls,
        timed: costs_of.is_some(),
        flash,
    };
    let part = |name: &str, sum: Sum, bytes: Option<u64>| Part {
        name: name.to_owned(),
        work: mean.of(sum),
        bytes,
    };
    let read = |bytes: u64| flash.then_some(bytes);
    let mut parts: Vec<_> = layers
        .values()
        .map(|(name, sum, bytes)| part(name, *sum, read(*bytes)))
        .collect();
    parts.push(part("(outside layers)", outside, None));
    let mut ranked: Vec<_> = by_function
        .into_iter()
        .map(|(name, (sum, bytes))| part(name, sum, bytes))
        .collect();
    ranked.sort_by_key(|p| std::cmp::Reverse((p.work.cycles, p.work.instructions)));
    let folded = stacks
        .iter()
        .map(|(stack, sum)| (stack, mean.of(*sum)))
        .map(|(stack, w)| format!("{stack} {}\n", w.cycles.unwrap_or(w.instructions)))
        .collect();
    Ok(Analysis {
        total: mean.of(total),
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
            ..Sum::default()
        };
        let mean = |runs, calls, timed| Mean {
            runs,
            calls,
            timed,
            flash: false,
        };
        assert_eq!(mean(1, 2, true).of(sum).instructions, 3);
        assert_eq!(mean(1, 3, true).of(sum).cycles, Some(2));
        assert_eq!(mean(1, 3, false).of(sum).cycles, None);
        assert_eq!(mean(5, 10, true).of(sum).cycles, Some(4));
    }

    #[test]
    fn core_and_waiting_add_up_where_flash_was_followed() {
        let sum = Sum {
            instructions: 5,
            cycles: 7,
            waiting: 5,
            waiting_weights: 4,
        };
        let mean = |flash| Mean {
            runs: 1,
            calls: 2,
            timed: true,
            flash,
        };
        let work = mean(true).of(sum);
        assert_eq!((work.cycles, work.waiting), (Some(7), Some(3)));
        assert_eq!((work.core(), work.waiting_weights), (Some(4), Some(2)));
        assert_eq!(mean(false).of(sum).waiting, None);
    }
}
