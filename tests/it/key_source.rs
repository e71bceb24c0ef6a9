//! Keys from a secret manager reach their providers, are cached while they are valid, and are
//! fetched once for concurrent requests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;
use tower::util::BoxCloneService;
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::control::{
    ControlLayer, FetchedKey, KeyLayer, KeyQuery, KeySource, ReplayBody,
};
use tower_ai_gateway::settings::{FallbackChain, GatewaySettings, Secret};
use tower_ai_gateway::{GatewayLayer, Provider, RequestBody};

/// Returns a scripted answer on a signal.
#[derive(Default)]
struct Vault {
    asked: Mutex<Vec<KeyQuery>>,
    answers: Mutex<VecDeque<Result<Option<FetchedKey>, &'static str>>>,
    gate: Option<Semaphore>,
}

impl Vault {
    fn new(
        answers: impl IntoIterator<Item = Result<Option<FetchedKey>, &'static str>>,
    ) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl KeySource for Vault {
    async fn fetch(&self, query: KeyQuery) -> Result<Option<FetchedKey>, BoxError> {
        self.asked.lock().unwrap().push(query);
        if let Some(gate) = &self.gate {
            gate.acquire().await?.forget();
        }
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap().map_err(Into::into)
    }
}

fn key(number: u32) -> Result<Option<FetchedKey>, &'static str> {
    let key = Secret::new(format!("sk-LEAK-{number}")).unwrap();
    Ok(Some(FetchedKey::new(key, Duration::from_secs(60))))
}

pub(crate) type Seen = Arc<Mutex<Vec<(String, Option<String>)>>>;
pub(crate) type Body = Full<Bytes>;
pub(crate) type Service = BoxCloneService<Request<Body>, Response<Bytes>, BoxError>;

/// A gateway over a provider that records which host got which key. `openai` answers; `grok` fails
/// if `grok_fails`.
fn gateway(vault: &Arc<Vault>, grok_fails: bool) -> (Service, Seen) {
    let settings = GatewaySettings::builder()
        .authenticated_elsewhere()
        .keys_from_layer()
        .fallback(FallbackChain::on("*").to_provider("openai").with_key("backup"));
    gateway_with(settings.build().unwrap(), vault, grok_fails)
}

pub(crate) fn gateway_with(
    settings: GatewaySettings,
    vault: &Arc<impl KeySource>,
    grok_fails: bool,
) -> (Service, Seen) {
    let layer = GatewayLayer::builder()
        .providers(Provider::all())
        .settings(Arc::new(settings))
        .build()
        .unwrap();
    let seen = Seen::default();
    let log = seen.clone();
    let client = service_fn(move |request: Request<ReplayBody<RequestBody<Body>>>| {
        let host = request.uri().host().unwrap().to_owned();
        let key =
            request.headers().get("authorization").map(|key| key.to_str().unwrap().to_owned());
        let fails = grok_fails && host == "api.x.ai";
        log.lock().unwrap().push((host, key));
        async move {
            request.into_body().collect().await?;
            let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
            if fails {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok::<_, BoxError>(response)
        }
    });
    let upstream = ServiceBuilder::new()
        .layer(ControlLayer::new())
        .layer(KeyLayer::new(vault.clone()))
        .service(client);
    let app = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Body::default()))
    });
    let service = layer.upstream(upstream).layer(app);
    let service = service.map_err(|never| match never {}).and_then(|response: Response<_>| async {
        let (head, body) = response.into_parts();
        let body = BodyExt::collect(Box::pin(body)).await?.to_bytes();
        Ok::<_, BoxError>(Response::from_parts(head, body))
    });
    (BoxCloneService::new(service), seen)
}

