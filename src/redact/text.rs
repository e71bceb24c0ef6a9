//! Taking credentials out of a text, in one pass.
//!
//! The text need not be JSON: it may be a stream of events, a part of a body, or prose with JSON in
//! it. So nothing is parsed. Every quote may end a name, and every word may be a key, however they
//! are escaped.

use super::credential::{base64, bearer, is_credential, key_end};
use super::escape::{skip_space, string_end, unit};
use super::filter::is_clean;

pub(super) const REDACTED: &str = "[REDACTED]";
const SHORTENED: &str = "[SHORTENED]";
/// Longer than any name of a credential.
const LONGEST_NAME: usize = 64;

/// Replaces what looks like a credential, and shortens data URLs. `is_cut`: the text goes on where
/// it ends here.
#[cfg(any(test, feature = "log"))]
pub(crate) fn redact(text: &mut String, is_cut: bool) {
    if let Some(clean) = clean(text, is_cut) {
        *text = clean;
    }
}

/// As [`redact`], where anything is to be replaced.
pub(super) fn clean(text: &str, is_cut: bool) -> Option<String> {
    if is_clean(text) {
        return None;
    }
    let mut clean = Clean { text, done: 0, out: String::new() };
    let mut name = Name::default();
    let mut is_word = true;
    let mut at = 0;
    while let Some(unit) = unit(text, at) {
        if let Some(end) = key_end(text, at, is_word, is_cut) {
            clean.replace(at, end, REDACTED);
            (at, is_word) = (end, true);
            name.clear();
            continue;
        }
        let found = match unit.character {
            'b' | 'B' if is_word => {
                bearer(text, at, is_cut).map(|(begin, end)| (begin, end, REDACTED))
            }
            ';' => base64(text, at).map(|(begin, end)| (begin, end, SHORTENED)),
            // Google's, in a URL: anywhere else the word says too little.
            '?' | '&' => query_key(text, at).map(|(begin, end)| (begin, end, REDACTED)),
            '"' | ':' | '=' if name.is_credential() => {
                value(text, at).map(|(begin, end)| (begin, end, REDACTED))
            }
            _ => None,
        };
        if let Some((begin, end, with)) = found {
            clean.replace(begin, end, with);
            (at, is_word) = (end, true);
            name.clear();
            continue;
        }
        at = unit.end;
        // The letter of an escape such as `\n` belongs to no word, unless a key begins with it.
        if unit.character == '\\'
            && matches!(text.as_bytes().get(at), Some(b'b' | b'f' | b'n' | b'r' | b't'))
            && key_end(text, at, true, is_cut).is_none()
        {
            at += 1;
        }
        is_word = !unit.character.is_ascii_alphanumeric();
        name.push(unit.character);
    }
    clean.finish()
}

/// Replaces the value of a member, where its name is that of a credential.
#[cfg(any(feature = "log", feature = "otel"))]
pub(crate) fn redact_member(name: &str, value: &mut String) {
    let mut word = Name::default();
    name.chars().for_each(|character| word.push(character));
    if word.is_credential() {
        *value = REDACTED.to_owned();
    }
}

/// The value behind a name that ends at `at`: what stands between quotes, or, behind `=`, a word.
fn value(text: &str, at: usize) -> Option<(usize, usize)> {
    let end = unit(text, at)?;
    let is_quoted = end.character == '"';
    let separator_at = if is_quoted { skip_space(text, end.end) } else { at };
    let separator = unit(text, separator_at).filter(|unit| matches!(unit.character, ':' | '='))?;
    let value_at = skip_space(text, separator.end);
    let first = unit(text, value_at)?;
    let (begin, end) = if first.character == '"' {
        (first.end, string_end(text, first.end, first.slashes))
    } else if separator.character == '=' && value_at == separator.end {
        (value_at, word_end(text, value_at))
    } else {
        return None;
    };
    (begin < end).then_some((begin, end))
}

/// The value of `key` in the query of a URL, behind the `?` or `&` at `at`.
fn query_key(text: &str, at: usize) -> Option<(usize, usize)> {
    let begin = "key=".chars().try_fold(unit(text, at)?.end, |at, expected| {
        unit(text, at).filter(|unit| unit.character == expected).map(|unit| unit.end)
    })?;
    let end = word_end(text, begin);
    (begin < end).then_some((begin, end))
}

