//! The formats of values: the same in headers, in the `config` of a universal entry, in settings
//! files and in code.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::HeaderValue;

use super::Backoff;
use crate::json::cursor;
use crate::util::text::is_id;
use crate::util::text::is_visible;

pub(crate) const TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(3_600);
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(5);
pub(crate) const ATTEMPTS: RangeInclusive<u8> = 1..=5;

/// A value as one of its sources spells it.
#[derive(Clone, Copy)]
pub(crate) enum RawValue<'s> {
    Header(&'s HeaderValue),
    /// A value that a cursor has validated.
    Json(&'s [u8]),
    #[cfg(feature = "config")]
    Toml(&'s toml::Value),
}

impl<'s> RawValue<'s> {
    pub(super) fn header(self) -> Option<&'s HeaderValue> {
        if let Self::Header(value) = self { Some(value) } else { None }
    }

    pub(super) fn text(self) -> Option<Cow<'s, str>> {
        match self {
            Self::Header(value) => value.to_str().ok().map(Cow::Borrowed),
            Self::Json(json) => cursor::text(json).map(Cow::Owned),
            #[cfg(feature = "config")]
            Self::Toml(value) => value.as_str().map(Cow::Borrowed),
        }
    }

    /// JSON may also have `5000.0` or `5e3`, which some serialisers write for `5000`.
    fn whole(self) -> Option<u64> {
        match self {
            Self::Header(value) => {
                let text = value.to_str().ok()?;
                let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse().ok().filter(|_| is_plain)
            }
            Self::Json(json) => {
                let number: f64 = str::from_utf8(json).ok()?.parse().ok()?;
                // Float casts saturate.
                (number.fract() == 0.0 && number >= 0.0).then_some(number as u64)
            }
            #[cfg(feature = "config")]
            Self::Toml(value) => u64::try_from(value.as_integer()?).ok(),
        }
    }

    fn flag(self) -> Option<bool> {
        let text = match self {
            Self::Header(value) => value.as_bytes(),
            Self::Json(json) => json,
            #[cfg(feature = "config")]
            Self::Toml(value) => return value.as_bool(),
        };
        match text {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }
}

/// The format of a value, and what to say about invalid ones.
pub(crate) trait Form {
    type Value;
    const MUST_BE: &'static str;

    /// Parses a value, which may be out of range.
    fn value(raw: RawValue<'_>) -> Option<Self::Value>;

    fn fits(value: &Self::Value) -> bool;

    fn read(raw: RawValue<'_>) -> Option<Self::Value> {
        Self::value(raw).filter(Self::fits)
    }
}

macro_rules! forms {
    ($($name:ident: $value:ty, $must_be:literal, $read:expr, $fits:expr;)*) => {$(
        pub(crate) struct $name;

        impl Form for $name {
            type Value = $value;
            const MUST_BE: &'static str = $must_be;

            fn value(raw: RawValue<'_>) -> Option<$value> {
                let read: fn(RawValue<'_>) -> Option<$value> = $read;
                read(raw)
            }

            fn fits(value: &$value) -> bool {
                let fits: fn(&$value) -> bool = $fits;
                fits(value)
            }
        }
    )*};
}

forms! {
    TimeoutMs: Duration, "milliseconds, a whole number from 1 to 3600000",
        |raw| raw.whole().map(Duration::from_millis), |time| TIMEOUTS.contains(time);
    DelayMs: Duration, "milliseconds, a whole number from 0 to 5000",
        |raw| raw.whole().map(Duration::from_millis), |delay| *delay <= LONGEST_DELAY;
    Attempts: u8, "a whole number from 1 to 5",
        |raw| raw.whole()?.try_into().ok(), |attempts| ATTEMPTS.contains(attempts);
    TtlSeconds: Duration, "seconds, a whole number from 60 to 2592000, or 0 for no cache",
        |raw| raw.whole().map(Duration::from_secs),
        |ttl| ttl.is_zero() || (60..=2_592_000).contains(&ttl.as_secs());
    Flag: bool, "true or false", |raw| raw.flag(), |_| true;
    Growth: Backoff, "constant, linear or exponential",
        |raw| Backoff::named(&raw.text()?), |_| true;
    CacheKey: Box<str>, "1 to 256 visible ASCII characters",
        |raw| raw.text().map(Into::into), |key| is_visible(key.as_bytes(), 256);
    SessionId: Box<str>, "1 to 256 visible ASCII characters",
        |raw| raw.text().map(Into::into), |id| is_visible(id.as_bytes(), 256);
    Id: Box<str>, "1 to 64 of A-Z a-z 0-9 - _ .",
        |raw| raw.text().map(Into::into), |id| is_id(id);
    EventId: HeaderValue, "1 to 64 visible ASCII characters",
        |raw| raw.header().cloned(), |id| is_visible(id.as_bytes(), 64);
    TraceId: u128, "32 hexadecimal digits, not all zero",
        |raw| hex(raw.header()?.as_bytes(), 32), |_| true;
    SpanId: u64, "16 hexadecimal digits, not all zero",
        |raw| hex(raw.header()?.as_bytes(), 16).map(|id| id as u64), |_| true;
}

fn hex(digits: &[u8], length: usize) -> Option<u128> {
    if digits.len() != length || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u128::from_str_radix(str::from_utf8(digits).ok()?, 16).ok().filter(|id| *id != 0)
}

impl Backoff {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "constant" => Some(Self::Constant),
            "linear" => Some(Self::Linear),
            "exponential" => Some(Self::Exponential),
            _ => None,
        }
    }
}
