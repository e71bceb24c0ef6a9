//! Decimal JSON numbers as integers of a small unit.

/// A non-negative JSON number in units of `10^-digits`, rounded and saturating.
pub(super) fn decimal(raw: &[u8], digits: u8) -> Option<u64> {
    let (number, exponent) = match raw.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&raw[..at], exponent(&raw[at + 1..])?),
        None => (raw, 0),
    };
    if !number.first()?.is_ascii_digit() {
        return None;
    }
    let mut power = exponent.saturating_add(i32::from(digits));
    let (mut mantissa, mut is_behind_point) = (0_u128, false);
    for byte in number {
        match byte {
            b'.' if !is_behind_point => is_behind_point = true,
            b'0'..=b'9' => {
                // Ignore digits that do not matter.
                if mantissa < u128::MAX / 100 {
                    mantissa = mantissa * 10 + u128::from(byte - b'0');
                    power = power.saturating_sub(i32::from(is_behind_point));
                } else {
                    power = power.saturating_add(i32::from(!is_behind_point));
                }
            }
            _ => return None,
        }
    }
    let scaled = match 10_u128.checked_pow(power.unsigned_abs()) {
        _ if mantissa == 0 => 0,
        Some(factor) if power >= 0 => mantissa.saturating_mul(factor),
        Some(factor) => mantissa.saturating_add(factor / 2) / factor,
        None if power > 0 => u128::MAX,
        None => 0,
    };
    Some(u64::try_from(scaled).unwrap_or(u64::MAX))
}

fn exponent(raw: &[u8]) -> Option<i32> {
    let (digits, sign) = match raw {
        [b'-', digits @ ..] => (digits, -1),
        [b'+', digits @ ..] | digits => (digits, 1),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let add = |sum: i32, digit: &u8| sum.saturating_mul(10).saturating_add((digit - b'0').into());
    is_number.then(|| sign * digits.iter().fold(0, add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (raw, expected) in [
            ("0.00014", Some(1_400_000)),
            ("1.4e-4", Some(1_400_000)),
            ("1.4E-04", Some(1_400_000)),
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("0e999999999999", Some(0)),
            ("12", Some(120_000_000_000)),
            ("0.000000000049", Some(0)),
            ("0.00000000005", Some(1)),
            ("0.1234567890123456789012345678901234567890123456789", Some(1_234_567_890)),
            ("99999999999999999999999999999999999999999999999999", Some(u64::MAX)),
            ("1e400", Some(u64::MAX)),
            ("1e-400", Some(0)),
            ("3e99999999999999", Some(u64::MAX)),
            ("-1", None),
            ("null", None),
            ("\"1\"", None),
            ("1.2.3", None),
            ("1e", None),
            ("", None),
            ("{}", None),
        ] {
            assert_eq!(decimal(raw.as_bytes(), 10), expected, "{raw}");
        }
    }
}
