//! Quantities that sensors measure, and their units.

use crate::{STANDARD_GRAVITY, recording::PLAUSIBLE};
use serde::{Deserialize, Serialize};

/// What a channel measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Quantity {
    /// Acceleration with gravity; in m/s^2 once it is read.
    #[serde(rename = "acceleration")]
    Acceleration,
    /// Angular rate; in rad/s once it is read.
    #[serde(rename = "angular rate")]
    AngularRate,
    /// Magnetic field; in uT once it is read.
    #[serde(rename = "magnetic field")]
    MagneticField,
    /// Anything else; stays in its own unit.
    #[serde(rename = "other")]
    Other,
}

impl Quantity {
    /// Returns the quantity in words.
    pub fn text(self) -> &'static str {
        match self {
            Quantity::Acceleration => "acceleration",
            Quantity::AngularRate => "angular rate",
            Quantity::MagneticField => "magnetic field",
            Quantity::Other => "other",
        }
    }

    /// Returns the unit that values are in once they are read.
    pub fn unit(self) -> &'static str {
        match self {
            Quantity::Acceleration => "m/s^2",
            Quantity::AngularRate => "rad/s",
            Quantity::MagneticField => "uT",
            Quantity::Other => "1",
        }
    }
}

impl Quantity {
    /// Returns the largest magnitude that a sensor of this quantity may give: far above a fall or a punch, far below most
    /// corrupt floats.
    pub(crate) fn plausible(self) -> f32 {
        match self {
            Quantity::Acceleration | Quantity::AngularRate => PLAUSIBLE,
            Quantity::MagneticField => 100_000.0,
            Quantity::Other => f32::MAX,
        }
    }
}

/// A unit in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Unit {
    #[serde(rename = "m/s^2", alias = "m/s2", alias = "m/s²")]
    MetresPerSecondSquared,
    #[serde(rename = "g", alias = "G")]
    G,
    #[serde(rename = "mg")]
    MilliG,
    #[serde(rename = "rad/s")]
    RadPerSecond,
    #[serde(rename = "deg/s", alias = "dps", alias = "°/s")]
    DegPerSecond,
    #[serde(rename = "mdeg/s", alias = "mdps")]
    MilliDegPerSecond,
    #[serde(rename = "uT", alias = "µT", alias = "μT")]
    MicroTesla,
    #[serde(rename = "gauss")]
    Gauss,
    #[serde(rename = "1", alias = "other")]
    One,
}

impl Unit {
    /// Returns the symbol that descriptions use.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Unit::MetresPerSecondSquared => "m/s^2",
            Unit::G => "g",
            Unit::MilliG => "mg",
            Unit::RadPerSecond => "rad/s",
            Unit::DegPerSecond => "deg/s",
            Unit::MilliDegPerSecond => "mdeg/s",
            Unit::MicroTesla => "uT",
            Unit::Gauss => "gauss",
            Unit::One => "1",
        }
    }

    /// Returns the size of one unit in the unit of [`Quantity::unit`].
    pub(crate) fn size(self) -> f32 {
        match self {
            Unit::MetresPerSecondSquared | Unit::RadPerSecond | Unit::MicroTesla | Unit::One => 1.0,
            Unit::G => STANDARD_GRAVITY,
            Unit::MilliG => STANDARD_GRAVITY / 1000.0,
            Unit::DegPerSecond => std::f32::consts::PI / 180.0,
            Unit::MilliDegPerSecond => std::f32::consts::PI / 180_000.0,
            Unit::Gauss => 100.0,
        }
    }

    /// Returns whether it is a unit of `quantity`.
    pub(crate) fn measures(self, quantity: Quantity) -> bool {
        match self {
            Unit::MetresPerSecondSquared | Unit::G | Unit::MilliG => {
                quantity == Quantity::Acceleration
            }
            Unit::RadPerSecond | Unit::DegPerSecond | Unit::MilliDegPerSecond => {
                quantity == Quantity::AngularRate
            }
            Unit::MicroTesla | Unit::Gauss => quantity == Quantity::MagneticField,
            Unit::One => quantity == Quantity::Other,
        }
    }
}

/// What one channel of a recording is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelInfo {
    /// Name, as the column is called.
    pub name: String,
    /// What it measures; its values are in [`Quantity::unit`].
    pub quantity: Quantity,
    /// Largest value that the sensor of the device gives, in [`Quantity::unit`], where the description says so.
    pub range: Option<f32>,
}

impl ChannelInfo {
    /// Builds x, y and z of an accelerometer.
    pub(crate) fn accelerometer() -> Vec<Self> {
        let axis = |name: &str| Self {
            name: name.to_owned(),
            quantity: Quantity::Acceleration,
            range: None,
        };
        ["x", "y", "z"].map(axis).to_vec()
    }
}
