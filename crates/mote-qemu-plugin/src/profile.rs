//! The counting itself, free of QEMU: a calling-context tree with one counter pair per instruction.

use crate::flash::Flash;
use crate::settings::Settings;
use crate::weights::Weights;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// A translated instruction.
#[derive(Debug, Clone, Copy)]
struct Instruction {
    address: u32,
    /// Its length in bytes.
    size: u32,
    /// Address of the instruction behind it.
    next: u32,
    is_call: bool,
    is_root: bool,
    is_watched: bool,
}

/// What was counted of an instruction in a context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    executed: u64,
    /// Executions after which another instruction than the following one ran.
    taken: u64,
    /// Cycles that the core waited for the instruction itself,
    fetch: u64,
    /// for weights that it read from flash,
    weights: u64,
    /// and for other data in flash.
    data: u64,
}

/// One calling context: a function entered from another context.
#[derive(Debug)]
struct Context {
    /// Index of the caller's context; its own index for a root.
    parent: usize,
    /// Entry of the function.
    entry: u32,
    /// Number of the call within the root call, from 1, for watched functions; 0 otherwise.
    ordinal: u32,
    /// The context of the watched function that it is part of, or the root's.
    layer: usize,
    /// By instruction index.
    counts: Vec<Counts>,
}

/// Counts instructions between entry and return of the root functions.
#[derive(Debug)]
pub struct Profiler {
    settings: Settings,
    instructions: Vec<Instruction>,
    by_address: HashMap<u32, u32>,
    contexts: Vec<Context>,
    /// `(parent context, entry, ordinal)` to context; roots have `usize::MAX` as parent.
    children: HashMap<(usize, u32, u32), usize>,
    /// `(context to return to, return address)` of the calls under way.
    stack: Vec<(usize, u32)>,
    /// The current context while a root is running.
    current: Option<usize>,
    previous: Option<Instruction>,
    previous_index: usize,
    ordinal: u32,
    /// Calls of each root and the instructions of the longest.
    calls: HashMap<u32, (u64, u64)>,
    /// Calls of each root that are still to be forgotten.
    skip: HashMap<u32, u64>,
    in_call: u64,
    executed: u64,
    lowest: u32,
    /// The flash, when it is simulated.
    flash: Option<Flash>,
    weights: Weights,
}

const NO_PARENT: usize = usize::MAX;

