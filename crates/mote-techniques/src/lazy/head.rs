//! A linear classifier on the pooled features of an inner layer.

/// Descents over all examples; the loss is convex and the features are few.
const STEPS: usize = 300;

/// Length of a step on standardised features.
const RATE: f64 = 1.0;

/// Weight of the squared norm, against features that tell the training users apart and nothing else.
const DECAY: f64 = 1e-3;

/// `scores = weights * features + bias`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    /// `[classes][features]`.
    pub weights: Vec<f32>,
    /// `[classes]`.
    pub bias: Vec<f32>,
}

impl Head {
    /// Multinomial logistic regression (Bishop 2006, section 4.3.4) of the classes `y` on the rows of `x`,
    /// `[n][features]`, by gradient descent with momentum.
    pub fn fit(x: &[f32], y: &[usize], features: usize, classes: usize) -> Self {
        let features = features.max(1);
        let n = y.len().max(1) as f64;
        let column = |f: usize| x.iter().skip(f).step_by(features).map(|&v| f64::from(v));
        let mean: Vec<f64> = (0..features).map(|f| column(f).sum::<f64>() / n).collect();
        let scale: Vec<f64> = mean
            .iter()
            .enumerate()
            .map(|(f, m)| (column(f).map(|v| (v - m).powi(2)).sum::<f64>() / n).sqrt())
            // A constant feature says nothing.
            .map(|deviation| {
                if deviation > 1e-6 {
                    deviation.recip()
                } else {
                    0.0
                }
            })
            .collect();
        let rows: Vec<f64> = x
            .chunks_exact(features)
            .flat_map(|row| row.iter().zip(mean.iter().zip(&scale)))
            .map(|(&v, (m, s))| (f64::from(v) - m) * s)
            .collect();
        let width = features + 1;
        let mut theta = vec![0.0; classes * width];
        let mut velocity = theta.clone();
        let mut scores = vec![0.0; classes];
        for _ in 0..STEPS {
            let mut gradient: Vec<f64> = theta.iter().map(|t| t * DECAY).collect();
            for (row, &truth) in rows.chunks_exact(features).zip(y) {
                softmax(&theta, row, &mut scores);
                for (class, (gradient, p)) in
                    gradient.chunks_exact_mut(width).zip(&scores).enumerate()
                {
                    let error = (p - f64::from(u8::from(class == truth))) / n;
                    for (g, x) in gradient.iter_mut().zip(row.iter().chain([&1.0])) {
                        *g += error * x;
                    }
                }
            }
            for ((t, v), g) in theta.iter_mut().zip(&mut velocity).zip(&gradient) {
                *v = 0.9 * *v - 0.1 * RATE * g;
                *t += *v;
            }
        }
        let mut head = Self {
            weights: Vec::with_capacity(classes * features),
            bias: Vec::with_capacity(classes),
        };
        for class in theta.chunks_exact(width) {
            let mut bias = class.last().copied().unwrap_or(0.0);
            for ((t, m), s) in class.iter().zip(&mean).zip(&scale) {
                head.weights.push((t * s) as f32);
                bias -= t * s * m;
            }
            head.bias.push(bias as f32);
        }
        head
    }

    /// Multiplies all scores, which leaves their order alone.
    pub fn scale(&mut self, factor: f32) {
        for value in self.weights.iter_mut().chain(&mut self.bias) {
            *value *= factor;
        }
    }

    /// The scores of `features`.
    pub fn scores<'a>(&'a self, features: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        let rows = self.weights.chunks_exact(features.len().max(1));
        rows.zip(&self.bias).map(move |(row, bias)| {
            bias + row.iter().zip(features).map(|(w, x)| w * x).sum::<f32>()
        })
    }
}

fn softmax(theta: &[f64], row: &[f64], scores: &mut [f64]) {
    let width = row.len() + 1;
    for (score, class) in scores.iter_mut().zip(theta.chunks_exact(width)) {
        *score = class
            .iter()
            .zip(row.iter().chain([&1.0]))
            .map(|(t, x)| t * x)
            .sum();
    }
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|s| *s = (*s - highest).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|s| *s /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_separates_three_clouds_and_ignores_a_constant() {
        let mut x = Vec::new();
        let mut y = Vec::new();
        for i in 0..300usize {
            let class = i % 3;
            let noise = |k: usize| ((i * k) as f32 * 0.7).sin() * 0.4;
            let centre = [[0.0, 0.0], [100.0, 1.0], [100.0, -1.0]][class];
            x.extend([centre[0] + 10.0 * noise(3), centre[1] + noise(5), 42.0]);
            y.push(class);
        }
        let head = Head::fit(&x, &y, 3, 3);
        let right = x.chunks_exact(3).zip(&y).filter(|(row, class)| {
            let scores: Vec<f32> = head.scores(row).collect();
            mote::kernels::argmax(&scores) == **class
        });
        assert_eq!(right.count(), 300);
        assert!(head.weights.iter().skip(2).step_by(3).all(|&w| w == 0.0));
    }
}
