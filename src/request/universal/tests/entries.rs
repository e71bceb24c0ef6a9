//! What entries contain.

use std::time::Duration;

use super::*;

#[test]
fn entries_are_read_in_order() {
    let body = r#" [
        {"provider":"grok","endpoint":"/v1/chat/completions?a=1","headers":{"Authorization":" Bearer LEAK ",
         "Content-Type":"application/json","cf-aig-cache-ttl":"60","Cookie":"LEAK","x-forwarded-for":"1"},
         "query": {"model" : "grok-4", "stream" : true} , "authorization":"LEAK"},
        {"endpoint":"","provider":"open\u0061i"}
    ] "#;
    let entries = read(body).unwrap();
    let [first, second] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(first.provider, "grok");
    assert_eq!(first.endpoint, "v1/chat/completions?a=1");
    assert_eq!(first.endpoint_path(), "v1/chat/completions");
    assert_eq!(first.endpoint_query(), Some("a=1"));
    let headers: Vec<_> =
        first.headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
    assert_eq!(headers.len(), 2);
    assert_eq!((headers[0].0, headers[0].1.as_bytes()), ("authorization", &b"Bearer LEAK"[..]));
    assert!(headers[0].1.is_sensitive());
    assert_eq!((headers[1].0, headers[1].1.as_bytes()), ("content-type", &b"application/json"[..]));
    assert_eq!(first.query, r#"{"model" : "grok-4", "stream" : true}"#);
    assert_eq!(first.model.as_deref(), Some("grok-4"));
    assert!(first.stream);
    assert_eq!(first.directives(&Directives::default()).cache_ttl, Some(Duration::from_secs(60)));

    assert_eq!((&*second.provider, &*second.endpoint), ("openai", ""));
    assert_eq!(second.endpoint_query(), None);
    assert!(second.headers.is_empty() && second.query.is_empty());
    assert_eq!((second.model.as_deref(), second.stream), (None, false));
    assert_eq!(second.config, Directives::default());
    assert_eq!(second.directives(&Directives::default()), Directives::default());
}

#[test]
fn the_query_is_a_slice_of_the_body() {
    let body = Bytes::from(with(r#""query":{"a":1}"#));
    let entries = parse(&body, &Locks::none()).unwrap();
    let inside = body.as_ptr_range();
    assert!(inside.contains(&entries[0].query.as_ptr()));
}

#[test]
fn a_single_object_is_one_entry() {
    let entries = read(r#"{"provider":"grok","endpoint":"models"}"#).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].endpoint, "models");
    let (_, param) = refused(r#"{"provider":"grok"}"#);
    assert_eq!(param.as_deref(), Some("[0].endpoint"));
}

#[test]
fn one_to_sixteen_entries_are_accepted() {
    let entries = |count| {
        let entry = r#"{"provider":"grok","endpoint":"models"}"#;
        format!("[{}]", vec![entry; count].join(","))
    };
    assert_eq!(read(&entries(1)).unwrap().len(), 1);
    assert_eq!(read(&entries(16)).unwrap().len(), 16);
    for count in [0, 17] {
        let (message, param) = refused(&entries(count));
        assert_eq!(
            message,
            "The request body must be a JSON array of 1 to 16 entries, or one entry."
        );
        assert_eq!(param, None);
    }
}

#[test]
fn debug_shows_no_key() {
    let body = with(
        r#""headers":{"authorization":"Bearer LEAK","x-api-key":"LEAK","api-key":"LEAK","x-goog-api-key":"LEAK",
            "x-odd-token":"LEAK","cookie":"LEAK","cf-aig-authorization":"LEAK","cf-aig-event-id":"LEAK"},
           "query":{"messages":"LEAK"}"#,
    );
    let body = body.replace("chat/completions", "chat/completions?key=LEAK");
    let entries = read(&body).unwrap();
    let shown = format!("{entries:?} {entries:#?}");
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains("x-odd-token") && shown.contains("chat/completions"), "{shown}");
    for (name, value) in &entries[0].headers {
        assert_eq!(value.is_sensitive(), name != "x-odd-token", "{name}");
    }
}
