//! Weights of four bits, from the words of the int8 layer.

use mote::kernels::conv1d_i4::pack;

/// The parameters of an int8 convolution of one group and `outputs` channels with its weights packed; `None` when one
/// does not fit.
pub(super) fn packed(words: &[u32], outputs: usize) -> Option<Vec<u32>> {
    let (channels, weights) = words.split_at_checked(4 * outputs.div_ceil(2))?;
    let (groups, _) = weights.as_chunks::<2>();
    let mut packed = channels.to_vec();
    for &group in groups {
        packed.push(pack(group)?);
    }
    Some(packed)
}
