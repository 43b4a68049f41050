//! The image that is measured: the deployed inference, fed with test windows through semihosting.
#![no_std]
#![no_main]

mod architecture;
mod harness;
mod heap;
mod semihosting;

use harness::Harness;
use mote_firmware::{Pipeline, mote_infer, mote_init, pipeline};

// Small on purpose: this function's frame is counted as the caller's share of the stack.
mote_firmware::entry! {
    static mut PIPELINE: Pipeline = pipeline();
    static mut HARNESS: Harness = Harness::new();
    {
        heap::start();
        HARNESS.start();
        HARNESS.prepared(mote_init(PIPELINE));
        while HARNESS.next_window(PIPELINE) {
            HARNESS.finished_window(mote_infer(PIPELINE), PIPELINE);
        }
        harness::exit(harness::Status::Done, HARNESS.windows())
    }
}
