//! Networks with a name.

use super::{Block, Cnn, Nonlinearity, Padding};

impl Default for Cnn {
    /// Returns the preset `cnn`: at most 11 k parameters with 3 channels in and 6 classes out.
    fn default() -> Self {
        Self {
            blocks: vec![
                Block::plain(24, 9, 2),
                Block::separable(48, 7, 2),
                Block::separable(64, 5, 2),
                Block::separable(64, 5, 1),
            ],
            nonlinearity: Nonlinearity::Relu,
            padding: Padding::Same,
        }
    }
}

impl Cnn {
    /// Returns the default network for streams: without padding, and with strides that leave enough of 3 s at 20 Hz.
    pub fn cnn_valid() -> Self {
        Self {
            blocks: vec![
                Block::plain(24, 9, 2),
                Block::separable(48, 5, 2),
                Block::separable(64, 5, 1),
                Block::separable(64, 3, 1),
            ],
            padding: Padding::Valid,
            ..Self::default()
        }
    }

    /// Returns reference network A, by which speed of training and of devices is judged: 280 k multiply-accumulates
    /// on windows of 100x3.
    pub fn network_a() -> Self {
        Self {
            blocks: vec![
                Block::plain(16, 5, 1),
                Block::plain(32, 5, 2),
                Block::plain(32, 5, 2),
            ],
            ..Self::default()
        }
    }

    /// Returns reference network B, the smallest of the reference networks: 20 k multiply-accumulates on windows of
    /// 100x3, without padding.
    pub fn network_b() -> Self {
        Self {
            blocks: vec![Block::plain(8, 5, 2), Block::plain(16, 5, 2)],
            padding: Padding::Valid,
            ..Self::default()
        }
    }

    /// Names of the presets.
    pub const PRESETS: [&'static str; 5] = [
        "cnn",
        "cnn-valid",
        "network-a",
        "network-a-valid",
        "network-b",
    ];

    /// Returns the preset `name`, one of [`Cnn::PRESETS`].
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "cnn" => Some(Self::default()),
            "cnn-valid" => Some(Self::cnn_valid()),
            "network-a" => Some(Self::network_a()),
            "network-a-valid" => Some(Self {
                padding: Padding::Valid,
                ..Self::network_a()
            }),
            "network-b" => Some(Self::network_b()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn presets_have_the_size_they_are_known_for() {
        let input = Shape::new(100, 3);
        for name in Cnn::PRESETS {
            let cnn = Cnn::preset(name).unwrap();
            cnn.validate(Shape::new(60, 3)).unwrap();
        }
        assert!(Cnn::default().parameters(input, 6).unwrap() <= 11_000);
        let macs = |cnn: Cnn| (cnn.macs(input, 6).unwrap() + 500) / 1000;
        assert_eq!((macs(Cnn::network_a()), macs(Cnn::network_b())), (280, 20));
        assert_eq!(Cnn::preset("cnn-invalid"), None);
    }
}
