//! The search replaces what the walk replaces.

use super::*;
use crate::util::redact::credential::{ENDINGS, NAMES, PASSWORDS, PREFIXES};
use crate::util::redact::is_credential as is_member_now;
use crate::util::redact::text::clean;
use proptest::prelude::*;
use serde_json::Value;

/// Building blocks of texts.
fn part() -> impl Strategy<Value = String> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let prefixes: Vec<_> = PREFIXES.iter().map(|(prefix, _)| (*prefix).to_owned()).collect();
    let names: Vec<String> = owned(&[&NAMES[..], &ENDINGS, &PASSWORDS].concat());
    let marks: Vec<String> = owned(&[
        "\"",
        "\"",
        "'",
        "':'",
        "': '",
        "['",
        "[\"",
        "\", \"",
        "]",
        ": ",
        "://",
        "@",
        "\\u0027",
        "\\u005b",
        ":",
        "=",
        "\":\"",
        "\": \"",
        "=\"",
        "={",
        " ",
        "\n",
        "\\",
        "\\\\",
        "\\\"",
        "\\n",
        "\\t",
        "\\b",
        "\\f",
        "\\r",
        "\\/",
        "\\u",
        "\\u00",
        "\\u0022",
        "\\u003a",
        "\\u003D",
        "\\u005c",
        "\\u0020",
        "\\u00a0",
        "\\u2003",
        "\\ud83d",
        "\u{2003}",
        "-",
        "_",
        ",",
        ";",
        "?",
        "&",
        ".",
        "/",
        "%",
        "%20",
        "%3D",
        "{",
        "}",
        "é",
        "\u{1f600}",
    ]);
    let words: Vec<String> = owned(&[
        "bearer",
        "Bearer ",
        "bEArer\\n",
        ";base64,",
        ";Base64,",
        "?key=",
        "&key=",
        "key",
        "model",
        "x",
        "u",
        "b",
        "content",
        "0123456789",
        "[REDACTED]",
        "to_ken",
        "API-Key",
        "x-api-key",
        "maxtokens",
        "max_tokens",
        "_2",
        "42",
        "https://u:pw@h",
        "Authorization: ",
        "Basic ",
        "digest a=\"b\", c=d",
        "cookie: a=b; c=d",
        "x-goog-api-key",
        "rk",
        "sk",
        "risk-",
    ]);
    prop_oneof![
        4 => prop::sample::select(prefixes),
        3 => prop::sample::select(names),
        6 => prop::sample::select(marks),
        3 => prop::sample::select(words),
        2 => "[A-Za-z0-9_.+/=-]{0,24}",
        1 => "[A-Za-z0-9+/]{60,70}",
        1 => any::<String>(),
    ]
}

/// Ways to write a part.
fn spelt() -> impl Strategy<Value = String> {
    (part(), 0..12_u8, any::<u32>(), 0..4_usize).prop_map(|(text, way, which, slashes)| {
        let escape = |c: char| {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units);
            let run = "\\".repeat(slashes);
            units.iter().map(|unit| format!("\\{run}u{unit:04x}")).collect::<String>()
        };
        let some = |spell: &dyn Fn(char) -> String| {
            let spell = |(at, c): (usize, char)| {
                if which >> (at % 32) & 1 == 1 { spell(c) } else { c.to_string() }
            };
            text.chars().enumerate().map(spell).collect::<String>()
        };
        match way {
            0 => text.chars().map(escape).collect(),
            1 => some(&escape),
            // A single character.
            2 => {
                let at = which as usize % text.chars().count().max(1);
                let spell = |(i, c)| if i == at { escape(c) } else { c.to_string() };
                text.chars().enumerate().map(spell).collect()
            }
            3 => some(&|c| c.to_uppercase().collect()),
            4 => text.to_lowercase(),
            5 => text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            6 => {
                let length = which as usize % (text.chars().count() + 1);
                text.chars().take(length).collect()
            }
            7 => some(&|c| format!("{c}{}", "\\".repeat(slashes))),
            _ => text,
        }
    })
}

fn text() -> impl Strategy<Value = String> {
    let parts = prop::collection::vec(spelt(), 0..16);
    (parts, 0..6_usize).prop_map(|(parts, depth)| {
        // Most are unchanged; some are strings within strings.
        let depth = depth.saturating_sub(2);
        let whole = (0..depth).fold(parts.concat(), |text, _| Value::String(text).to_string());
        let member = format!("{{\"a\":{whole}}}");
        if depth == 3 { member } else { whole }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(4096)))]

    #[test]
    fn the_search_replaces_what_the_walk_does(text in text(), is_cut: bool) {
        let searched = clean(&text, is_cut);
        let walked = walk(&text, is_cut);
        // A part that is replaced by itself is copied anyway.
        prop_assert!(searched.is_some() || walked == text);
        prop_assert_eq!(searched.as_ref().unwrap_or(&text), &walked);
    }

    #[test]
    fn both_agree_on_a_text_cut_anywhere(text in text(), at: prop::sample::Index) {
        let at = at.index(text.len() + 1);
        let (head, _) = crate::util::redact::cut(&text, at);
        for (text, is_cut) in [(head, true), (head, false), (&text[head.len()..], false)] {
            let searched = clean(text, is_cut);
            prop_assert_eq!(searched.as_deref().unwrap_or(text), walk(text, is_cut));
        }
    }

    #[test]
    fn both_know_the_same_names(parts in prop::collection::vec(spelt(), 0..4)) {
        let name = parts.concat();
        prop_assert_eq!(is_member_now(&name), is_member(&name), "{}", name);
    }
}
