//! Which operators an image contains.
//!
//! The linker keeps the operators of the slice given to the interpreter and drops the others.

use crate::model::{Elem, Tensor};
use crate::op::{self, Element, Operator, borrowed, for_each_operator};
use crate::{Error, Node, StepOutcome};
use core::cell::Cell;

/// An operator of the interpreter.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// [Code](Operator::CODE) of the operator.
    pub op: u8,
    /// Refuses a node it could not run.
    pub check: fn(&Node<'_>) -> Result<(), Error>,
    /// Runs a node in an arena of [`Model::arena_words`](crate::Model::arena_words).
    pub run: fn(&Node<'_>, &mut [u32]) -> Result<StepOutcome, Error>,
}

impl Kernel {
    /// Builds the kernel of an operator that keeps the element type.
    const fn of<O, T>() -> Self
    where
        T: Element,
        O: Operator<Input = T, Output = T>,
    {
        Self {
            op: O::CODE,
            check: check::<O>,
            run: run::<O, T>,
        }
    }

    /// Builds the kernel of an operator that changes the element type.
    const fn converting<O: Operator>() -> Self {
        Self {
            op: O::CODE,
            check: check::<O>,
            run: convert::<O>,
        }
    }
}

/// Declares a constant per operator, and the list of all of them.
macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident: $($operator:ident)::+ $(=> $make:ident)?;)*) => {
        $(
            $(#[$doc])*
            pub const $name: Kernel = operators!(@kernel $($operator)::+ $(=> $make)?);
        )*

        /// Every operator.
        pub const ALL: &[Kernel] = &[$($name),*];

        /// Whether only imported networks have an operator, in the order of [`ALL`].
        const IMPORTED: &[bool] = &[$(<op::$($operator)::+ as Operator>::IMPORTED),*];

        /// Element types of every operator, in the order of [`ALL`].
        const ELEMENTS: &[[Elem; 2]] = &[$([
            <op::$($operator)::+ as Operator>::Input::ELEM,
            <op::$($operator)::+ as Operator>::Output::ELEM,
        ]),*];
    };
    (@kernel $($operator:ident)::+) => { Kernel::of::<op::$($operator)::+, _>() };
    (@kernel $($operator:ident)::+ => $make:ident) => { Kernel::$make::<op::$($operator)::+>() };
}

for_each_operator!(operators);

/// The operators of all networks that Mote trains.
pub const TRAINED: &[Kernel] = &trained::<_, { count_trained() }>(ALL);

/// The int8 operators.
pub const ALL_INT8: &[Kernel] = &only::<{ count(Elem::I8) }>(Elem::I8);

/// The f32 operators.
pub const ALL_F32: &[Kernel] = &only::<{ count(Elem::F32) }>(Elem::F32);

/// Counts the operators that not only imported networks have.
pub(crate) const fn count_trained() -> usize {
    let (mut index, mut count) = (0, 0);
    while index < IMPORTED.len() {
        if !IMPORTED[index] {
            count += 1;
        }
        index += 1;
    }
    count
}

/// Collects the entries of `all` whose operators not only imported networks have, of which there are `N`.
pub(crate) const fn trained<T: Copy, const N: usize>(all: &[T]) -> [T; N] {
    let mut kept = [all[0]; N];
    let (mut index, mut next) = (0, 0);
    while index < IMPORTED.len() {
        if !IMPORTED[index] {
            kept[next] = all[index];
            next += 1;
        }
        index += 1;
    }
    kept
}

/// Whether both element types of an operator are `elem`.
const fn is_only(elements: [Elem; 2], elem: Elem) -> bool {
    elements[0] as u8 == elem as u8 && elements[1] as u8 == elem as u8
}

/// Counts the operators of one element type.
const fn count(elem: Elem) -> usize {
    let (mut index, mut count) = (0, 0);
    while index < ELEMENTS.len() {
        if is_only(ELEMENTS[index], elem) {
            count += 1;
        }
        index += 1;
    }
    count
}

/// Collects the operators of one element type, of which there are `N`.
const fn only<const N: usize>(elem: Elem) -> [Kernel; N] {
    let mut kernels = [ALL[0]; N];
    let (mut index, mut next) = (0, 0);
    while index < ELEMENTS.len() {
        if is_only(ELEMENTS[index], elem) {
            kernels[next] = ALL[index];
            next += 1;
        }
        index += 1;
    }
    kernels
}

/// Refuses a node that the operator could not run.
fn check<O: Operator>(node: &Node<'_>) -> Result<(), Error> {
    check_types(node, O::Input::ELEM, O::Output::ELEM)?;
    O::check(node)
}

/// Refuses a node whose tensors have other element types than its operator.
#[inline(never)] // one function for all operators
fn check_types(node: &Node<'_>, input: Elem, output: Elem) -> Result<(), Error> {
    let read = [node.input()?.elem, node.second_input()?.elem];
    if read == [input; 2] && node.output()?.elem == output {
        Ok(())
    } else {
        Err(Error::ElementType)
    }
}

/// Runs a node whose tensors share the arena.
fn run<O, T>(node: &Node<'_>, arena: &mut [u32]) -> Result<StepOutcome, Error>
where
    T: Element,
    O: Operator<Input = T, Output = T>,
{
    let (inputs, output) = elements::<T>(node, T::arena(arena))?;
    O::run(
        borrowed(&O::parse(node, node.parameters()))?,
        inputs,
        output,
    )
}

/// Elements that a node reads, and those it writes.
type Elements<'a, T> = ([&'a [Cell<T>]; 2], &'a [Cell<T>]);

/// Finds the elements of a node's tensors in the arena.
#[inline(never)] // one function for all operators of an element type
fn elements<'a, T: Element>(
    node: &Node<'_>,
    arena: &'a [Cell<T>],
) -> Result<Elements<'a, T>, Error> {
    let [input, second, output] = [node.input()?, node.second_input()?, node.output()?];
    let inputs = [T::elements(&input, arena)?, T::elements(&second, arena)?];
    Ok((inputs, T::elements(&output, arena)?))
}

/// Runs a node whose two tensors have different element types and do not overlap.
fn convert<O: Operator>(node: &Node<'_>, arena: &mut [u32]) -> Result<StepOutcome, Error> {
    let (input, output) = (node.input()?, node.output()?);
    let range = |t: &Tensor| t.offset..t.offset + t.words();
    let [x, y] = arena
        .get_disjoint_mut([range(&input), range(&output)])
        .map_err(|_| Error::Corrupt)?;
    let first = |tensor| Tensor {
        offset: 0,
        ..tensor
    };
    let x = O::Input::elements(&first(input), O::Input::arena(x))?;
    let y = O::Output::elements(&first(output), O::Output::arena(y))?;
    O::run(&O::parse(node, node.parameters())?, [x, x], y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_has_a_code_of_its_own() {
        for (index, kernel) in ALL.iter().enumerate() {
            assert!(ALL.iter().skip(index + 1).all(|k| k.op != kernel.op));
        }
    }

    #[test]
    fn operators_of_one_element_type_are_listed_in_the_order_of_all() {
        for (elem, listed) in [(Elem::I8, ALL_INT8), (Elem::F32, ALL_F32)] {
            let expected = ALL.iter().zip(ELEMENTS).filter(|(_, e)| **e == [elem; 2]);
            assert!(expected.map(|(k, _)| k.op).eq(listed.iter().map(|k| k.op)));
            assert!(listed.len() > 10);
        }
    }
}
