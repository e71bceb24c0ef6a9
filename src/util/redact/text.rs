//! Removes credentials from a text in one pass.
//!
//! The text need not be JSON: it may be an event stream, part of a body, or prose with JSON in it.
//! So nothing is parsed. Every quote may end a name and every word may be a key, however they are
//! escaped.

use super::filter::is_clean;
use super::find::{Finder, Found};

/// Replaces what looks like a credential, and shortens data URLs. `is_cut`: the text continues
/// after its end.
#[cfg(any(test, feature = "log"))]
pub(crate) fn redact(text: &mut String, is_cut: bool) {
    if let Some(clean) = clean(text, is_cut) {
        *text = clean;
    }
}

/// Like [`redact`], but returns `None` without copying if there is nothing to replace.
pub(super) fn clean(text: &str, is_cut: bool) -> Option<String> {
    if is_clean(text) {
        return None;
    }
    let (mut clean, mut done) = (String::new(), 0);
    for Found { begin, end, with } in Finder::new(text, is_cut) {
        clean.push_str(text.get(done..begin).unwrap_or_default());
        clean.push_str(with);
        done = end;
    }
    if done == 0 {
        return None;
    }
    clean.push_str(text.get(done..).unwrap_or_default());
    Some(clean)
}

/// Replaces the value of a member if its name is that of a credential.
#[cfg(any(feature = "log", feature = "otel"))]
pub(crate) fn redact_member(name: &str, value: &mut String) {
    if super::is_credential(name) {
        *value = super::find::REDACTED.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::super::find::REDACTED;
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
                r#"{"password":7,"token":null,"secret":[7]}"#,
                r#"{"password":7,"token":null,"secret":[7]}"#,
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
    fn values_are_found_in_every_notation() {
        for (text, expected) in [
            // The scheme stays, and what follows it goes.
            ("authorization=Basic dXNlcjpw", "authorization=Basic [REDACTED]"),
            ("authorization=abc&b=1", "authorization=[REDACTED]&b=1"),
            ("Authorization: Basic dXNlcjpw\nhost: a", "Authorization: Basic [REDACTED]\nhost: a"),
            ("Proxy-Authorization: ApiKey abc, x", "Proxy-Authorization: ApiKey [REDACTED], x"),
            ("AUTHORIZATION:\tToken  abc", "AUTHORIZATION:\tToken  [REDACTED]"),
            ("Authorization: Bearer ab", "Authorization: Bearer [REDACTED]"),
            ("Authorization: abc", "Authorization: [REDACTED]"),
            (
                r#"Authorization: Digest username="u", realm="r", nc=1, response="f"; see"#,
                "Authorization: Digest [REDACTED]; see",
            ),
            (
                r#"{"a":"authorization: Basic dXNlcjpw\r\nhost: a","b":1}"#,
                r#"{"a":"authorization: Basic [REDACTED]\r\nhost: a","b":1}"#,
            ),
            (r#"{"authorization":"Basic dXNlcjpw"}"#, r#"{"authorization":"[REDACTED]"}"#),
            // Headers.
            ("x-api-key: hunter2", "x-api-key: [REDACTED]"),
            ("X-Api-Key:hunter2\r\n", "X-Api-Key:[REDACTED]\r\n"),
            ("Ocp-Apim-Subscription-Key: ab12", "Ocp-Apim-Subscription-Key: [REDACTED]"),
            (
                r#"{"Ocp-Apim-Subscription-Key":"ab"}"#,
                r#"{"Ocp-Apim-Subscription-Key":"[REDACTED]"}"#,
            ),
            ("curl -H 'x-api-key: ab' -H 'a: b'", "curl -H 'x-api-key: [REDACTED]' -H 'a: b'"),
            ("{x-goog-api-key: ab, host: a}", "{x-goog-api-key: [REDACTED], host: a}"),
            ("cookie: sid=a; theme=b\nhost: a", "cookie: [REDACTED]\nhost: a"),
            ("Set-Cookie: sid=a; HttpOnly", "Set-Cookie: [REDACTED]; HttpOnly"),
            ("cookie: a:b=c", "cookie: [REDACTED]"),
            (r"cookie: a\u003db", "cookie: [REDACTED]"),
            // Single quotes.
            ("api_key='hunter2', a='b'", "api_key='[REDACTED]', a='b'"),
            ("{'api_key': 'hunter2', 'a': 'b'}", "{'api_key': '[REDACTED]', 'a': 'b'}"),
            (r"{'api_key': 'a\'b', 'a': 'b'}", "{'api_key': '[REDACTED]', 'a': 'b'}"),
            (r#"{"a":"api_key='ab","b":"it's"}"#, r#"{"a":"api_key='[REDACTED]","b":"it's"}"#),
            (r#"{'api_key': "ab"}"#, r#"{'api_key': "[REDACTED]"}"#),
            // Arrays.
            (r#"{"X-Api-Key":["ab"],"a":["b"]}"#, r#"{"X-Api-Key":["[REDACTED]"],"a":["b"]}"#),
            (r#"{"secret": [ "a" , "b" ]}"#, r#"{"secret": [ "[REDACTED]" ]}"#),
            (r#"{"a":"{\"secret\":[\"a\"]}"}"#, r#"{"a":"{\"secret\":[\"[REDACTED]\"]}"}"#),
            ("{'cookie': ['a']}", "{'cookie': ['[REDACTED]']}"),
            // Names with numbers.
            (r#"{"api_key_2":"ab"}"#, r#"{"api_key_2":"[REDACTED]"}"#),
            ("PASSWORD1=ab", "PASSWORD1=[REDACTED]"),
            // URLs.
            ("see https://user:pass@host/x", "see https://user:[REDACTED]@host/x"),
            ("postgres://u:a@b:c@host:5432/db", "postgres://u:[REDACTED]@host:5432/db"),
            (r#"{"u":"https:\/\/u:p@h\/"}"#, r#"{"u":"https:\/\/u:[REDACTED]@h\/"}"#),
            ("https://:p@h", "https://:[REDACTED]@h"),
        ] {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }

    #[test]
    fn a_cookie_may_have_a_long_name() {
        let text = format!("cookie: .AspNetCore.Correlation.{}=N; sid=a", "x".repeat(200));
        assert_eq!(redacted(&text), "cookie: [REDACTED]");
    }

    #[test]
    fn innocent_texts_stay() {
        for text in [
            "tokens: 123, token count: 7, max_tokens=5, max-tokens: 5, token_1: the",
            "basic questions about the password reset",
            "Authorization: Basic",
            "the authorization; the password's length",
            "The secret: patience. A token: a word. Password: forgotten?",
            "def client(api_key: str, password: Optional[str] = None): pass",
            "const { apiKey } = config as { apiKey: string };",
            "cookie: a small file",
            "at 12:30, see https://host:8080/a?b=c or mail me@host, ssh://git@host/x",
            "http://[::1]:80/@a, https://a/b:c@d, a:b@c",
            "it's a 'key': 'value', ['token', 'secret']",
            r#"{"token1":"the","password":true,"api_key":{"id":1},"secret":[],"cookie":[""]}"#,
            r#"{"usage":{"prompt_tokens":1,"total_tokens":2},"logprobs":{"tokens":["a"]}}"#,
        ] {
            assert_eq!(redacted(text), text);
        }
    }

    #[test]
    fn a_data_url_keeps_its_type() {
        let text = format!(r#"{{"url":"data:image/png;base64,{}"}}"#, "iVBOR".repeat(99));
        assert_eq!(redacted(&text), r#"{"url":"data:image/png;base64,[SHORTENED]"}"#);
    }

    #[test]
    fn a_credential_cut_at_the_end_is_replaced() {
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
            "cookie:",
            "cookie::",
            "cookie:/",
            "password\\u006ba",
        ] {
            let text = part.repeat((1 << 18) / part.len());
            let begun = std::time::Instant::now();
            redacted(&text);
            assert!(begun.elapsed().as_secs() < 20, "{part}: {:?}", begun.elapsed());
        }
    }

    /// A JSON string with all characters escaped.
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
            // Spelled entirely with escapes, inside a single string.
            let text = redacted(&format!("{before}\"{}\"{after}", escaped(&key)));
            prop_assert!(!text.contains(&escaped(&key[3..])), "{}", text);
        }

        #[test]
        fn a_named_credential_never_survives_and_its_neighbours_do(
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
        fn redacting_twice_changes_nothing_more(text in any::<String>(), is_cut: bool) {
            let mut once = text;
            redact(&mut once, is_cut);
            let mut twice = once.clone();
            redact(&mut twice, is_cut);
            prop_assert_eq!(once, twice);
        }
    }
}
