//! Which bytes of the model each layer reads: what a copy of them to RAM would take.

use std::collections::BTreeMap;

/// Bytes that are told apart.
const WORD: u32 = 4;

/// The words of the model read so far, by layer.
#[derive(Debug, Default)]
pub struct Weights {
    /// Where the model lies, by address.
    ranges: Vec<(u32, u32)>,
    /// A bit per word from the lowest address of the model on, by layer.
    read: BTreeMap<usize, Vec<u64>>,
}

impl Weights {
    /// Returns the weights in `ranges` of addresses, none of which has been read.
    pub fn new(ranges: &[(u32, u32)]) -> Self {
        let mut ranges = ranges.to_vec();
        ranges.sort_unstable();
        Self {
            ranges,
            read: BTreeMap::new(),
        }
    }

    /// Notes that `layer` reads `size` bytes at `address`. Returns whether they belong to the model.
    pub fn read(&mut self, layer: usize, address: u32, size: u32) -> bool {
        let before = self.ranges.partition_point(|r| r.0 <= address);
        let range = before.checked_sub(1).and_then(|n| self.ranges.get(n));
        if range.is_none_or(|r| address >= r.1) {
            return false;
        }
        let low = self.ranges.first().map_or(0, |r| r.0) & !(WORD - 1);
        let words = self.read.entry(layer).or_default();
        for word in (address - low) / WORD..=(address - low + size.max(1) - 1) / WORD {
            let (slot, bit) = ((word / 64) as usize, word % 64);
            if words.len() <= slot {
                words.resize(slot + 1, 0);
            }
            if let Some(slot) = words.get_mut(slot) {
                *slot |= 1 << bit;
            }
        }
        true
    }

    /// Returns the bytes that `layer` has read, whole words; `None` when it read nothing.
    pub fn bytes(&self, layer: usize) -> Option<u64> {
        let words = self.read.get(&layer)?;
        let count: u32 = words.iter().map(|w| w.count_ones()).sum();
        Some(u64::from(count * WORD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_once_per_layer() {
        let mut weights = Weights::new(&[(0x200, 0x300), (0x100, 0x180)]);
        for address in [0x100, 0x101, 0x104, 0x100, 0x2fc] {
            assert!(weights.read(1, address, 1));
        }
        assert!(weights.read(2, 0x100, 8));
        assert_eq!(weights.bytes(1), Some(12));
        assert_eq!(weights.bytes(2), Some(8));
        assert_eq!(weights.bytes(3), None);
    }

    #[test]
    fn what_lies_between_is_not_the_model() {
        let mut weights = Weights::new(&[(0x100, 0x180), (0x200, 0x300)]);
        for address in [0, 0xff, 0x180, 0x1ff, 0x300] {
            assert!(!weights.read(1, address, 4));
        }
        assert_eq!(weights.bytes(1), None);
    }
}
