//! One candidate: everything that a trial depends on beside data and board.

mod text;

use mote_model::cnn::{Cnn, Padding, blocks_text};
use mote_techniques::{
    Arena, Contrastive, Filter, Flatten, Head, Int8, Lazy, Paged, Pca, PcaHead, PruneChannels, Qat,
    StaticPruning, Step, Streaming,
};
use serde::{Deserialize, Serialize};

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
    /// Factor of the filter's weight, in thousandths; written as a number. 0 is 1.
    pub speed_milli: u32,
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
            steps.push(Step::from(Filter {
                dwell: given(self.dwell_ms),
                weight: given(self.weight_milli),
                speed: given(self.speed_milli),
                confidence: false,
            }));
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

#[cfg(test)]
mod tests {
    use super::*;

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
