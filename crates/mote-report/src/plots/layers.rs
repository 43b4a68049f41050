//! Where the time goes: cycles by layer of one pipeline on one board.

use super::scale::Scale;
use super::{Series, WIDTH, bar, label_width, row_label, svg, text};
use crate::format;
use crate::schema::{DeviceFigures, LayerCost};
use maud::{Markup, html};

const ROW: f64 = 21.0;
const TOP: f64 = 20.0;

/// Draws one bar per layer: cycles when every layer has them, otherwise instructions.
pub(crate) fn layers(series: Series<'_>, device: &DeviceFigures) -> Markup {
    let cycles = device.layers.iter().all(|l| l.cycles.is_some());
    let unit = if cycles { "cycles" } else { "instructions" };
    let value = |layer: &LayerCost| {
        if cycles {
            layer.cycles
        } else {
            layer.instructions
        }
        .unwrap_or(0)
    };
    let total: u64 = device.layers.iter().map(value).sum();
    let largest = device.layers.iter().map(value).max().unwrap_or(0);
    let left = label_width(device.layers.iter().map(|l| l.name.as_str()), 130.0) + 10.0;
    let right = WIDTH - 104.0;
    let x = Scale::linear(0.0, largest as f64, left, right);
    let body = html! {
        (text(WIDTH - 4.0, 12.0, "end muted", &format!("{unit} · share of {}", format::count(total as f64))))
        @for (row, layer) in device.layers.iter().enumerate() {
            @let y = TOP + ROW * row as f64;
            @let spent = value(layer);
            @let share = if total > 0 { 100.0 * spent as f64 / total as f64 } else { 0.0 };
            (row_label(left - 6.0, y + 14.0, left - 8.0, &layer.name))
            @let waits = if cycles { layer.cycles_flash.unwrap_or(0) } else { 0 };
            @let core = x.at((spent - waits.min(spent)) as f64);
            (bar(left, y + 3.0, core - left, ROW - 6.0, &format!("{} fill", series.class()),
                &format!("{}: {} {unit}, {share:.1} %", layer.name, format::integer(spent))))
            @if waits > 0 {
                (bar(core, y + 3.0, x.at(spent as f64) - core, ROW - 6.0, &format!("{} fill waits", series.class()),
                    &format!("{}: {} of {} cycles wait for flash", layer.name, format::integer(waits), format::integer(spent))))
            }
            (text(WIDTH - 46.0, y + 14.0, "end", &format::count(spent as f64)))
            (text(WIDTH - 4.0, y + 14.0, "end muted", &format!("{share:.0} %")))
        }
    };
    svg(
        &format!("{unit} by layer of {}", series.name),
        TOP + ROW * device.layers.len() as f64 + 4.0,
        &body,
    )
}
