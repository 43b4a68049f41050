//! Numbers as people read them. One place, so that table and report agree.

/// What stands for a figure that is not there.
pub(crate) const ABSENT: &str = "–";

/// A share with three decimals: `0.948`.
pub(crate) fn share(value: f64) -> String {
    format!("{value:.3}")
}

/// A whole number with thousands separated: `9,144`.
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

/// A count with three or four significant digits: `792`, `27.9 k`, `1.334 M`.
pub(crate) fn count(value: f64) -> String {
    match value {
        v if v >= 999_950_000.0 => format!("{:.2} G", v / 1e9),
        v if v >= 999_950.0 => format!("{:.2} M", v / 1e6),
        v if v >= 1_000.0 => format!("{:.1} k", v / 1e3),
        v => significant(v),
    }
}

/// Bytes for axes and tiles: `792 B`, `8.9 KiB`, `1.2 MiB`.
pub(crate) fn bytes(value: f64) -> String {
    match value {
        v if v >= 1024.0 * 1024.0 => format!("{} MiB", significant(v / (1024.0 * 1024.0))),
        v if v >= 1024.0 => format!("{} KiB", significant(v / 1024.0)),
        v => format!("{} B", significant(v)),
    }
}

/// Three significant digits without exponent: `0.0123`, `4.56`, `78.9`, `1234`; trailing zeros go.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            ABSENT.to_owned()
        };
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = (2 - magnitude).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Three significant digits, trailing zeros kept so that columns line up: `0.0123`, `4.50`, `78.0`.
pub(crate) fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value);
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = (2 - magnitude).clamp(0, 4) as usize;
    format!("{value:.decimals$}")
}

/// `text` cut to `max` characters, the last of them an ellipsis when something was cut.
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
    fn numbers_read_well() {
        assert_eq!(integer(0), "0");
        assert_eq!(integer(999), "999");
        assert_eq!(integer(9_144), "9,144");
        assert_eq!(integer(1_234_567), "1,234,567");
        assert_eq!(count(27_936.0), "27.9 k");
        assert_eq!(count(999_960.0), "1.00 M");
        assert_eq!(count(1_334_000.0), "1.33 M");
        assert_eq!(count(792.0), "792");
        assert_eq!(bytes(792.0), "792 B");
        assert_eq!(bytes(9_114.0), "8.9 KiB");
        assert_eq!(bytes(4.0 * 1024.0 * 1024.0), "4 MiB");
        assert_eq!(significant(0.012_34), "0.0123");
        assert_eq!(significant(1_234.5), "1234");
        assert_eq!(figure(4.5), "4.50");
        assert_eq!(figure(0.5), "0.500");
        assert_eq!(shorten("baseline", 8), "baseline");
        assert_eq!(shorten("baseline", 5), "base…");
    }
}
