//! The image whose bytes count: start-up, engine, model, a sensor to read and a result to write.
#![no_std]
#![no_main]

use core::cell::UnsafeCell;
use mote_firmware::{Elem, Out, Pipeline, mote_infer, mote_init, pipeline};

/// A word that hardware would own: each access happens, in order.
struct Register<T>(UnsafeCell<T>);

// SAFETY: one core, and no interrupt touches it.
unsafe impl<T> Sync for Register<T> {}

impl<T: Copy> Register<T> {
    fn read(&self) -> T {
        // SAFETY: valid and aligned, being a static.
        unsafe { self.0.get().read_volatile() }
    }

    fn write(&self, value: T) {
        // SAFETY: as for `read`.
        unsafe { self.0.get().write_volatile(value) }
    }
}

#[cfg(feature = "heap")]
#[global_allocator]
static HEAP: embedded_alloc::LlffHeap = embedded_alloc::LlffHeap::empty();

/// Stands for the accelerometer's data register.
static SENSOR: Register<Elem> = Register(UnsafeCell::new(0 as Elem));

/// Stands for wherever the application wants its answer.
static RESULT: Register<Out> = Register(UnsafeCell::new(0 as Out));

mote_firmware::entry! {
    static mut PIPELINE: Pipeline = pipeline();
    {
        #[cfg(feature = "heap")]
        mote_firmware::heap::start(&HEAP);
        if mote_init(PIPELINE).is_ok() {
            loop {
                for sample in PIPELINE.input() {
                    *sample = SENSOR.read();
                }
                if mote_infer(PIPELINE) == Ok(true) {
                    for &value in PIPELINE.output() {
                        RESULT.write(value);
                    }
                }
            }
        }
        // A damaged model: a real application would say so here.
        loop {
            core::hint::spin_loop();
        }
    }
}
