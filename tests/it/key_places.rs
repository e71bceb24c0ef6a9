//! A key that a source has for one base URL is used at no other, whatever the order of the layers.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_ai_gateway::control::{ControlLayer, FetchedKey, KeyLayer, KeyQuery, KeySource};
use tower_ai_gateway::settings::{GatewaySettings, Secret};
use tower_ai_gateway::{GatewayLayer, Provider};

/// Each key is the base URL that it is for.
struct Vault;

impl KeySource for Vault {
    async fn fetch(&self, query: KeyQuery) -> Result<Option<FetchedKey>, BoxError> {
        let key = Secret::new(&*query.base_url)?;
        Ok(Some(FetchedKey::new(key, Duration::from_secs(60))))
    }
}

type Seen = Arc<Mutex<BTreeSet<(String, String)>>>;

/// A client that remembers where it was called with which key.
fn client<B: Send + 'static>(
    seen: &Seen,
) -> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let seen = seen.clone();
    service_fn(move |request: Request<B>| {
        let uri = request.uri().to_string();
        let place = uri.strip_suffix("/chat/completions").unwrap().to_owned();
        let key = request.headers()["authorization"].to_str().unwrap();
        let key = key.strip_prefix("Bearer ").unwrap().to_owned();
        seen.lock().unwrap().insert((place, key));
        async { Ok(Response::new(Full::default())) }
    })
}

fn gateway() -> GatewayLayer {
    let provider = Provider::custom("own", "https://one.test/v1")
        .further_base_url("https://two.test/v1", 1)
        .further_base_url("https://two.test/v1/eu", 1);
    let settings = GatewaySettings::builder().authenticated_elsewhere().keys_from_layer();
    let builder = GatewayLayer::builder().provider(provider);
    builder.settings(Arc::new(settings.build().unwrap())).build().unwrap()
}

/// Where each key was seen after many requests.
macro_rules! seen_under {
    ($layers:expr) => {{
        fastrand::seed(3);
        let seen = Seen::default();
        let app = service_fn(async |_: Request<Full<Bytes>>| {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
        let service = gateway().upstream($layers.service(client(&seen))).layer(app);
        for _ in 0..60 {
            let request = Request::post("/v1/acct/gw/custom-own/chat/completions");
            let request = request.body(Full::from(r#"{"model":"m"}"#)).unwrap();
            assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
        }
        let seen = seen.lock().unwrap().clone();
        for (place, key) in &seen {
            assert_eq!(place, key);
        }
        seen.len()
    }};
}

#[tokio::test]
async fn each_place_gets_its_own_key() {
    let (control, keys) = (ControlLayer::new(), KeyLayer::new(Vault));
    let below = ServiceBuilder::new().layer(control.clone()).layer(keys.clone());
    assert_eq!(seen_under!(below), 3);
    // The choice comes too late.
    assert_eq!(seen_under!(ServiceBuilder::new().layer(keys).layer(control)), 1);
}
