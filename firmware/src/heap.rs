//! The heap: all RAM behind the statics, which is no static itself and so is not counted as one.

use embedded_alloc::LlffHeap;

unsafe extern "C" {
    /// The address behind the statics, from the linker.
    static __sheap: u8;
    /// The address behind RAM.
    static _ram_end: u8;
}

/// Where the heap begins.
pub fn first_address() -> usize {
    &raw const __sheap as usize
}

/// Gives the RAM to `heap`. To be called once, before anything allocates; it panics the second time.
pub fn start(heap: &LlffHeap) {
    let first = first_address();
    let len = &raw const _ram_end as usize - first;
    // SAFETY: this RAM is nobody's: the statics end before it, and the stack lies at the other end of RAM.
    unsafe { heap.init(first, len) }
}
