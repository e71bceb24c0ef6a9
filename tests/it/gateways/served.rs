//! The model that answers is also checked by the gateway's rules.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::hook::Failure;
use tower_ai_gateway::settings::{GatewaySettings, GatewaySettingsBuilder};
use tower_ai_gateway::usage::{Date, Price, PriceTable, Prices, TokenPrice};
use tower_ai_gateway::{GatewayLayerBuilder, Outcome, RequestBody};

use crate::gateways::scene::{NATIVE, layer, request};
use crate::support::memory;

type Set = fn(GatewaySettingsBuilder) -> GatewaySettingsBuilder;

/// The client's data, and whether it ended properly.
async fn ask(
    builder: GatewayLayerBuilder,
    set: Set,
    line: &str,
    kind: &'static str,
    frames: &[&'static str],
) -> (Bytes, bool) {
    let settings = std::sync::Arc::new(set(GatewaySettings::builder()).build().unwrap());
    let layer = builder.settings(settings).build().unwrap();
    let frames: Vec<_> = frames.iter().map(|frame| Bytes::from_static(frame.as_bytes())).collect();
    let provider = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let frames =
            frames.clone().into_iter().map(|frame| Ok::<_, Infallible>(Frame::data(frame)));
        async move {
            request.into_body().collect().await?;
            let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)));
            response.headers_mut().insert("content-type", kind.parse().unwrap());
            Ok::<_, BoxError>(response)
        }
    });
    let service = layer.upstream(provider).layer(service_fn(memory::app));
    let body = r#"{"model":"grok-4","stream":true}"#;
    let response = service.oneshot(request(line, &[], body)).await;
    let mut body = response.unwrap_or_else(|never: Infallible| match never {}).into_body();
    let mut got = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => got.extend_from_slice(&frame.into_data().unwrap()),
            Err(_) => {
                assert!(body.frame().await.is_none(), "nothing comes behind the error");
                return (got.into(), false);
            }
        }
    }
    (got.into(), true)
}

const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

fn rules(of: GatewaySettingsBuilder) -> GatewaySettingsBuilder {
    of.allow_models(["grok-4"])
}

fn strict(of: GatewaySettingsBuilder) -> GatewaySettingsBuilder {
    rules(of).refuse_served_models()
}

const STREAM_OF_ANOTHER: [&str; 2] = [
    "data: {\"model\":\"grok-3\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
    "data: [DONE]\n\n",
];
const STREAM: [&str; 2] = [
    "data: {\"model\":\"grok-4-0709\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
    "data: [DONE]\n\n",
];

#[tokio::test]
async fn a_response_of_a_forbidden_model_is_reported_and_passes() {
    for (kind, frames, is_forbidden) in [
        (EVENTS, &STREAM_OF_ANOTHER[..], true),
        (EVENTS, &STREAM[..], false),
        (JSON, &[r#"{"model":"grok-3","choices":[]}"#][..], true),
        (JSON, &[r#"{"model":"gro"#, r#"k-3","choices":[]}"#][..], true),
        (JSON, &[r#"{"model":"grok-4-0709","choices":[]}"#][..], false),
        (JSON, &[r#"{"choices":[]}"#][..], false),
    ] {
        let hook = memory::Recorder::default();
        let (got, is_whole) =
            ask(layer().metrics_hook(hook.clone()), rules, NATIVE, kind, frames).await;
        assert_eq!((&*got, is_whole), (frames.concat().as_bytes(), true));
        let end = hook.ends().remove(0);
        assert_eq!(end.forbidden_model, is_forbidden, "{frames:?}");
        assert_eq!(end.outcome, Outcome::Complete);
    }
}

/// The first event of Azure's streams.
const NAMELESS: &str = "data: {\"choices\":[],\"model\":\"\"}\n\n";

#[tokio::test]
async fn an_empty_name_is_no_forbidden_model() {
    for (kind, frames, passed, is_forbidden) in [
        (EVENTS, &[NAMELESS, STREAM[0], STREAM[1]][..], 3, false),
        (EVENTS, &[NAMELESS, STREAM_OF_ANOTHER[0], STREAM_OF_ANOTHER[1]][..], 1, true),
        (JSON, &[r#"{"model":"","choices":[]}"#][..], 1, false),
        (JSON, &[r#"{"model":"","#, r#""choices":[]}"#][..], 2, false),
    ] {
        let hook = memory::Recorder::default();
        let builder = layer().metrics_hook(hook.clone());
        let (got, is_whole) = ask(builder, strict, NATIVE, kind, frames).await;
        assert_eq!((&*got, is_whole), (frames[..passed].concat().as_bytes(), !is_forbidden));
        assert_eq!(hook.ends().remove(0).forbidden_model, is_forbidden, "{frames:?}");
    }
}

#[tokio::test]
async fn the_host_can_have_a_response_of_a_forbidden_model_cut_off() {
    for observed in [true, false] {
        for (kind, frames, passed) in [
            (EVENTS, &STREAM_OF_ANOTHER[..], 0),
            (EVENTS, &[": ping\n\n", STREAM_OF_ANOTHER[0]][..], 1),
            (JSON, &[r#"{"model":"grok-3","choices":[]}"#][..], 0),
            (JSON, &[r#"{"model":"gro"#, r#"k-3","#, r#""choices":[]}"#][..], 1),
        ] {
            let hook = memory::Recorder::default();
            let builder = if observed { layer().metrics_hook(hook.clone()) } else { layer() };
            let (got, is_whole) = ask(builder, strict, NATIVE, kind, frames).await;
            assert_eq!((&*got, is_whole), (frames[..passed].concat().as_bytes(), false));
            if observed {
                let end = hook.ends().remove(0);
                assert!(end.forbidden_model);
                assert_eq!(
                    (end.outcome, end.failure),
                    (Outcome::Broken, Some(Failure::ModelNotAllowed))
                );
            }
        }
        for frames in [&STREAM[..], &["data: [DONE]\n\n"][..]] {
            let (got, is_whole) = ask(layer(), strict, NATIVE, EVENTS, frames).await;
            assert_eq!((&*got, is_whole), (frames.concat().as_bytes(), true));
        }
    }
}

#[tokio::test]
async fn an_alias_in_the_price_table_is_no_other_model() {
    let frames = [
        "data: {\"model\":\"grok-4-sol\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
        "data: [DONE]\n\n",
    ];
    for (alias, is_whole) in [("grok-4", true), ("grok-3", false)] {
        let mut table = PriceTable::empty(Date::default());
        let price = Price::per_token(TokenPrice::new(1, 1, 1));
        table.insert("grok/grok-4-sol", price.alias(alias));
        let builder = layer().prices(Prices::new(table));
        let got = ask(builder, strict, NATIVE, EVENTS, &frames).await;
        assert_eq!(got.1, is_whole, "{alias}");
    }
}

#[tokio::test]
async fn without_rules_no_response_is_checked() {
    let hook = memory::Recorder::default();
    let builder = layer().metrics_hook(hook.clone());
    ask(builder, GatewaySettingsBuilder::refuse_served_models, NATIVE, EVENTS, &STREAM_OF_ANOTHER)
        .await;
    let end = hook.ends().remove(0);
    assert!(!end.forbidden_model);
    assert_eq!(end.outcome, Outcome::Complete);
}
