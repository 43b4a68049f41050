//! What waiting for flash costs a pipeline, and what a copy of its weights in RAM would give, in words.

use crate::format::integer;
use crate::schema::{DeviceFigures, LayerCost};

/// Share of a decision's cycles from which a layer is worth naming.
const WORTH: f64 = 0.02;

/// Layers named.
const LAYERS: usize = 3;

/// Returns what `device` says about waiting for flash, a sentence each; nothing where that is not modelled.
pub fn waiting(device: &DeviceFigures) -> Vec<String> {
    let (Some(cycles), Some(flash)) = (device.cycles, device.cycles_flash) else {
        return Vec::new();
    };
    let share = |part: u64| 100.0 * part as f64 / cycles.max(1) as f64;
    let weights = device.cycles_flash_weights.unwrap_or(0);
    let mut lines = vec![format!(
        "{} of {} cycles ({:.1} %) wait for flash: {} for weights, {} for code and other constants",
        integer(flash),
        integer(cycles),
        share(flash),
        integer(weights),
        integer(flash.saturating_sub(weights)),
    )];
    let read: u64 = device.layers.iter().filter_map(|l| l.weights_bytes).sum();
    if weights == 0 || read == 0 {
        return lines;
    }
    lines.push(format!(
        "all weights in RAM: {} cycles less ({:.1} %) for {} B more",
        integer(weights),
        share(weights),
        integer(read),
    ));
    let gain = |layer: &LayerCost| layer.cycles_flash_weights.unwrap_or(0);
    let mut layers: Vec<&LayerCost> = device
        .layers
        .iter()
        .filter(|l| gain(l) as f64 >= WORTH * cycles as f64 && l.weights_bytes.is_some())
        .collect();
    // The most cycles per byte first: both factors fit in 64 bits by far.
    layers.sort_by_key(|l| std::cmp::Reverse(gain(l) * 1000 / l.weights_bytes.unwrap_or(1).max(1)));
    lines.extend(layers.iter().take(LAYERS).map(|layer| {
        format!(
            "those of `{}` alone: {} cycles less ({:.1} %) for {} B",
            layer.name,
            integer(gain(layer)),
            share(gain(layer)),
            integer(layer.weights_bytes.unwrap_or(0)),
        )
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, weights: u64, bytes: u64) -> LayerCost {
        LayerCost {
            name: name.to_owned(),
            cycles: Some(5000),
            cycles_flash: Some(weights),
            cycles_flash_weights: Some(weights),
            weights_bytes: Some(bytes),
            ..LayerCost::default()
        }
    }

    #[test]
    fn layers_are_named_by_cycles_per_byte() {
        let device = DeviceFigures {
            cycles: Some(10_000),
            cycles_flash: Some(1_500),
            cycles_flash_weights: Some(1_400),
            layers: vec![
                layer("large", 900, 2_000),
                layer("small", 500, 400),
                layer("none", 0, 16),
            ],
            ..DeviceFigures::default()
        };
        assert_eq!(
            waiting(&device),
            [
                "1,500 of 10,000 cycles (15.0 %) wait for flash: 1,400 for weights, 100 for code and other constants",
                "all weights in RAM: 1,400 cycles less (14.0 %) for 2,416 B more",
                "those of `small` alone: 500 cycles less (5.0 %) for 400 B",
                "those of `large` alone: 900 cycles less (9.0 %) for 2,000 B",
            ]
        );
    }

    #[test]
    fn files_of_before_say_nothing() {
        let device = DeviceFigures {
            cycles: Some(10_000),
            ..DeviceFigures::default()
        };
        assert!(waiting(&device).is_empty());
    }
}
