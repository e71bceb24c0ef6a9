//! Paths lead to mounts, providers and endpoints, or to the app.

use super::*;
use crate::provider::Provider;

fn providers() -> Providers {
    let acme = Provider::custom("acme", "http://localhost:1/v1");
    Providers::new(Provider::all().into_iter().chain([acme]).collect()).unwrap()
}

/// A route in one line: `grok <rest> acct=… gw=…`, `unified <endpoint>`, a refusal, or `not ours`.
fn outcome(mounts: &[Mount], method: Method, path: &str) -> String {
    let providers = providers();
    let request = Request::builder().method(method).uri(path).body(()).unwrap();
    let Some(route) = route(mounts, || &providers, &request) else { return "not ours".into() };
    let path = request.uri().path();
    let id = |span: Option<PathSpan>| span.map_or("-", |span| span.text(path)).to_owned();
    let ids = format!("{}/{}", id(route.place.account), id(route.place.gateway));
    match route.kind {
        RouteKind::Native { upstream, rest } => {
            format!("{ids} {} {}", upstream.slug(), rest.text(path))
        }
        RouteKind::Models { id } => {
            format!("{ids} models {}", id.map_or("", |id| id.text(path)))
        }
        RouteKind::Unified { endpoint } => format!("{ids} unified {endpoint}"),
        RouteKind::Universal => format!("{ids} universal"),
        RouteKind::Refused(RouteRefused::UnknownProvider(slug)) => {
            format!("unknown {}", slug.text(path))
        }
        RouteKind::Refused(RouteRefused::Id(what)) => format!("bad {what}"),
        RouteKind::Refused(refused) => format!("{refused:?}"),
    }
}

fn post(mounts: &[Mount], path: &str) -> String {
    outcome(mounts, Method::POST, path)
}

#[test]
fn hosted_and_rest_paths() {
    let mounts = [Mount::hosted(), Mount::rest()];
    let long = format!("/v1/{}/gw/grok/chat", "a".repeat(65));
    for (path, expected) in [
        ("/v1/acct/gw/grok/v1/chat/completions", "acct/gw grok v1/chat/completions"),
        ("/v1/acct/gw/grok/chat/completions?a=1", "acct/gw grok chat/completions"),
        ("/v1/acct/gw/grok//chat/completions", "acct/gw grok chat/completions"),
        ("/v1/acct/gw/grok/a//b/", "acct/gw grok a//b/"),
        ("/v1/acct/gw/xai/models", "acct/gw grok models"),
        ("/v1/acct/gw/grok", "acct/gw grok "),
        ("/v1/acct/gw/grok/", "acct/gw grok "),
        ("http://evil.example/v1/acct/gw/grok/models", "acct/gw grok models"),
        ("/v1/acct/gw/custom-acme/models", "acct/gw custom-acme models"),
        ("/v1/acct/gw/acme/models", "acct/gw custom-acme models"),
        ("/v1/acct/gw/custom-other/models", "unknown custom-other"),
        ("/v1/a-b_c.d/0/openai/x", "a-b_c.d/0 openai x"),
        ("/v1/acct/gw/compat/chat/completions", "acct/gw unified chat/completions"),
        ("/v1/acct/gw/compat/v1/messages", "acct/gw unified messages"),
        ("/v1/acct/gw/compat/embeddings", "acct/gw unified embeddings"),
        ("/v1/acct/gw/compat/models", "NoSuchEndpoint"),
        ("/v1/acct/gw/compat", "NoSuchEndpoint"),
        ("/client/v4/accounts/acct/ai/v1/responses", "acct/- unified responses"),
        ("/client/v4/accounts/acct/ai/run", "not ours"),
        ("/client/v4/accounts/a%20b/ai/v1/messages", "bad account id"),
        ("/v1//gw/grok/chat", "bad account id"),
        ("/v1/acct//grok/chat", "bad gateway id"),
        ("/v1/../gw/grok/chat", "bad account id"),
        ("/v1/acct/./grok/chat", "bad gateway id"),
        ("/v1/ac%63t/gw/grok/chat", "bad account id"),
        (&long, "bad account id"),
        ("/v1/acct/gw/%67rok/chat", "not ours"),
        ("/v1/acct/gw/Grok/chat", "not ours"),
        ("/v1/users/42/posts", "not ours"),
        ("/v1/users/42", "not ours"),
        ("/v1beta/acct/gw/grok", "not ours"),
        ("/v1", "not ours"),
        ("/health", "not ours"),
        ("/", "not ours"),
    ] {
        assert_eq!(post(&mounts, path), expected, "{path}");
    }
}

#[test]
fn an_exclusive_mount_claims_every_path_below_it() {
    let mounts = [Mount::hosted().exclusive(), Mount::rest().exclusive()];
    for (path, expected) in [
        ("/v1/acct/gw/nosuch/chat", "unknown nosuch"),
        ("/v1/acct/gw/%67rok/chat", "unknown %67rok"),
        ("/v1/acct/gw", "NoSuchEndpoint"),
        ("/v1/acct/gw//grok", "NoSuchEndpoint"),
        ("/client/v4/accounts/acct/ai/run", "NoSuchEndpoint"),
        ("/v1/acct/gw/grok/x", "acct/gw grok x"),
        ("/healthz", "not ours"),
    ] {
        assert_eq!(post(&mounts, path), expected, "{path}");
    }
}

