use core::fmt;

/// What can be wrong with a model or a call.
///
/// A plain number on the device; the texts are linked only by whoever prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The model does not start at a multiple of four bytes.
    Misaligned,
    /// The data is not in Mote's model format.
    NotAModel,
    /// The model has a format version this engine does not know.
    Version,
    /// The model is shorter or longer than it says.
    Length,
    /// The model's checksum is wrong.
    Checksum,
    /// A tensor, operator or parameter of the model points outside of it.
    Corrupt,
    /// An operator of the model is not in the registry.
    UnsupportedOp,
    /// The arena is smaller than the model needs.
    ArenaTooSmall,
    /// A slice does not have the length of the tensor.
    BufferLength,
    /// The model has no front end: it takes its input tensor, not sensor counts.
    NoFrontend,
    /// The tensor has the other element type.
    ElementType,
    /// The storage of the weights cannot be read, or ends too early.
    Storage,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Misaligned => "the model must start at an address divisible by four",
            Error::NotAModel => "this is not a Mote model: the first four bytes are not `MOTE`",
            Error::Version => {
                "the model has another format version: write it again with this version of Mote"
            }
            Error::Length => {
                "the model is truncated or has trailing data: its length field does not match"
            }
            Error::Checksum => "the model is damaged: its CRC-32 does not match",
            Error::Corrupt => {
                "the model is malformed: an index, offset or shape points outside of it"
            }
            Error::UnsupportedOp => {
                "an operator of the model is not in the registry given to the interpreter"
            }
            Error::ArenaTooSmall => "the arena is smaller than the model's arena length",
            Error::BufferLength => "a buffer does not have the length of its tensor",
            Error::NoFrontend => "the model has no front end: fill its input tensor instead",
            Error::ElementType => "the tensor has another element type: int8 and f32 were mixed up",
            Error::Storage => {
                "the storage of the weights does not answer or is truncated: check the driver and what was written to it"
            }
        })
    }
}

impl core::error::Error for Error {}
