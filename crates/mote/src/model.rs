//! A view of a model in the [`format`](crate::format): nothing is copied, everything is checked once.

use crate::format::{
    ELEM_F32, ELEM_I8, FRONTEND_WORDS, HEADER_WORDS, MAGIC, NODE_WORDS, TENSOR_WORDS, VERSION,
};
use crate::kernels::conv1d;
use crate::quant::{Output, Rounding};
use crate::{Error, crc32};
use core::cell::Cell;

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elem {
    /// 32-bit float.
    F32,
    /// Quantized to 8 bits.
    I8,
}

/// An activation and its place in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor {
    /// Time steps.
    pub time: usize,
    /// Channels per time step.
    pub channels: usize,
    /// Type of the elements.
    pub elem: Elem,
    /// The integer that stands for zero; 0 when the elements are f32.
    pub zero_point: i8,
    /// First word in the arena.
    pub offset: usize,
}

impl Tensor {
    fn from_words([shape, rest]: [u32; TENSOR_WORDS]) -> Result<Self, Error> {
        let [.., elem, zero_point] = rest.to_le_bytes();
        let elem = match elem {
            ELEM_F32 => Elem::F32,
            ELEM_I8 => Elem::I8,
            _ => return Err(Error::Corrupt),
        };
        let (time, channels) = halves(shape);
        // No more than 2^31 elements, so that lengths in bytes and indices fit 32 bits.
        if time == 0 || channels == 0 || (time as u32).wrapping_mul(channels as u32) >> 31 != 0 {
            return Err(Error::Corrupt);
        }
        Ok(Self {
            time,
            channels,
            elem,
            zero_point: zero_point as i8,
            offset: halves(rest).0,
        })
    }

    /// Counts its elements.
    pub const fn len(&self) -> usize {
        self.time * self.channels
    }

    /// Returns false: a tensor has at least one element.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts the words it takes in the arena.
    pub const fn words(&self) -> usize {
        match self.elem {
            Elem::F32 => self.len(),
            Elem::I8 => self.len().div_ceil(4),
        }
    }

    /// Returns its int8 elements.
    ///
    /// # Errors
    /// When they are f32, or the arena is too small.
    pub fn i8s<'a>(&self, arena: &'a [Cell<i8>]) -> Result<&'a [Cell<i8>], Error> {
        self.elements(Elem::I8, arena, 4 * self.offset)
    }

    /// Returns its f32 elements.
    ///
    /// # Errors
    /// When they are int8, or the arena is too small.
    pub fn f32s<'a>(&self, arena: &'a [Cell<f32>]) -> Result<&'a [Cell<f32>], Error> {
        self.elements(Elem::F32, arena, self.offset)
    }

    fn elements<'a, T>(&self, elem: Elem, arena: &'a [T], first: usize) -> Result<&'a [T], Error> {
        if elem != self.elem {
            return Err(Error::ElementType);
        }
        arena
            .get(first..)
            .and_then(|rest| rest.get(..self.len()))
            .ok_or(Error::ArenaTooSmall)
    }
}

/// Splits a word into its lower and upper half.
pub(crate) const fn halves(word: u32) -> (usize, usize) {
    ((word & 0xffff) as usize, (word >> 16) as usize)
}

/// One step of a model.
#[derive(Debug, Clone, Copy)]
pub struct Node<'m> {
    model: Model<'m>,
    record: &'m [u32; NODE_WORDS],
}

impl<'m> Node<'m> {
    /// Returns the code of the operator; the operators are in [`op`](crate::op).
    pub const fn op(&self) -> u8 {
        self.record[0].to_le_bytes()[0]
    }

    /// Numbers of the tensor read, the other tensor read (the same again where there is none) and the tensor
    /// written.
    pub const fn tensors(&self) -> [u8; 3] {
        let [_, input, second, output] = self.record[0].to_le_bytes();
        [input, second, output]
    }

    /// Returns the tensor read.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none; not after the model was parsed.
    pub fn input(&self) -> Result<Tensor, Error> {
        self.model.tensor(self.record[0].to_le_bytes()[1])
    }

    /// Returns the other tensor read, by operators of two inputs.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none; not after the model was parsed.
    pub fn second_input(&self) -> Result<Tensor, Error> {
        self.model.tensor(self.record[0].to_le_bytes()[2])
    }

