//! A collector of OTLP over HTTP, and a tracer provider that exports to it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use opentelemetry_http::{HttpClient as OtlpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::{SdkTracerProvider, TracerProviderBuilder};
use prost::Message;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tower::ServiceExt;
use tower_ai_gateway::HttpClient;

/// The exported bytes so far.
#[derive(Clone, Debug)]
pub struct Collector {
    endpoint: String,
    exports: Arc<Mutex<Vec<Bytes>>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let exports = Arc::<Mutex<Vec<Bytes>>>::default();
        let kept = exports.clone();
        let receive = move |headers: HeaderMap, body: Bytes| async move {
            if headers["content-type"] != "application/x-protobuf" {
                return StatusCode::UNSUPPORTED_MEDIA_TYPE;
            }
            kept.lock().unwrap().push(body);
            StatusCode::OK
        };
        let app = Router::new().route("/v1/traces", post(receive));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { endpoint, exports }
    }

    /// A provider with a batch exporter to this collector.
    pub fn provider(
        &self,
        change: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder,
    ) -> SdkTracerProvider {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client {
                runtime: Handle::current(),
                http: HttpClient::new().unwrap(),
            })
            .with_endpoint(&self.endpoint)
            .build()
            .unwrap();
        change(SdkTracerProvider::builder()).with_batch_exporter(exporter).build()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.exports.lock().unwrap().concat()
    }

    /// All spans in the order of their ends, with their scope.
    pub fn spans(&self) -> Vec<(InstrumentationScope, Span)> {
        let exports = self.exports.lock().unwrap().clone();
        exports
            .iter()
            .flat_map(|bytes| ExportTraceServiceRequest::decode(&bytes[..]).unwrap().resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scoped| {
                let scope = scoped.scope.unwrap();
                scoped.spans.into_iter().map(move |span| (scope.clone(), span))
            })
            .collect()
    }
}

/// Exports everything that the batch thread still holds.
pub async fn flush(provider: &SdkTracerProvider) {
    let provider = provider.clone();
    tokio::task::spawn_blocking(move || provider.force_flush()).await.unwrap().unwrap();
}

/// The exporter's thread has no runtime: its requests run on the test's.
#[derive(Debug)]
struct Client {
    runtime: Handle,
    http: HttpClient<Full<Bytes>>,
}

impl OtlpClient for Client {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let (parts, body) = http.oneshot(request.map(Full::new)).await?.into_parts();
            Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
        });
        Box::pin(async move { sent.await? })
    }
}

/// Attributes as a JSON object. Checks that each key occurs once.
#[track_caller]
pub fn object(attributes: &[KeyValue]) -> Map<String, Value> {
    let mut object = Map::new();
    for KeyValue { key, value, .. } in attributes {
        let value = match value.clone().unwrap().value.unwrap() {
            Any::StringValue(text) => Value::from(text),
            Any::BoolValue(flag) => Value::from(flag),
            Any::IntValue(number) => Value::from(number),
            Any::DoubleValue(number) => Value::from(number),
            other => panic!("{key} is {other:?}"),
        };
        assert_eq!(object.insert(key.clone(), value), None, "{key} is there twice");
    }
    object
}
