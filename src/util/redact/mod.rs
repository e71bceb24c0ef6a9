//! Removes credentials from texts that clients and providers choose.

mod credential;
mod escape;
mod filter;
mod find;
#[cfg(test)]
mod linear_time;
mod name;
mod text;
mod url;
mod value;
#[cfg(test)]
mod walker;

use std::borrow::Cow;

#[cfg(feature = "config")]
pub(crate) use self::credential::begins_as_key;
#[cfg(test)]
pub(crate) use self::credential::{names, samples};
#[cfg(any(feature = "log", feature = "otel"))]
pub(crate) use self::find::REDACTED;
pub(crate) use self::name::is_credential;
#[cfg(feature = "log")]
pub(crate) use self::text::redact;
#[cfg(any(feature = "log", feature = "otel"))]
pub(crate) use self::text::redact_member;

/// How many bytes of a text are shown in a log line or span.
const LONGEST: usize = 1024;

/// Appended to a text that was cut.
const CUT: &str = "…";

/// Replaces what looks like a credential by `[REDACTED]`: keys with the prefixes of known
/// providers, tokens after `Bearer`, passwords in URLs, and values of names such as `api_key` in JSON,
/// in JSON strings within JSON, in code, in headers, and in queries. The data of long data URLs becomes
/// `[SHORTENED]`.
///
/// The crate's own log lines, spans and records are redacted with it. Use it in your own hooks if
/// they show what a client chooses: models, accounts, metadata. It takes linear time, and copies
/// the text only if something is replaced.
///
/// ```
/// use tower_ai_gateway::hook::redacted;
///
/// assert_eq!(redacted("grok-4"), "grok-4");
/// assert_eq!(redacted("xai-0123456789abcdef"), "[REDACTED]");
/// assert_eq!(redacted(r#"{"api_key":"x"}"#), r#"{"api_key":"[REDACTED]"}"#);
/// ```
#[must_use]
pub fn redacted(text: &str) -> Cow<'_, str> {
    text::clean(text, false).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A text for a log line or span: redacted, and at most 1 KiB long.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if filter::is_clean(text) { Cow::Borrowed(text) } else { shown_in_part(text) }
}

/// Not inlined: nearly all texts are short names.
#[inline(never)]
fn shown_in_part(text: &str) -> Cow<'_, str> {
    let (kept, is_cut) = cut(text, LONGEST);
    match text::clean(kept, is_cut) {
        Some(clean) if is_cut => Cow::Owned(clean + CUT),
        Some(clean) => Cow::Owned(clean),
        None if is_cut => Cow::Owned(format!("{kept}{CUT}")),
        None => Cow::Borrowed(kept),
    }
}

/// At most `length` bytes without partial characters, and whether the text was cut.
pub(crate) fn cut(text: &str, length: usize) -> (&str, bool) {
    let mut end = length.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], end < text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        for (whole, length, kept) in [
            ("grok-4", 6, "grok-4"),
            ("grok-4", 9, "grok-4"),
            ("grok-4", 4, "grok"),
            ("aéb", 2, "a"),
            ("aéb", 3, "aé"),
            ("é", 0, ""),
        ] {
            assert_eq!(cut(whole, length), (kept, kept != whole));
        }
    }

    #[test]
    fn a_key_of_every_kind_is_redacted_through_every_entry_point() {
        for key in samples() {
            for (before, after) in [("", ""), ("a ", " b"), ("{\"a\":\"", "\"}"), ("x/", "\n")] {
                let text = format!("{before}{key}{after}");
                let expected = format!("{before}[REDACTED]{after}");
                assert_eq!(redacted(&text), expected);
                assert_eq!(shown(&text), expected);
                for is_cut in [false, true] {
                    let mut text = text.clone();
                    text::redact(&mut text, is_cut);
                    assert_eq!(text, expected);
                }
            }
            #[cfg(feature = "config")]
            assert!(begins_as_key(&key), "{key}");
        }
    }

    #[test]
    fn a_value_of_every_name_is_redacted_through_every_entry_point() {
        for name in names() {
            for name in [name.to_owned(), format!("X-{}", name.to_uppercase())] {
                // Some names are credentials only on their own.
                let is_one = is_credential(&name);
                assert!(is_one || name.starts_with("X-"), "{name}");
                let value = if is_one { "[REDACTED]" } else { "hunter2" };
                let text = |value| format!("{{\"{name}\": \"{value}\"}}, {name}={value}");
                assert_eq!(redacted(&text("hunter2")), text(value));
                assert_eq!(shown(&text("hunter2")), text(value));
                #[cfg(any(feature = "log", feature = "otel"))]
                {
                    let mut member = "hunter2".to_owned();
                    redact_member(&name, &mut member);
                    assert_eq!(member, value);
                }
            }
        }
    }

    #[test]
    fn a_text_without_credentials_is_not_copied() {
        for part in [
            r#"{"role":"user","content":"a \"task\" of 7 parts: \n, max_tokens=9"},"#,
            r"\u043f\u0440\u00e9\u003c, ",
            "data: {\"choices\":[{\"delta\":{\"content\":\" supply\"}}]}\n\n",
        ] {
            for times in [1, 1000] {
                let text = part.repeat(times);
                assert!(matches!(redacted(&text), Cow::Borrowed(_)), "{part}");
            }
        }
    }

    #[test]
    fn shown_texts_are_redacted_and_short() {
        assert!(matches!(shown("grok-4"), Cow::Borrowed("grok-4")));
        assert_eq!(shown("openai/sk-abcdef012345"), "openai/[REDACTED]");
        let long = "é".repeat(600);
        assert_eq!(shown(&long), format!("{}…", &long[..1024]));
        // The rest of the key is cut off.
        let long = format!("{} sk-abcdef", "x".repeat(1019));
        assert_eq!(shown(&long), format!("{} [REDACTED]…", "x".repeat(1019)));
    }
}
