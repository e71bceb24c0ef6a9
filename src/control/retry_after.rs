//! Parses `retry-after` and `retry-after-ms`.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// The delay from `retry-after-ms`, or else from `retry-after` (seconds or a date). Zero for a date
/// in the past, `None` if neither can be parsed.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let millis = text(&RETRY_AFTER_MS).and_then(|text| decimal(text, 1e-3));
    millis.or_else(|| {
        let text = text(&RETRY_AFTER)?;
        decimal(text, 1.0).or_else(|| {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        })
    })
}

/// Parses digits with an optional fraction, in units of `unit` seconds.
fn decimal(text: &str, unit: f64) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    Some(Duration::try_from_secs_f64(number * unit).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use std::time::UNIX_EPOCH;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: u64 = 784_111_777;

    fn read(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        retry_after(&headers, UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn all_forms() {
        let (ms, s) = ("retry-after-ms", "retry-after");
        let millis = |n| Some(Duration::from_millis(n));
        for (pairs, expected) in [
            (&[][..], None),
            (&[(s, "7")], millis(7_000)),
            (&[(s, " 7 ")], millis(7_000)),
            (&[(s, "0")], millis(0)),
            (&[(s, "1.5")], millis(1_500)),
            (&[(ms, "250")], millis(250)),
            (&[(ms, "250"), (s, "7")], millis(250)),
            (&[(s, "7"), (ms, "250")], millis(250)),
            (&[(ms, "soon"), (s, "7")], millis(7_000)),
            (&[(s, "7"), (s, "8")], millis(7_000)),
            (&[(s, "Sun, 06 Nov 1994 08:49:47 GMT")], millis(10_000)),
            (&[(s, "Sunday, 06-Nov-94 08:49:47 GMT")], millis(10_000)),
            (&[(s, "Sun Nov  6 08:49:47 1994")], millis(10_000)),
            (&[(s, "Sun, 06 Nov 1994 08:49:27 GMT")], millis(0)),
            (&[(s, "99999999999999999999999999")], Some(Duration::MAX)),
            (&[(s, "")], None),
            (&[(s, "-1")], None),
            (&[(s, "+1")], None),
            (&[(s, "1e3")], None),
            (&[(s, "inf")], None),
            (&[(s, "NaN")], None),
            (&[(s, ".")], None),
            (&[(s, "1.")], None),
            (&[(s, "tomorrow")], None),
        ] {
            assert_eq!(read(pairs), expected, "{pairs:?}");
        }
        let digits = "9".repeat(5_000);
        assert_eq!(read(&[(s, &digits)]), Some(Duration::MAX));
    }
}
