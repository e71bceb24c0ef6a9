//! Which requests pass the guard.

use super::*;

const LOCAL: &str = "127.0.0.1:50000";

/// The guard's decision on a `GET` with these headers.
fn get(guard: &Guard, peer: &str, pairs: &[(&'static str, &str)]) -> Result<(), Denied> {
    ask(guard, &Method::GET, "/dashboard", peer, pairs)
}

fn ask(
    guard: &Guard,
    method: &Method,
    uri: &str,
    peer: &str,
    pairs: &[(&'static str, &str)],
) -> Result<(), Denied> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    guard.check(Some(peer.parse().unwrap()), method, &uri.parse().unwrap(), &headers)
}

#[test]
fn this_machine_may_read_under_its_own_names() {
    let guard = Guard(None);
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8787", "127.8.9.1", "[::1]", "[::1]:80"] {
        assert_eq!(get(&guard, LOCAL, &[("host", host)]), Ok(()), "{host}");
    }
    for peer in ["[::1]:9", "127.3.2.1:9", "[::ffff:127.0.0.1]:9"] {
        assert_eq!(get(&guard, peer, &[("host", "localhost")]), Ok(()), "{peer}");
    }
    let by_authority = ask(&guard, &Method::GET, "http://localhost:1/", LOCAL, &[]);
    assert_eq!(by_authority, Ok(()));
}

#[test]
fn other_names_and_other_machines_may_not() {
    let guard = Guard(None);
    for host in [
        "rebound.example",
        "localhost.example",
        "127.0.0.1.example",
        "localhost:1@rebound.example",
        "rebound.example@localhost",
        "192.168.0.1",
        "0.0.0.0",
        "[::]",
        "not a host",
        "",
    ] {
        assert_eq!(get(&guard, LOCAL, &[("host", host)]), Err(Denied::NotLocal), "{host}");
    }
    for peer in ["192.168.0.9:1", "[2001:db8::1]:1", "[::ffff:10.0.0.1]:1"] {
        let denied = get(&guard, peer, &[("host", "localhost")]);
        assert_eq!(denied, Err(Denied::NotLocal), "{peer}");
    }
    assert_eq!(get(&guard, LOCAL, &[]), Err(Denied::NotLocal));
    let two = [("host", "localhost"), ("host", "rebound.example")];
    assert_eq!(get(&guard, LOCAL, &two), Err(Denied::NotLocal));
    let both = ask(&guard, &Method::GET, "http://rebound.example/", LOCAL, &two[..1]);
    assert_eq!(both, Err(Denied::NotLocal));
    let nowhere = guard.check(None, &Method::GET, &Uri::default(), &HeaderMap::new());
    assert_eq!(nowhere, Err(Denied::NotLocal));
}

#[test]
fn a_request_through_a_proxy_on_this_machine_is_not_local() {
    for name in FORWARDING {
        let pairs = [("host", "localhost"), (name, "127.0.0.1")];
        assert_eq!(get(&Guard(None), LOCAL, &pairs), Err(Denied::NotLocal), "{name}");
    }
}

#[test]
fn with_a_token_everybody_needs_it() {
    let guard = Guard::with_token("test:token").unwrap();
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let away = "192.168.0.9:1";
    for good in ["Bearer test:token".into(), "bearer  test:token".into(), basic("me:test:token")] {
        let pairs = [("authorization", &*good), ("host", "gateway.example")];
        assert_eq!(get(&guard, away, &pairs), Ok(()), "{good}");
    }
    for wrong in [
        "Bearer test:toke".into(),
        "Bearer test:tokens".into(),
        "Bearer".into(),
        "test:token".into(),
        "Digest test:token".into(),
        "Basic !".into(),
        basic("test"),
        basic("test:token"),
        basic("me:"),
    ] {
        let pairs = [("authorization", &*wrong), ("host", "localhost")];
        assert_eq!(get(&guard, LOCAL, &pairs), Err(Denied::NoToken), "{wrong}");
    }
    assert_eq!(get(&guard, LOCAL, &[("host", "localhost")]), Err(Denied::NoToken));
}

#[test]
fn a_change_must_come_from_our_own_page_as_json() {
    let guard = Guard::with_token("test-token").unwrap();
    let patch = |content_type: &str, site: &[(&'static str, &str)]| {
        let pairs = [("authorization", "Bearer test-token"), ("content-type", content_type)];
        ask(&guard, &Method::PATCH, "/", LOCAL, &[&pairs[..], site].concat())
    };
    for site in [&[][..], &[("sec-fetch-site", "same-origin")], &[("sec-fetch-site", "none")]] {
        assert_eq!(patch("application/json; charset=utf-8", site), Ok(()), "{site:?}");
    }
    assert_eq!(patch("text/plain", &[]), Err(Denied::CrossSite));
    for site in ["cross-site", "same-site", ""] {
        let denied = patch("application/json", &[("sec-fetch-site", site)]);
        assert_eq!(denied, Err(Denied::CrossSite), "{site}");
    }
}

#[test]
fn a_token_that_cannot_be_sent_or_can_be_guessed_is_refused() {
    let refused = |token: &str| Guard::with_token(token).err();
    for token in ["", " ", "a b", "é", "a\n"] {
        assert_eq!(refused(token), Some(TokenError::Unsendable), "{token:?}");
    }
    for token in ["a", "k7mfqx2", "changeme", "password", "12345678"] {
        assert_eq!(refused(token), Some(TokenError::Guessable), "{token:?}");
    }
    assert_eq!(refused("k7mfqx2w"), None);
}

#[test]
fn only_a_missing_token_makes_the_browser_ask() {
    let answer = Denied::NoToken.into_response();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"gateway admin\"");
    for denied in [Denied::NotLocal, Denied::CrossSite] {
        let answer = denied.into_response();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(!answer.headers().contains_key("www-authenticate"));
    }
}
