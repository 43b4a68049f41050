//! Geometry of layers over two axes, as it stands in a model.

use super::{ensure, words};
#[cfg(feature = "describe")]
use crate::describe::Fields;
use crate::format::MAX_TAPS;
use crate::kernels::image::{Axis, Shape};
use crate::model::halves;
use crate::{Error, Node};
#[cfg(feature = "describe")]
use alloc::format;
#[cfg(feature = "describe")]
use alloc::string::String;
#[cfg(feature = "describe")]
use alloc::vec::Vec;

/// Words of the geometry along the second axis; the record has that of the first.
pub(super) const GEOMETRY: usize = 3;

/// Reads the geometry; refuses one that does not fit the tensors.
pub(super) fn shape(node: &Node<'_>, parameters: &[u32]) -> Result<Shape, Error> {
    let &[sides, window, padding]: &[u32; GEOMETRY] = words(parameters)?;
    let (in_columns, out_columns) = halves(sides);
    let [low, high, stride, dilation] = window.to_le_bytes();
    let (in_channels, out_channels) = (node.group_inputs(), node.group_outputs());
    let rows = |len: usize, columns: usize, channels: usize| {
        let row = columns.checked_mul(channels)?;
        len.checked_div(row).filter(|rows| rows * row == len)
    };
    let in_rows = rows(node.input()?.len(), in_columns, in_channels).ok_or(Error::Corrupt)?;
    let out_rows = rows(node.output()?.len(), out_columns, out_channels).ok_or(Error::Corrupt)?;
    let shape = Shape {
        rows: Axis {
            input: in_rows,
            output: out_rows,
            kernel: node.kernel(),
            stride: node.stride(),
            dilation: node.dilation(),
            padding: node.padding(),
        },
        columns: Axis {
            input: in_columns,
            output: out_columns,
            kernel: u16::from_le_bytes([low, high]).into(),
            stride: stride.into(),
            dilation: dilation.into(),
            padding: padding as u16 as usize,
        },
        in_channels,
        out_channels,
    };
    let taps = shape.rows.kernel.saturating_mul(shape.columns.kernel);
    ensure(taps != 0 && taps <= MAX_TAPS && padding >> 16 == 0)?;
    Ok(shape)
}

/// Refuses a layer that changes the number of channels.
pub(super) fn same(shape: Shape) -> Result<Shape, Error> {
    ensure(shape.in_channels == shape.out_channels)?;
    Ok(shape)
}

/// The parameters behind the geometry.
pub(super) fn behind(parameters: &[u32]) -> &[u32] {
    parameters.get(GEOMETRY..).unwrap_or(&[])
}

#[cfg(feature = "describe")]
pub(super) fn geometry(shape: &Shape, clamp: [u8; 2]) -> (Fields, Vec<u32>) {
    let (rows, columns) = (&shape.rows, &shape.columns);
    let fields = Fields {
        kernel: rows.kernel,
        stride: rows.stride,
        dilation: rows.dilation,
        padding: rows.padding,
        group_inputs: shape.in_channels,
        group_outputs: shape.out_channels,
        clamp,
    };
    let words = [
        columns.input as u32 | (columns.output as u32) << 16,
        columns.kernel as u32 | (columns.stride as u32) << 16 | (columns.dilation as u32) << 24,
        columns.padding as u32,
    ];
    (fields, words.to_vec())
}

#[cfg(feature = "describe")]
pub(super) fn rust_shape(shape: &Shape) -> String {
    let Shape {
        rows,
        columns,
        in_channels,
        out_channels,
    } = shape;
    format!(
        "kernels::image::Shape {{ rows: kernels::image::{rows:?}, columns: kernels::image::{columns:?}, in_channels: {in_channels}, out_channels: {out_channels} }}"
    )
}

#[cfg(feature = "describe")]
pub(super) fn c_shape(shape: &Shape) -> String {
    let axis = |axis: &Axis| {
        format!(
            "{{{}, {}, {}, {}, {}, {}}}",
            axis.input, axis.output, axis.kernel, axis.stride, axis.dilation, axis.padding
        )
    };
    format!(
        "{}, {}, {}, {}",
        axis(&shape.rows),
        axis(&shape.columns),
        shape.in_channels,
        shape.out_channels
    )
}
