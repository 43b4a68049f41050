//! One candidate: everything that a trial depends on beside data and board.

use crate::error::Error;
use mote_model::cnn::{Cnn, Nonlinearity, Padding, blocks_text, parse_blocks};
use mote_techniques::{
    Arena, Contrastive, Filter, Flatten, Head, Int8, Lazy, Paged, Pca, PcaHead, PruneChannels, Qat,
    StaticPruning, Step, Streaming,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A candidate, written as one word that needs no quotes in a shell:
/// `window=5,hop=1,pad=valid,net=c24k9s2-d48k5s2-d64k5,epochs=25,qat=5,run=stream`. Parts that are off are left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Candidate {
    /// Window length in milliseconds; written in seconds. 0 when the network is trained on streams: its window is then
    /// what one decision reads.
    pub window_ms: u32,
    /// Time between two decisions on the device, in milliseconds; written in seconds.
    pub hop_ms: u32,
    /// The network. Its clamp is ReLU; the text has no other.
    pub cnn: Cnn,
    /// How the network is trained: on windows, or on spliced streams with one of their losses.
    pub train: Train,
    /// Passes over the training windows, or over the signal.
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
    /// Whether samples are consumed as they arrive.
    pub stream: bool,
    /// Average time of one activity that the filter over decisions counts with, in milliseconds; written in seconds. 0 is
    /// what was learnt with the network, or the filter's own choice.
    pub dwell_ms: u32,
    /// Weight of scores in the filter, in thousandths; written as a number. 0 is as for `dwell_ms`.
    pub weight_milli: u32,
    /// Whether an early exit decides easy windows, and nothing is loaded before it is needed.
    pub lazy: bool,
    /// Bytes of RAM through which weights are paged from an external storage; 0 is none.
    pub page: usize,
}

/// What a candidate is trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Train {
    /// Windows of one activity each.
    #[default]
    Windows,
    /// Streams; a filter over the decisions is learnt with the network.
    Stream,
    /// Streams; decisions are pooled in training, and a filter with fixed settings follows.
    PooledStream,
}

impl Candidate {
    /// Returns the part of the text that describes the network. Candidates that have it in common differ in training
    /// and in what comes after it.
    pub fn network(&self) -> String {
        let padding = match self.cnn.padding {
            Padding::Same => "same",
            Padding::Valid => "valid",
        };
        format!("pad={padding},net={}", blocks_text(&self.cnn.blocks))
    }

    /// Returns the window length in seconds at `rate_hz`: for a network trained on streams, the time that one decision
    /// reads.
    pub fn window_s(&self, rate_hz: f64) -> f64 {
        match self.window_ms {
            0 => self.cnn.receptive_field() as f64 / rate_hz,
            ms => f64::from(ms) / 1e3,
        }
    }

    /// Returns the time between two decisions in seconds.
    pub fn hop_s(&self) -> f64 {
        f64::from(self.hop_ms) / 1e3
    }

    /// Returns the samples between two decisions at `rate_hz`. A stream decides when a step of its network ends: the
    /// multiple of the network's stride that is nearest to the time asked for, and at least one.
    pub fn hop_samples(&self, rate_hz: f64) -> usize {
        let samples = self.hop_s() * rate_hz;
        if !self.stream {
            return samples.round() as usize;
        }
        let stride = self.cnn.total_stride().max(1);
        let steps = (samples / stride as f64).round() as usize;
        steps.max(1) * stride
    }

    /// Returns the techniques of the pipeline, in order, at `rate_hz`. `epochs` is how long the network itself is trained;
    /// trials of fewer epochs pretrain and fine-tune for fewer in proportion.
    pub fn techniques(&self, rate_hz: f64, epochs: usize) -> Vec<Step> {
        let share = epochs as f64 / self.epochs.max(1) as f64;
        let shorter = |full: usize| ((full as f64 * share).ceil() as usize).clamp(1, full.max(1));
        let mut steps: Vec<Step> = Vec::new();
        if self.contrastive > 0 {
            steps.push(Step::from(Contrastive {
                epochs: shorter(self.contrastive),
                head: Head::FineTune,
                ..Contrastive::default()
            }));
        }
        if self.pca > 0 {
            steps.push(Step::from(Pca {
                components: Some(self.pca),
                head: PcaHead::Mlp,
                ..Pca::default()
            }));
        }
        if self.prune > 0 {
            steps.push(Step::from(PruneChannels {
                share: f64::from(self.prune) / 100.0,
                epochs: shorter(20),
                ..PruneChannels::default()
            }));
        }
        if self.qat > 0 || self.bits < 8 {
            steps.push(Step::from(Qat {
                bits: self.bits,
                epochs: shorter(self.qat.max(1)),
                ..Qat::default()
            }));
        }
        steps.push(Step::from(Int8 {
            bits: self.bits,
            ..Int8::default()
        }));
        steps.push(StaticPruning {}.into());
        steps.push(Arena {}.into());
        steps.push(Flatten {}.into());
        if self.stream {
            steps.push(Step::from(Streaming {
                hop: Some(self.hop_samples(rate_hz)),
                tick: None,
            }));
        }
        if self.train != Train::Windows {
            let given = |milli: u32| (milli > 0).then(|| f64::from(milli) / 1e3);
            let (dwell, weight) = (given(self.dwell_ms), given(self.weight_milli));
            steps.push(
                Filter {
                    dwell,
                    weight,
                    confidence: false,
                }
                .into(),
            );
        }
        if self.page > 0 {
            steps.push(Paged { window: self.page }.into());
        }
        if self.lazy {
            steps.push(Lazy::default().into());
        }
        steps
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.window_ms > 0 {
            write!(f, "window={},", f64::from(self.window_ms) / 1e3)?;
        }
        write!(f, "hop={},{},", self.hop_s(), self.network())?;
        f.write_str(match self.train {
            Train::Windows => "",
            Train::Stream => "train=stream,",
            Train::PooledStream => "train=pooled-stream,",
        })?;
        write!(f, "epochs={}", self.epochs)?;
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
        for (name, milli) in [("dwell", self.dwell_ms), ("weight", self.weight_milli)] {
            if milli > 0 {
                write!(f, ",{name}={}", f64::from(milli) / 1e3)?;
            }
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

impl FromStr for Candidate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|what| Error::Candidate {
            text: text.to_owned(),
            what,
        })
    }
}

