//! The seam to the tensor library: tensors of its f32 backend as slices, and back.

use crate::Error;
use burn_core::backend::Autodiff;
use burn_core::backend::flex::{Flex, FlexTensor};
use burn_core::tensor::{Tensor, TensorData};

/// Tensors as the autodiff decorator holds them.
pub(super) type Tracked = Autodiff<Flex>;

/// Turns the library's refusal of a tensor into an error of the operator `place`.
pub(super) fn refused(
    place: &'static str,
) -> impl FnOnce(burn_core::tensor::PrimitiveConversionError) -> Error {
    move |e| Error::Backend {
        place,
        what: format!("{e:?}"),
    }
}

/// Returns the values of a contiguous tensor.
pub(super) fn values<'a>(tensor: &'a FlexTensor, place: &'static str) -> Result<&'a [f32], Error> {
    tensor.as_slice::<f32>().ok_or(Error::Backend {
        place,
        what: "the tensor is not contiguous f32".to_owned(),
    })
}

/// Builds a tensor of `values`.
pub(super) fn tensor(values: Vec<f32>, shape: impl Into<burn_core::tensor::Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Returns a tensor without gradient as the backend holds it, contiguous.
pub(super) fn plain<const D: usize>(
    x: Tensor<D>,
    place: &'static str,
) -> Result<FlexTensor, Error> {
    Ok(x.try_into_primitive::<Flex>()
        .map_err(refused(place))?
        .to_contiguous())
}

/// Copies the values of `tensor`.
pub(crate) fn to_host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    tensor
        .into_data()
        .try_into_vec()
        .map_err(|e| Error::Backend {
            place: "reading a tensor",
            what: format!("{e:?}"),
        })
}
