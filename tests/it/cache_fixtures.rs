//! A hit equals its miss, byte for byte: for all shapes, JSON and streams, plain and compressed.

use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::{ControlLayer, ReplayBody};
use tower_ai_gateway::settings::cache::CacheSettings;
use tower_ai_gateway::{GatewayLayer, RequestBody};

use crate::bills;
use crate::bills::fixture::{Fixture, JSON};
use crate::support::controlled::every_gateway;

/// Headers that differ: those of the exchange, of its time, and of the cache.
const OF_ONE: [&str; 7] = [
    "cf-aig-log-id",
    "cf-aig-event-id",
    "cf-aig-request-id",
    "cf-aig-cache-status",
    "age",
    "date",
    "x-ratelimit-remaining-requests",
];

struct Got {
    status: String,
    headers: HeaderMap,
    frames: Vec<Bytes>,
}

/// Sends the same request twice to a provider that answers only the first one, in these pieces.
async fn twice(fixture: &Fixture, pieces: Vec<Bytes>, headers: &[(&str, String)]) -> [Got; 2] {
    let mut answer = Response::builder().header("content-type", fixture.kind);
    for (name, value) in headers {
        answer = answer.header(*name, value);
    }
    let head = answer
        .header("x-request-id", "req_1")
        .header("vary", "accept-encoding")
        .header("date", "Mon, 30 Nov 2026 00:00:00 GMT")
        .header("x-ratelimit-remaining-requests", "7")
        .header("openai-processing-ms", "12")
        .body(())
        .unwrap();
    // A version of HTTP in which a broken body is recognisable.
    let provider = service_fn(move |request: Request<ReplayBody<RequestBody<Full<Bytes>>>>| {
        let (head, pieces) = (head.clone(), pieces.clone());
        async move {
            let _ = request.into_body().collect().await;
            let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
            let body = StreamBody::new(futures_util::stream::iter(frames));
            let mut response = head.map(|()| body);
            *response.version_mut() = http::Version::HTTP_2;
            Ok::<_, Infallible>(response)
        }
    });
    let settings = every_gateway(|set| set.cache(CacheSettings::new(Duration::from_secs(60))));
    let layer = GatewayLayer::builder().providers(bills::providers()).settings(settings);
    let app = service_fn(async |_: Request<Full<Bytes>>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let client = ControlLayer::new().layer(provider);
    let service = layer.build().unwrap().upstream(client).layer(app);
    let ask = async || {
        let request = Request::builder()
            .method(fixture.method)
            .uri(format!("/v1/acct/gw/{}/{}", fixture.provider, fixture.path))
            .header("authorization", "Bearer test-key")
            .header("content-type", "application/json")
            .header("accept-encoding", "gzip")
            .body(Full::from(r#"{"model":"asked","stream":true}"#))
            .unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let mut body: UnsyncBoxBody<Bytes, BoxError> = body.map_err(Into::into).boxed_unsync();
        let mut frames = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            frames.extend(frame.into_data());
        }
        let status = parts.headers.get("cf-aig-cache-status");
        let status = status.map_or("none", |status| status.to_str().unwrap()).to_owned();
        let mut headers = parts.headers;
        for name in OF_ONE {
            headers.remove(name);
        }
        Got { status, headers, frames }
    };
    [ask().await, ask().await]
}

/// Answers that are not stored.
fn is_never_kept(fixture: &Fixture) -> bool {
    let operation = &*fixture.booked.operation;
    !fixture.booked.is_success
        || fixture.name == "a response in the background"
        || fixture.method != "POST"
        || matches!(
            operation,
            "batches" | "video" | "files" | "models" | "cached_contents" | "realtime" | "other"
        )
}

fn gzipped(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().into()
}

#[tokio::test]
async fn a_hit_equals_its_miss_for_every_shape() {
    let mut kept = 0;
    let mut not_kept = Vec::new();
    for fixture in bills::fixtures() {
        let body = fixture.body.clone();
        let length = |body: &Bytes| ("content-length", body.len().to_string());
        let pieces: Vec<_> = body.chunks(23).map(Bytes::copy_from_slice).collect();
        let gzip = gzipped(&body);
        let encoded = [("content-encoding", "gzip".to_owned())];
        let mut ways = vec![("in pieces", pieces, vec![])];
        if fixture.kind == JSON {
            ways.push(("whole", vec![body.clone()], vec![length(&body)]));
            let headers = [&encoded[..], &[length(&gzip)]].concat();
            ways.push(("gzip, whole", vec![gzip.clone()], headers));
        }
        let half = gzip.len() / 2;
        let halves = vec![gzip.slice(..half), gzip.slice(half..)];
        ways.push(("gzip", halves, encoded.to_vec()));
        for (way, pieces, headers) in ways {
            let [miss, again] = twice(&fixture, pieces.clone(), &headers).await;
            let name = format!("{} ({}), {way}", fixture.name, fixture.path);
            let sent = pieces.concat();
            assert_eq!(miss.frames.concat(), sent, "{name}");
            assert_eq!(again.frames.concat(), sent, "{name}");
            if again.status == "HIT" {
                assert_eq!(miss.status, "MISS", "{name}");
                assert!(!is_never_kept(&fixture), "{name} is kept");
                assert_eq!(again.headers, miss.headers, "{name}");
                assert_eq!(again.frames, miss.frames, "{name}");
                kept += 1;
            } else if !is_never_kept(&fixture) {
                not_kept.push(name);
            }
        }
    }
    assert!(kept > 100, "{kept} are kept");
    assert!(not_kept.is_empty(), "{kept} are kept, but not {not_kept:#?}");
}
