//! Responses with an unsupported compression pass unchanged, and hooks get `Metering::Encoded`.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt};
use tower_ai_gateway::usage::Metering;
use tower_ai_gateway::{EndEvent, GatewayLayer, Outcome, Provider};

use crate::support::scripted::{Reply, Step, Upstream};

type Headers = &'static [(&'static str, &'static str)];

/// The metering of a response with these headers.
async fn metering(headers: Headers) -> Metering {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let ends = seen.clone();
    let hook = move |end: &EndEvent<'_>| ends.lock().unwrap().push((end.outcome, end.metering));
    let layer = GatewayLayer::builder().provider(Provider::xai()).metrics_hook(hook);
    let upstream = Upstream::always(Reply::status(200).headers(headers).steps(&[Step::Data("{}")]));
    let request = Request::post("/v1/acct/gw/grok/v1/chat/completions");
    let service = layer.build().unwrap().client_layer().layer(upstream);
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let body = service.oneshot(request).await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "{}");
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), seen[0].0), (1, Outcome::Complete));
    seen[0].1
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn unknown_and_several_codings_are_not_read() {
    const ENCODED: [Headers; 4] = [
        &[JSON, ("content-encoding", "compress")],
        &[JSON, ("content-encoding", "gzip, br")],
        &[JSON, ("content-encoding", "gzip"), ("content-encoding", "br")],
        &[("content-encoding", "compress")],
    ];
    for headers in ENCODED {
        assert_eq!(metering(headers).await, Metering::Encoded, "{headers:?}");
    }
    const PLAIN: [Headers; 2] = [&[JSON], &[JSON, ("content-encoding", "Identity")]];
    for headers in PLAIN {
        assert_eq!(metering(headers).await, Metering::Complete, "{headers:?}");
    }
}

#[tokio::test]
async fn known_codings_are_read_only_with_the_feature() {
    const CODED: [Headers; 4] = [
        &[JSON, ("content-encoding", "gzip")],
        &[JSON, ("content-encoding", "deflate")],
        &[JSON, ("content-encoding", "br")],
        &[JSON, ("content-encoding", "zstd")],
    ];
    // The body is plain, so decoding it fails.
    let is_read = cfg!(feature = "decompression");
    let expected = if is_read { Metering::Malformed } else { Metering::Encoded };
    for headers in CODED {
        assert_eq!(metering(headers).await, expected, "{headers:?}");
    }
}
