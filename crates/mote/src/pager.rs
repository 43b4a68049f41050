//! Weights in pages: brought from a [`Storage`] into a window in RAM before the kernel that needs them runs, or into a
//! half of it while the kernel before runs.

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
        let words = self.part_of(window)?;
        storage.read(self.offset as usize, words)?;
        self.check(words)
    }

    /// The words of a window that the page takes.
    fn part_of<'w>(&self, window: &'w mut [u32]) -> Result<&'w mut [u32], Error> {
        window
            .get_mut(..self.words as usize)
            .ok_or(Error::BufferLength)
    }

    /// `words`, when they are those of the page.
    fn check<'w>(&self, words: &'w [u32]) -> Result<&'w [u32], Error> {
        if crc32(words) == self.crc {
            Ok(words)
        } else {
            Err(Error::Checksum)
        }
    }
}

/// A window of two halves: while a page in one is computed with, the next comes into the other, as far as the storage
/// [can do that](Storage::read_during). Each half holds pages of up to `WORDS` words.
///
/// ```
/// use mote::{Halves, Page};
///
/// let mut storage: &[u32] = &[10, 20, 30, 40];
/// let pages = [Page::of(&storage[..2], 0), Page::of(&storage[2..], 2)];
/// let (mut halves, mut sums) = (Halves::<2>::new(), vec![]);
/// halves.run(&mut storage, &pages, None, &mut |words| {
///     sums.push(words[0] + words[1]);
///     Ok(())
/// })?;
/// assert_eq!(sums, [30, 70]);
/// # Ok::<(), mote::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Halves<const WORDS: usize> {
    halves: [[u32; WORDS]; 2],
    /// Whether the next page to compute with is in the second half.
    second: bool,
    /// That page, when it is there, and checked.
    held: Option<Page>,
}

impl<const WORDS: usize> Halves<WORDS> {
    /// An empty window.
    pub const fn new() -> Self {
        Self {
            halves: [[0; WORDS]; 2],
            second: false,
            held: None,
        }
    }

    /// Does `work` with each of `pages`, in their order, and meanwhile brings the one behind it: behind the last of
    /// them, `next`, for the next call.
    ///
    /// # Errors
    /// As [`Page::load`], of `next` too, and what `work` returns. No page is held afterwards.
    #[inline(never)] // one for all layers
    pub fn run(
        &mut self,
        storage: &mut impl Storage,
        pages: &[Page],
        next: Option<&Page>,
        work: &mut dyn FnMut(&[u32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut later = pages.iter();
        while let Some(page) = later.next() {
            let [first, second] = &mut self.halves;
            let (here, there) = match self.second {
                false => (first, second),
                true => (second, first),
            };
            if self.held.take() != Some(*page) {
                page.load(storage, here)?;
            }
            let here = &*page.part_of(here)?;
            let Some(next) = later.as_slice().first().or(next) else {
                return work(here);
            };
            let there = next.part_of(there)?;
            storage.read_during(next.offset as usize, there, &mut || work(here))?;
            next.check(there)?;
            self.second = !self.second;
            self.held = Some(*next);
        }
        Ok(())
    }
}

impl<const WORDS: usize> Default for Halves<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::RefCell;
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

    /// A storage that overlaps, and what it was asked for.
    struct Recorder<'a> {
        words: &'a [u32],
        log: &'a RefCell<Vec<(&'static str, u32)>>,
    }

    impl Storage for Recorder<'_> {
        fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error> {
            self.log.borrow_mut().push(("read", offset as u32));
            self.words.read(offset, words)
        }

        fn read_during(
            &mut self,
            offset: usize,
            words: &mut [u32],
            work: &mut dyn FnMut() -> Result<(), Error>,
        ) -> Result<(), Error> {
            self.log.borrow_mut().push(("start", offset as u32));
            // What comes lands during the work, and must not be what the work is done with.
            words.fill(0xdead_beef);
            let worked = work();
            self.log.borrow_mut().push(("finish", offset as u32));
            self.words.read(offset, words).and(worked)
        }
    }

    /// Pages of 7, 8 and 9 words.
    fn three(words: &[u32]) -> [Page; 3] {
        [(0, 7), (7, 15), (15, 24)].map(|(from, to)| Page::of(&words[from..to], from as u32))
    }

    #[test]
    fn the_next_page_comes_while_one_is_computed_with() {
        let (words, log) = (contents(), RefCell::new(Vec::new()));
        let mut storage = Recorder {
            words: &words,
            log: &log,
        };
        let [a, b, c] = three(&words);
        let (mut halves, mut seen) = (Halves::<9>::new(), Vec::new());
        let mut work = |page: &[u32]| {
            log.borrow_mut().push(("work", page.len() as u32));
            seen.extend_from_slice(page);
            Ok(())
        };
        halves
            .run(&mut storage, &[a, b], Some(&c), &mut work)
            .unwrap();
        halves.run(&mut storage, &[c], None, &mut work).unwrap();
        // Nothing is kept for a run whose first page is another.
        halves.run(&mut storage, &[b], None, &mut work).unwrap();
        assert_eq!(seen, [&words[..], &words[7..15]].concat());
        let expected = [
            ("read", 0),
            ("start", 7),
            ("work", 7),
            ("finish", 7),
            ("start", 15),
            ("work", 8),
            ("finish", 15),
            ("work", 9),
            ("read", 7),
            ("work", 8),
        ];
        assert_eq!(*log.borrow(), expected);
    }

    #[test]
    fn what_fails_in_one_half_is_an_error_and_leaves_nothing_in_the_other() {
        let words = contents();
        let [a, b, c] = three(&words);
        for overlapping in [true, false] {
            for damaged in 0..words.len() {
                let mut wrong = words.clone();
                wrong[damaged] ^= 1;
                let log = RefCell::new(Vec::new());
                let mut recorder = Recorder {
                    words: &wrong,
                    log: &log,
                };
                let mut halves = Halves::<9>::new();
                let mut work = |page: &[u32]| {
                    let from = words.iter().position(|w| *w == page[0]).unwrap();
                    assert_eq!(page, &words[from..from + page.len()]);
                    Ok(())
                };
                let result = match overlapping {
                    true => halves.run(&mut recorder, &[a, b, c], None, &mut work),
                    false => halves.run(&mut &wrong[..], &[a, b, c], None, &mut work),
                };
                assert_eq!(result, Err(Error::Checksum), "{damaged}");
                let mut again = Vec::new();
                let mut work = |page: &[u32]| {
                    again.extend_from_slice(page);
                    Ok(())
                };
                let all = [a, b, c];
                halves.run(&mut &words[..], &all, None, &mut work).unwrap();
                assert_eq!(again, words);
            }
        }
    }

    #[test]
    fn work_that_fails_ends_the_run() {
        let words = contents();
        let [a, b, c] = three(&words);
        let mut halves = Halves::<9>::new();
        let mut left = 1;
        let mut work = |_: &[u32]| {
            left -= 1;
            if left < 0 {
                Err(Error::Corrupt)
            } else {
                Ok(())
            }
        };
        let result = halves.run(&mut &words[..], &[a, b, c], None, &mut work);
        assert_eq!((result, left), (Err(Error::Corrupt), -1));
        let mut halves = Halves::<8>::new();
        let result = halves.run(&mut &words[..], &[a, b, c], None, &mut |_| Ok(()));
        assert_eq!(result, Err(Error::BufferLength));
    }
}
