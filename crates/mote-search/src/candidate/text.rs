//! The text of a candidate: written, and read with errors that say what is wrong.

use super::{Candidate, Train};
use crate::error::Error;
use mote_model::cnn::{Cnn, Nonlinearity, Padding, parse_blocks};
use std::fmt;
use std::str::FromStr;

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
        let filter = [
            ("dwell", self.dwell_ms),
            ("weight", self.weight_milli),
            ("speed", self.speed_milli),
        ];
        for (name, milli) in filter {
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
        speed_milli: 0,
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
            "speed" => candidate.speed_milli = thousandths(name, value)?,
            "exit" => candidate.lazy = one_of(name, value, ["none", "lazy"])?,
            "page" => candidate.page = number(name, value, 0..=1 << 20)?,
            _ => {
                return Err(format!(
                    "`{name}` is not known; there are: window, hop, pad, net, train, epochs, contrastive, pca, prune, \
                     qat, bits, run, dwell, weight, speed, exit, page"
                ));
            }
        }
    }
    if candidate.cnn.blocks.is_empty() {
        return Err("net= is missing".to_owned());
    }
    match candidate.train {
        Train::Windows
            if candidate
                .dwell_ms
                .max(candidate.weight_milli)
                .max(candidate.speed_milli)
                > 0 =>
        {
            return Err(
                "dwell=, weight= and speed= are of the filter of a network trained on streams"
                    .to_owned(),
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
                        speed_milli: if train == Train::Windows {
                            0
                        } else {
                            hop_ms % 5
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
}