impl Profiler {
    /// A profiler that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            lowest: settings.stack.1,
            skip: settings.roots.iter().copied().collect(),
            flash: settings.flash.clone().map(Flash::new),
            weights: Weights::new(&settings.model),
            settings,
            instructions: Vec::new(),
            by_address: HashMap::new(),
            contexts: Vec::new(),
            children: HashMap::new(),
            stack: Vec::new(),
            current: None,
            previous: None,
            previous_index: 0,
            ordinal: 0,
            calls: HashMap::new(),
            in_call: 0,
            executed: 0,
        }
    }

    /// The index of the instruction at `address`, which is `size` bytes long.
    pub fn instruction(&mut self, address: u32, is_call: bool, size: u32) -> u32 {
        let fresh = self.instructions.len() as u32;
        let index = *self.by_address.entry(address).or_insert(fresh);
        if index == fresh {
            self.instructions.push(Instruction {
                address,
                size,
                next: address.wrapping_add(size),
                is_call,
                is_root: self.settings.roots.iter().any(|r| r.0 == address),
                is_watched: self.settings.watched.contains(&address),
            });
        }
        index
    }

    /// Counts one execution of instruction `index`, about to happen. False when the limit is reached.
    pub fn execute(&mut self, index: u32) -> bool {
        let index = index as usize;
        let Some(&now) = self.instructions.get(index) else {
            return true;
        };
        self.executed += 1;
        if let Some(previous) = self.previous.replace(now)
            && previous.next != now.address
        {
            self.jump(previous, now);
        }
        self.previous_index = index;
        if let Some(context) = self.current.and_then(|c| self.contexts.get_mut(c)) {
            let waited = self
                .flash
                .as_mut()
                .map_or(0, |flash| flash.fetch(now.address, now.size));
            if context.counts.len() <= index {
                context.counts.resize(index + 1, Counts::default());
            }
            if let Some(count) = context.counts.get_mut(index) {
                count.executed += 1;
                count.fetch += waited;
            }
            self.in_call += 1;
        }
        self.settings.limit == 0 || self.executed < self.settings.limit
    }

    /// Control went from `from` to `to`, which does not follow it.
    fn jump(&mut self, from: Instruction, to: Instruction) {
        let Some(current) = self.current else {
            if from.is_call && to.is_root {
                self.enter(NO_PARENT, from.next, to);
            }
            return;
        };
        let taken = self.contexts.get_mut(current);
        if let Some(count) = taken.and_then(|c| c.counts.get_mut(self.previous_index)) {
            count.taken += 1;
        }
        if from.is_call {
            self.enter(current, from.next, to);
        } else if let Some(depth) = self.stack.iter().rposition(|&(_, back)| back == to.address) {
            let back = self.stack.drain(depth..).next();
            self.current = back.map(|(c, _)| c).filter(|&c| c != NO_PARENT);
            if self.current.is_none() {
                self.leave_root(current);
            }
        }
    }

    /// Enters the function `to` from context `parent`; it will return to `back`.
    fn enter(&mut self, parent: usize, back: u32, to: Instruction) {
        if parent == NO_PARENT {
            self.ordinal = 0;
            self.in_call = 0;
        }
        let ordinal = if to.is_watched {
            self.ordinal += 1;
            self.ordinal
        } else {
            0
        };
        let fresh = self.contexts.len();
        let key = (parent, to.address, ordinal);
        let context = *self.children.entry(key).or_insert(fresh);
        if context == fresh {
            let caller = self.contexts.get(parent).map(|c| c.layer);
            self.contexts.push(Context {
                layer: match caller {
                    Some(caller) if ordinal == 0 => caller,
                    _ => fresh,
                },
                parent: if parent == NO_PARENT { fresh } else { parent },
                entry: to.address,
                ordinal,
                counts: Vec::new(),
            });
        }
        self.stack.push((parent, back));
        self.current = Some(context);
    }

    /// The root call that ended in context `last` returned.
    fn leave_root(&mut self, last: usize) {
        let root = self.root_of(last);
        let Some(entry) = self.contexts.get(root).map(|c| c.entry) else {
            return;
        };
        if let Some(skip) = self.skip.get_mut(&entry).filter(|skip| **skip > 0) {
            *skip -= 1;
            for context in 0..self.contexts.len() {
                if self.root_of(context) == root
                    && let Some(context) = self.contexts.get_mut(context)
                {
                    context.counts.clear();
                }
            }
            return;
        }
        let (calls, longest) = self.calls.entry(entry).or_default();
        *calls += 1;
        *longest = (*longest).max(self.in_call);
    }

    /// The context of the root call that `context` is in.
    fn root_of(&self, mut context: usize) -> usize {
        while let Some(c) = self.contexts.get(context)
            && c.parent != context
        {
            context = c.parent;
        }
        context
    }

    /// Notes a load or store of `size` bytes while a root is running, by the instruction that began last.
    pub fn touch(&mut self, address: u32, size: u32, store: bool) {
        let Some(current) = self.current else {
            return;
        };
        let (low, high) = self.settings.stack;
        if (low..high).contains(&address) {
            self.lowest = self.lowest.min(address);
        }
        let Some(flash) = self.flash.as_mut().filter(|f| f.contains(address)) else {
            return;
        };
        if store {
            return;
        }
        let waited = flash.read(address, size);
        let Some(context) = self.contexts.get_mut(current) else {
            return;
        };
        let is_weight = self.weights.read(context.layer, address, size);
        if let Some(count) = context.counts.get_mut(self.previous_index) {
            match is_weight {
                true => count.weights += waited,
                false => count.data += waited,
            }
        }
    }

    /// Writes the profile to the file of the settings.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn save(&self) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(&self.settings.out)?);
        self.write(&mut out)?;
        out.flush()
    }

    /// Writes the profile as text, numbers in decimal and addresses in hexadecimal:
    ///
    /// ```text
    /// mote-profile 2
    /// executed INSTRUCTIONS              since reset
    /// stack ADDRESS                      lowest stack address touched under a root
    /// root ENTRY CALLS LONGEST           one per root called; instructions of its longest call
    /// context ID PARENT ENTRY ORDINAL    PARENT is ID for a root; parents come first
    /// weights BYTES                      of the model that the watched context above, or its callees, read from flash
    /// ADDRESS EXECUTED TAKEN FETCH WEIGHTS DATA
    ///                                    instructions of the context above, and the cycles they waited for flash
    /// ```
    ///
    /// Without a flash to simulate, the last three columns and the weights are left out.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "mote-profile 2")?;
        writeln!(out, "executed {}", self.executed)?;
        writeln!(out, "stack {:x}", self.lowest)?;
        let mut roots: Vec<_> = self.calls.iter().collect();
        roots.sort();
        for (entry, (calls, longest)) in roots {
            writeln!(out, "root {entry:x} {calls} {longest}")?;
        }
        for (id, context) in self.contexts.iter().enumerate() {
            let Context {
                parent,
                entry,
                ordinal,
                counts,
                ..
            } = context;
            writeln!(out, "context {id} {parent} {entry:x} {ordinal}")?;
            if let Some(bytes) = self.weights.bytes(id) {
                writeln!(out, "weights {bytes}")?;
            }
            let mut rows: Vec<_> = self.instructions.iter().zip(counts).collect();
            rows.sort_by_key(|(i, _)| i.address);
            for (instruction, count) in rows {
                if count.executed == 0 {
                    continue;
                }
                write!(
                    out,
                    "{:x} {} {}",
                    instruction.address, count.executed, count.taken
                )?;
                match self.flash {
                    Some(_) => writeln!(out, " {} {} {}", count.fetch, count.weights, count.data)?,
                    None => writeln!(out)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program at 0: `call 100; exit`, where 100 calls 200 twice (watched) in a loop.
    #[test]
    fn contexts_calls_and_taken_branches_are_told_apart() {
        let settings = Settings::parse(
            ["out=x", "root=100", "watch=200", "stack=1000-2000"]
                .into_iter()
                .map(str::to_owned),
        )
        .unwrap();
        let mut p = Profiler::new(settings);
        let call = p.instruction(0, true, 4);
        let after = p.instruction(4, false, 2);
        let body = p.instruction(0x100, true, 4);
        let branch = p.instruction(0x104, false, 2);
        let ret = p.instruction(0x106, false, 2);
        let leaf = p.instruction(0x200, false, 2);
        p.touch(0x1001, 4, true);
        for i in [call, body, leaf] {
            assert!(p.execute(i));
        }
        p.touch(0x1500, 4, true);
        p.touch(0x500, 4, true);
        for i in [branch, body, leaf, branch, ret, after] {
            assert!(p.execute(i));
        }
        let mut text = Vec::new();
        p.write(&mut text).unwrap();
        let expected = "mote-profile 2\nexecuted 9\nstack 1500\nroot 100 1 7\n\
            context 0 0 100 0\n100 2 2\n104 2 1\n106 1 1\n\
            context 1 0 200 1\n200 1 1\ncontext 2 0 200 2\n200 1 1\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn first_calls_are_forgotten_but_for_the_stack() {
        let arguments = ["out=x", "root=100+1", "stack=1000-2000"];
        let settings = Settings::parse(arguments.into_iter().map(str::to_owned)).unwrap();
        let mut p = Profiler::new(settings);
        let call = p.instruction(0, true, 4);
        let again = p.instruction(4, true, 4);
        let after = p.instruction(8, false, 2);
        let body = p.instruction(0x100, false, 2);
        let ret = p.instruction(0x102, false, 2);
        for i in [call, body, body, body] {
            assert!(p.execute(i));
        }
        p.touch(0x1500, 4, true);
        for i in [ret, again, body, ret, after] {
            assert!(p.execute(i));
        }
        let mut text = Vec::new();
        p.write(&mut text).unwrap();
        let expected = "mote-profile 2\nexecuted 9\nstack 1500\nroot 100 1 2\n\
            context 0 0 100 0\n100 1 0\n102 1 1\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn the_limit_stops() {
        let settings = Settings {
            limit: 2,
            ..Settings::default()
        };
        let mut p = Profiler::new(settings);
        let i = p.instruction(0, false, 2);
        assert!(p.execute(i));
        assert!(!p.execute(i));
    }

    /// A layer of one instruction at 200, which reads two words of the model and one of another constant.
    #[test]
    fn waits_and_weights_belong_to_the_layer() {
        let arguments = [
            "out=x",
            "root=100",
            "watch=200",
            "flash=0-10000",
            "wait=5",
            "icache=32:32:32:8",
            "dcache=8:8:32:8",
            "model=4000-4100",
        ];
        let settings = Settings::parse(arguments.into_iter().map(str::to_owned)).unwrap();
        let mut p = Profiler::new(settings);
        let call = p.instruction(0, true, 4);
        let after = p.instruction(4, false, 2);
        let body = p.instruction(0x100, true, 4);
        let ret = p.instruction(0x104, false, 2);
        let leaf = p.instruction(0x200, false, 2);
        for i in [call, body, leaf] {
            assert!(p.execute(i));
        }
        // The two words of one part wait once, and storing never.
        p.touch(0x4000, 4, false);
        p.touch(0x4004, 4, false);
        p.touch(0x5000, 4, false);
        p.touch(0x4010, 4, true);
        for i in [ret, after] {
            assert!(p.execute(i));
        }
        let mut text = Vec::new();
        p.write(&mut text).unwrap();
        let expected = "mote-profile 2\nexecuted 5\nstack 0\nroot 100 1 3\n\
            context 0 0 100 0\n100 1 1 5 0 0\n104 1 1 0 0 0\n\
            context 1 0 200 1\nweights 8\n200 1 1 5 5 5\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
