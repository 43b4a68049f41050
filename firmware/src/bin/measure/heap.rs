//! The allocator of the deployed image, watched: how far the heap ever reached, and that it did not suffice.

#[cfg(feature = "heap")]
mod watched {
    use crate::harness::{Status, report};
    use core::alloc::{GlobalAlloc, Layout};
    use core::sync::atomic::{AtomicUsize, Ordering};
    use embedded_alloc::LlffHeap;
    use mote_firmware::heap::first_address;

    struct Watched {
        heap: LlffHeap,
        /// The address behind the highest byte ever handed out.
        end: AtomicUsize,
    }

    #[global_allocator]
    static HEAP: Watched = Watched {
        heap: LlffHeap::empty(),
        end: AtomicUsize::new(0),
    };

    // SAFETY: hands out what the inner allocator does.
    unsafe impl GlobalAlloc for Watched {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: as promised by our caller.
            let block = unsafe { self.heap.alloc(layout) };
            if block.is_null() {
                report(Status::OutOfMemory, 0, layout.size() as u32, 0)
            }
            // The allocator deals in whole words, and in no less than its list of free blocks has room in.
            let taken = layout.size().max(8).next_multiple_of(4);
            let end = block as usize + taken;
            if end > self.end.load(Ordering::Relaxed) {
                self.end.store(end, Ordering::Relaxed);
            }
            block
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: as promised by our caller.
            unsafe { self.heap.dealloc(block, layout) }
        }
    }

    /// Before anything allocates.
    pub fn start() {
        mote_firmware::heap::start(&HEAP.heap);
    }

    /// Bytes of heap the image cannot do without: from its start to behind the highest byte ever handed out.
    pub fn peak() -> u32 {
        HEAP.end
            .load(Ordering::Relaxed)
            .saturating_sub(first_address()) as u32
    }
}

#[cfg(not(feature = "heap"))]
mod watched {
    /// There is no heap.
    pub fn start() {}

    /// There is no heap.
    pub fn peak() -> u32 {
        0
    }
}

pub use watched::{peak, start};