#[test]
fn the_universal_endpoint_exists_if_enabled() {
    let long = format!("/v1/acct/{}", "g".repeat(65));
    for (path, expected, exclusively) in [
        ("/v1/acct/gw", "acct/gw universal", None),
        ("/v1/acct/gw/", "acct/gw universal", None),
        ("/v1/acct/gw?a=1", "acct/gw universal", None),
        ("/v1/users/42", "users/42 universal", None),
        ("http://evil.example/v1/acct/gw", "acct/gw universal", None),
        // There, a slug is the gateway's id and not a provider.
        ("/v1/acct/grok", "acct/grok universal", None),
        ("/v1/acct/compat/", "acct/compat universal", None),
        ("/v1/a%20b/gw", "bad account id", None),
        ("/v1//gw", "bad account id", None),
        ("/v1/../gw/", "bad account id", None),
        ("/v1/acct/..", "bad gateway id", None),
        ("/v1/acct/%67w/", "bad gateway id", None),
        (&long, "bad gateway id", None),
        ("/v1/acct/gw/grok/x", "acct/gw grok x", None),
        ("/v1/acct/gw/compat/responses", "acct/gw unified responses", None),
        ("/v1/acct/gw//", "not ours", Some("NoSuchEndpoint")),
        ("/v1/acct/gw//grok", "not ours", Some("NoSuchEndpoint")),
        ("/v1/acct/gw/else", "not ours", Some("unknown else")),
        ("/v1/acct", "not ours", Some("bad gateway id")),
        ("/v1/acct/", "not ours", Some("bad gateway id")),
        ("/v1/acct//", "not ours", Some("bad gateway id")),
        ("/v1/", "not ours", Some("bad account id")),
        ("/v1", "not ours", None),
    ] {
        let mount = Mount::hosted().universal();
        assert_eq!(post(std::slice::from_ref(&mount), path), expected, "{path}");
        let exclusively = exclusively.unwrap_or(expected);
        assert_eq!(post(&[mount.exclusive()], path), exclusively, "{path}");
    }
}

#[test]
fn the_universal_endpoint_is_off_by_default_and_on_other_mounts() {
    for path in ["/v1/acct/gw", "/v1/acct/gw/"] {
        assert_eq!(post(&[Mount::hosted()], path), "not ours", "{path}");
        assert_eq!(post(&[Mount::hosted().exclusive()], path), "NoSuchEndpoint", "{path}");
    }
    assert_eq!(post(&[Mount::at("/ai").universal()], "/ai/acct/gw"), "not ours");
    let rest = [Mount::rest().universal()];
    assert_eq!(post(&rest, "/client/v4/accounts/acct/gw"), "not ours");
}

#[test]
fn the_universal_endpoint_accepts_only_post() {
    let mounts = [Mount::hosted().universal()];
    for path in ["/v1/acct/gw", "/v1/acct/gw/"] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS] {
            assert_eq!(outcome(&mounts, method, path), "PostOnly", "{path}");
        }
    }
    assert_eq!(outcome(&mounts, Method::GET, "/v1/ac!ct/gw"), "bad account id");
}

#[test]
fn a_bare_mount_has_no_ids() {
    let mounts = [Mount::at("/ai/")];
    for (path, expected) in [
        ("/ai/grok/v1/chat/completions", "-/- grok v1/chat/completions"),
        ("/ai/compat/responses", "-/- unified responses"),
        ("/ai/else", "not ours"),
        ("/aid/grok/x", "not ours"),
        ("/v1/acct/gw/grok/x", "not ours"),
    ] {
        assert_eq!(post(&mounts, path), expected, "{path}");
    }
    assert_eq!(post(&[Mount::at("")], "/grok/x"), "-/- grok x");
}

#[test]
fn unified_routes_accept_post_and_leave_preflights_to_the_host() {
    let mounts = [Mount::hosted().universal()];
    let path = "/v1/acct/gw/compat/chat/completions";
    assert_eq!(outcome(&mounts, Method::GET, path), "PostOnly");
    let providers = providers();
    for (path, method, header) in [
        (path, Method::OPTIONS, header::ACCESS_CONTROL_REQUEST_METHOD),
        ("/v1/acct/gw/grok/chat", Method::OPTIONS, header::ACCESS_CONTROL_REQUEST_METHOD),
        ("/v1/acct/gw", Method::OPTIONS, header::ACCESS_CONTROL_REQUEST_METHOD),
    ] {
        let request =
            Request::builder().method(method).uri(path).header(header, "POST").body(()).unwrap();
        assert!(route(&mounts, || &providers, &request).is_none(), "{path}");
    }
    assert_eq!(outcome(&mounts, Method::OPTIONS, "/v1/acct/gw/grok/chat"), "acct/gw grok chat");
}

#[test]
fn invalid_mounts_are_not_sound() {
    for prefix in ["ai", "/a?b", "/a#b", "/a b", "/../x", "/a%20b"] {
        assert!(!Mount::at(prefix).is_sound(), "{prefix}");
    }
    for prefix in ["", "/", "/ai", "/a/b"] {
        assert!(Mount::at(prefix).is_sound(), "{prefix}");
    }
}
