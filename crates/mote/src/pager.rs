//! Weights in pages: brought from a [`Storage`] into a window in RAM before the kernel that needs them runs.

use crate::{Error, Storage, crc32};

/// Some words in a storage: the parameters of a layer, or of some of its output channels.
///
/// Place and checksum are known to the code, not read from the storage: a page that was damaged, lies elsewhere or
/// belongs to another network is never taken for the one that was asked for.
///
/// ```
/// use mote::{Error, Page};
///
/// let mut storage: &[u32] = &[10, 20, 30, 40];
/// let page = Page::of(&storage[1..3], 1);
/// let mut window = [0; 4];
/// assert_eq!(page.load(&mut storage, &mut window), Ok(&[20, 30][..]));
///
/// let mut damaged: &[u32] = &[10, 20, 31, 40];
/// assert_eq!(page.load(&mut damaged, &mut window), Err(Error::Checksum));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// First word in the storage.
    pub offset: u32,
    /// Words.
    pub words: u32,
    /// [`crc32`] of the words.
    pub crc: u32,
}

impl Page {
    /// The page of `words` that lie from word `offset` on.
    pub fn of(words: &[u32], offset: u32) -> Self {
        Self {
            offset,
            words: words.len() as u32,
            crc: crc32(words),
        }
    }

    /// Reads the page into the beginning of `window`, and checks it.
    ///
    /// # Errors
    /// [`Error::BufferLength`] when the window is shorter than the page, [`Error::Checksum`] when the words are not
    /// the page's, and what the storage returns.
    #[inline(never)] // one for all layers
    pub fn load<'w>(
        &self,
        storage: &mut impl Storage,
        window: &'w mut [u32],
    ) -> Result<&'w [u32], Error> {
        let words = window
            .get_mut(..self.words as usize)
            .ok_or(Error::BufferLength)?;
        storage.read(self.offset as usize, words)?;
        if crc32(words) == self.crc {
            Ok(words)
        } else {
            Err(Error::Checksum)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Words to tell apart.
    fn contents() -> Vec<u32> {
        (0..24u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect()
    }

    fn load(page: Page, mut storage: &[u32], window: usize) -> Result<Vec<u32>, Error> {
        let mut window = std::vec![0; window];
        page.load(&mut storage, &mut window).map(<[u32]>::to_vec)
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let words = contents();
        let page = Page::of(&words[4..20], 4);
        for bit in 4 * 32..20 * 32 {
            let mut damaged = words.clone();
            damaged[bit / 32] ^= 1 << (bit % 32);
            assert_eq!(load(page, &damaged, 16), Err(Error::Checksum), "bit {bit}");
        }
        assert_eq!(load(page, &words, 16).unwrap(), words[4..20]);
    }

    #[test]
    fn a_storage_cut_short_is_an_error_wherever_it_ends() {
        let words = contents();
        let page = Page::of(&words[4..20], 4);
        for len in 0..20 {
            assert_eq!(load(page, &words[..len], 16), Err(Error::Storage), "{len}");
        }
    }

    #[test]
    fn another_page_is_not_taken_for_this() {
        let words = contents();
        let mut page = Page::of(&words[4..8], 4);
        page.offset = 8;
        assert_eq!(load(page, &words, 4), Err(Error::Checksum));
        page.offset = u32::MAX;
        assert_eq!(load(page, &words, 4), Err(Error::Storage));
    }

    #[test]
    fn a_window_too_small_is_an_error_and_a_failing_driver_is_passed_on() {
        struct Broken;
        impl Storage for Broken {
            fn read(&mut self, _: usize, _: &mut [u32]) -> Result<(), Error> {
                Err(Error::Storage)
            }
        }
        let page = Page::of(&contents(), 0);
        assert_eq!(load(page, &contents(), 23), Err(Error::BufferLength));
        assert_eq!(page.load(&mut Broken, &mut [0; 24]), Err(Error::Storage));
    }
}
