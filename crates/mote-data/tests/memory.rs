//! Reading streams: what is held is windows and one recording, not the data set.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use mote_data::{SynthSpec, WindowSpec, load, task, write_synthetic};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Counts bytes in use. A block that grows counts once, not as old and new together: large blocks are moved
/// by remapping their pages, which needs no second copy.
struct Counting {
    used: AtomicUsize,
    peak: AtomicUsize,
}

impl Counting {
    fn add(&self, bytes: usize) {
        self.peak
            .fetch_max(self.used.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    }
}

// SAFETY: everything is handed on to the system's allocator; only sizes are noted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.used.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`, and `block` came from `System`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.used.fetch_sub(layout.size(), Relaxed);
        self.add(size);
        // SAFETY: the caller keeps the contract of `realloc`, and `block` came from `System`.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static MEMORY: Counting = Counting {
    used: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
};

/// A parsed sample: a timestamp and three values.
const SAMPLE_BYTES: usize = 8 + 3 * 4;

#[test]
fn peak_memory_stays_below_twice_the_parsed_samples() {
    let folder = tempfile::tempdir().unwrap();
    let spec = SynthSpec {
        users: 36,
        seconds: 120.0,
        ..SynthSpec::default()
    };
    write_synthetic(&spec, folder.path()).unwrap();
    let task = task("wisdm-v1.1/6").unwrap();
    let before = MEMORY.used.load(Relaxed);
    MEMORY.peak.store(before, Relaxed);
    let loaded = load(&task, Some(folder.path()), &WindowSpec::default()).unwrap();
    let peak = MEMORY.peak.load(Relaxed) - before;
    let samples = 36 * 6 * 120 * 20;
    assert_eq!(loaded.ingest.accepted, samples as u64);
    let share = peak as f64 / (samples * SAMPLE_BYTES) as f64;
    assert!(
        share < 2.0,
        "peak of {peak} bytes is {share:.2} times the parsed samples"
    );
}