fn parse(text: &str) -> Result<Candidate, String> {
    let mut candidate = Candidate {
        window_ms: 0,
        hop_ms: 1000,
        cnn: Cnn {
            blocks: Vec::new(),
            nonlinearity: Nonlinearity::Relu,
            padding: Padding::Valid,
        },
        train: Train::Windows,
        epochs: 25,
        contrastive: 0,
        pca: 0,
        prune: 0,
        qat: 0,
        bits: 8,
        stream: false,
        dwell_ms: 0,
        weight_milli: 0,
        lazy: false,
        page: 0,
    };
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` has no `=`"))?;
        match name {
            "window" => candidate.window_ms = milliseconds(name, value)?,
            "hop" => candidate.hop_ms = milliseconds(name, value)?,
            "pad" => {
                candidate.cnn.padding = match one_of(name, value, ["valid", "same"])? {
                    true => Padding::Same,
                    false => Padding::Valid,
                }
            }
            "net" => candidate.cnn.blocks = parse_blocks(value).map_err(|e| e.to_string())?,
            "train" => {
                candidate.train = match value {
                    "windows" => Train::Windows,
                    "stream" => Train::Stream,
                    "pooled-stream" => Train::PooledStream,
                    _ => {
                        return Err(format!(
                            "train={value} is none of windows, stream, pooled-stream"
                        ));
                    }
                }
            }
            "epochs" => candidate.epochs = number(name, value, 1..=10_000)?,
            "contrastive" => candidate.contrastive = number(name, value, 0..=10_000)?,
            "pca" => candidate.pca = number(name, value, 0..=4096)?,
            "prune" => candidate.prune = number(name, value, 0..=95)? as u8,
            "qat" => candidate.qat = number(name, value, 0..=10_000)?,
            "bits" => {
                candidate.bits = if one_of(name, value, ["8", "4"])? {
                    4
                } else {
                    8
                }
            }
            "run" => candidate.stream = one_of(name, value, ["windows", "stream"])?,
            "dwell" => candidate.dwell_ms = milliseconds(name, value)?,
            "weight" => candidate.weight_milli = thousandths(name, value)?,
            "exit" => candidate.lazy = one_of(name, value, ["none", "lazy"])?,
            "page" => candidate.page = number(name, value, 0..=1 << 20)?,
            _ => {
                return Err(format!(
                    "`{name}` is not known; there are: window, hop, pad, net, train, epochs, contrastive, pca, prune, \
                     qat, bits, run, dwell, weight, exit, page"
                ));
            }
        }
    }
    if candidate.cnn.blocks.is_empty() {
        return Err("net= is missing".to_owned());
    }
    match candidate.train {
        Train::Windows if candidate.dwell_ms > 0 || candidate.weight_milli > 0 => {
            return Err(
                "dwell= and weight= are of the filter of a network trained on streams".to_owned(),
            );
        }
        Train::Windows if candidate.window_ms == 0 => return Err("window= is missing".to_owned()),
        Train::Windows => {}
        _ if candidate.cnn.padding != Padding::Valid || candidate.pca > 0 => {
            return Err("train=stream needs convolutions with pad=valid".to_owned());
        }
        _ if candidate.window_ms != 0 => {
            return Err(
                "a network trained on streams decides at every step: leave window= out".to_owned(),
            );
        }
        // What is trained for a stream runs as one.
        _ => candidate.stream = true,
    }
    Ok(candidate)
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

/// Returns whether the second of two words was given.
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

fn thousandths(name: &str, value: &str) -> Result<u32, String> {
    match value.parse::<f64>() {
        Ok(x) if (0.001..=100.0).contains(&x) => Ok((x * 1e3).round() as u32),
        _ => Err(format!("{name}={value} is no number from 0.001 to 100")),
    }
}

impl From<Candidate> for String {
    fn from(candidate: Candidate) -> String {
        candidate.to_string()
    }
}

impl TryFrom<String> for Candidate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_model::cnn::Block;
    use proptest::prelude::*;

    fn networks() -> impl Strategy<Value = Cnn> {
        let block = (1..200usize, 1..20usize, 1..5usize, any::<bool>(), 1..4usize);
        let block = block.prop_map(|(channels, kernel, stride, separable, dilation)| Block {
            channels,
            kernel,
            stride,
            separable,
            dilation,
        });
        let padding = prop_oneof![Just(Padding::Same), Just(Padding::Valid)];
        (prop::collection::vec(block, 1..6), padding).prop_map(|(blocks, padding)| Cnn {
            blocks,
            nonlinearity: Nonlinearity::Relu,
            padding,
        })
    }

    fn candidates() -> impl Strategy<Value = Candidate> {
        let flags = (any::<bool>(), any::<bool>());
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
            networks(),
            flags,
            training,
            compression,
        )
            .prop_map(
                |(window_ms, hop_ms, cnn, (stream, lazy), training, compression)| {
                    let (epochs, contrastive, pca) = training;
                    let of_stream = stream && pca == 0 && cnn.padding == Padding::Valid;
                    let (train, window_ms) = match epochs % 3 {
                        1 if of_stream => (Train::Stream, 0),
                        2 if of_stream => (Train::PooledStream, 0),
                        _ => (Train::Windows, window_ms),
                    };
                    let (prune, qat, bits, page) = compression;
                    Candidate {
                        window_ms,
                        hop_ms,
                        cnn,
                        train,
                        epochs,
                        contrastive,
                        pca,
                        prune,
                        qat,
                        bits,
                        stream,
                        dwell_ms: if train == Train::Windows { 0 } else { hop_ms },
                        weight_milli: if train == Train::Windows {
                            0
                        } else {
                            hop_ms % 7
                        },
                        lazy,
                        page,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn a_spec_is_one_word_and_reads_back(candidate in candidates()) {
            let text = candidate.to_string();
            prop_assert_eq!(shlex::split(&text), Some(vec![text.clone()]));
            let safe = |c: char| c.is_ascii_alphanumeric() || "=,.-".contains(c);
            prop_assert!(text.chars().all(safe), "{}", text);
            prop_assert_eq!(text.parse::<Candidate>().unwrap(), candidate.clone());
            let json = serde_json::to_string(&candidate).unwrap();
            prop_assert_eq!(serde_json::from_str::<Candidate>(&json).unwrap(), candidate);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("window=3", "net= is missing"),
            ("net=c8k3", "window= is missing"),
            ("net=c8k3,train=night", "none of windows, stream"),
            ("window=3,net=c8k3,train=stream", "leave window= out"),
            ("net=c8k3,pad=same,train=stream", "pad=valid"),
            ("window=3,net=c8", "`c8` is no block"),
            ("window=3,net=c8k3,bits=9", "neither 8 nor 4"),
            ("window=3,net=c8k3,run=fast", "neither windows nor stream"),
            ("window=3,net=c8k3,colour=red", "`colour` is not known"),
        ] {
            let message = text.parse::<Candidate>().unwrap_err().to_string();
            assert!(
                message.contains(part) && message.contains(text),
                "{message}"
            );
        }
    }

    #[test]
    fn a_stream_decides_when_a_step_ends_at_any_rate() {
        let hop = |text: &str, rate| text.parse::<Candidate>().unwrap().hop_samples(rate);
        let stream = "hop=0.4,net=c8k7s2-c12k5s2-c16k5s2,train=stream";
        assert_eq!(
            [20.0, 50.0, 100.0, 5.0].map(|rate| hop(stream, rate)),
            [8, 24, 40, 8]
        );
        // Windows may begin at any sample.
        assert_eq!(hop("window=3,hop=0.4,net=c8k7s2-c12k5s2", 50.0), 20);
    }

    #[test]
    fn techniques_come_in_an_order_that_works() {
        let candidate: Candidate =
            "window=5,net=c8k3s2-d16k3,epochs=20,contrastive=30,prune=50,qat=4,run=stream"
                .parse()
                .unwrap();
        let techniques = |epochs| {
            let steps = candidate.techniques(20.0, epochs);
            steps.iter().map(Step::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            techniques(20),
            [
                "contrastive:epochs=30,head=finetune",
                "prune-channels",
                "qat:epochs=4",
                "int8",
                "static-pruning",
                "arena",
                "flatten",
                "stream:hop=20"
            ]
        );
        // A trial of a quarter of the epochs fine-tunes for a quarter, too.
        let short = techniques(5);
        assert_eq!(short[0], "contrastive:epochs=8,head=finetune");
        assert_eq!(short[1], "prune-channels:epochs=5");
        assert_eq!(short[2], "qat:epochs=1");
        // Steps made here pass the same checks as steps written by hand.
        for step in techniques(20) {
            assert_eq!(step.parse::<Step>().unwrap().to_string(), step);
        }
    }
}
