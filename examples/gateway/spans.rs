//! Sends the spans of all exchanges over OTLP to `OTEL_EXPORTER_OTLP_ENDPOINT`.

use std::{env, error::Error, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use opentelemetry::{
    Key,
    trace::{SpanId, TraceId},
};
use opentelemetry_http::{HttpClient as OtlpClient, HttpError};
use opentelemetry_otlp::{
    HttpExporterBuilderSet, SpanExporter, SpanExporterBuilder, WithHttpConfig,
};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider},
};
use tokio::{runtime::Handle, task::spawn_blocking, time::timeout};
use tower::ServiceExt;
use tower_ai_gateway::{
    HttpClient,
    otel::{SpanHook, requested_trace_id},
};

/// The service name unless `OTEL_SERVICE_NAME` is set.
const SERVICE: &str = "ai-gateway";
/// The time limit of an export, and of the last one when the gateway stops.
const PATIENCE: Duration = Duration::from_secs(5);
/// A collector's answer is short; a longer one is not read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The exporter, if there is an endpoint.
pub(crate) struct Spans(Option<SdkTracerProvider>);

impl Spans {
    /// Needs a runtime for the exports.
    pub(crate) fn from_env() -> Result<Self, Box<dyn Error + Send + Sync>> {
        if env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none_or(|endpoint| endpoint.is_empty()) {
            return Ok(Self(None));
        }
        Self::through(SpanExporter::builder().with_http())
    }

    fn through(
        exporter: SpanExporterBuilder<HttpExporterBuilderSet>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let client = Client { runtime: Handle::current(), http: HttpClient::new()? };
        let exporter = exporter.with_http_client(client).build()?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_id_generator(Ids::default())
            .with_batch_exporter(exporter)
            .build();
        Ok(Self(Some(provider)))
    }

    pub(crate) fn hook(&self) -> Option<SpanHook<SdkTracer>> {
        self.0.as_ref().map(SpanHook::from_provider)
    }

    /// Sends the spans that are still held.
    pub(crate) async fn shutdown(self) {
        let Some(provider) = self.0 else { return };
        match spawn_blocking(move || provider.shutdown_with_timeout(PATIENCE)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "spans were lost at the end"),
            Err(error) => tracing::warn!(%error, "spans were lost at the end"),
        }
    }
}

fn resource() -> Resource {
    let given = Resource::builder().build();
    let name = given.get(&Key::from_static_str("service.name"));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named { given } else { Resource::builder().with_service_name(SERVICE).build() }
}

/// Uses the trace ids that clients send.
#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        requested_trace_id().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// The exporter's thread has no runtime, so its requests run on the gateway's.
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
        let sent = async move {
            let (parts, body) = http.oneshot(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await?;
            Ok::<_, HttpError>(Response::from_parts(parts, body.to_bytes()))
        };
        // The timer must also be created there.
        let sent = self.runtime.spawn(async { timeout(PATIENCE, sent).await? });
        Box::pin(async move {
            let answer = sent.await?;
            match &answer {
                Ok(answer) if answer.status().is_success() => {}
                Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "spans refused"),
                Err(error) => tracing::warn!(error = %error, "spans cannot be exported"),
            }
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::{Router, routing::post};
    use opentelemetry::trace::{Tracer, TracerProvider};
    use opentelemetry_otlp::WithExportConfig;
    use tokio::{net::TcpListener, sync::mpsc};

    use super::*;

    #[tokio::test]
    async fn held_spans_are_sent_at_the_end() {
        let (sender, mut exports) = mpsc::unbounded_channel();
        let receive = move |body: Bytes| async move { sender.send(body).unwrap() };
        let collector = Router::new().route("/v1/traces", post(receive));
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, collector).await });

        let builder = SpanExporter::builder().with_http().with_endpoint(endpoint);
        let spans = Spans::through(builder).unwrap();
        assert!(spans.hook().is_some());
        drop(spans.0.as_ref().unwrap().tracer("test").start("a span"));
        spans.shutdown().await;
        let export = exports.try_recv().unwrap();
        let tells = |text: &str| export.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(tells("a span") && tells(SERVICE));
    }
}
