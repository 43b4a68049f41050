//! Flash that answers late: the caches in front of it, the prefetch of instructions, and the cycles the core waits.
//!
//! A read of something that no cache holds waits for the wait states of the flash. Everything else takes no time on top
//! of the instruction. Caches keep the least recently used line as the next to go. What is simulated is the order of
//! accesses, not the pipeline: a wait is never hidden behind an instruction of several cycles.

/// Size and shape of a cache. All numbers are powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Lines in all.
    pub lines: u32,
    /// Lines of a set; as many as `lines` where every line can hold every address.
    pub ways: u32,
    /// Bytes of a line.
    pub line_bytes: u32,
    /// Bytes that a miss brings, a line or a part of it.
    pub fill_bytes: u32,
}

impl Geometry {
    /// Reads `LINES:WAYS:LINE_BYTES:FILL_BYTES`; `None` when the numbers describe no cache.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u32> = text
            .split(':')
            .map(|n| n.parse().ok())
            .collect::<Option<_>>()?;
        let [lines, ways, line_bytes, fill_bytes] = numbers.try_into().ok()?;
        let geometry = Self {
            lines,
            ways,
            line_bytes,
            fill_bytes,
        };
        let all = [lines, ways, line_bytes, fill_bytes];
        let parts = line_bytes.checked_div(fill_bytes)?;
        (all.iter().all(|n| n.is_power_of_two()) && ways <= lines && (1..=32).contains(&parts))
            .then_some(geometry)
    }
}

/// A line: what it holds of which address.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    /// Number of the line in memory: address over line size.
    tag: u32,
    /// Bit `i` says that part `i` of the line is there; 0 for an empty line.
    parts: u32,
}

/// A cache without its contents.
#[derive(Debug, Clone)]
pub struct Cache {
    geometry: Geometry,
    /// The sets one after the other, in each the most recently used line first.
    lines: Vec<Line>,
}

impl Cache {
    /// Returns an empty cache.
    pub fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            lines: vec![Line::default(); geometry.lines as usize],
        }
    }

    /// Returns the set and the line's tag and part for `address`.
    fn locate(&self, address: u32) -> (usize, u32, u32) {
        let Geometry {
            lines,
            ways,
            line_bytes,
            fill_bytes,
        } = self.geometry;
        // Shifts and masks, not divisions: this runs for every part that is fetched.
        let tag = address >> line_bytes.trailing_zeros();
        let sets = lines >> ways.trailing_zeros();
        let part = (address & (line_bytes - 1)) >> fill_bytes.trailing_zeros();
        (((tag & (sets - 1)) * ways) as usize, tag, 1 << part)
    }

    /// Returns whether the cache holds `address`, without touching it.
    pub fn holds(&self, address: u32) -> bool {
        let (set, tag, part) = self.locate(address);
        let ways = self.geometry.ways as usize;
        let lines = self.lines.get(set..set + ways).unwrap_or(&[]);
        lines.iter().any(|l| l.tag == tag && l.parts & part != 0)
    }

    /// Reads `address`, which the cache holds afterwards. Returns whether it did before.
    pub fn read(&mut self, address: u32) -> bool {
        let (set, tag, part) = self.locate(address);
        let ways = self.geometry.ways as usize;
        let Some(lines) = self.lines.get_mut(set..set + ways) else {
            return false;
        };
        let known = lines.iter().position(|l| l.tag == tag && l.parts != 0);
        let used = known.unwrap_or(ways - 1);
        if let Some(lines) = lines.get_mut(..=used) {
            lines.rotate_right(1);
        }
        let Some(first) = lines.first_mut() else {
            return false;
        };
        if known.is_none() {
            *first = Line { tag, parts: 0 };
        }
        let hit = first.parts & part != 0;
        first.parts |= part;
        hit
    }
}

/// The flash of a chip as the core sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlashSettings {
    /// Lowest address of the flash and the address above the highest.
    pub range: (u32, u32),
    /// Cycles that the core waits for what no cache holds.
    pub wait: u64,
    /// The cache of instructions.
    pub instructions: Option<Geometry>,
    /// The cache of data.
    pub data: Option<Geometry>,
    /// The one cache of both.
    pub shared: Option<Geometry>,
    /// Whether the part behind the one being fetched is read ahead.
    pub prefetch: bool,
}

/// Bytes fetched at once where no cache says otherwise: the width of the core's bus.
const BUS_BYTES: u32 = 4;

/// The flash while a program runs.
#[derive(Debug, Clone)]
pub struct Flash {
    settings: FlashSettings,
    instructions: Option<Cache>,
    data: Option<Cache>,
    shared: Option<Cache>,
    /// Bytes that one fetch from flash brings.
    fetch_bytes: u32,
    /// The part that the core fetches from, as address over `fetch_bytes`.
    current: Option<u32>,
    /// The part that is being read ahead, and when it has arrived.
    ahead: Option<(u32, u64)>,
    /// Instructions and waits until now: the clock of the prefetch.
    now: u64,
}

