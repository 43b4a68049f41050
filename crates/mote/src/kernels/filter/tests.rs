use super::*;
use crate::kernels::{argmax, cells};
use std::vec;
use std::vec::Vec;

/// A generator of numbers from 0 to below 1.
fn random(seed: &mut u64) -> f64 {
    *seed = seed
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    (*seed >> 40) as f64 / (1u64 << 24) as f64
}

/// Levels by the definition, in f64.
fn reference(levels: &mut [f64], costs: &[f64], weight: f64, scores: &[f64]) {
    let classes = levels.len();
    let next: Vec<f64> = (0..classes)
        .map(|to| {
            let from = (0..classes).map(|from| levels[from] - costs[from * classes + to]);
            from.fold(f64::NEG_INFINITY, f64::max) + weight * scores[to]
        })
        .collect();
    let best = next.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for (level, next) in levels.iter_mut().zip(next) {
        *level = next - best;
    }
}

fn packed(costs: &[u32]) -> Vec<u32> {
    let pair = |p: &[u32]| p[0] | p.get(1).copied().unwrap_or(0) << 16;
    costs.chunks(2).map(pair).collect()
}

#[test]
fn it_follows_the_definition() {
    let mut seed = 5;
    for classes in [2, 5, 7] {
        let steps: Vec<u32> = (0..classes * classes)
            .map(|i| match i % (classes + 1) {
                0 => (random(&mut seed) * 20.0) as u32,
                _ => 3000 + (random(&mut seed) * 6000.0) as u32,
            })
            .collect();
        let costs: Vec<f64> = steps.iter().map(|&c| f64::from(c) / 1024.0).collect();
        let (words, bits): (Vec<u32>, Vec<u32>) = (
            packed(&steps),
            costs.iter().map(|&c| (c as f32).to_bits()).collect(),
        );
        // A score of 0.1 nat, and a weight of .3.
        let weight = 0.3 * 0.1;
        let int = FilterI8 {
            skip: 3,
            weight: (weight * 1024.0 * 256.0_f64).round() as u16,
            costs: &words,
        };
        let float = FilterF32 {
            skip: 3,
            weight: 0.3,
            costs: &bits,
        };
        let (mut state, mut out) = (vec![0i8; state_i8(classes)], vec![0i8; classes]);
        let (mut state_f, mut out_f) = (vec![0f32; state_f32(classes)], vec![0f32; classes]);
        let mut levels = vec![0.0; classes];
        let mut clear = 0;
        for step in 0..2000 {
            let mut scores: Vec<i8> = (0..classes)
                .map(|_| (random(&mut seed) * 60.0 - 40.0) as i8)
                .collect();
            scores[(step / 150) % classes] += 25;
            let mut reals: Vec<f32> = scores.iter().map(|&s| f32::from(s) * 0.1).collect();
            let exact: Vec<f64> = reals.iter().map(|&s| f64::from(s)).collect();
            let done = int
                .run(cells(&mut scores), cells(&mut state), cells(&mut out))
                .unwrap();
            let done_f = float
                .run(cells(&mut reals), cells(&mut state_f), cells(&mut out_f))
                .unwrap();
            assert_eq!([done, done_f], [step >= 3; 2]);
            if !done {
                continue;
            }
            reference(&mut levels, &costs, 0.3, &exact);
            for (k, &level) in levels.iter().enumerate() {
                let found = f64::from(i32::from(out[k]) - 127) / 16.0;
                let bounded = level.max(-255.0 / 16.0);
                assert!((found - bounded).abs() < 0.15, "{step}: {found} {level}");
                assert!((f64::from(out_f[k]) - level).abs() < 1e-2);
            }
            let mut order = levels.clone();
            order.sort_by(|a, b| b.total_cmp(a));
            // Levels that are nearly equal may come out either way.
            if order[1] < -0.1 {
                clear += 1;
                let best = (0..classes).find(|&k| levels[k] == 0.0).unwrap();
                assert_eq!([argmax(&out), argmax(&out_f)], [best; 2]);
            }
        }
        assert!(clear > 1500, "{clear}");
    }
}

