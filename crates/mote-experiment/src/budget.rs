//! What a model may take on a board, as a gate for CI.

use mote_device::figures::DeviceFigures;
use serde::Serialize;

/// Limits; what has none may not take more than the board has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of code and model.
    pub flash: Option<u64>,
    /// Bytes of statics, stack and heap.
    pub ram: Option<u64>,
    /// Bytes of the deepest stack.
    pub stack: Option<u64>,
    /// Cycles of the longest decision.
    pub cycles: Option<u64>,
}

/// A limit, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What is limited.
    pub what: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What was measured; `None` when that is not known.
    pub found: Option<u64>,
    /// The most it may be.
    pub limit: u64,
}

impl Line {
    /// Returns by how much the limit is exceeded: 0 when it is kept, `None` when nothing was measured.
    pub fn over(&self) -> Option<u64> {
        Some(self.found?.saturating_sub(self.limit))
    }

    /// Returns whether the limit is kept for certain.
    pub fn is_kept(&self) -> bool {
        self.over() == Some(0)
    }
}

impl Budget {
    /// Sets `figures` beside the limits.
    pub fn check(&self, figures: &DeviceFigures) -> Vec<Line> {
        let cycles = figures.cycles_worst.max(figures.cycles);
        let lines = [
            (
                "flash",
                "B",
                figures.flash(),
                self.flash.or(figures.flash_limit),
            ),
            ("ram", "B", figures.ram(), self.ram.or(figures.ram_limit)),
            ("stack", "B", figures.ram_stack, self.stack),
            ("cycles", "cycles", cycles, self.cycles),
        ];
        let line = |(what, unit, found, limit): (_, _, _, Option<u64>)| {
            Some(Line {
                what,
                unit,
                found,
                limit: limit?,
            })
        };
        lines.into_iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> DeviceFigures {
        DeviceFigures {
            flash_code: Some(6000),
            flash_model: Some(3000),
            flash_limit: Some(1 << 20),
            ram_static: Some(700),
            ram_stack: Some(340),
            ram_limit: Some(1 << 15),
            ..DeviceFigures::default()
        }
    }

    #[test]
    fn a_limit_is_exceeded_by_what_is_above_it() {
        let budget = Budget {
            flash: Some(9000),
            ram: Some(1000),
            stack: Some(340),
            cycles: None,
        };
        let lines = budget.check(&figures());
        let over: Vec<_> = lines.iter().map(|l| (l.what, l.over())).collect();
        assert_eq!(
            over,
            [("flash", Some(0)), ("ram", Some(40)), ("stack", Some(0))]
        );
    }

    #[test]
    fn the_board_is_the_limit_by_default_and_what_is_not_known_keeps_none() {
        let lines = Budget::default().check(&figures());
        assert!(lines.iter().all(Line::is_kept) && lines.len() == 2);
        let budget = Budget {
            cycles: Some(100),
            ..Budget::default()
        };
        let lines = budget.check(&figures());
        assert!(!lines[2].is_kept() && lines[2].over().is_none());
    }
}
