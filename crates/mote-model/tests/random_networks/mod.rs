//! Random networks without padding, as streams may have them.

use mote_model::op::SOFTMAX_QUANT;
use mote_model::{
    Activation, Conv1d, Dense, Graph, LeakyRelu, Op, Pool, PoolKind, Quant, Shape, Weights,
};

/// A small generator, so that one seed makes a whole network.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn real(&mut self) -> f32 {
        (self.next() as f32 / (1u64 << 30) as f32) - 1.0
    }

    pub fn weights(&mut self, int8: bool, outputs: usize, per_output: usize) -> Weights {
        let count = outputs * per_output;
        if int8 {
            Weights::I8 {
                weights: (0..count).map(|_| (self.next() as i8).max(-127)).collect(),
                bits: 8,
                scales: (0..outputs)
                    .map(|_| 0.001 + 0.01 * self.real().abs())
                    .collect(),
                bias: (0..outputs).map(|_| (self.real() * 500.0) as i32).collect(),
            }
        } else {
            Weights::F32 {
                weights: (0..count).map(|_| self.real()).collect(),
                bias: (0..outputs).map(|_| self.real()).collect(),
            }
        }
    }

    fn activation(&mut self) -> Activation {
        [Activation::None, Activation::Relu, Activation::Relu6][self.below(3)]
    }

    fn kind(&mut self) -> PoolKind {
        if self.one_in(2) {
            PoolKind::Max
        } else {
            PoolKind::Average
        }
    }

    pub fn quant(&mut self, int8: bool) -> Option<Quant> {
        int8.then(|| Quant {
            scale: 0.02 + 0.05 * self.real().abs(),
            zero_point: self.next() as i8,
        })
    }

    /// Appends `op` with a grid of its own, or that of its input.
    pub fn push(&mut self, graph: &mut Graph, op: Op, int8: bool, same: bool) {
        let input = graph.output;
        let name = format!("layer_{}", graph.nodes.len());
        let output = graph.push(name, op).unwrap();
        graph.tensors[output].quant = if same {
            graph.tensors[input].quant
        } else {
            self.quant(int8)
        };
    }

    /// A network without padding, of convolutions, pools, dense layers per step, clamps and residual sums.
    pub fn network(&mut self, int8: bool, layers: usize) -> Graph {
        let shape = Shape::new(30 + self.below(40), 1 + self.below(3));
        let mut graph = Graph::new("random", shape);
        graph.tensors[0].quant = self.quant(int8);
        for _ in 0..layers {
            let Shape { time, channels } = graph.tensors[graph.output].shape;
            match self.below(8) {
                0 => {
                    let kernel = 1 + self.below(4.min(time));
                    let pool = Pool {
                        kind: self.kind(),
                        kernel,
                        stride: 1 + self.below(kernel),
                        padding: [0, 0],
                    };
                    self.push(&mut graph, Op::Pool(pool), int8, true);
                }
                1 if time > 1 => {
                    let dense = Dense {
                        out_features: 1 + self.below(6),
                        activation: self.activation(),
                        weights: Weights::F32 {
                            weights: vec![],
                            bias: vec![],
                        },
                    };
                    let weights = self.weights(int8, dense.out_features, channels);
                    self.push(
                        &mut graph,
                        Op::Dense(Dense { weights, ..dense }),
                        int8,
                        false,
                    );
                }
                2 => {
                    let op = match self.one_in(2) {
                        true => Op::Activation(self.activation()),
                        false => Op::LeakyRelu(LeakyRelu { alpha: 0.3 }),
                    };
                    self.push(&mut graph, op, int8, false);
                }
                3 => {
                    // A point-wise convolution, added to its input.
                    let from = graph.output;
                    self.convolution(&mut graph, int8, [1, 1, 1], channels);
                    let op = Op::Add(self.activation());
                    self.push(&mut graph, op, int8, false);
                    graph.nodes.last_mut().unwrap().inputs.push(from);
                }
                _ => {
                    let dilation = if self.one_in(3) { 2 } else { 1 };
                    let kernel = 1 + self.below(5.min((time - 1) / dilation + 1));
                    let span = (kernel - 1) * dilation + 1;
                    let stride = 1 + self.below(span.min(3));
                    let outputs = if self.one_in(3) {
                        channels
                    } else {
                        1 + self.below(6)
                    };
                    self.convolution(&mut graph, int8, [kernel, stride, dilation], outputs);
                }
            }
        }
        let time = graph.tensors[graph.output].shape.time;
        if self.one_in(2) {
            // One step is left, and there is a decision about every step of a stream.
            let outputs = 1 + self.below(6);
            self.convolution(&mut graph, int8, [time, 1, 1], outputs);
        }
        let time = graph.tensors[graph.output].shape.time;
        if time > 1 || self.one_in(2) {
            let pool = Pool {
                kind: self.kind(),
                kernel: time,
                stride: 1,
                padding: [0, 0],
            };
            self.push(&mut graph, Op::Pool(pool), int8, true);
        }
        let channels = graph.tensors[graph.output].shape.channels;
        let dense = Dense {
            out_features: 3,
            activation: Activation::None,
            weights: self.weights(int8, 3, channels),
        };
        self.push(&mut graph, Op::Dense(dense), int8, false);
        if self.one_in(3) {
            self.push(&mut graph, Op::Softmax, int8, false);
            let output = graph.output;
            graph.tensors[output].quant = int8.then_some(SOFTMAX_QUANT);
        }
        graph
    }

    pub fn convolution(
        &mut self,
        graph: &mut Graph,
        int8: bool,
        [kernel, stride, dilation]: [usize; 3],
        outputs: usize,
    ) {
        let channels = graph.tensors[graph.output].shape.channels;
        let groups = if outputs == channels && self.one_in(2) {
            channels
        } else {
            1
        };
        let conv = Conv1d {
            out_channels: outputs,
            kernel,
            stride,
            dilation,
            padding: [0, 0],
            groups,
            activation: self.activation(),
            weights: self.weights(int8, outputs, kernel * channels / groups),
        };
        self.push(graph, Op::Conv1d(conv), int8, false);
    }
}
