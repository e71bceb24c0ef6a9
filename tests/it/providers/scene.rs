//! A gateway in memory, with providers that record their requests.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::{GatewayLayer, GatewayLayerBuilder, Mount};

use crate::support::scripted::events::{End, Events};
use crate::support::scripted::{Call, Upstream, json};

pub(crate) struct Scene {
    layer: GatewayLayer,
    pub(crate) events: Events,
}

impl Scene {
    pub(crate) fn new(set: impl FnOnce(GatewayLayerBuilder) -> GatewayLayerBuilder) -> Self {
        let events = Events::default();
        let layer = GatewayLayer::builder()
            .mount(Mount::hosted().exclusive().universal())
            .mount(Mount::rest())
            .metrics_hook(events.clone());
        Self { layer: set(layer).build().unwrap(), events }
    }

    /// The last exchange, as reported to hooks.
    pub(crate) fn last(&self) -> End {
        self.events.ends.lock().unwrap().last().unwrap().clone()
    }

    /// The provider's request, or the status and body of the gateway's own answer.
    pub(crate) async fn send(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Call, (StatusCode, String)> {
        let upstream = Upstream::new(|call, _| {
            assert_eq!(call.header("host"), Some(call.authority()));
            json(200, r#"{"model":"served"}"#)
        });
        let app = service_fn(|_: Request<Full<Bytes>>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("the app")))
        });
        let (method, path) = line.split_once(' ').unwrap();
        let mut request =
            Request::builder().method(method).uri(path).header("host", "gateway.test");
        request = request.header("content-type", "application/json");
        request = request.header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let service = self.layer.clone().upstream(upstream.clone()).layer(app);
        let answer = service.oneshot(request).await.unwrap();
        let status = answer.status();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let mut calls = upstream.calls();
        assert!(calls.len() < 2);
        calls.pop().ok_or_else(|| (status, String::from_utf8(text.to_vec()).unwrap()))
    }
}
