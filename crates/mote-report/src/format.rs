//! Numbers as people read them. One place, so that table and report agree.

/// What stands for a figure that is not there.
pub(crate) const ABSENT: &str = "–";

/// Writes a share with three decimals: `0.948`.
pub(crate) fn share(value: f64) -> String {
    format!("{value:.3}")
}

/// Writes a whole number with thousands separated: `9,144`.
pub(crate) fn integer(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a count with three significant digits that line up in columns: `792`, `27.9 k`, `1.30 M`.
pub(crate) fn count(value: f64) -> String {
    scaled(value, figure)
}

/// Writes a count for axes: `792`, `20 k`, `1.5 M`.
pub(crate) fn round_count(value: f64) -> String {
    scaled(value, significant)
}

fn scaled(value: f64, show: fn(f64) -> String) -> String {
    match value {
        v if v >= 999.5e6 => format!("{} G", show(v / 1e9)),
        v if v >= 999.5e3 => format!("{} M", show(v / 1e6)),
        v if v >= 1e3 => format!("{} k", show(v / 1e3)),
        v => significant(v),
    }
}

/// Writes bytes for axes and tiles: `792 B`, `8.9 KiB`, `1.2 MiB`.
pub(crate) fn bytes(value: f64) -> String {
    match value {
        v if v >= 1024.0 * 1024.0 => format!("{} MiB", significant(v / (1024.0 * 1024.0))),
        v if v >= 1024.0 => format!("{} KiB", significant(v / 1024.0)),
        v => format!("{} B", significant(v)),
    }
}

/// Writes three significant digits without exponent or trailing zeros: `0.0123`, `4.56`, `78.9`, `1234`.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            ABSENT.to_owned()
        };
    }
    let magnitude = magnitude(value);
    let decimals = (2 - magnitude).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Writes three significant digits and keeps trailing zeros, so that columns line up: `0.0123`, `4.50`, `78.0`.
pub(crate) fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value);
    }
    let magnitude = magnitude(value);
    let decimals = (2 - magnitude).clamp(0, 4) as usize;
    format!("{value:.decimals$}")
}

/// Writes the change from `before` to `after` in per cent, without the sign: `−97.2`, `+12`, `0`; `None` when
/// `before` is zero and `after` is not. More digits near −100, where they are factors.
pub(crate) fn percent(before: f64, after: f64) -> Option<String> {
    if before == after {
        return Some("0".to_owned());
    }
    if before == 0.0 {
        return None;
    }
    let change = 100.0 * (after - before) / before;
    Some(match change {
        c if c == -100.0 => signed(c, 0),
        c if c <= -99.95 => signed(c.max(-99.999), 3),
        c if c <= -90.0 => signed(c, 1),
        c if c.abs() < 0.05 => "≈0".to_owned(),
        c if c.abs() < 9.95 => signed(c, 1),
        c => signed(c, 0),
    })
}

/// Writes the change from `before` to `after`, both shares, in percentage points: `+0.2`, `−1.0`, `0.0`.
pub(crate) fn points(before: f64, after: f64) -> String {
    let change = 100.0 * (after - before);
    match change.abs() {
        c if c < 1e-9 => "0.0".to_owned(),
        c if c < 0.05 => "≈0".to_owned(),
        _ => signed(change, 1),
    }
}

/// Writes bytes gained or lost: `−30,012 B`, `0 B`.
pub(crate) fn byte_change(before: u64, after: u64) -> String {
    let sign = match after.cmp(&before) {
        std::cmp::Ordering::Less => "−",
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => "+",
    };
    format!("{sign}{} B", integer(after.abs_diff(before)))
}

/// Writes a number with its sign; the minus is as wide as the plus.
fn signed(value: f64, decimals: usize) -> String {
    format!("{value:+.decimals$}").replace('-', "−")
}

/// Returns the power of ten of the first digit, after `value` is rounded to three digits: 0 for 0.9996.
fn magnitude(value: f64) -> i32 {
    let rounded = format!("{value:.2e}");
    let exponent = rounded.split_once('e').and_then(|(_, e)| e.parse().ok());
    exponent.unwrap_or(0)
}

/// Cuts `text` to `max` characters, the last of which is an ellipsis when something was cut.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(max.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_read_well() {
        let percent = |before, after| percent(before, after).unwrap_or_default();
        assert_eq!(percent(1_000.0, 1_000.0), "0");
        assert_eq!(percent(0.0, 0.0), "0");
        assert_eq!(percent(0.0, 300.0), "");
        assert_eq!(percent(1_000.0, 0.0), "−100");
        assert_eq!(percent(100_000.0, 1.0), "−99.999");
        assert_eq!(percent(1_000.0, 28.0), "−97.2");
        assert_eq!(percent(1_000.0, 650.0), "−35");
        assert_eq!(percent(1_000.0, 1_004.0), "+0.4");
        assert_eq!(percent(100_000.0, 100_001.0), "≈0");
        assert_eq!(percent(1_000.0, 1_120.0), "+12");
        assert_eq!(percent(100.0, 2_000.0), "+1900");
        assert_eq!(points(0.912, 0.914), "+0.2");
        assert_eq!(points(0.912, 0.902), "−1.0");
        assert_eq!(points(0.912, 0.912), "0.0");
        assert_eq!(points(0.912, 0.9121), "≈0");
        assert_eq!(byte_change(31_012, 1_000), "−30,012 B");
        assert_eq!(byte_change(5, 5), "0 B");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(integer(0), "0");
        assert_eq!(integer(999), "999");
        assert_eq!(integer(9_144), "9,144");
        assert_eq!(integer(1_234_567), "1,234,567");
        assert_eq!(count(27_936.0), "27.9 k");
        assert_eq!(count(999_960.0), "1.00 M");
        assert_eq!(round_count(1_500_000.0), "1.5 M");
        assert_eq!(count(999_400.0), "999 k");
        assert_eq!(count(1_334_000.0), "1.33 M");
        assert_eq!(count(792.0), "792");
        assert_eq!(bytes(792.0), "792 B");
        assert_eq!(bytes(9_114.0), "8.9 KiB");
        assert_eq!(bytes(4.0 * 1024.0 * 1024.0), "4 MiB");
        assert_eq!(significant(0.012_34), "0.0123");
        assert_eq!(significant(1_234.5), "1234");
        assert_eq!(figure(4.5), "4.50");
        assert_eq!(figure(0.5), "0.500");
        assert_eq!(figure(0.999_96), "1.00");
        assert_eq!(figure(99.96), "100");
        assert_eq!(shorten("baseline", 8), "baseline");
        assert_eq!(shorten("baseline", 5), "base…");
    }
}
