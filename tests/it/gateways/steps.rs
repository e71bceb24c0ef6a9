//! The key of a further step if the client sent a token in the place of a key.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::{FallbackLayer, ReplayBody, ReplayLayer};
use tower_ai_gateway::settings::{FallbackChain, GatewaySettings};
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

use crate::gateways::scene::{BODY, NATIVE, request, secret, token};
use crate::support::memory;

#[tokio::test]
async fn a_token_in_a_key_header_is_not_a_client_key_in_any_step() {
    let chain = FallbackChain::on("*").to_model("m").with_key("second").to("openai", "o");
    let settings = GatewaySettings::builder()
        .token(token("t"))
        .key("grok", secret("first"))
        .key_as("grok", "second", secret("second"))
        .key("openai", secret("third"))
        .fallback(chain);
    let layer = GatewayLayer::builder()
        .providers([Provider::xai(), Provider::openai()])
        .settings(Arc::new(settings.build().unwrap()))
        .build()
        .unwrap();
    for (own, expected) in [
        ("Bearer t", ["Bearer first", "Bearer second", "Bearer third"]),
        ("Bearer own", ["Bearer own", "Bearer own", "Bearer third"]),
    ] {
        let keys = Arc::<Mutex<Vec<String>>>::default();
        let got = keys.clone();
        let client = service_fn(move |request: Request<ReplayBody<RequestBody<Full<Bytes>>>>| {
            let key = request.headers()["authorization"].to_str().unwrap().to_owned();
            got.lock().unwrap().push(key);
            async {
                let response = Response::builder().status(503);
                Ok::<_, BoxError>(response.body(Full::<Bytes>::default()).unwrap())
            }
        });
        let upstream = ReplayLayer::new().layer(FallbackLayer::new().layer(client));
        let service = layer.clone().upstream(upstream).layer(service_fn(memory::app));
        let headers = [("cf-aig-authorization", "t"), ("authorization", own)];
        service.oneshot(request(NATIVE, &headers, BODY)).await.unwrap();
        assert_eq!(*keys.lock().unwrap(), expected);
    }
}