pub(crate) fn request() -> Request<Body> {
    let body = Full::from(r#"{"model":"grok-4","messages":[]}"#);
    Request::post("/v1/acct/gw/grok/v1/chat/completions").body(body).unwrap()
}

async fn send(service: &Service) -> Response<Bytes> {
    service.clone().oneshot(request()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_is_cached_only_while_it_is_valid() {
    let vault = Vault::new([key(1), key(2)]);
    let (service, seen) = gateway(&vault, false);
    for expected in ["Bearer sk-LEAK-1", "Bearer sk-LEAK-1"] {
        assert_eq!(send(&service).await.status(), 200);
        let (host, key) = seen.lock().unwrap().pop().unwrap();
        assert_eq!((host.as_str(), key.as_deref()), ("api.x.ai", Some(expected)));
    }
    assert_eq!(vault.asked(), 1);
    tokio::time::advance(Duration::from_millis(59_999)).await;
    send(&service).await;
    assert_eq!(vault.asked(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    send(&service).await;
    assert_eq!(vault.asked(), 2);
    assert_eq!(seen.lock().unwrap().pop().unwrap().1.unwrap(), "Bearer sk-LEAK-2");
}

#[tokio::test]
async fn with_a_clients_own_key_the_source_is_not_asked() {
    let vault = Vault::new([]);
    let (service, seen) = gateway(&vault, false);
    let mut request = request();
    request.headers_mut().insert("authorization", "Bearer mine".parse().unwrap());
    service.oneshot(request).await.unwrap();
    assert_eq!(seen.lock().unwrap()[0].1.as_deref(), Some("Bearer mine"));
}

#[tokio::test]
async fn each_fallback_step_gets_the_key_of_its_own_provider() {
    let vault = Vault::new([key(1), key(2)]);
    let (service, seen) = gateway(&vault, true);
    assert_eq!(send(&service).await.status(), 200);
    let expected = [
        ("api.x.ai".to_owned(), Some("Bearer sk-LEAK-1".to_owned())),
        ("api.openai.com".to_owned(), Some("Bearer sk-LEAK-2".to_owned())),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    let asked = vault.asked.lock().unwrap();
    let asked: Vec<_> = asked.iter().map(|query| (&*query.provider, &*query.alias)).collect();
    assert_eq!(asked, [("grok", "default"), ("openai", "backup")]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_is_401_and_cached_and_a_failed_source_is_503_and_not() {
    let vault = Vault::new([Ok(None), Ok(None)]);
    let (service, seen) = gateway(&vault, false);
    for _ in 0..3 {
        let response = send(&service).await;
        assert_eq!(response.status(), 401);
        assert!(String::from_utf8_lossy(response.body()).contains(r#""code":2401"#));
    }
    assert_eq!(vault.asked(), 2, "once for each of the two providers");

    let failing = (0..6).map(|_| Err("sk-LEAK-in-an-error"));
    let vault = Vault::new(failing);
    let (failing, _) = gateway(&vault, false);
    for _ in 0..3 {
        let response = send(&failing).await;
        assert_eq!(response.status(), 503);
        assert!(!String::from_utf8_lossy(response.body()).contains("LEAK"));
    }
    assert_eq!(vault.asked(), 6);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn requests_share_one_call_and_survive_its_cancellation() {
    let vault = Vault {
        answers: Mutex::new(VecDeque::from([key(1)])),
        gate: Some(Semaphore::new(0)),
        ..Vault::default()
    };
    let vault = Arc::new(vault);
    let (service, seen) = gateway(&vault, false);
    let ask = || tokio_test::task::spawn(service.clone().oneshot(request()));
    let (mut first, mut second, mut third) = (ask(), ask(), ask());
    for call in [&mut first, &mut second, &mut third] {
        assert!(call.poll().is_pending());
    }
    assert_eq!(vault.asked(), 1);
    drop(first);
    assert!(second.is_woken() && second.poll().is_pending());
    assert_eq!(vault.asked(), 2);
    vault.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(second.await.unwrap().status(), 200);
    assert_eq!(third.await.unwrap().status(), 200);
    assert_eq!(seen.lock().unwrap().len(), 2);
    assert_eq!(vault.asked(), 2);
}

#[tokio::test]
async fn waiting_requests_share_a_failure() {
    let vault = Vault {
        answers: Mutex::new((0..9).map(|_| Err("unreachable")).collect()),
        gate: Some(Semaphore::new(0)),
        ..Vault::default()
    };
    let vault = Arc::new(vault);
    let (service, seen) = gateway(&vault, false);
    let ask = || tokio_test::task::spawn(service.clone().oneshot(request()));
    let mut calls = [ask(), ask(), ask()];
    for call in &mut calls {
        assert!(call.poll().is_pending());
    }
    vault.gate.as_ref().unwrap().add_permits(9);
    for call in calls {
        assert_eq!(call.await.unwrap().status(), 503);
    }
    let asked = || {
        let asked = vault.asked.lock().unwrap();
        asked.iter().filter(|query| *query.provider == *"grok").count()
    };
    assert_eq!(asked(), 1);
    assert_eq!(send(&service).await.status(), 503);
    assert_eq!(asked(), 2, "a failure is not remembered");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_the_setting_the_source_is_not_asked() {
    let vault = Vault::new([key(1)]);
    let (service, seen) = gateway_with(GatewaySettings::default(), &vault, false);
    assert_eq!(send(&service).await.status(), 200);
    assert_eq!(*seen.lock().unwrap(), [("api.x.ai".to_owned(), None)]);
    assert_eq!(vault.asked(), 0);
}