impl Flash {
    /// Returns the flash with empty caches.
    pub fn new(settings: FlashSettings) -> Self {
        let fetching = settings.instructions.or(settings.shared);
        Self {
            instructions: settings.instructions.map(Cache::new),
            data: settings.data.map(Cache::new),
            shared: settings.shared.map(Cache::new),
            fetch_bytes: fetching.map_or(BUS_BYTES, |g| g.fill_bytes),
            current: None,
            ahead: None,
            now: 0,
            settings,
        }
    }

    /// Returns whether `address` lies in the flash.
    pub fn contains(&self, address: u32) -> bool {
        (self.settings.range.0..self.settings.range.1).contains(&address)
    }

    /// Fetches the instruction of `size` bytes at `address`. Returns the cycles the core waits for it.
    pub fn fetch(&mut self, address: u32, size: u32) -> u64 {
        self.now += 1;
        let shift = self.fetch_bytes.trailing_zeros();
        let first = address >> shift;
        let last = address.saturating_add(size.max(1) - 1) >> shift;
        if self.current == Some(last) && first == last {
            return 0;
        }
        if !self.contains(address) {
            self.current = None;
            return 0;
        }
        let mut waited = 0;
        for part in first..=last {
            if self.current != Some(part) {
                waited += self.fetch_part(part);
                self.current = Some(part);
            }
        }
        waited
    }

    fn fetch_part(&mut self, part: u32) -> u64 {
        let bytes = self.fetch_bytes;
        let address = part * bytes;
        let cache = self.instructions.as_mut().or(self.shared.as_mut());
        let hit = cache.is_some_and(|c| c.read(address));
        let waited = match self.ahead {
            _ if hit => 0,
            Some((ahead, there)) if ahead == part => {
                there.saturating_sub(self.now).min(self.settings.wait)
            }
            _ => self.settings.wait,
        };
        self.now += waited;
        if self.settings.prefetch {
            let next = part + 1;
            let cache = self.instructions.as_ref().or(self.shared.as_ref());
            let known = cache.is_some_and(|c| c.holds(next * bytes));
            if !known && self.ahead.is_none_or(|(ahead, _)| ahead != next) {
                self.ahead = Some((next, self.now + self.settings.wait + 1));
            }
        }
        waited
    }

