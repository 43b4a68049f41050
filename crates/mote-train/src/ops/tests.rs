//! The operators agree with the same thing composed of the library's own, forward and backward.

use super::norm::EPSILON;
use super::*;
use burn_core::tensor::module::conv1d;
use burn_core::tensor::ops::ConvOptions;
use burn_core::tensor::{Device, Tensor, TensorData};
use mote_model::{Block, ConvGeometry, Padding};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let n = shape.iter().product();
    let values: Vec<f32> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::<D>::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
        .require_grad()
}

/// Copies a leaf tensor.
fn copy<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
    Tensor::<D>::from_data(x.clone().inner().into_data(), &Device::flex().autodiff()).require_grad()
}

fn assert_close<const D: usize>(a: Tensor<D>, b: Tensor<D>) {
    assert_eq!(a.dims(), b.dims());
    let (a, b): (Vec<f32>, Vec<f32>) = (
        a.into_data().try_into_vec().unwrap(),
        b.into_data().try_into_vec().unwrap(),
    );
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        assert!(
            (a - b).abs() < 2e-4 * (1.0 + b.abs()),
            "element {i}: {a} != {b}"
        );
    }
}

/// Geometries with stride, dilation, even kernels and kernels longer than the input; padded, and unpadded where they
/// fit.
fn geometries() -> impl Iterator<Item = ConvGeometry> {
    let all = [
        (5, 1, 1, 12),
        (5, 2, 1, 13),
        (4, 3, 1, 10),
        (3, 2, 4, 11),
        (9, 1, 1, 4),
        (1, 1, 1, 6),
    ];
    let geometries = all
        .into_iter()
        .flat_map(|(kernel, stride, dilation, time)| {
            let block = Block {
                dilation,
                ..Block::plain(1, kernel, stride)
            };
            [Padding::Same, Padding::Valid].map(|padding| ConvGeometry::new(&block, time, padding))
        });
    geometries.filter(|s| s.time_out > 0)
}

/// Returns the library's convolution on time-major tensors with our padding; weights `[out, in / groups, kernel]`.
fn reference(x: Tensor<3>, weights: Tensor<3>, geometry: ConvGeometry, groups: usize) -> Tensor<3> {
    let [n, _, c] = x.dims();
    let zeros = |time| Tensor::zeros([n, time, c], &x.device());
    let padded = Tensor::cat(
        vec![
            zeros(geometry.padding[0]),
            x.clone(),
            zeros(geometry.padding[1]),
        ]
        .into_iter()
        .filter(|t| t.dims()[1] > 0)
        .collect(),
        1,
    );
    let options = ConvOptions::new([geometry.stride], [0], [geometry.dilation], groups);
    conv1d(padded.swap_dims(1, 2), weights, None, options).swap_dims(1, 2)
}

#[test]
fn depthwise_is_a_grouped_convolution() {
    for (i, geometry) in geometries().enumerate() {
        let ConvGeometry {
            kernel,
            time_in: time,
            ..
        } = geometry;
        let (x, w) = (random([3, time, 5], i as u64), random([kernel, 5], 90));
        let y = depthwise(x.clone(), w.clone(), geometry).unwrap();
        let r = random(y.dims(), 91).detach();
        let (x2, w2) = (copy(&x), copy(&w));
        let y2 = reference(
            x2.clone(),
            w2.clone().swap_dims(0, 1).unsqueeze_dim(1),
            geometry,
            5,
        );
        assert_close(y.clone().inner(), y2.clone().inner());
        let g = (y * r.clone()).sum().backward();
        let g2 = (y2 * r).sum().backward();
        assert_close(x.grad(&g).unwrap(), x2.grad(&g2).unwrap());
        assert_close(w.grad(&g).unwrap(), w2.grad(&g2).unwrap());
        let plain = depthwise(x.inner(), w.inner(), geometry).unwrap();
        assert_close(plain, y2_values(&x2, &w2, geometry));
    }
}

fn y2_values(x: &Tensor<3>, w: &Tensor<2>, geometry: ConvGeometry) -> Tensor<3> {
    let w = w.clone().inner().swap_dims(0, 1).unsqueeze_dim(1);
    reference(x.clone().inner(), w, geometry, x.dims()[2])
}

#[test]
fn unfold_and_matmul_is_a_convolution() {
    for (i, geometry) in geometries().enumerate() {
        let ConvGeometry {
            kernel,
            time_in: time,
            ..
        } = geometry;
        let (x, w) = (random([2, time, 3], i as u64), random([kernel * 3, 4], 92));
        let y = unfold(x.clone(), geometry)
            .unwrap()
            .matmul(w.clone())
            .reshape([2, geometry.time_out, 4]);
        let r = random(y.dims(), 93).detach();
        let (x2, w2) = (copy(&x), copy(&w));
        let kernel_major = w2.clone().reshape([kernel, 3, 4]).permute([2, 1, 0]);
        let y2 = reference(x2.clone(), kernel_major, geometry, 1);
        assert_close(y.clone().inner(), y2.clone().inner());
        let g = (y * r.clone()).sum().backward();
        let g2 = (y2 * r).sum().backward();
        assert_close(x.grad(&g).unwrap(), x2.grad(&g2).unwrap());
        assert_close(w.grad(&g).unwrap(), w2.grad(&g2).unwrap());
    }
}

#[test]
fn batch_norm_agrees_with_its_definition() {
    for clamp in [
        (f32::NEG_INFINITY, f32::INFINITY),
        (0.0, f32::INFINITY),
        (0.0, 0.8),
    ] {
        let x = random([300, 7], 1);
        let (gamma, beta) = (random([7], 2), random([7], 3));
        let (y, statistics) = batch_norm(x.clone(), gamma.clone(), beta.clone(), clamp).unwrap();
        let r = random(y.dims(), 4).detach();

        let (x2, gamma2, beta2) = (copy(&x), copy(&gamma), copy(&beta));
        let mean = x2.clone().mean_dim(0);
        let centred = x2.clone() - mean.clone();
        let variance = centred.clone().square().mean_dim(0);
        let normal = centred / (variance.clone() + EPSILON).sqrt();
        let z = normal * gamma2.clone().unsqueeze() + beta2.clone().unsqueeze();
        let y2 = if clamp.0 == 0.0 { z.clamp_min(0.0) } else { z };
        let y2 = if clamp.1 < 1.0 {
            y2.clamp_max(clamp.1)
        } else {
            y2
        };

        assert_close(y.clone().inner(), y2.clone().inner());
        let vector = |v: Vec<f32>| Tensor::<1>::from_data(TensorData::new(v, [7]), &Device::flex());
        assert_close(vector(statistics.mean.clone()), mean.inner().reshape([7]));
        assert_close(
            vector(statistics.variance.clone()),
            variance.inner().reshape([7]),
        );
        let g = (y.clone() * r.clone()).sum().backward();
        let g2 = (y2 * r).sum().backward();
        assert_close(x.grad(&g).unwrap(), x2.grad(&g2).unwrap());
        assert_close(gamma.grad(&g).unwrap(), gamma2.grad(&g2).unwrap());
        assert_close(beta.grad(&g).unwrap(), beta2.grad(&g2).unwrap());

        let host = |t: Tensor<1>| t.inner().into_data().try_into_vec::<f32>().unwrap();
        let (scale, shift) = statistics.affine(&host(gamma), &host(beta));
        let inferred = scale_shift(x.inner(), &scale, &shift, clamp).unwrap();
        assert_close(inferred, y.inner());
    }
}