    /// Returns the tensor written.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none; not after the model was parsed.
    pub fn output(&self) -> Result<Tensor, Error> {
        self.model.tensor(self.record[0].to_le_bytes()[3])
    }

    /// Returns the kernel's taps.
    pub const fn kernel(&self) -> usize {
        halves(self.record[1]).0
    }

    /// Returns the input steps between two output steps.
    pub const fn stride(&self) -> usize {
        self.record[1].to_le_bytes()[2] as usize
    }

    /// Returns the input steps between two taps.
    pub const fn dilation(&self) -> usize {
        self.record[1].to_le_bytes()[3] as usize
    }

    /// Returns the padding before the input, in steps.
    pub const fn padding(&self) -> usize {
        halves(self.record[2]).0
    }

    /// Returns the output channels of one group.
    pub const fn group_outputs(&self) -> usize {
        halves(self.record[2]).1
    }

    /// Returns the input channels of one group.
    pub const fn group_inputs(&self) -> usize {
        halves(self.record[3]).0
    }

    /// Returns the geometry of a convolution. A dense layer, which has kernel 0, covers the whole input, or each step of it
    /// when it has several output steps.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a tensor is missing; not after the model was parsed.
    pub fn conv_shape(&self) -> Result<conv1d::Shape, Error> {
        let (input, output) = (self.input()?, self.output()?);
        if self.kernel() == 0 {
            return Ok(match output.time {
                1 => conv1d::Shape::dense(input.len(), output.len()),
                _ => conv1d::Shape {
                    in_time: input.time,
                    out_time: output.time,
                    ..conv1d::Shape::dense(input.channels, output.channels)
                },
            });
        }
        Ok(conv1d::Shape {
            in_time: input.time,
            in_channels: input.channels,
            out_time: output.time,
            out_channels: output.channels,
            kernel: self.kernel(),
            stride: self.stride(),
            dilation: self.dilation(),
            padding: self.padding(),
            group_inputs: self.group_inputs(),
            group_outputs: self.group_outputs(),
        })
    }

    /// Returns how a convolution's sums are rounded.
    pub const fn rounding(&self) -> Rounding {
        if self.kernel() == 0 {
            Rounding::Once
        } else {
            Rounding::Twice
        }
    }

    /// Returns the activation code of an f32 operator.
    pub const fn activation(&self) -> i8 {
        self.record[3].to_le_bytes()[2] as i8
    }

    /// Returns grid and clamp of an int8 operator's output, whose zero point is `zero_point`.
    pub const fn grid(&self, zero_point: i8) -> Output {
        let [.., low, high] = self.record[3].to_le_bytes();
        Output {
            zero_point,
            low: low as i8,
            high: high as i8,
        }
    }

    /// Returns the node's parameters, and all that follows them in the model.
    pub fn parameters(&self) -> &'m [u32] {
        self.model
            .words
            .get(self.record[4] as usize..)
            .unwrap_or(&[])
    }

    /// Returns the first `N` words of the parameters.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there are fewer.
    pub fn words<const N: usize>(&self) -> Result<&'m [u32; N], Error> {
        self.parameters().first_chunk().ok_or(Error::Corrupt)
    }
}

/// A checked view of a model.
#[derive(Debug, Clone, Copy)]
pub struct Model<'m> {
    /// The whole model but its checksum.
    words: &'m [u32],
    header: &'m [u32; HEADER_WORDS],
}

impl<'m> Model<'m> {
    /// Checks `words` and takes them as a model.
    ///
    /// # Errors
    /// When they are not a model of this version, or truncated, damaged or malformed.
    pub fn parse(words: &'m [u32]) -> Result<Self, Error> {
        let header = words.first_chunk::<HEADER_WORDS>().ok_or(Error::Length)?;
        let &[magic, len, counts, ..] = header;
        if magic != MAGIC {
            return Err(Error::NotAModel);
        }
        if counts.to_le_bytes()[0] != VERSION {
            return Err(Error::Version);
        }
        if words.len() != len as usize {
            return Err(Error::Length);
        }
        let (&crc, words) = words.split_last().ok_or(Error::Length)?;
        if crc32(words) != crc {
            return Err(Error::Checksum);
        }
        let model = Self { words, header };
        model.check()?;
        Ok(model)
    }

