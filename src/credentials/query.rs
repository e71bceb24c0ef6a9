//! Keys in the query, which some providers accept too.

use std::iter;

/// The names under which Google's APIs read a key or an OAuth token from the query.
const NAMES: [&[u8]; 2] = [b"key", b"access_token"];

/// The values of all parameters with one of these names, in any spelling that a provider would accept.
pub(crate) fn keys(query: &str) -> impl Iterator<Item = Vec<u8>> {
    query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_key = NAMES.iter().any(|known| decoded(name.as_bytes()).eq(known.iter().copied()));
        is_key.then(|| decoded(value.as_bytes()).collect())
    })
}

/// The query without the keys for which `is_removed`.
pub(crate) fn without_keys(query: &str, is_removed: impl Fn(&[u8]) -> bool) -> String {
    let others = query.split('&').filter(|pair| !keys(pair).any(|key| is_removed(&key)));
    others.collect::<Vec<_>>().join("&")
}

/// Percent-decodes a text. Invalid escapes stay as they are.
fn decoded(mut text: &[u8]) -> impl Iterator<Item = u8> {
    iter::from_fn(move || {
        let (first, rest) = text.split_first()?;
        let hex = |at: usize| char::from(*rest.get(at)?).to_digit(16);
        let (byte, taken) = match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => (u8::try_from(high << 4 | low).ok()?, 2),
            _ => (*first, 0),
        };
        text = rest.get(taken..)?;
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_any_spelling() {
        for (query, value) in [
            ("key=x", "x"),
            ("key", ""),
            ("a=b&%6bey=x&c", "x"),
            ("k%65%79=%78", "x"),
            ("%6Bey=a=%62", "a=b"),
            ("key=%6", "%6"),
            ("access_token=x&keys=y", "x"),
            ("%61ccess%5Ftoken=x", "x"),
        ] {
            assert!(keys(query).eq([value.as_bytes()]), "{query}");
        }
        for other in
            ["", "=", "keys=x", "ke=y", "Key=x", "x=key", "%6=key", "key%", "%key=x", "token=x"]
        {
            assert_eq!(keys(other).next(), None, "{other}");
        }
        assert_eq!(keys("key=x&key=y").count(), 2);
        assert_eq!(without_keys("a=b&%6bey=x&alt=sse&key&access_token=y", |_| true), "a=b&alt=sse");
        assert_eq!(without_keys("key=x", |_| true), "");
        assert_eq!(without_keys("key=x&a=b&key=%79", |key| key == b"y"), "key=x&a=b");
    }
}