    /// Reads `size` bytes of data at `address`. Returns the cycles the core waits for them.
    pub fn read(&mut self, address: u32, size: u32) -> u64 {
        if !self.contains(address) {
            return 0;
        }
        let cache = self.data.as_mut().or(self.shared.as_mut());
        let misses = match cache {
            Some(cache) => {
                let bytes = cache.geometry.fill_bytes;
                let end = address.saturating_add(size.max(1) - 1);
                let parts = address / bytes..=end / bytes;
                parts.filter(|part| !cache.read(part * bytes)).count() as u64
            }
            // Each word of the bus waits.
            None => u64::from(size.div_ceil(BUS_BYTES).max(1)),
        };
        let waited = misses * self.settings.wait;
        self.now += waited;
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(text: &str) -> Geometry {
        Geometry::parse(text).unwrap()
    }

    /// The L4+'s kind: misses bring 8 of the 32 bytes of a line, and wait for 5 cycles.
    fn l4() -> FlashSettings {
        FlashSettings {
            range: (0, 0x10_0000),
            wait: 5,
            instructions: Some(geometry("32:32:32:8")),
            data: Some(geometry("8:8:32:8")),
            ..FlashSettings::default()
        }
    }

    fn misses(cache: &mut Cache, addresses: impl Iterator<Item = u32>) -> usize {
        addresses.filter(|a| !cache.read(*a)).count()
    }

    #[test]
    fn each_part_of_a_line_is_missed_once() {
        let mut cache = Cache::new(geometry("8:8:32:8"));
        // 256 bytes, read a byte at a time, are 32 parts of 8; all 8 lines hold them.
        assert_eq!(misses(&mut cache, 0..256), 32);
        assert_eq!(misses(&mut cache, 0..256), 0);
    }

    #[test]
    fn a_loop_of_one_line_more_than_there_are_never_hits() {
        let mut cache = Cache::new(geometry("8:8:32:32"));
        for _ in 0..3 {
            assert_eq!(misses(&mut cache, (0..9).map(|i| 32 * i)), 9);
        }
        // Of those, the last 8 are there.
        assert_eq!(misses(&mut cache, (1..9).map(|i| 32 * i)), 0);
    }

    #[test]
    fn the_least_recently_used_line_goes() {
        let mut cache = Cache::new(geometry("2:2:16:16"));
        let [a, b, c] = [0, 16, 32];
        assert_eq!(misses(&mut cache, [a, b, a, c].into_iter()), 3);
        // `b` was used before `a`, so it went.
        assert!(cache.holds(a) && cache.holds(c) && !cache.holds(b));
    }

    #[test]
    fn a_line_that_comes_back_is_empty_but_for_what_was_asked() {
        let mut cache = Cache::new(geometry("1:1:32:8"));
        assert_eq!(misses(&mut cache, [0, 8, 32, 0, 8].into_iter()), 5);
        assert_eq!(misses(&mut cache, [0, 8].into_iter()), 0);
    }

    #[test]
    fn lines_of_one_set_displace_each_other_and_no_others() {
        // Two ways of two sets of 16 bytes: lines 0, 2 and 4 share a set, 1 is in the other.
        let mut cache = Cache::new(geometry("4:2:16:16"));
        let line = |n: u32| 16 * n;
        assert_eq!(misses(&mut cache, [0, 1, 2, 4].map(line).into_iter()), 4);
        assert!(cache.holds(line(1)) && !cache.holds(line(0)));
    }

    #[test]
    fn weights_read_once_wait_five_cycles_for_eight_bytes() {
        let mut flash = Flash::new(l4());
        let words = |flash: &mut Flash| -> u64 { (0..256).map(|i| flash.read(4 * i, 4)).sum() };
        // 1,024 bytes are 128 parts: five cycles each, and none are kept for the second time.
        assert_eq!(words(&mut flash), 128 * 5);
        assert_eq!(words(&mut flash), 128 * 5);
        // 256 bytes are kept.
        let mut kept = Flash::new(l4());
        let few = |flash: &mut Flash| -> u64 { (0..64).map(|i| flash.read(4 * i, 4)).sum() };
        assert_eq!((few(&mut kept), few(&mut kept)), (32 * 5, 0));
        // RAM never waits.
        assert_eq!(kept.read(0x2000_0000, 4), 0);
    }

    #[test]
    fn data_do_not_displace_instructions_unless_they_share_the_cache() {
        let run = |settings: FlashSettings| {
            let mut flash = Flash::new(settings);
            let first = flash.fetch(0, 4);
            let data: u64 = (1..=64).map(|i| flash.read(0x8000 + 32 * i, 4)).sum();
            flash.fetch(0x2000_0000, 4);
            (first, data, flash.fetch(0, 4))
        };
        assert_eq!(run(l4()), (5, 64 * 5, 0));
        let shared = FlashSettings {
            instructions: None,
            data: None,
            shared: Some(geometry("32:32:32:8")),
            ..l4()
        };
        assert_eq!(run(shared), (5, 64 * 5, 5));
    }

    #[test]
    fn a_loop_of_code_waits_in_its_first_round_only() {
        let mut flash = Flash::new(l4());
        let round = |flash: &mut Flash, bytes: u32| -> u64 {
            (0..bytes / 2).map(|i| flash.fetch(2 * i, 2)).sum()
        };
        // 1,024 bytes are 128 parts of 32 lines.
        assert_eq!(round(&mut flash, 1024), 128 * 5);
        assert_eq!(round(&mut flash, 1024), 0);
        // One line more than there are: every part is missed, and again.
        let mut flash = Flash::new(l4());
        for _ in 0..2 {
            assert_eq!(round(&mut flash, 1056), 132 * 5);
        }
    }

    #[test]
    fn an_instruction_over_a_border_needs_both_parts() {
        let mut flash = Flash::new(l4());
        assert_eq!(flash.fetch(6, 4), 10);
        assert_eq!(flash.fetch(10, 2), 0);
    }

    #[test]
    fn prefetch_hides_as_many_cycles_as_instructions_run_meanwhile() {
        // Parts of 16 bytes hold 8 short instructions: more than the 5 + 1 cycles the next part takes.
        let settings = FlashSettings {
            instructions: Some(geometry("64:64:16:16")),
            prefetch: true,
            ..l4()
        };
        let mut flash = Flash::new(settings.clone());
        let straight: u64 = (0..32).map(|i| flash.fetch(2 * i, 2)).sum();
        assert_eq!(straight, 5);
        // Four long instructions a part hide 4 of the 6 cycles.
        let mut flash = Flash::new(settings);
        let long: u64 = (0..16).map(|i| flash.fetch(4 * i, 4)).sum();
        assert_eq!(long, 5 + 3 * 2);
    }

    #[test]
    fn without_a_cache_every_word_waits() {
        let settings = FlashSettings { data: None, ..l4() };
        let mut flash = Flash::new(settings);
        assert_eq!((flash.read(0, 1), flash.read(0, 4)), (5, 5));
        assert_eq!(flash.read(0, 8), 10);
    }

    #[test]
    fn what_describes_no_cache_is_refused() {
        for text in [
            "",
            "8:8:32",
            "8:16:32:8",
            "8:8:32:0",
            "6:6:32:8",
            "8:8:8:32",
            "8:8:1024:8",
            "8:8:32:8:1",
        ] {
            assert_eq!(Geometry::parse(text), None, "{text}");
        }
    }
}
