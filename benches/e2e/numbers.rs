//! Formats numbers for people.

/// `12,345`
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds in a suitable unit.
pub(crate) fn time(nanos: f64) -> String {
    match nanos {
        ..1e6 => format!("{:.0} µs", nanos / 1e3),
        ..1e7 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.1} ms", nanos / 1e6),
    }
}
