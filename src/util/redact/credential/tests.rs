//! Keys are found by their prefixes, and credentials by their names.

use super::*;

#[test]
fn names_of_credentials_are_known_with_any_words_before_them() {
    for name in [
        "apikey",
        "xgoogapikey",
        "authorization",
        "proxyauthorization",
        "password",
        "clientsecret",
        "awssecretaccesskey",
        "refreshtoken",
        "token",
        "setcookie",
        "privatekey",
    ] {
        assert!(is_credential(name, false), "{name}");
    }
    for name in ["", "maxtokens", "tokens", "key", "stoptoken", "author", "secretary", "model"] {
        assert!(!is_credential(name, false), "{name}");
    }
}

fn key(text: &str) -> Option<usize> {
    key_end(text, 0, true, false)
}

#[test]
fn a_key_ends_before_the_first_foreign_character() {
    assert_eq!(key("sk-abcdef, and"), Some(9));
    assert_eq!(key(r"\u0073k\u002dabcdef\n"), Some(19));
    assert_eq!(key("xai-0123456789\"}"), Some(14));
    assert_eq!(key("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln next"), Some(41));
    let long = format!("gsk_{}", "a".repeat(1000));
    assert_eq!(key(&format!("{long} ")), Some(1004));
}

#[test]
fn keys_of_all_providers_are_known() {
    for (prefix, body) in [
        ("sk-", "0123456789abcdefghij"),
        ("sk-proj-", "0123456789abcdefghij"),
        ("sk-svcacct-", "0123456789abcdefghij"),
        ("sk-admin-", "0123456789abcdefghij"),
        ("sk-ant-api03-", "0123456789abcdefghij"),
        ("sk-ant-oat01-", "0123456789abcdefghij"),
        ("sk-or-v1-", "0123456789abcdef0123456789abcdef"),
        ("xai-", "0123456789abcdefghij"),
        ("gsk_", "0123456789abcdefghij"),
        ("csk-", "0123456789abcdefghij"),
        ("pplx-", "0123456789abcdefghij"),
        ("AIza", "SyA0123456789-_abcdefghijklmnopqrst"),
        ("AQ.", "Ab8RN6K0123456789-_abcdefghij"),
        ("ya29.", "a0AfB_by0123456789-_abcdef"),
        ("hf_", "abcdefghijklmnopqrstuvwxyz01234567"),
        ("api_org_", "abcdefghijklmnopqrstuvwxyz"),
        ("r8_", "0123456789abcdefghijklmnopqrstuvwxyz0"),
        ("fw_", "0123456789abcdefghij"),
        ("tgp_v1_", "0123456789abcdefghij-_"),
        ("ABSK", "QmVkcm9ja0FQSUtleS0/+A9abcdefghij=="),
        ("bedrock-api-key-", "YmVkcm9jay5hbWF6b25hd3MuY29tLz9BY3Rpb24/+9=="),
        ("AKIA", "IOSFODNN7EXAMPLE"),
        ("ASIA", "IOSFODNN7EXAMPLE"),
    ] {
        let key_text = format!("{prefix}{body}");
        assert_eq!(key(&key_text), Some(key_text.len()), "{key_text}");
        assert_eq!(key(&format!("{key_text} next")), Some(key_text.len()), "{key_text}");
        assert_eq!(key(&format!("{key_text}\"}}")), Some(key_text.len()), "{key_text}");
    }
}

#[test]
fn words_are_not_keys() {
    for word in ["sk-", "sk-learn", "skill", "xai-org", "eyJ", "", "hf_hub_download"] {
        assert_eq!(key(word), None, "{word}");
    }
    // Within a word a key must be long and have a digit.
    assert_eq!(key_end("sk-management-of-everything", 0, false, false), None);
    assert_eq!(key_end("sk-0123456789", 0, false, false), None);
    assert_eq!(key_end("sk-0123456789abcdef", 0, false, false), Some(19));
}

#[test]
fn a_key_cut_at_the_end_of_a_text_may_be_short() {
    assert_eq!(key_end("sk-a", 0, true, true), Some(4));
    assert_eq!(key_end("sk-a b", 0, true, true), None);
    assert_eq!(bearer("Bearer x", 0, true), Some((7, 8)));
    assert_eq!(bearer("Bearer x y", 0, true), None);
}

#[test]
fn bearer_tokens_are_found_in_any_case() {
    assert_eq!(bearer("Bearer abc.DEF+/=~ x", 0, false), Some((7, 18)));
    assert_eq!(bearer("bEARER \t abcdef", 0, false), Some((9, 15)));
    assert_eq!(bearer("bearer of bad news", 0, false), None);
    assert_eq!(bearer("bearerabcdefgh", 0, false), None);
}

#[test]
fn long_data_urls_are_shortened() {
    let url = |length| format!(";base64,{}\"", "A".repeat(length));
    assert_eq!(base64(&url(63), 0), None);
    assert_eq!(base64(&url(64), 0), Some((8, 72)));
    assert_eq!(base64(&url(5000), 0), Some((8, 5008)));
    let escaped = format!(";base64,{}", r"a\/".repeat(40));
    assert_eq!(base64(&escaped, 0), Some((8, escaped.len())));
}
