//! One block of convolutions, and its short form.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One convolution block: convolution, batch norm, clamp. A separable block is a depthwise convolution with
/// batch norm, then a pointwise convolution with batch norm and clamp.
///
/// Its short form is `c24k9s2` (plain) or `d48k5` (separable): channels, taps, stride, and `r2` behind them for a
/// dilation (rate) of 2. A stride or dilation of 1 is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Output channels.
    pub channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Input steps between two output steps.
    #[serde(default = "one")]
    pub stride: usize,
    /// Depthwise and pointwise instead of plain.
    #[serde(default)]
    pub separable: bool,
    /// Input steps between two taps.
    #[serde(default = "one")]
    pub dilation: usize,
}

fn one() -> usize {
    1
}

impl Block {
    /// Builds a plain block.
    pub const fn plain(channels: usize, kernel: usize, stride: usize) -> Self {
        Self {
            channels,
            kernel,
            stride,
            separable: false,
            dilation: 1,
        }
    }

    /// Builds a depthwise-separable block.
    pub const fn separable(channels: usize, kernel: usize, stride: usize) -> Self {
        Self {
            separable: true,
            ..Self::plain(channels, kernel, stride)
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.separable { 'd' } else { 'c' };
        write!(f, "{kind}{}k{}", self.channels, self.kernel)?;
        if self.stride != 1 {
            write!(f, "s{}", self.stride)?;
        }
        if self.dilation != 1 {
            write!(f, "r{}", self.dilation)?;
        }
        Ok(())
    }
}

impl FromStr for Block {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| Error::Block {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<Block> {
    let (separable, rest) = match (text.strip_prefix('c'), text.strip_prefix('d')) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        _ => return None,
    };
    let (channels, rest) = rest.split_once('k')?;
    let (rest, dilation) = rest.split_once('r').unwrap_or((rest, "1"));
    let (kernel, stride) = rest.split_once('s').unwrap_or((rest, "1"));
    let number = |text: &str| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let n = text.parse().ok().filter(|_| digits)?;
        (1..=super::MOST).contains(&n).then_some(n)
    };
    Some(Block {
        channels: number(channels)?,
        kernel: number(kernel)?,
        stride: number(stride)?,
        separable,
        dilation: number(dilation)?,
    })
}

/// Returns the short form of `blocks`, as in `c24k9s2-d48k7s2`.
pub fn blocks_text(blocks: &[Block]) -> String {
    let blocks: Vec<String> = blocks.iter().map(Block::to_string).collect();
    blocks.join("-")
}

/// Reads the short form of blocks, as in `c24k9s2-d48k7s2`.
///
/// # Errors
/// [`Error::Block`] naming the first part that is no block.
pub fn parse_blocks(text: &str) -> Result<Vec<Block>, Error> {
    text.split('-').map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_channels_taps_stride_and_dilation() {
        let dilated = Block {
            dilation: 4,
            ..Block::plain(8, 3, 2)
        };
        for (text, block) in [
            ("c24k9s2", Block::plain(24, 9, 2)),
            ("d48k5", Block::separable(48, 5, 1)),
            ("c8k3s2r4", dilated),
        ] {
            assert_eq!(text.parse::<Block>().unwrap(), block);
            assert_eq!(block.to_string(), text);
        }
        assert_eq!(
            parse_blocks("c8k3-d16k5s2").unwrap(),
            [Block::plain(8, 3, 1), Block::separable(16, 5, 2)]
        );
    }

    #[test]
    fn what_is_no_block_is_named() {
        for bad in [
            "", "8k3", "c8", "c8k", "c0k3", "c8k+3", "c8k3s", "c8k9999", "c8k3r0", "c8r2k3",
        ] {
            let message = bad.parse::<Block>().unwrap_err().to_string();
            assert!(message.contains(&format!("`{bad}`")), "{message}");
        }
        assert!(parse_blocks("c8k3--c8k3").is_err());
    }
}
