//! Unauthorized callers learn nothing about their request, and nothing of it is read.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::gateways::scene::{NATIVE, REST, Scene, UNIFIED, UNIVERSAL, secret, token, with_body};

fn locked() -> Scene {
    Scene::with(|of| {
        of.token(token("t"))
            .key("grok", secret("sk-LEAK"))
            .allow_models(["grok-4"])
            .allow_providers(["grok", "anthropic"])
            .refuse_client_credentials()
    })
}

/// Fails the test if any part of it is read.
struct Untouchable(SizeHint);

impl Body for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body is read")
    }

    fn size_hint(&self) -> SizeHint {
        self.0
    }
}

type Headers = &'static [(&'static str, &'static str)];

/// Requests with all kinds of mistakes, and the errors that authorized callers get.
const WRONG: [(&str, Headers, (u16, u16)); 12] = [
    ("POST /v1/acct/gw/custom-none/x", &[], (400, 2008)),
    ("POST /only/none/x", &[], (400, 2008)),
    ("POST /v1/acct/gw/compat/none", &[], (404, 2400)),
    ("GET /v1/acct/gw/compat/responses", &[], (405, 2400)),
    ("PUT /v1/acct/gw", &[], (405, 2400)),
    ("TRACE /v1/acct/gw/grok/x", &[], (400, 2400)),
    ("POST /v1/acct/gw/grok/%2e%2e/x", &[], (400, 2400)),
    ("POST /v1/acct/gw/grok/x", &[("cf-aig-max-attempts", "9")], (400, 2400)),
    ("POST /v1/acct/gw/grok/x", &[("cf-aig-byok-alias", "none")], (400, 2040)),
    ("POST /v1/acct/gw/grok/x", &[("x-api-key", "k")], (403, 2403)),
    ("POST /v1/acct/gw/openai/x", &[], (403, 2403)),
    ("POST /ai/compat/chat/completions", &[("content-encoding", "gzip")], (400, 2400)),
];

#[tokio::test]
async fn authentication_precedes_every_other_error() {
    let scene = locked();
    for (line, headers, expected) in WRONG {
        scene.refuses(line, headers, "{}", (401, 2009)).await;
        let known = [&[("cf-aig-authorization", "t")], headers].concat();
        scene.refuses(line, &known, "{}", expected).await;
    }
    let forbidden = r#"{"model":"grok-3"}"#;
    scene.refuses(NATIVE, &[], forbidden, (401, 2009)).await;
    scene.refuses(NATIVE, &[("cf-aig-authorization", "t")], forbidden, (403, 2403)).await;
    // A request without a gateway needs no token.
    scene.refuses("POST /v1/a~/gw/grok/x", &[], "{}", (400, 2400)).await;
}

#[tokio::test]
async fn no_body_is_read_before_authentication() {
    let scene = locked();
    for line in [NATIVE, UNIFIED, REST, UNIVERSAL, "POST /only/none/x"] {
        for (hint, expects) in [
            (SizeHint::default(), false),
            (SizeHint::with_exact(1000), false),
            (SizeHint::with_exact(100_000_000), false),
            (SizeHint::with_exact(2_000), true),
        ] {
            let headers: &[_] = if expects { &[("expect", "100-continue")] } else { &[] };
            let request = with_body(line, headers, Untouchable(hint));
            let answer = scene.send(request).await;
            answer.refused(401, 2009);
        }
    }
    assert!(scene.hook.ends().iter().all(|end| end.request_bytes == 0));
}
