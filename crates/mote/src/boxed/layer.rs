//! Boxed layers, and the table of the operators they can have.

use super::Cells;
use crate::op::{self, Element, Operator, for_each_operator};
use crate::registry::{self, Kernel};
use crate::{Error, Node, StepOutcome};
use alloc::boxed::Box;

/// One layer of a network, with all it needs but its tensors.
pub trait Layer {
    /// Computes `output` from `inputs`; a layer of one input gets it twice.
    ///
    /// # Errors
    /// [`Error::ElementType`] or [`Error::BufferLength`] when the tensors are not those it was made for.
    fn forward(&self, inputs: [Cells<'_>; 2], output: Cells<'_>) -> Result<StepOutcome, Error>;
}

/// Where the weights of a layer stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Copied to the heap, as a program does that reads its model from a file.
    Copied,
    /// Read where they lie, in flash.
    InPlace,
}

impl Keep {
    /// Keeps the parameters of a layer, for the rest of the program: a network is never unloaded.
    #[inline(never)] // one function for all operators
    pub(crate) fn parameters(self, own: &'static [u32]) -> &'static [u32] {
        match self {
            Keep::Copied => own.to_vec().leak(),
            Keep::InPlace => own,
        }
    }
}

/// Makes the layer of a node whose own parameters are given.
type Load = fn(&Node<'static>, &'static [u32], Keep) -> Result<Box<dyn Layer>, Error>;

/// How layers of one operator are made.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Code of the operator.
    pub(super) op: u8,
    /// Refuses a node that could not run.
    check: fn(&Node<'_>) -> Result<(), Error>,
    words: fn(&Node<'_>) -> Result<usize, Error>,
    load: Load,
}

impl Kind {
    const fn of<O: Operator + 'static>(kernel: Kernel) -> Self {
        Self {
            op: O::CODE,
            check: kernel.check,
            words: O::parameter_words,
            load: O::load,
        }
    }
}

/// Declares one constant per operator, named as in the engine's registry, and the list of all of them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $($operator:ident)::+ $(=> $make:ident)?;)*) => {
        $(
            $(#[$doc])*
            pub const $name: Kind = Kind::of::<op::$($operator)::+>(registry::$name);
        )*

        /// Every operator.
        pub const ALL: &[Kind] = &[$($name),*];

        /// The operators of all networks that Mote trains.
        pub const TRAINED: &[Kind] = &registry::trained::<_, { registry::count_trained() }>(ALL);
    };
}

for_each_operator!(kinds);

/// Makes the layer of `node` with the one of `kinds` that has its operator.
pub(super) fn load(
    node: &Node<'static>,
    kinds: &[Kind],
    keep: Keep,
) -> Result<Box<dyn Layer>, Error> {
    let kind = kinds
        .iter()
        .find(|kind| kind.op == node.op())
        .ok_or(Error::UnsupportedOp)?;
    (kind.check)(node)?;
    let own = node.parameters().get(..(kind.words)(node)?);
    (kind.load)(node, own.ok_or(Error::Corrupt)?, keep)
}

/// A layer of the operator `O`.
pub(crate) struct Loaded<O: Operator>(O::Layer<'static>);

impl<O: Operator + 'static> Loaded<O> {
    /// Boxes the layer of `node` with `parameters`.
    pub fn boxed(
        node: &Node<'static>,
        parameters: &'static [u32],
    ) -> Result<Box<dyn Layer>, Error> {
        Ok(Box::new(Self(O::parse(node, parameters)?)))
    }
}

impl<O: Operator> Layer for Loaded<O> {
    fn forward(
        &self,
        [first, second]: [Cells<'_>; 2],
        output: Cells<'_>,
    ) -> Result<StepOutcome, Error> {
        let first = O::Input::of(first)?;
        let second = match O::INPUTS {
            2 => O::Input::of(second)?,
            _ => first,
        };
        O::run(&self.0, [first, second], O::Output::of(output)?)
    }
}
