//! The source of a pipeline, and what a firmware has to know to build and measure it.
//!
//! Code generation returns a [`PipelineSource`], and the builder of firmware takes one: what both have to agree on is
//! here.

use std::fmt;

/// A pipeline as source code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineSource {
    /// The content of `pipeline.rs`.
    pub text: String,
    /// What the firmware has to supply.
    pub features: Vec<FirmwareFeature>,
    /// The layers, in the order they run.
    pub layers: Vec<LayerFunction>,
    /// What a run reads.
    pub input: PipelinePort,
    /// What a decision writes.
    pub output: PipelinePort,
}

impl PipelineSource {
    /// Returns whether the firmware has to supply `feature`.
    pub fn needs(&self, feature: FirmwareFeature) -> bool {
        self.features.contains(&feature)
    }
}

/// Something that only some pipelines need of the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirmwareFeature {
    /// A global allocator, and the engine's boxed layers.
    Heap,
    /// A storage for weights that are paged.
    External,
    /// The engine microflow, to compare with.
    Microflow,
}

impl FirmwareFeature {
    /// Returns the name of the cargo feature.
    pub const fn name(self) -> &'static str {
        match self {
            FirmwareFeature::Heap => "heap",
            FirmwareFeature::External => "external",
            FirmwareFeature::Microflow => "microflow",
        }
    }
}

/// A layer, and the function that runs it, by which a profile tells it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFunction {
    /// The layer's name in the network.
    pub layer: String,
    /// Name of the function, without its path. When several layers have the same, its n-th call of a run is the n-th
    /// layer.
    pub function: String,
}

/// Values that go in or out of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelinePort {
    /// Their type.
    pub elem: PortType,
    /// Their number.
    pub len: usize,
}

impl PipelinePort {
    /// Returns the bytes of all values.
    pub const fn bytes(self) -> usize {
        self.len * self.elem.bytes()
    }
}

/// The type of values at a [`PipelinePort`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortType {
    /// Quantized values.
    I8,
    /// Counts of the sensor.
    I16,
    /// Real values.
    F32,
}

impl PortType {
    /// Returns the bytes of one value.
    pub const fn bytes(self) -> usize {
        match self {
            PortType::I8 => 1,
            PortType::I16 => 2,
            PortType::F32 => 4,
        }
    }
}

impl fmt::Display for PortType {
    /// Writes the name of the type in Rust.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PortType::I8 => "i8",
            PortType::I16 => "i16",
            PortType::F32 => "f32",
        })
    }
}
