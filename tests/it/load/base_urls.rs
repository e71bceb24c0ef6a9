//! Several base URLs: a request arrives at one of them as if it were the only one.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use tower::util::MapRequestLayer;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::load::{CHAT, assert_shares, counts, key};
use crate::support::controlled::{Scene, body, every_gateway, post, secret, with};
use crate::support::scripted::{Call, Reply};

fn scene(provider: Provider) -> Scene {
    fastrand::seed(7);
    Scene::new(|builder| builder.provider(provider), ControlLayer::new(), |_| Reply::ok())
}

/// The distinct requests that arrived for many requests like this one.
async fn arrivals(scene: &Scene, path: &str, content: &'static str) -> Vec<(String, String)> {
    for _ in 0..60 {
        let request = with(post(path), "authorization", "Bearer own");
        let (status, text) = scene.ask(body(request, content)).await;
        assert_eq!(status, 200, "{text}");
    }
    let sent = scene.sent();
    assert!(sent.iter().all(|sent| sent.key() == Some("own")));
    let seen = sent.iter().map(|sent| (sent.uri.to_string(), sent.host().unwrap().to_owned()));
    seen.collect::<BTreeMap<_, _>>().into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn uri_and_host_are_those_of_one_base_url() {
    let provider = Provider::xai()
        .base_url("https://first.test/v1")
        .further_base_url("http://second.test:8080/proxy/v2", 1)
        .further_base_url("https://third.test", 1);
    let scene = scene(provider);
    for (rest, at) in [
        ("v1/chat/completions", ["/v1/chat/completions", "/proxy/v2/v1/chat/completions"]),
        ("chat/completions", ["/v1/chat/completions", "/proxy/v2/chat/completions"]),
        ("v2/models", ["/v1/v2/models", "/proxy/v2/models"]),
        (
            "a%2Fb%20c//d;e/?q=%41&&x=a+b&key=",
            [
                "/v1/a%2Fb%20c//d;e/?q=%41&&x=a+b&key=",
                "/proxy/v2/a%2Fb%20c//d;e/?q=%41&&x=a+b&key=",
            ],
        ),
    ] {
        let arrived = arrivals(&scene, &format!("/v1/acct/gw/grok/{rest}"), "").await;
        let expected = [
            (format!("http://second.test:8080{}", at[1]), "second.test:8080".to_owned()),
            (format!("https://first.test{}", at[0]), "first.test".to_owned()),
            (format!("https://third.test/{rest}"), "third.test".to_owned()),
        ];
        assert_eq!(arrived, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_segment_in_the_base_url_is_not_repeated() {
    let claude = r#"{"model":"anthropic/claude"}"#;
    let gemini = r#"{"model":"google-ai-studio/gemini"}"#;
    let anthropic = || Provider::anthropic().further_base_url("https://proxy.test/v1", 1);
    let google = || Provider::google_ai_studio().further_base_url("https://proxy.test", 1);
    for (provider, path, content, first, rest) in [
        (
            anthropic(),
            "/v1/acct/gw/anthropic/v1/messages?beta=true",
            "",
            "https://api.anthropic.com",
            "/v1/messages?beta=true",
        ),
        (
            anthropic(),
            "/v1/acct/gw/compat/messages",
            claude,
            "https://api.anthropic.com",
            "/v1/messages",
        ),
        (
            google(),
            "/v1/acct/gw/compat/chat/completions?x=1",
            gemini,
            "https://generativelanguage.googleapis.com",
            "/v1beta/openai/chat/completions?x=1",
        ),
    ] {
        let arrived = arrivals(&scene(provider), path, content).await;
        let arrived: Vec<_> = arrived.into_iter().map(|(uri, _)| uri).collect();
        assert_eq!(arrived, [first, "https://proxy.test"].map(|base| format!("{base}{rest}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_uri_changed_by_another_layer_is_kept() {
    let provider = Provider::xai().further_base_url("https://us.api.x.ai/v1", 1);
    let layer = GatewayLayer::builder().provider(provider).build().unwrap();
    for (changed, is_moved) in [
        ("https://api.x.ai/v1/other", false),
        ("https://mirror.test/v1/chat/completions", false),
        ("https://api.x.ai/v1/chat/completions?more=1", true),
    ] {
        let client = service_fn(|request: Request<_>| {
            let mut response = Response::new(Full::<Bytes>::default());
            response.extensions_mut().insert(request.uri().clone());
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let change = MapRequestLayer::new(move |mut request: Request<_>| {
            *request.uri_mut() = Uri::from_static(changed);
            request
        });
        let stack = (change, ControlLayer::new()).layer(client);
        let service = layer.clone().client_layer().layer(stack);
        let mut seen = BTreeSet::new();
        for _ in 0..40 {
            let response = service.clone().oneshot(post(CHAT)).await.unwrap();
            seen.insert(response.extensions().get::<Uri>().unwrap().to_string());
        }
        let mut expected = BTreeSet::from([changed.to_owned()]);
        if is_moved {
            expected.insert(changed.replace("api.x.ai", "us.api.x.ai"));
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn base_urls_and_keys_share_by_the_product_of_their_weights() {
    fastrand::seed(3);
    let settings = every_gateway(|settings| {
        let settings = settings.weighted_key("grok", "default", secret("one"), 1);
        settings.weighted_key("grok", "default", secret("two"), 3)
    });
    let provider = Provider::xai().weight(2).further_base_url("https://us.api.x.ai/v1", 3);
    let scene = Scene::new(
        |builder| builder.provider(provider).settings(settings),
        ControlLayer::new(),
        |_| Reply::ok(),
    );
    for _ in 0..20_000 {
        scene.ask(post(CHAT)).await;
    }
    let sent = scene.sent();
    let place = |sent: &Call| {
        let host = sent.host().unwrap();
        assert_eq!(sent.uri, *format!("https://{host}/v1/chat/completions"));
        host.to_owned()
    };
    assert_shares(&counts(&sent, place), &[("api.x.ai", 0.4), ("us.api.x.ai", 0.6)]);
    assert_shares(&counts(&sent, key), &[("one", 0.25), ("two", 0.75)]);
    assert_eq!(counts(&sent, |sent| place(sent) + &key(sent)).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_load_of_a_base_url_counts_all_clients() {
    fastrand::seed(9);
    let provider = Provider::xai().further_base_url("https://us.api.x.ai/v1", 1);
    let scene = Scene::new(
        |builder| builder.provider(provider),
        ControlLayer::new(),
        |_| Reply::ok().timed(&[1_000_000]),
    );
    let ask = |client: &str| {
        let key = format!("Bearer {client}");
        scene.send(with(post(CHAT), "authorization", &key))
    };
    let first = ask("first").await;
    let loaded = scene.one();
    for number in 0..30 {
        drop(ask(&format!("client-{number}")).await);
        assert_ne!(scene.one().host(), loaded.host());
    }
    drop(first);
    let held = [ask("a").await, ask("b").await, ask("c").await, ask("d").await];
    assert_shares(
        &counts(&scene.sent(), |sent| sent.host().unwrap().to_owned()),
        &[("api.x.ai", 0.5), ("us.api.x.ai", 0.5)],
    );
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn without_a_host_header_none_is_added() {
    let scene = scene(Provider::xai().further_base_url("https://us.api.x.ai/v1", 1));
    for _ in 0..20 {
        let mut request = post(CHAT);
        request.headers_mut().remove("host");
        scene.send(request).await.into_body().collect().await.unwrap();
    }
    let sent = scene.sent();
    assert!(sent.iter().all(|sent| sent.host().is_none()));
    assert_eq!(counts(&sent, |sent| sent.authority().to_owned()).len(), 2);
}
