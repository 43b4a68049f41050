//! The same windows give the same outputs, wherever they run.

use crate::Error;
use crate::core::{Core, Optimize};
use crate::emulator::{Run, Windows};
use crate::image::{BuildSettings, FirmwareBuilder, on_large_enough};
use mote_model::PipelineSource;

/// Largest relative difference allowed between float outputs: cores differ in fused multiply-add and in the
/// order the compiler chose, not in precision.
pub const FLOAT_TOLERANCE: f32 = 1e-5;

/// Seconds an emulated run may take.
const RUN_SECONDS: u64 = 300;

/// The outputs expected of all windows, one after the other.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// To be met exactly.
    I8(&'a [i8]),
    /// To be met within [`FLOAT_TOLERANCE`].
    F32(&'a [f32]),
}

/// An output that is not as expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Index among all outputs.
    pub index: usize,
    /// What was expected.
    pub expected: f32,
    /// What came.
    pub found: f32,
}

/// Runs `pipeline` over `windows` on `core`, on a machine that has the memory it needs, and compares its
/// outputs with `expected`.
///
/// # Errors
/// Those of building and running; [`Error::Emulator`] when there are more or fewer outputs than expected.
pub fn conformance(
    builder: &FirmwareBuilder,
    pipeline: &PipelineSource,
    core: Core,
    optimize: Optimize,
    windows: Windows<'_>,
    expected: Expected<'_>,
) -> Result<Vec<Difference>, Error> {
    let outcome = on_large_enough(core, |machine| {
        let settings = BuildSettings::on(machine, core, optimize);
        let images = builder.build(pipeline, &settings)?;
        Run {
            core,
            image: &images.measure,
            machine: settings.machine,
            stack: settings.stack,
            windows,
            counting: None,
            seconds: RUN_SECONDS,
        }
        .start()
    })?;
    differences(&outcome.outputs, expected)
}

/// Returns the outputs in `found` (raw bytes) that differ from `expected`.
///
/// # Errors
/// [`Error::Emulator`] when their number differs.
pub fn differences(found: &[u8], expected: Expected<'_>) -> Result<Vec<Difference>, Error> {
    let pairs: Vec<(f32, f32)> = match expected {
        Expected::I8(values) => {
            same_length(values.len(), found.len())?;
            let found = found.iter().map(|&b| f32::from(b as i8));
            values.iter().map(|&v| f32::from(v)).zip(found).collect()
        }
        Expected::F32(values) => {
            same_length(4 * values.len(), found.len())?;
            let (words, _) = found.as_chunks::<4>();
            let found = words.iter().map(|w| f32::from_le_bytes(*w));
            values.iter().copied().zip(found).collect()
        }
    };
    let tolerance = match expected {
        Expected::I8(_) => 0.0,
        Expected::F32(_) => FLOAT_TOLERANCE,
    };
    let agrees = |a: f32, b: f32| (a - b).abs() <= tolerance * a.abs().max(b.abs());
    Ok(pairs
        .into_iter()
        .enumerate()
        .filter(|(_, (a, b))| !agrees(*a, *b))
        .map(|(index, (expected, found))| Difference {
            index,
            expected,
            found,
        })
        .collect())
}

fn same_length(expected: usize, found: usize) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Emulator(format!(
        "the device wrote {found} bytes of output where {expected} were expected"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_must_be_equal() {
        let found = [1, 255, 128];
        assert_eq!(
            differences(&found, Expected::I8(&[1, -1, -128])).unwrap(),
            []
        );
        let wrong = differences(&found, Expected::I8(&[1, -2, -128])).unwrap();
        assert_eq!(
            (wrong[0].index, wrong[0].expected, wrong[0].found),
            (1, -2.0, -1.0)
        );
        assert!(differences(&found, Expected::I8(&[1])).is_err());
    }

    #[test]
    fn floats_may_differ_by_the_tolerance_and_never_be_nan() {
        let bytes = |v: f32| v.to_le_bytes();
        assert!(
            differences(&bytes(1.000_005), Expected::F32(&[1.0]))
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            differences(&bytes(1.000_1), Expected::F32(&[1.0]))
                .unwrap()
                .len(),
            1
        );
        assert_eq!(
            differences(&bytes(f32::NAN), Expected::F32(&[1.0]))
                .unwrap()
                .len(),
            1
        );
        assert!(
            differences(&bytes(0.0), Expected::F32(&[0.0]))
                .unwrap()
                .is_empty()
        );
    }
}