/// Where an unquoted value ends.
fn word_end(text: &str, begin: usize) -> usize {
    let is_over = |c: char| c.is_whitespace() || "&\"'\\,;<>(){}[]".contains(c);
    let mut end = begin;
    while let Some(unit) = unit(text, end).filter(|unit| !is_over(unit.character)) {
        end = unit.end;
    }
    end
}

/// The word that is being read, as names are compared.
#[derive(Default)]
struct Name(String);

impl Name {
    fn push(&mut self, character: char) {
        match character {
            '-' | '_' => {}
            c if c.is_ascii_alphanumeric() => {
                if self.0.len() == LONGEST_NAME {
                    self.0.drain(..LONGEST_NAME / 2);
                }
                self.0.push(c.to_ascii_lowercase());
            }
            _ => self.clear(),
        }
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn is_credential(&self) -> bool {
        is_credential(&self.0)
    }
}

/// The text without what was replaced; it is copied only where something is.
struct Clean<'a> {
    text: &'a str,
    done: usize,
    out: String,
}

impl Clean<'_> {
    fn replace(&mut self, begin: usize, end: usize, with: &str) {
        self.out.push_str(self.text.get(self.done..begin).unwrap_or_default());
        self.out.push_str(with);
        self.done = end;
    }

    fn finish(mut self) -> Option<String> {
        if self.done == 0 {
            return None;
        }
        self.out.push_str(self.text.get(self.done..).unwrap_or_default());
        Some(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn redacted(text: &str) -> String {
        let mut text = text.to_owned();
        redact(&mut text, false);
        text
    }

    #[test]
    fn credentials_are_replaced_and_all_else_stays() {
        for (text, expected) in [
            ("", ""),
            ("nothing to hide: a \"token\" is a word", "nothing to hide: a \"token\" is a word"),
            ("my key is sk-abcdef012345, yes", "my key is [REDACTED], yes"),
            ("a-sk-abcdef,xai-0123456789 AIzaSyA0123456789", "a-[REDACTED],[REDACTED] [REDACTED]"),
            ("Authorization: Bearer abcdefgh", "Authorization: Bearer [REDACTED]"),
            ("https://g.test/v1beta/x?key=abc&b=1", "https://g.test/v1beta/x?key=[REDACTED]&b=1"),
            ("see /x?alt=sse&key=abc#top", "see /x?alt=sse&key=[REDACTED]"),
            (r#"{"u":"/x?a\u0026key\u003dabc"}"#, r#"{"u":"/x?a\u0026key\u003d[REDACTED]"}"#),
            ("?key=&a, &keys=b, key=c, &monkey=d", "?key=&a, &keys=b, key=c, &monkey=d"),
            (r#"{"api_key":"x","model":"m"}"#, r#"{"api_key":"[REDACTED]","model":"m"}"#),
            (r#"{"API-Key" : "x\"y\\","a":1}"#, r#"{"API-Key" : "[REDACTED]","a":1}"#),
            (r#"{"api\u005fkey":"x"}"#, r#"{"api\u005fkey":"[REDACTED]"}"#),
            (
                r#"{"password":7,"token":null,"secret":["x"]}"#,
                r#"{"password":7,"token":null,"secret":["x"]}"#,
            ),
            (r#"{"password":"","a":"b"}"#, r#"{"password":"","a":"b"}"#),
            (r#"it"s {"secret":"x"}"#, r#"it"s {"secret":"[REDACTED]"}"#),
            (
                "data: {\"token\":\"x\"}\n\ndata: [DONE]\n\n",
                "data: {\"token\":\"[REDACTED]\"}\n\ndata: [DONE]\n\n",
            ),
            (
                r#"{"arguments":"{\"password\":\"a\\\"b\",\"q\":\"z\"}"}"#,
                r#"{"arguments":"{\"password\":\"[REDACTED]\",\"q\":\"z\"}"}"#,
            ),
            (
                r#"{"a":"{\u0022token\u0022:\u0022x\u0022,\u0022b\u0022:1}"}"#,
                r#"{"a":"{\u0022token\u0022:\u0022[REDACTED]\u0022,\u0022b\u0022:1}"}"#,
            ),
            (r#"{"a":"{\n  \"token\":\n\"x\"}"}"#, r#"{"a":"{\n  \"token\":\n\"[REDACTED]\"}"}"#),
            ("https://a/b?api_key=x&c=d", "https://a/b?api_key=[REDACTED]&c=d"),
            ("password = 7; token=\"a b\"", "password = 7; token=\"[REDACTED]\""),
            (r"line\nsk-abcdef", r"line\n[REDACTED]"),
            (r"\nvapi-0123456789ab", r"\[REDACTED]"),
            ("\u{1f600}sk-abcdef\u{1f600}", "\u{1f600}[REDACTED]\u{1f600}"),
        ] {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }

    #[test]
    fn a_data_url_keeps_its_type() {
        let text = format!(r#"{{"url":"data:image/png;base64,{}"}}"#, "iVBOR".repeat(99));
        assert_eq!(redacted(&text), r#"{"url":"data:image/png;base64,[SHORTENED]"}"#);
    }

    #[test]
    fn what_is_cut_hides_its_rest() {
        for (text, expected) in [
            (r#"{"api_key":"abc"#, r#"{"api_key":"[REDACTED]"#),
            (r#"{"api_key":"abc\"#, r#"{"api_key":"[REDACTED]"#),
            ("a sk-a", "a [REDACTED]"),
            ("Bearer a", "Bearer [REDACTED]"),
        ] {
            let mut text = text.to_owned();
            redact(&mut text, true);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        // Quadratic time would take minutes.
        for part in [
            "sk-",
            "task-",
            "eyJ",
            "bearer ",
            "\"token\":",
            "token=\"\\",
            "\\",
            "\"",
            ";base64,",
            "\\u0022token",
            "\"token\" ",
            r#"\\\\\\\"token"#,
        ] {
            let text = part.repeat((1 << 18) / part.len());
            let begun = std::time::Instant::now();
            redacted(&text);
            assert!(begun.elapsed().as_secs() < 20, "{part}: {:?}", begun.elapsed());
        }
    }

    /// All characters of a JSON string as escapes.
    fn escaped(text: &str) -> String {
        text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
    }

    fn nested(value: &Value, depth: usize) -> String {
        (0..depth).fold(value.to_string(), |text, _| Value::String(text).to_string())
    }

    fn unnested(text: &str, depth: usize) -> Value {
        let strip = |text: String, _| serde_json::from_str::<String>(&text).unwrap();
        serde_json::from_str(&(0..depth).fold(text.to_owned(), strip)).unwrap()
    }

    prop_compose! {
        fn a_key()(
            prefix in prop::sample::select(vec!["sk-", "sk-proj-", "sk-ant-api03-", "xai-", "gsk_", "AIza", "hf_", "eyJ"]),
            body in "[A-Za-z0-9_-]{8,30}[0-9][A-Za-z0-9]{16,40}",
        ) -> String {
            format!("{prefix}{body}")
        }
    }

    proptest! {
        #[test]
        fn a_planted_key_never_survives(
            key in a_key(), before in any::<String>(), after in any::<String>(), depth in 0_usize..3,
        ) {
            let planted = format!("{before}{key}{after}");
            prop_assert!(!redacted(&planted).contains(&key));
            let value = json!({ "messages": [{ "content": planted }] });
            let text = redacted(&nested(&value, depth));
            prop_assert!(!text.contains(&key));
            prop_assert!(!unnested(&text, depth).to_string().contains(&key));
            // Spelt with escapes alone, in nothing but a string.
            let text = redacted(&format!("{before}\"{}\"{after}", escaped(&key)));
            prop_assert!(!text.contains(&escaped(&key[3..])), "{}", text);
        }

        #[test]
        fn a_credential_by_its_name_never_survives_and_its_neighbours_do(
            secret in ".+", before in "[a-p 0-9{},\n\u{e9}]*", after in "[a-p 0-9{},\n\u{e9}]*",
            depth in 0_usize..3,
            name in prop::sample::select(vec!["api_key", "ApiKey", "x-api-key", "client_secret", "Password", "refresh-token"]),
        ) {
            let mut value = json!({ "a": before, name: secret, "z": { "z": after } });
            let text = redacted(&nested(&value, depth));
            value[name] = json!(REDACTED);
            prop_assert_eq!(unnested(&text, depth), value);
        }

        #[test]
        fn redaction_is_done_in_one_go(text in any::<String>(), is_cut: bool) {
            let mut once = text;
            redact(&mut once, is_cut);
            let mut twice = once.clone();
            redact(&mut twice, is_cut);
            prop_assert_eq!(once, twice);
        }
    }
}
