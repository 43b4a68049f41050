//! The storage that paged pipelines get their weights from: a SPI NOR flash, modelled.
//!
//! Its contents are the section `.external` of the image, which stands for another chip and is not counted as flash
//! of this one. A read copies them word by word from where the linker put them, as a driver copies words out of the
//! data register of its SPI controller; the time the chip takes is added from its data sheet, by the host.

use crate::pipeline::external::WEIGHTS;
use core::sync::atomic::{AtomicU32, Ordering};
use mote::{Error, Storage};

/// Reads so far.
static TRANSACTIONS: AtomicU32 = AtomicU32::new(0);
/// Words read so far.
static WORDS: AtomicU32 = AtomicU32::new(0);

/// Reads and bytes since the start. They wrap.
pub fn traffic() -> [u32; 2] {
    let bytes = 4u32.wrapping_mul(WORDS.load(Ordering::Relaxed));
    [TRANSACTIONS.load(Ordering::Relaxed), bytes]
}

/// Not every core adds in one step; nothing interrupts here.
fn add(counter: &AtomicU32, count: u32) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(count);
    counter.store(sum, Ordering::Relaxed);
}

/// The chip. It has no state of its own, so that a pipeline over it begins as zeros and takes no flash.
pub struct Nor;

impl Storage for Nor {
    fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error> {
        let from = transfer(offset, words.len())?;
        for (word, from) in words.iter_mut().zip(from) {
            *word = register(from);
        }
        Ok(())
    }
}

/// The words that are read.
fn transfer(offset: usize, count: usize) -> Result<&'static [u32], Error> {
    let from = WEIGHTS.get(offset..).ok_or(Error::Storage)?;
    let from = from.get(..count).ok_or(Error::Storage)?;
    add(&TRANSACTIONS, 1);
    add(&WORDS, count as u32);
    Ok(from)
}

/// A word as it comes out of the controller.
fn register(from: &u32) -> u32 {
    // SAFETY: a reference is valid and aligned. Volatile, as a read of a register: none is left out.
    unsafe { core::ptr::from_ref(from).read_volatile() }
}
