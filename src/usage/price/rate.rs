//! [`Rate`]: the price of one unit as an exact decimal.

use std::fmt;

/// Ticks per USD.
pub(crate) const USD: u64 = 10_000_000_000;

/// The fractions of a tick in which a rate is counted.
pub(crate) const PARTS: u64 = 1_000_000;

/// The maximum number of decimal places of a price.
const PLACES: i32 = 16;

/// The price of one unit (a token, a second, an image, …): exact to 10^-16 USD, up to 1844 USD.
///
/// ```
/// use tower_ai_gateway::usage::Rate;
///
/// assert_eq!(Rate::usd("1.25", 1_000_000), Some(Rate::ticks(12_500)));
/// assert_eq!(Rate::usd("1.25e-06", 1), Some(Rate::ticks(12_500)));
/// assert_eq!(Rate::usd("-1", 1), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

impl Rate {
    /// A rate of zero.
    pub const ZERO: Self = Self(0);

    /// Creates a rate from ticks: 1 USD = 10^10 ticks. Saturates at the maximum.
    #[must_use]
    pub const fn ticks(ticks: u64) -> Self {
        Self(ticks.saturating_mul(PARTS))
    }

    /// Creates a rate from a decimal price in USD for `units`: `("1.25", 1_000_000)` is 1.25 USD
    /// for a million. The decimal may have an exponent, as in `1e-06`.
    ///
    /// The decimal is parsed exactly, without floats. `None` if it is not a decimal, negative, too
    /// large, or too small to be represented.
    #[must_use]
    pub fn usd(decimal: &str, units: u64) -> Option<Self> {
        let (digits, exponent) = split(decimal)?;
        let shift = exponent.checked_add(PLACES)?;
        let units = u128::from(units.max(1));
        let (above, below) = match shift {
            0.. => (digits.checked_mul(10_u128.checked_pow(shift.unsigned_abs())?)?, units),
            _ => (digits, 10_u128.checked_pow(shift.unsigned_abs())?.checked_mul(units)?),
        };
        let rounded = above.checked_add(below / 2)? / below;
        let is_exact = above.is_multiple_of(below);
        let rate = u64::try_from(rounded).ok()?;
        // Round prices of at least one tick: catalogues contain floats (1.0000000000000001e-07) and
        // thirds of a cent.
        (is_exact || rate >= PARTS).then_some(Self(rate))
    }

    /// `percent` of the rate, if that is exact.
    pub(crate) fn percent(self, percent: u64) -> Option<Self> {
        let all = u128::from(self.0) * u128::from(percent);
        if !all.is_multiple_of(100) {
            return None;
        }
        u64::try_from(all / 100).ok().map(Self)
    }

    /// The rate in millionths of a tick.
    pub(crate) const fn parts(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Rate {
    /// Shows the price in USD.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = USD * PARTS;
        let (whole, fraction) = (self.0 / scale, self.0 % scale);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{fraction:016}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

/// The digits of a decimal as one number, and their power of ten.
pub(crate) fn split(decimal: &str) -> Option<(u128, i32)> {
    let (number, exponent) = match decimal.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (decimal, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_plain(whole) || !is_plain(fraction) || number.ends_with('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = |digits: &str, start: u128| {
        digits.bytes().try_fold(start, |value, digit| {
            value.checked_mul(10)?.checked_add(u128::from(digit - b'0'))
        })
    };
    let value = digits(fraction, digits(whole, 0)?)?;
    if value == 0 {
        return Some((0, 0));
    }
    Some((value, exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(decimal: &str, units: u64) -> Option<u64> {
        Rate::usd(decimal, units).map(Rate::parts)
    }

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(Rate::usd("1.25", 1_000_000), Some(Rate::ticks(12_500)));
        assert_eq!(Rate::usd("3", 1_000_000), Some(Rate::ticks(30_000)));
        assert_eq!(Rate::usd("1.25e-06", 1), Some(Rate::ticks(12_500)));
        assert_eq!(Rate::usd("0.0", 1), Some(Rate::ZERO));
        assert_eq!(parts("0.00025", 1_000_000), Some(2_500_000));
        assert_eq!(Rate::usd("0.006", 60), Some(Rate::ticks(1_000_000)));
        // These differ in floats.
        assert_eq!(parts("0.7", 1_000_000), parts("7e-1", 1_000_000));
        assert_eq!(parts("3.0833333333333335e-05", 1), Some(308_333_333_333));
        assert_eq!(Rate::usd("1.0000000000000001e-07", 1), Some(Rate::ticks(1000)));
        assert_eq!(Rate::usd("1844", 1).map(|rate| rate.to_string()).as_deref(), Some("1844"));
        assert_eq!(Rate::ticks(12_500).to_string(), "0.00000125");
    }

    #[test]
    fn invalid_prices_are_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1_000",
            "1,5",
            "0x1",
            "nan",
            "inf",
            "1e",
            "1e1.5",
            "1845",
            "1e30",
            "1e-30",
            "1e99999999999",
            "1e2147483647",
            "1e-2147483648",
            "1 ",
            "99999999999999999999999999999999999999999999",
        ] {
            assert_eq!(Rate::usd(text, 1), None, "{text}");
        }
        assert_eq!(Rate::usd("1", 0), Rate::usd("1", 1));
        assert_eq!(Rate::usd("1.00000000001e-08", 1_000_000), None, "too fine");
    }
}
