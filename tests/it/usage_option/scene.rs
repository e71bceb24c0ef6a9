//! A gateway that asks for usage, before a provider that may refuse to be asked.

use super::*;

pub(super) const OPTION: &str = r#","stream_options":{"include_usage":true}"#;
pub(super) const CONTENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
pub(super) const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}\n\n";
pub(super) const DONE: &str = "data: [DONE]\n\n";
pub(super) const REFUSAL: &str = r#"{"message":"Extra inputs are not permitted"}"#;

/// A provider's request, without trailing blanks.
pub(super) type Seen = Arc<Mutex<Vec<String>>>;

/// A provider that answers a body with a status, and with a stream if that is 200: with usage if
/// requested.
pub(super) async fn provider(
    rule: impl Fn(&str, usize) -> u16 + Clone + Send + Sync + 'static,
) -> (HyperUpstream, Seen) {
    let seen = Seen::default();
    let calls = seen.clone();
    let handler = move |request: Request<Incoming>| {
        let (calls, rule) = (calls.clone(), rule.clone());
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let text = String::from_utf8(body.to_vec()).unwrap().trim_end().to_owned();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let before = {
                let mut calls = calls.lock().unwrap();
                calls.push(text.clone());
                calls.len() - 1
            };
            let status = rule(&text, before);
            let asks = json["stream_options"]["include_usage"] == true;
            let stream = [CONTENT, if asks { USAGE } else { "" }, DONE].concat();
            let (kind, answer) = match status {
                200 => ("text/event-stream", stream),
                _ => ("application/json", REFUSAL.to_owned()),
            };
            let response = Response::builder().status(status).header("content-type", kind);
            let body = Full::<Bytes>::from(answer).map_err(|never| match never {});
            response.body(body.boxed()).unwrap()
        }
    };
    (HyperUpstream::start(handler).await, seen)
}

/// Refuses the option.
pub(super) fn strict(body: &str, _: usize) -> u16 {
    if body.contains("include_usage") { 422 } else { 200 }
}

pub(super) fn easy(_: &str, _: usize) -> u16 {
    200
}

pub(super) type Service = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

pub(super) struct Scene {
    pub(super) service: Service,
    pub(super) ends: Ends<(u32, Option<u64>)>,
}

pub(super) struct Setup {
    pub(super) providers: Vec<Provider>,
    pub(super) settings: GatewaySettingsBuilder,
    pub(super) asks: bool,
    pub(super) control: Option<ControlLayer>,
}

impl Setup {
    /// With all control layers, by default.
    pub(super) fn new(providers: impl IntoIterator<Item = Provider>) -> Self {
        let settings = GatewaySettings::builder().authenticated_elsewhere();
        let control = Some(ControlLayer::new());
        Self { providers: providers.into_iter().collect(), settings, asks: true, control }
    }

    pub(super) fn start(self) -> Scene {
        let (hook, ends) =
            Ends::by(|end| (end.attempts, end.usage.and_then(|usage| usage.output_visible)));
        let gateway = GatewayLayer::builder()
            .providers(self.providers)
            .settings(Arc::new(self.settings.build().unwrap()))
            .ask_for_usage(self.asks)
            .metrics_hook(hook)
            .build()
            .unwrap();
        let service = match self.control {
            Some(control) => {
                boxed(gateway.client_layer().layer(control.layer(HttpClient::new().unwrap())))
            }
            None => boxed(gateway.client_layer().layer(HttpClient::new().unwrap())),
        };
        Scene { service, ends }
    }
}

pub(super) fn boxed<S, B>(service: S) -> Service
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = service.map_err(Into::into).and_then(|response: Response<B>| async {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(Into::into)?.to_bytes();
        Ok(Response::from_parts(head, body))
    });
    BoxCloneSyncService::new(service)
}

impl Scene {
    pub(super) async fn send_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String) {
        let mut request = Request::post(path).header("content-type", "application/json");
        request = request.header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let response = guard("the answer", self.service.clone().oneshot(request)).await.unwrap();
        let (head, body) = response.into_parts();
        (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    pub(super) async fn send(&self, body: &str) -> (u16, String) {
        self.send_with("/v1/acct/gw/a/chat/completions", &[], body).await
    }
}

pub(super) fn at(slug: &str, upstream: &HyperUpstream) -> Provider {
    Provider::custom(slug, upstream.base("/v1"))
}

pub(super) fn body(model: &str) -> String {
    format!(r#"{{"model":"{model}","stream":true}}"#)
}

pub(super) fn with_option(body: &str) -> String {
    format!("{}{OPTION}}}", body.strip_suffix('}').unwrap())
}

pub(super) fn well() -> (u16, String) {
    (200, [CONTENT, DONE].concat())
}

pub(super) fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}