    /// Takes words that [`Model::parse`] accepted before, unchecked.
    pub(crate) fn view(words: &'m [u32]) -> Result<Self, Error> {
        let header = words.first_chunk::<HEADER_WORDS>().ok_or(Error::Length)?;
        let (_crc, words) = words.split_last().ok_or(Error::Length)?;
        Ok(Self { words, header })
    }

    /// [`Model::parse`] of bytes, as read from a file.
    ///
    /// # Errors
    /// As [`Model::parse`], and when the bytes do not start at a multiple of four or are not whole words.
    #[cfg(feature = "interpreter")]
    pub fn from_bytes(bytes: &'m [u8]) -> Result<Self, Error> {
        use bytemuck::PodCastError;
        let words = bytemuck::try_cast_slice(bytes).map_err(|e| match e {
            PodCastError::TargetAlignmentGreaterAndInputNotAligned => Error::Misaligned,
            _ => Error::Length,
        })?;
        Self::parse(words)
    }

    fn check(&self) -> Result<(), Error> {
        for index in 0..self.header[2].to_le_bytes()[1] {
            let tensor = self.tensor(index)?;
            if tensor.offset + tensor.words() > self.arena_words() {
                return Err(Error::Corrupt);
            }
        }
        self.input()?;
        self.output()?;
        for node in self.nodes() {
            node.input()?;
            node.second_input()?;
            node.output()?;
        }
        if self.nodes().len() != usize::from(self.header[2].to_le_bytes()[2]) {
            return Err(Error::Corrupt);
        }
        if self.header[7] != 0 {
            self.frontend().ok_or(Error::Corrupt)?;
        }
        Ok(())
    }

    /// Returns tensor number `index`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none.
    pub fn tensor(&self, index: u8) -> Result<Tensor, Error> {
        if index >= self.header[2].to_le_bytes()[1] {
            return Err(Error::Corrupt);
        }
        let tensors = self.words.get(HEADER_WORDS..).unwrap_or(&[]);
        let words = tensors
            .as_chunks()
            .0
            .get(usize::from(index))
            .ok_or(Error::Corrupt)?;
        Tensor::from_words(*words)
    }

    /// Returns all tensors, in the order of their numbers.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = Result<Tensor, Error>> + use<'m> {
        let model = *self;
        (0..self.header[2].to_le_bytes()[1]).map(move |index| model.tensor(index))
    }

    /// Numbers of the tensor the caller fills and the tensor the caller reads.
    pub const fn ports(&self) -> [u8; 2] {
        let [input, output, ..] = self.header[3].to_le_bytes();
        [input, output]
    }

    /// Returns the nodes, in execution order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'m>> + use<'m> {
        let model = *self;
        let [_, tensors, nodes, _] = self.header[2].to_le_bytes();
        let first = HEADER_WORDS + TENSOR_WORDS * usize::from(tensors);
        let records = self.words.get(first..).unwrap_or(&[]).as_chunks().0;
        records
            .iter()
            .take(usize::from(nodes))
            .map(move |record| Node { model, record })
    }

    /// Returns the tensor that the caller fills.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none; not after the model was parsed.
    pub fn input(&self) -> Result<Tensor, Error> {
        self.tensor(self.header[3].to_le_bytes()[0])
    }

    /// Returns the tensor that the caller reads.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none; not after the model was parsed.
    pub fn output(&self) -> Result<Tensor, Error> {
        self.tensor(self.header[3].to_le_bytes()[1])
    }

    /// Scales of the input and output tensor: `real = scale * (q - zero_point)`. 1 for f32.
    pub const fn scales(&self) -> [f32; 2] {
        [
            f32::from_bits(self.header[5]),
            f32::from_bits(self.header[6]),
        ]
    }

    /// Returns how many words the arena must have.
    pub const fn arena_words(&self) -> usize {
        self.header[4] as usize
    }

    /// Returns how many bytes the arena must have.
    pub const fn arena_len(&self) -> usize {
        4 * self.arena_words()
    }

    /// Returns the front end's parameters, one entry per input channel, if the model has one.
    pub fn frontend(&self) -> Option<&'m [[u32; FRONTEND_WORDS]]> {
        let first = self.header[7] as usize;
        if first == 0 {
            return None;
        }
        let channels = self.input().ok()?.channels;
        self.words.get(first..)?.as_chunks().0.get(..channels)
    }
}