#[test]
fn evidence_must_last_to_change_a_decision() {
    // A change costs 6 nats, a step brings 1.5: the fourth step only draws level, the fifth decides.
    let costs = packed(&[0, 6144, 6144, 0]);
    let filter = FilterI8 {
        skip: 0,
        weight: 15360,
        costs: &costs,
    };
    let (mut state, mut out) = (vec![0; state_i8(2)], [0; 2]);
    let mut decisions = Vec::new();
    for step in 0..16 {
        let mut scores = if step < 5 { [25, 0] } else { [0, 25] };
        filter
            .run(cells(&mut scores), cells(&mut state), cells(&mut out))
            .unwrap();
        decisions.push(argmax(&out));
    }
    let first = decisions.iter().position(|&d| d == 1).unwrap();
    assert_eq!(decisions[..5], [0; 5]);
    assert!((5..16).contains(&first), "{decisions:?}");
    assert_eq!(first, 9);
}

#[test]
fn one_cost_for_all_changes_and_several_steps_at_a_time_are_the_same() {
    let mut seed = 9;
    for (classes, weight, skip) in [(1, 900, 0), (2, 8000, 3), (5, 800, 4), (7, u16::MAX, 9)] {
        let cost = 1 + (random(&mut seed) * 16000.0) as u32;
        let costs: Vec<u32> = (0..classes * classes)
            .map(|i| if i % (classes + 1) == 0 { 0 } else { cost })
            .collect();
        let words = packed(&costs);
        let pairs = FilterI8 {
            skip,
            weight,
            costs: &words,
        };
        let one = ChangeI8 {
            skip,
            weight,
            cost: cost as u16,
        };
        let mut state = vec![0i8; state_i8(classes)];
        let mut states = [1, 2, 3].map(|_| vec![0i8; state_change_i8(classes)]);
        let (mut expected, mut last) = (vec![0i8; classes], None);
        let mut scores: Vec<i8> = (0..600 * classes)
            .map(|_| (random(&mut seed) * 256.0 - 128.0) as i8)
            .collect();
        for (t, step) in scores.chunks_exact_mut(classes).enumerate() {
            let done = pairs.run(cells(step), cells(&mut state), cells(&mut expected));
            if done.unwrap() {
                last = Some((t, expected.clone()));
            }
        }
        assert!(last.is_some());
        for (at_once, state) in (1..4).zip(&mut states) {
            let mut found = vec![0i8; classes];
            let mut decided = false;
            for run in scores.chunks_exact_mut(at_once * classes) {
                decided = one
                    .run(cells(run), cells(state), cells(&mut found))
                    .unwrap();
            }
            assert!(decided);
            assert_eq!(found, expected, "{at_once} steps at a time");
        }
    }
}

#[test]
fn wrong_lengths_are_errors_and_extremes_do_not_overflow() {
    let costs = packed(&[0, LIMIT, LIMIT, 0]);
    let filter = FilterI8 {
        skip: 0,
        weight: u16::MAX,
        costs: &costs,
    };
    let (mut state, mut out) = (vec![0; state_i8(2)], [0; 2]);
    for step in 0..50 {
        let mut scores = if step % 3 == 0 {
            [127, -128]
        } else {
            [-128, 127]
        };
        let done = filter.run(cells(&mut scores), cells(&mut state), cells(&mut out));
        assert_eq!(done, Ok(true));
    }
    let short = &mut [0; 3];
    let result = filter.run(cells(&mut [0; 2]), cells(short), cells(&mut out));
    assert_eq!(result, Err(Error::BufferLength));
    // Neither costs for three classes, nor whole steps, nor any class.
    for (scores, classes) in [(3, 3), (3, 2), (2, 0)] {
        let result = filter.run(
            cells(&mut vec![0; scores]),
            cells(&mut vec![0; state_i8(classes)]),
            cells(&mut vec![0; classes]),
        );
        assert_eq!(result, Err(Error::BufferLength));
    }
}
