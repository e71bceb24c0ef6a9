//! Which providers are asked for the usage of streams, and what happens if one refuses.

mod scene;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{FallbackChain, GatewaySettings, GatewaySettingsBuilder, Secret};
use tower_ai_gateway::{GatewayLayer, HttpClient, Provider};

use self::scene::*;
use crate::support::ends::Ends;
use crate::support::guard;
use crate::support::hyper_upstream::HyperUpstream;

#[tokio::test]
async fn a_refused_option_is_dropped_and_remembered_for_the_model() {
    for status in [400, 422] {
        let rule = move |body: &str, _| match body.contains("\"m\"") {
            true if body.contains("include_usage") => status,
            _ => 200,
        };
        let (upstream, seen) = provider(rule).await;
        let mut scene = Setup::new([at("a", &upstream)]).start();
        let (m, n) = (body("m"), body("n"));
        assert_eq!(scene.send(&m).await, well());
        assert_eq!(taken(&seen), [with_option(&m), m.clone()]);
        assert_eq!(scene.ends.next().await, (2, None), "attempts, and the usage");
        assert_eq!(scene.send(&m).await, well());
        assert_eq!(taken(&seen), [&*m]);
        assert_eq!(scene.ends.next().await, (1, None));
        // Other models are asked, and this one is not on other routes either.
        assert_eq!(scene.send(&n).await, well());
        assert_eq!(taken(&seen), [with_option(&n)]);
        assert_eq!(scene.ends.next().await, (1, Some(1)));
        let compat = "/v1/acct/gw/compat/chat/completions";
        assert_eq!(scene.send_with(compat, &[], &body("a/m")).await, well());
        assert_eq!(taken(&seen), [&*m]);
    }
}

#[tokio::test]
async fn a_refusal_for_other_reasons_passes_and_is_not_remembered() {
    let (upstream, seen) = provider(|_, before| if before < 2 { 400 } else { 200 }).await;
    let scene = Setup::new([at("a", &upstream)]).start();
    let body = body("m");
    assert_eq!(scene.send(&body).await, (400, REFUSAL.to_owned()));
    assert_eq!(
        taken(&seen),
        [with_option(&body), body.clone()],
        "it is asked once more, not twice"
    );
    seen.lock().unwrap().extend([String::new(), String::new()]);
    assert_eq!(scene.send(&body).await, well());
    assert_eq!(taken(&seen)[2..], [with_option(&body)]);
}

#[tokio::test]
async fn after_accepting_the_option_a_refusal_is_not_retried() {
    let statuses = [200, 400, 400, 200];
    let (upstream, seen) = provider(move |_, before| statuses[before]).await;
    let scene = Setup::new([at("a", &upstream)]).start();
    let body = body("m");
    let with = with_option(&body);
    assert_eq!(scene.send(&body).await, well());
    // It is probably the client's fault, and the body was not kept.
    assert_eq!(scene.send(&body).await.0, 400);
    assert_eq!(*seen.lock().unwrap(), [&*with, &*with]);
    // If it was not, the next request shows it.
    assert_eq!(scene.send(&body).await, well());
    assert_eq!(taken(&seen), [&*with, &*with, &*with, &*body]);
}

