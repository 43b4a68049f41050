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
