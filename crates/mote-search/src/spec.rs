//! One candidate: everything a trial needs to know beside data and board.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One convolution block, written `c24k9s2` (plain) or `d48k5` (depthwise and pointwise): channels, taps, stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// Depthwise and pointwise instead of plain.
    pub separable: bool,
    /// Output channels.
    pub channels: usize,
    /// Taps.
    pub kernel: usize,
    /// Input steps between two output steps.
    pub stride: usize,
}

/// A candidate. It prints as one word that no shell takes apart, and is read back from it:
/// `window=5,hop=1,pad=valid,net=c24k9s2-d48k5s2-d64k5,epochs=25,qat=5,run=stream`. What is left out is off.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Spec {
    /// Window length in milliseconds; written in seconds.
    pub window_ms: u32,
    /// Time between two decisions on the device, in milliseconds; written in seconds.
    pub hop_ms: u32,
    /// Convolutions read zeros beyond the window's ends; without, the network can run as a stream.
    pub same_padding: bool,
    /// The blocks; global average pool and dense layer follow.
    pub blocks: Vec<Block>,
    /// Passes over the training windows.
    pub epochs: usize,
    /// Epochs of contrastive pretraining; 0 is none.
    pub contrastive: usize,
    /// Principal components in place of the convolutions; 0 is none.
    pub pca: usize,
    /// Percent of multiply-accumulates that structured pruning removes; 0 is none.
    pub prune: u8,
    /// Epochs of quantization-aware training; 0 is none.
    pub qat: usize,
    /// Bits of weights: 8, or 4 in all convolutions but the first and the depthwise ones.
    pub bits: u8,
    /// Samples are consumed as they arrive.
    pub stream: bool,
    /// Easy windows are decided by an early exit, and nothing is loaded before it is needed.
    pub lazy: bool,
    /// Bytes of the window through which weights are paged from a storage outside; 0 is none.
    pub page: usize,
}

impl Spec {
    /// A text that is understood.
    pub const EXAMPLE: &'static str =
        "window=5,hop=1,pad=valid,net=c24k9s2-d48k5s2-d64k5,epochs=25,qat=5,run=stream";

    /// The network's part of the text: candidates that have it in common differ in training and what comes after.
    pub fn network(&self) -> String {
        let blocks: Vec<String> = self.blocks.iter().map(Block::to_string).collect();
        let padding = if self.same_padding { "same" } else { "valid" };
        format!("pad={padding},net={}", blocks.join("-"))
    }

    /// Window length in seconds.
    pub fn window_s(&self) -> f64 {
        f64::from(self.window_ms) / 1e3
    }

    /// Time between two decisions in seconds.
    pub fn hop_s(&self) -> f64 {
        f64::from(self.hop_ms) / 1e3
    }

    /// Samples between two decisions at `rate_hz`.
    pub fn hop_samples(&self, rate_hz: f64) -> usize {
        (self.hop_s() * rate_hz).round() as usize
    }

    /// Input steps per step of the last block.
    pub fn total_stride(&self) -> usize {
        self.blocks.iter().map(|b| b.stride).product()
    }

    /// The techniques of the pipeline, in order, as an experiment file names them; `epochs` is how long the network
    /// itself is trained, and shorter trials fine-tune in proportion.
    pub fn techniques(&self, rate_hz: f64, epochs: usize) -> Vec<String> {
        let share = epochs as f64 / self.epochs.max(1) as f64;
        let shorter = |full: usize| ((full as f64 * share).ceil() as usize).clamp(1, full.max(1));
        let mut all = Vec::new();
        if self.contrastive > 0 {
            let pretraining = shorter(self.contrastive);
            all.push(format!("contrastive:epochs={pretraining},head=finetune"));
        }
        if self.pca > 0 {
            all.push(format!("pca:components={},head=mlp", self.pca));
        }
        if self.prune > 0 {
            all.push(format!(
                "prune-channels:share={},epochs={}",
                f64::from(self.prune) / 100.0,
                shorter(20)
            ));
        }
        if self.qat > 0 || self.bits < 8 {
            let epochs = shorter(self.qat.max(1));
            all.push(format!("qat:bits={},epochs={epochs}", self.bits));
        }
        all.push(match self.bits {
            8.. => "int8".to_owned(),
            bits => format!("int8:bits={bits}"),
        });
        all.extend(["static-pruning", "arena", "flatten"].map(str::to_owned));
        if self.stream {
            all.push(format!("stream:hop={}", self.hop_samples(rate_hz)));
        }
        if self.page > 0 {
            all.push(format!("paged:window={}", self.page));
        }
        if self.lazy {
            all.push("lazy".to_owned());
        }
        all
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.separable { 'd' } else { 'c' };
        write!(f, "{kind}{}k{}", self.channels, self.kernel)?;
        if self.stride > 1 {
            write!(f, "s{}", self.stride)?;
        }
        Ok(())
    }
}

