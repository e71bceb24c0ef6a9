//! The members of a whole JSON object in memory, as raw bytes.

/// Tells `each` the inside of every key and the text of its value; `None` where the object is
/// malformed. Nested values are only measured.
pub(super) fn members<'a>(
    object: &'a [u8],
    mut each: impl FnMut(&'a [u8], &'a [u8]) -> Option<()>,
) -> Option<()> {
    let mut rest = object.trim_ascii().strip_prefix(b"{")?.trim_ascii_start();
    if rest == b"}" {
        return Some(());
    }
    loop {
        let (key, after) = rest.split_at_checked(value_length(rest)?)?;
        let key = key.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let after = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, after) = after.split_at_checked(value_length(after)?)?;
        each(key, value)?;
        rest = match after.trim_ascii_start().split_first()? {
            (b',', rest) => rest.trim_ascii_start(),
            (b'}', rest) => return rest.is_empty().then_some(()),
            _ => return None,
        };
    }
}

/// A whole number of at least 0, the largest there is where it is larger.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    let is_plain = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let digit =
        |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    is_plain.then(|| value.iter().fold(0, digit))
}

/// How long the value is that `json` begins with.
fn value_length(json: &[u8]) -> Option<usize> {
    match json.first()? {
        b'"' => string_length(json),
        b'{' | b'[' => nested_length(json),
        _ => {
            let length = json.iter().position(|byte| !is_scalar(*byte))?;
            (length > 0).then_some(length)
        }
    }
}

fn string_length(json: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn nested_length(json: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match json.get(at)? {
            b'"' => {
                at += string_length(&json[at..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

pub(super) fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Vec<(String, String)>> {
        let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
        let mut all = Vec::new();
        members(json.as_bytes(), |key, value| {
            all.push((text(key), text(value)));
            Some(())
        })?;
        Some(all)
    }

    #[test]
    fn members_are_told_raw() {
        let json = r#"{ "a" : 1 ,"b\"":"x}\\","c":{"d":[{"]":2}]} , "e":null}"#;
        let expected =
            [("a", "1"), (r#"b\""#, r#""x}\\""#), ("c", r#"{"d":[{"]":2}]}"#), ("e", "null")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read(json), Some(expected.to_vec()));
        assert_eq!(read("{ }"), Some(vec![]));
    }

    #[test]
    fn malformed_objects_are_refused() {
        for json in [
            "",
            "[]",
            "{",
            "{}x",
            "{a:1}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 2}"#,
            r#"{"a":"x}"#,
            r#"{"a":[}"#,
            r#"{"a":1}}"#,
            r#"{"a\":1}"#,
            r#"{1:1}"#,
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn numbers_saturate_and_are_whole() {
        assert_eq!(number(b"007"), Some(7));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), Some(u64::MAX));
        assert_eq!(number("9".repeat(999).as_bytes()), Some(u64::MAX));
        for other in ["", "-1", "1.0", "1e3", "null", "\"1\""] {
            assert_eq!(number(other.as_bytes()), None, "{other}");
        }
    }
}
