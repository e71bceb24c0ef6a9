//! What is refused, and with which message.

use super::*;

#[test]
fn a_malformed_body_is_refused() {
    let good = with(r#""query":{"a":[1]}"#);
    for body in ["", " ", "1", "\"LEAK\"", "null", "]"] {
        assert!(refused(body).0.contains("array of 1 to 16 entries"), "{body}");
    }
    let deep = with(&format!(r#""query":{}"#, "[".repeat(100_000)));
    let tail = format!("{good}x");
    let comma = good.replace("}]", "},]");
    for body in ["[", "[{", "[{]", "{\"provider\"", "[LEAK]", &deep, &tail, &good[1..], &comma] {
        assert!(refused(body).0.contains("well-formed JSON"), "{body:.80}");
    }
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "{length}");
    }
}

#[test]
fn the_error_names_the_member() {
    let many: Vec<_> = (0..101).map(|i| format!("\"x-{i}\":\"\"")).collect();
    let many = format!(r#""headers":{{{}}}"#, many.join(","));
    for (body, named, allowed) in [
        ("[1]".into(), "[0]", "must be an object"),
        ("[[]]".into(), "[0]", "must be an object"),
        (r#"[{}]"#.into(), "[0].provider", "the slug of a provider"),
        (r#"[{"provider":1,"endpoint":"x"}]"#.into(), "[0].provider", "a string"),
        (r#"[{"provider":"\ud800","endpoint":"x"}]"#.into(), "[0].provider", "a string"),
        (r#"[{"provider":"grok"}]"#.into(), "[0].endpoint", "a string"),
        (r#"[{"provider":"grok","endpoint":["LEAK"]}]"#.into(), "[0].endpoint", "a string"),
        (
            r#"[{"provider":"grok","endpoint":"a/../b?LEAK"}]"#.into(),
            "[0].endpoint",
            "dot segments",
        ),
        (r#"[{"provider":"grok","endpoint":"a/%2e%2E/b"}]"#.into(), "[0].endpoint", "dot segments"),
        (r#"[{"provider":"grok","endpoint":"chat#LEAK"}]"#.into(), "[0].endpoint", "fragments"),
        (r#"[{"provider":"grok","endpoint":"a b"}]"#.into(), "[0].endpoint", "a string"),
        (r#"[{"provider":"grok","endpoint":"a\u0000b"}]"#.into(), "[0].endpoint", "a string"),
        (with(r#""provider":"openai""#), "[0].provider", "given once"),
        (with(r#""endpo\u0069nt":"x""#), "[0].endpoint", "given once"),
        (with(r#""query":{},"query":{}"#), "[0].query", "given once"),
        (with(r#""query":[]"#), "[0].query", "an object"),
        (with(r#""query":null"#), "[0].query", "an object"),
        (with(r#""query":"LEAK""#), "[0].query", "an object"),
        (with(r#""query":{"model":"LEAK","mod\u0065l":"b"}"#), "[0].query.model", "given once"),
        (with(r#""query":{"model":1}"#), "[0].query.model", "a string"),
        (with(r#""query":{"model":"\ud800"}"#), "[0].query.model", "a string"),
        (
            with(&format!(r#""query":{{"model":"{}"}}"#, "m".repeat(1025))),
            "[0].query.model",
            "at most 1024 bytes",
        ),
        (with(r#""headers":"LEAK""#), "[0].headers", "an object of at most 100 strings"),
        (
            with(r#""headers":{"Authorization: Bearer LEAK":"x"}"#),
            "[0].headers",
            "names of HTTP headers",
        ),
        (with(r#""headers":{"":"x"}"#), "[0].headers", "names of HTTP headers"),
        (with(&many), "[0].headers", "at most 100"),
        (with(r#""headers":{"X-A":1}"#), "[0].headers.x-a", "a string"),
        (with(r#""headers":{"x-a":true}"#), "[0].headers.x-a", "a string"),
        (with(r#""headers":{"x-a":null}"#), "[0].headers.x-a", "a string"),
        (with(r#""headers":{"cookie":["LEAK"]}"#), "[0].headers.cookie", "a string"),
        (
            with(r#""headers":{"authorization":"LEAK\r\nhost: x"}"#),
            "[0].headers.authorization",
            "without line breaks",
        ),
        (
            with(r#""headers":{"authorization":"LEAK","Authorization":"LEAK"}"#),
            "[0].headers.authorization",
            "given once",
        ),
        (
            with(r#""headers":{"cf-aig-max-attempts":"6"}"#),
            "[0].headers.cf-aig-max-attempts",
            "a whole number from 1 to 5",
        ),
        (with(r#""config":[]"#), "[0].config", "an object"),
        (
            format!("[{0},{0},{{}}]", r#"{"provider":"a","endpoint":"b"}"#),
            "[2].provider",
            "entry 2",
        ),
    ] {
        let (message, param) = refused(&body);
        assert_eq!(param.as_deref(), Some(named), "{body:.200}");
        assert!(message.contains(allowed), "{body:.200}: {message}");
    }
}

#[test]
fn long_names_are_cut_in_messages() {
    let name = "x".repeat(1000);
    let (message, param) = refused(&with(&format!(r#""headers":{{"{name}":1}}"#)));
    assert_eq!(param.unwrap(), format!("[0].headers.{}", &name[..64]));
    assert!(message.len() < 200, "{message}");
}