impl FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no block; write channels, taps and stride as in c24k9s2 or d48k5")
        };
        let (separable, rest) = match (text.strip_prefix('c'), text.strip_prefix('d')) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(wrong()),
        };
        let (channels, rest) = rest.split_once('k').ok_or_else(wrong)?;
        let (kernel, stride) = rest.split_once('s').unwrap_or((rest, "1"));
        let number = |text: &str| match text.parse() {
            Ok(n) if (1..=4096).contains(&n) => Ok(n),
            _ => Err(wrong()),
        };
        Ok(Self {
            separable,
            channels: number(channels)?,
            kernel: number(kernel)?,
            stride: number(stride)?,
        })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "window={},hop={},{},epochs={}",
            self.window_s(),
            self.hop_s(),
            self.network(),
            self.epochs
        )?;
        let numbers = [
            ("contrastive", self.contrastive),
            ("pca", self.pca),
            ("prune", usize::from(self.prune)),
            ("qat", self.qat),
        ];
        for (name, value) in numbers.into_iter().filter(|&(_, value)| value > 0) {
            write!(f, ",{name}={value}")?;
        }
        if self.bits != 8 {
            write!(f, ",bits={}", self.bits)?;
        }
        if self.stream {
            f.write_str(",run=stream")?;
        }
        if self.lazy {
            f.write_str(",exit=lazy")?;
        }
        if self.page > 0 {
            write!(f, ",page={}", self.page)?;
        }
        Ok(())
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|what| Error::Spec {
            text: text.to_owned(),
            what,
        })
    }
}

