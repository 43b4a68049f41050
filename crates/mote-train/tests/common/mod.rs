//! Made-up motion.

use mote_data::Windows;
use std::f32::consts::TAU;

/// `n` windows of three "activities" at 1, 2 and 4 Hz, with a phase and an amplitude of their own per window, of users
/// who have `per_user` each.
pub fn windows(n: usize, per_user: usize) -> Windows {
    let time = 40;
    let mut x = Vec::new();
    for i in 0..n {
        let hertz = [1.0, 2.0, 4.0][i % 3];
        let amplitude = 1.0 + (i % 7) as f32 * 0.3;
        for t in 0..time {
            let phase = TAU * hertz * t as f32 / 20.0 + i as f32;
            let z = 9.81 + 0.5 * amplitude * phase.sin();
            x.extend([amplitude * phase.sin(), amplitude * phase.cos(), z]);
        }
    }
    Windows {
        time,
        channels: 3,
        rate_hz: 20.0,
        hop: time,
        x,
        y: (0..n).map(|i| i % 3).collect(),
        users: (0..n).map(|i| (i / per_user) as u32).collect(),
        recordings: (0..n as u32).collect(),
        labels: ["slow", "medium", "fast"].map(str::to_owned).to_vec(),
    }
}
