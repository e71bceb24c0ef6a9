//! What a custom key stands for if the body is a form.

use super::separation::custom_key::custom;
use super::separation::{apart, cached, together};
use super::*;
use crate::control::cache::scopes;

/// A transcription with these form fields. The boundary differs for each `number`.
fn form(key: &str, number: u8, fields: &[(&str, &str)]) -> Scene {
    let parts = fields.iter().map(|(name, value)| {
        format!("--b{number}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    });
    let body = format!("{}--b{number}--\r\n", parts.collect::<String>());
    custom(key)
        .uri("/v1/acct/gw/openai/v1/audio/transcriptions")
        .without("content-type")
        .with("content-type", &format!("multipart/form-data; boundary=b{number}"))
        .body(body)
}

#[test]
fn a_custom_key_stands_for_a_form_by_its_model() {
    let one = form("c", 1, &[("model", "whisper-1"), ("file", "a")]);
    together(&one, &form("c", 2, &[("file", "b"), ("model", "whisper-1")]));
    apart(&one, &form("c", 1, &[("model", "whisper-2"), ("file", "a")]));
    apart(&one, &form("d", 1, &[("model", "whisper-1"), ("file", "a")]));
    let gateway = scopes::of_gateway(Some("acct"), "gw");
    assert_eq!(one.place().model, scopes::of_model(gateway, "whisper-1"));
    // Without a model in the form, the path may name one.
    let none = |number, path: &str| form("c", number, &[("file", "a")]).uri(path);
    let path = "/v1/acct/gw/openai/v1/audio/transcriptions";
    together(&none(1, path), &none(2, path));
    apart(&none(1, path), &none(2, "/v1/acct/gw/openai/v1/images/edits"));
    apart(&none(1, path), &one);
}

#[test]
fn a_custom_key_does_not_stand_for_an_ambiguous_form() {
    let model = ("model", "whisper-1");
    for fields in [
        &[model, ("model", "whisper-1")][..],
        &[model, ("Model", "whisper-2")],
        &[model, ("models", "whisper-2")],
        &[("stream", "true"), model],
        &[model, ("stream", "false")],
    ] {
        apart(&form("c", 1, fields), &form("c", 2, fields));
        apart(&form("c", 1, fields), &form("c", 1, &[model]));
    }
    let one = form("c", 1, &[model]);
    // Bytes after the end of a form, and a form without an end.
    let with = |body: Vec<u8>| Scene { body, ..one.clone() };
    apart(&one, &with([&one.body[..], b"--b1\r\n"].concat()));
    apart(&one, &with(one.body[..one.body.len() - 4].to_vec()));
    apart(&one, &one.clone().with("content-type", "multipart/form-data; boundary=b2"));
    // The path names the model, and the form asks for a stream or not.
    let path = "/v1/acct/gw/google-ai-studio/v1beta/models/gemini-a:generateContent";
    let at = |number, fields: &[_]| form("c", number, fields).uri(path);
    together(&at(1, &[("file", "a")]), &at(2, &[("file", "b")]));
    apart(&at(1, &[("file", "a")]), &at(1, &[("stream", "true"), ("file", "a")]));
    apart(&at(1, &[("stream", "false")]), &at(1, &[("stream", "true")]));
    // Without a custom key, every byte counts.
    let computed =
        |number| form("c", number, &[model]).without("cf-aig-cache-key").settings(cached);
    apart(&computed(1), &computed(2));
}
