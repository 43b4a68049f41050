//! Memory that the core cannot address: where weights lie that are not in the image.

use crate::Error;

/// Where a [`Page`](crate::Page) is read from: a slice (memory-mapped flash, or a test), a driver of a SPI NOR
/// flash, a file on the host.
///
/// ```
/// use mote::{Error, Storage};
///
/// /// A chip behind a driver that may fail.
/// struct Chip<B>(B);
///
/// impl<B: FnMut(usize) -> Option<u32>> Storage for Chip<B> {
///     fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error> {
///         for (i, word) in words.iter_mut().enumerate() {
///             *word = (self.0)(4 * (offset + i)).ok_or(Error::Storage)?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Storage {
    /// Fills `words` with the little-endian words that lie from word `offset` on.
    ///
    /// # Errors
    /// [`Error::Storage`] when it cannot be read, or ends before. What is in `words` then is of no meaning.
    fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error>;

    /// As [`read`](Storage::read), and does `work`, once, until `words` are there.
    ///
    /// A driver that has a DMA controller starts the transfer, works, and waits for the end; it returns no earlier, not
    /// even when the work fails, because from then on `words` are the caller's again. One that has none does one after
    /// the other, which is what this does unless it is written anew.
    ///
    /// ```
    /// use mote::{Error, Storage};
    ///
    /// /// Words that another thread brings.
    /// struct Far(Vec<u32>);
    ///
    /// impl Storage for Far {
    ///     fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error> {
    ///         (&self.0[..]).read(offset, words)
    ///     }
    ///
    ///     fn read_during(
    ///         &mut self,
    ///         offset: usize,
    ///         words: &mut [u32],
    ///         work: &mut dyn FnMut() -> Result<(), Error>,
    ///     ) -> Result<(), Error> {
    ///         std::thread::scope(|scope| {
    ///             let reader = scope.spawn(|| self.read(offset, words));
    ///             let worked = work();
    ///             reader.join().map_err(|_| Error::Storage)?.and(worked)
    ///         })
    ///     }
    /// }
    ///
    /// let (mut words, mut sum) = ([0; 2], 0);
    /// Far(vec![1, 2, 3]).read_during(1, &mut words, &mut || { sum += 4; Ok(()) })?;
    /// assert_eq!((words, sum), ([2, 3], 4));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read`](Storage::read), and what `work` returns.
    fn read_during(
        &mut self,
        offset: usize,
        words: &mut [u32],
        work: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<(), Error> {
        work()?;
        self.read(offset, words)
    }
}

impl Storage for &[u32] {
    fn read(&mut self, offset: usize, words: &mut [u32]) -> Result<(), Error> {
        let from = self.get(offset..).ok_or(Error::Storage)?;
        let from = from.get(..words.len()).ok_or(Error::Storage)?;
        for (word, &from) in words.iter_mut().zip(from) {
            *word = from;
        }
        Ok(())
    }
}
