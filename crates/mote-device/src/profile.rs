//! Reads what the emulator's plugin counted.

use crate::Error;
use std::iter;

/// Executions of one instruction in one context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Where the instruction lies.
    pub address: u32,
    /// Number of executions.
    pub executed: u64,
    /// Number of executions after which another instruction than the following one ran.
    pub taken: u64,
    /// Cycles waited for flash.
    pub waits: Waits,
}

/// Cycles that the core waited for flash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// To fetch instructions.
    pub fetch: u64,
    /// To read the model's weights and parameters.
    pub weights: u64,
    /// To read other constants.
    pub data: u64,
}

impl Waits {
    /// Returns all of them.
    pub const fn total(self) -> u64 {
        self.fetch + self.weights + self.data
    }
}

/// A function as entered from another context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The caller's context; `None` for a root.
    pub parent: Option<usize>,
    /// Entry of the function.
    pub entry: u32,
    /// Number of the call within the root call, from 1, for watched functions (layers, transfers); 0 otherwise.
    pub ordinal: u32,
    /// Bytes of the model that a watched function, or what it calls, read from flash; 0 where flash is not followed.
    pub weights: u64,
    /// What ran in it, by address.
    pub counts: Vec<Count>,
}

/// A profiled function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    /// Its entry.
    pub entry: u32,
    /// Calls. Those of the warm-up are left out, here and in all counts; only the stack depth includes them.
    pub calls: u64,
    /// Instructions of its longest call.
    pub longest: u64,
}

/// Exact execution counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Instructions since reset, harness included.
    pub executed: u64,
    /// Lowest stack address touched while a root ran.
    pub stack_lowest: u32,
    /// The profiled functions.
    pub roots: Vec<Root>,
    /// Calling contexts, parents before children.
    pub contexts: Vec<Context>,
}

impl Profile {
    /// Reads the plugin's text (format: the plugin's `Profiler::write`).
    ///
    /// # Errors
    /// [`Error::Profile`] naming the line.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut profile = Profile::default();
        let mut lines = text.lines().enumerate();
        if lines.next().map(|(_, l)| l) != Some("mote-profile 2") {
            return Err(Error::Profile {
                line: 1,
                what: "not a profile of this version".to_owned(),
            });
        }
        for (n, line) in lines {
            let words: Vec<&str> = line.split(' ').collect();
            profile.record(&words).ok_or_else(|| Error::Profile {
                line: n + 1,
                what: format!("cannot read `{line}`"),
            })?;
        }
        Ok(profile)
    }

    fn record(&mut self, words: &[&str]) -> Option<()> {
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        match words {
            ["executed", n] => self.executed = n.parse().ok()?,
            ["stack", address] => self.stack_lowest = hex(address)?,
            ["root", entry, calls, longest] => self.roots.push(Root {
                entry: hex(entry)?,
                calls: calls.parse().ok()?,
                longest: longest.parse().ok()?,
            }),
            ["context", id, parent, entry, ordinal] => {
                let id: usize = id.parse().ok()?;
                let parent: usize = parent.parse().ok()?;
                if id != self.contexts.len() || parent > id {
                    return None;
                }
                self.contexts.push(Context {
                    parent: (parent != id).then_some(parent),
                    entry: hex(entry)?,
                    ordinal: ordinal.parse().ok()?,
                    weights: 0,
                    counts: Vec::new(),
                });
            }
            ["weights", bytes] => self.contexts.last_mut()?.weights = bytes.parse().ok()?,
            [address, executed, taken, waits @ ..] => {
                let waits = match waits {
                    [] => Waits::default(),
                    [fetch, weights, data] => Waits {
                        fetch: fetch.parse().ok()?,
                        weights: weights.parse().ok()?,
                        data: data.parse().ok()?,
                    },
                    _ => return None,
                };
                self.contexts.last_mut()?.counts.push(Count {
                    address: hex(address)?,
                    executed: executed.parse().ok()?,
                    taken: taken.parse().ok()?,
                    waits,
                });
            }
            _ => return None,
        }
        Some(())
    }

    /// Returns the context, that of its caller, and so on up to the root.
    pub fn callers(&self, context: usize) -> impl Iterator<Item = &Context> {
        iter::successors(self.contexts.get(context), |c| self.contexts.get(c.parent?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "mote-profile 2\nexecuted 9\nstack 20000f00\nroot 100 1 7\ncontext 0 0 100 0\n100 2 2\n\
        context 1 0 200 1\nweights 8\n200 1 1 5 10 0\n";

    #[test]
    fn what_the_plugin_writes_is_read() {
        let profile = Profile::parse(TEXT).unwrap();
        assert_eq!(profile.executed, 9);
        assert_eq!(profile.roots[0].longest, 7);
        let callers: Vec<u32> = profile.callers(1).map(|c| c.entry).collect();
        assert_eq!(callers, [0x200, 0x100]);
        assert_eq!(profile.contexts[1].counts[0].executed, 1);
        assert_eq!(profile.contexts[1].weights, 8);
        assert_eq!(profile.contexts[1].counts[0].waits.total(), 15);
        assert_eq!(profile.contexts[0].counts[0].waits, Waits::default());
    }

    #[test]
    fn damage_is_named_by_line() {
        for (text, line) in [
            ("", "line 1"),
            ("mote-profile 2\nexecuted x", "line 2"),
            ("mote-profile 2\n100 1 1", "line 2"),
            ("mote-profile 2\ncontext 0 0 100 0\n100 1 1 5", "line 3"),
            ("mote-profile 2\ncontext 0 1 100 0", "line 2"),
        ] {
            let error = Profile::parse(text).unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
    }
}
