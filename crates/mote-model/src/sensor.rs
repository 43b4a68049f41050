//! The sensor between the world and the network: a 16-bit accelerometer.

use crate::SENSOR_G_PER_COUNT;

/// Standard gravity, m/s^2.
pub const STANDARD_GRAVITY: f32 = 9.806_65;

/// What the sensor reports for an acceleration in m/s^2: rounded, and saturated at the end of its range, as
/// an accelerometer does in a shock.
pub fn counts(acceleration: f32) -> i16 {
    // The conversion of a float to an integer saturates, and maps NaN to 0.
    (acceleration * (1.0 / (STANDARD_GRAVITY * SENSOR_G_PER_COUNT))).round() as i16
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn one_g_is_4096_counts_and_a_shock_saturates() {
        assert_eq!(counts(9.806_65), 4096);
        assert_eq!(counts(-9.806_65), -4096);
        assert_eq!(counts(500.0), i16::MAX);
        assert_eq!(counts(-500.0), i16::MIN);
    }
}