#[tokio::test]
async fn without_a_retry_the_next_request_omits_the_option() {
    let (upstream, seen) = provider(strict).await;
    let large = format!(r#"{{"x":"{}","model":"m","stream":true}}"#, "x".repeat(4000));
    let small = body("m");
    // There is no retry layer, or it has not kept the body.
    for (control, body) in [(None, &small), (Some(ControlLayer::new().replay_limit(1000)), &large)]
    {
        let mut setup = Setup::new([at("a", &upstream)]);
        setup.control = control;
        let scene = setup.start();
        assert_eq!(scene.send(body).await, (422, REFUSAL.to_owned()));
        assert_eq!(scene.send(body).await, well());
        assert_eq!(taken(&seen), [with_option(body), body.clone()]);
    }
}

#[tokio::test]
async fn a_request_without_the_option_is_retried_as_usual() {
    let statuses = [422, 503, 200];
    let (upstream, seen) = provider(move |_, before| statuses[before]).await;
    let mut scene = Setup::new([at("a", &upstream)]).start();
    let body = body("m");
    let headers = [("cf-aig-max-attempts", "2"), ("cf-aig-retry-delay", "1")];
    let path = "/v1/acct/gw/a/chat/completions";
    assert_eq!(scene.send_with(path, &headers, &body).await, well());
    assert_eq!(taken(&seen), [with_option(&body), body.clone(), body]);
    assert_eq!(scene.ends.next().await.0, 3);
}

#[tokio::test]
async fn each_provider_can_override_the_setting() {
    let (upstream, seen) = provider(easy).await;
    let body = body("m");
    for (all, own, expected) in [
        (true, None, true),
        (true, Some(false), false),
        (false, None, false),
        (false, Some(true), true),
    ] {
        let custom = at("a", &upstream);
        let custom = own.into_iter().fold(custom, Provider::ask_for_usage);
        let mut setup = Setup::new([custom]);
        setup.asks = all;
        assert_eq!(setup.start().send(&body).await, well());
        let sent = if expected { with_option(&body) } else { body.clone() };
        assert_eq!(taken(&seen), [sent], "{all} {own:?}");
    }
    // Providers that refuse or do not need the option are asked only if the host says so.
    for (built_in, slug) in [
        (Provider::mistral(), "mistral"),
        (Provider::openrouter(), "openrouter"),
        (Provider::perplexity(), "perplexity"),
    ] {
        for own in [None, Some(true)] {
            let known = built_in.clone().base_url(upstream.base("/v1"));
            let known = own.into_iter().fold(known, Provider::ask_for_usage);
            // Under another name it refuses the option as well.
            for (known, slug) in [(known.clone(), slug), (known.with_slug("another"), "another")] {
                let path = format!("/v1/acct/gw/{slug}/v1/chat/completions");
                Setup::new([known]).start().send_with(&path, &[], &body).await;
                let sent = if own.is_some() { with_option(&body) } else { body.clone() };
                assert_eq!(taken(&seen), [sent], "{slug} {own:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_option_is_added_to_other_stream_options() {
    let (upstream, seen) = provider(easy).await;
    let scene = Setup::new([at("a", &upstream)]).start();
    let compat = "/v1/acct/gw/compat/chat/completions";
    for (options, expected) in [
        (
            r#"{"include_obfuscation":false}"#,
            r#"{"include_obfuscation":false,"include_usage":true}"#,
        ),
        (r#"{ "a" : {"b":"}"} }"#, r#"{ "a" : {"b":"}"} ,"include_usage":true}"#),
        ("{}", r#"{"include_usage":true}"#),
    ] {
        for body in [
            format!(r#"{{"stream_options":{options},"stream":true,"model":"a/m","n":1}}"#),
            format!(r#"{{"model":"a/m","stream":true,"n":"}}","stream_options":{options}}}"#),
        ] {
            let native = body.replace("a/m", "m");
            let sent = native.replace(options, expected);
            for (path, body) in [("/v1/acct/gw/a/chat/completions", &native), (compat, &body)] {
                assert_eq!(scene.send_with(path, &[], body).await, well(), "{body}");
                assert_eq!(taken(&seen), [&*sent]);
            }
        }
    }
    // If the client sets the option, or it is not an object, it is not changed.
    for options in ["null", r#"{"include_usage":false}"#, r#"{"include_usage":null,"a":1}"#] {
        let body = format!(r#"{{"stream":true,"model":"m","stream_options":{options}}}"#);
        assert_eq!(scene.send(&body).await, well());
        assert_eq!(taken(&seen), [body]);
    }
    let body = r#"{"stream":true,"model":"m","stream_options":{"include_usage":true}}"#;
    assert_eq!(scene.send(body).await, (200, [CONTENT, USAGE, DONE].concat()));
    assert_eq!(taken(&seen), [body]);
    // Azure accepts no other options beside these.
    for body in [
        r#"{"stream":true,"model":"m","data_sources":[{}]}"#,
        r#"{"data_sources":[],"stream":true,"model":"m","stream_options":{"a":1}}"#,
    ] {
        assert_eq!(scene.send(body).await, well());
        assert_eq!(taken(&seen), [body]);
    }
}

#[tokio::test]
async fn options_are_found_in_any_split_of_an_upload() {
    let (upstream, seen) = provider(easy).await;
    let scene = {
        let gateway = GatewayLayer::builder().provider(at("a", &upstream)).ask_for_usage(true);
        let client = ControlLayer::new().layer(HttpClient::new().unwrap());
        gateway.build().unwrap().client_layer().layer(client)
    };
    let body = r#"{"stream_options":{"include_obfuscation":false},"stream":true,"model":"m"}"#;
    for size in 1..=body.len() {
        for has_length in [true, false] {
            let parts = body.as_bytes().chunks(size);
            let parts = parts.map(|part| Ok::<_, BoxError>(Frame::data(Bytes::from_static(part))));
            let parts = StreamBody::new(futures_util::stream::iter(parts.collect::<Vec<_>>()));
            let mut request = Request::post("/v1/acct/gw/a/chat/completions");
            if has_length {
                request = request.header("content-length", body.len());
            }
            let answer = scene.clone().oneshot(request.body(parts).unwrap());
            let answer = guard("the answer", answer).await.unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), well().1);
            let sent = body.replace("false}", "false,\"include_usage\":true}");
            assert_eq!(taken(&seen), [sent], "by {size}");
        }
    }
}

#[tokio::test]
async fn a_fallback_adds_the_option_only_where_configured() {
    let (first, _) = provider(|_, _| 503).await;
    for (asks, model) in [(true, "m"), (false, "m"), (true, "another"), (false, "another")] {
        let (other, seen) = provider(easy).await;
        let chain = FallbackChain::on("*").to("b", model);
        let second = at("b", &other);
        let second = if asks { second } else { second.ask_for_usage(false) };
        let mut setup = Setup::new([at("a", &first), second]);
        setup.settings = setup.settings.key("b", Secret::new("k").unwrap()).fallback(chain);
        let mut scene = setup.start();
        for body in [
            r#"{"model":"first","stream":true}"#,
            r#"{"stream_options":{"a":1},"model":"first","stream":true}"#,
            r#"{"model":"first","stream":true,"stream_options":{"a":1}}"#,
        ] {
            assert_eq!(scene.send(body).await, well());
            let own = body.replace("first", model);
            let sent = match (asks, body.contains("{\"a\":1}")) {
                (false, _) => own,
                (true, false) => with_option(&own),
                (true, true) => own.replace("{\"a\":1}", "{\"a\":1,\"include_usage\":true}"),
            };
            assert_eq!(taken(&seen), [sent]);
            assert_eq!(scene.ends.next().await, (2, asks.then_some(1)));
        }
    }
}

#[tokio::test]
async fn a_fallback_is_retried_without_the_option() {
    let ((first, _), (other, seen)) = (provider(|_, _| 503).await, provider(strict).await);
    let mut setup = Setup::new([at("a", &first), at("b", &other)]);
    let chain = FallbackChain::on("*").to("b", "another");
    setup.settings = setup.settings.key("b", Secret::new("k").unwrap()).fallback(chain);
    let scene = setup.start();
    assert_eq!(scene.send(&body("m")).await, well());
    let own = body("another");
    assert_eq!(taken(&seen), [with_option(&own), own.clone()]);
    assert_eq!(scene.send(&body("m")).await, well());
    assert_eq!(taken(&seen), [own]);
}