fn parse(text: &str) -> Result<Spec, String> {
    let mut spec = Spec {
        window_ms: 0,
        hop_ms: 1000,
        same_padding: false,
        blocks: Vec::new(),
        epochs: 25,
        contrastive: 0,
        pca: 0,
        prune: 0,
        qat: 0,
        bits: 8,
        stream: false,
        lazy: false,
        page: 0,
    };
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` has no `=`"))?;
        match name {
            "window" => spec.window_ms = milliseconds(name, value)?,
            "hop" => spec.hop_ms = milliseconds(name, value)?,
            "pad" => spec.same_padding = one_of(name, value, ["valid", "same"])?,
            "net" => {
                let blocks: Result<_, String> = value.split('-').map(str::parse).collect();
                spec.blocks = blocks?;
            }
            "epochs" => spec.epochs = number(name, value, 1..=10_000)?,
            "contrastive" => spec.contrastive = number(name, value, 0..=10_000)?,
            "pca" => spec.pca = number(name, value, 0..=4096)?,
            "prune" => spec.prune = number(name, value, 0..=95)? as u8,
            "qat" => spec.qat = number(name, value, 0..=10_000)?,
            "bits" => {
                spec.bits = if one_of(name, value, ["8", "4"])? {
                    4
                } else {
                    8
                }
            }
            "run" => spec.stream = one_of(name, value, ["windows", "stream"])?,
            "exit" => spec.lazy = one_of(name, value, ["none", "lazy"])?,
            "page" => spec.page = number(name, value, 0..=1 << 20)?,
            _ => {
                return Err(format!(
                    "`{name}` is not known; there are: window, hop, pad, net, epochs, contrastive, pca, prune, \
                    , qat, bits, run, exit, page"
                ));
            }
        }
    }
    if spec.window_ms == 0 {
        return Err("window= is missing".to_owned());
    }
    if spec.blocks.is_empty() {
        return Err("net= is missing".to_owned());
    }
    Ok(spec)
}

fn number(
    name: &str,
    value: &str,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, String> {
    match value.parse() {
        Ok(n) if range.contains(&n) => Ok(n),
        _ => Err(format!(
            "{name}={value} is no number from {} to {}",
            range.start(),
            range.end()
        )),
    }
}

/// Whether the second of two words was given.
fn one_of(name: &str, value: &str, [off, on]: [&str; 2]) -> Result<bool, String> {
    match value {
        _ if value == off => Ok(false),
        _ if value == on => Ok(true),
        _ => Err(format!("{name}={value} is neither {off} nor {on}")),
    }
}

fn milliseconds(name: &str, value: &str) -> Result<u32, String> {
    match value.parse::<f64>() {
        Ok(s) if (0.001..=3600.0).contains(&s) => Ok((s * 1e3).round() as u32),
        _ => Err(format!(
            "{name}={value} is no time from 0.001 to 3600 seconds"
        )),
    }
}

impl From<Spec> for String {
    fn from(spec: Spec) -> String {
        spec.to_string()
    }
}

impl TryFrom<String> for Spec {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blocks() -> impl Strategy<Value = Vec<Block>> {
        let block = (any::<bool>(), 1..200usize, 1..20usize, 1..5usize).prop_map(
            |(separable, channels, kernel, stride)| Block {
                separable,
                channels,
                kernel,
                stride,
            },
        );
        prop::collection::vec(block, 1..6)
    }

    fn specs() -> impl Strategy<Value = Spec> {
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        let training = (1..200usize, 0..100usize, 0..60usize);
        let compression = (
            0..96u8,
            0..20usize,
            prop_oneof![Just(4u8), Just(8)],
            0..4096usize,
        );
        (
            1..100_000u32,
            1..10_000u32,
            blocks(),
            flags,
            training,
            compression,
        )
            .prop_map(
                |(
                    window_ms,
                    hop_ms,
                    blocks,
                    (same_padding, stream, lazy),
                    training,
                    compression,
                )| {
                    let (epochs, contrastive, pca) = training;
                    let (prune, qat, bits, page) = compression;
                    Spec {
                        window_ms,
                        hop_ms,
                        same_padding,
                        blocks,
                        epochs,
                        contrastive,
                        pca,
                        prune,
                        qat,
                        bits,
                        stream,
                        lazy,
                        page,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn a_spec_is_one_word_and_reads_back(spec in specs()) {
            let text = spec.to_string();
            prop_assert_eq!(shlex::split(&text), Some(vec![text.clone()]));
            let safe = |c: char| c.is_ascii_alphanumeric() || "=,.-".contains(c);
            prop_assert!(text.chars().all(safe), "{}", text);
            prop_assert_eq!(text.parse::<Spec>().unwrap(), spec.clone());
            let json = serde_json::to_string(&spec).unwrap();
            prop_assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("window=3", "net= is missing"),
            ("net=c8k3", "window= is missing"),
            ("window=3,net=c8", "`c8` is no block"),
            ("window=3,net=c8k3,bits=9", "neither 8 nor 4"),
            ("window=3,net=c8k3,run=fast", "neither windows nor stream"),
            ("window=3,net=c8k3,colour=red", "`colour` is not known"),
        ] {
            let message = text.parse::<Spec>().unwrap_err().to_string();
            assert!(
                message.contains(part) && message.contains(text),
                "{message}"
            );
        }
    }

    #[test]
    fn techniques_come_in_an_order_that_works() {
        let spec: Spec =
            "window=5,net=c8k3s2-d16k3,epochs=20,contrastive=30,prune=50,qat=4,run=stream"
                .parse()
                .unwrap();
        assert_eq!(
            spec.techniques(20.0, 20),
            [
                "contrastive:epochs=30,head=finetune",
                "prune-channels:share=0.5,epochs=20",
                "qat:bits=8,epochs=4",
                "int8",
                "static-pruning",
                "arena",
                "flatten",
                "stream:hop=20"
            ]
        );
        // A trial of a quarter of the epochs fine-tunes for a quarter, too.
        let short = spec.techniques(20.0, 5);
        assert_eq!(short[1], "prune-channels:share=0.5,epochs=5");
        assert_eq!(short[2], "qat:bits=8,epochs=1");
    }
}
