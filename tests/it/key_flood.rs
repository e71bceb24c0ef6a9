//! Made-up aliases push out no key that is cached, and no fetch that runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use tokio::sync::Semaphore;
use tower::{BoxError, ServiceExt};
use tower_ai_gateway::control::{FetchedKey, KeyQuery, KeySource};
use tower_ai_gateway::settings::{GatewaySettings, Secret};

use crate::key_source::{Body, Service, gateway_with, request};

/// More aliases than the cache has room for.
const MANY: usize = 5000;

/// Has a key for each alias except those that begin with `none`. The one for `slow` waits.
struct Vault {
    asked: Mutex<HashMap<Box<str>, usize>>,
    slow: Semaphore,
}

impl Vault {
    fn new() -> Arc<Self> {
        Arc::new(Self { asked: Mutex::default(), slow: Semaphore::new(0) })
    }

    fn asked(&self, alias: &str) -> usize {
        self.asked.lock().unwrap().get(alias).copied().unwrap_or_default()
    }
}

impl KeySource for Vault {
    async fn fetch(&self, query: KeyQuery) -> Result<Option<FetchedKey>, BoxError> {
        *self.asked.lock().unwrap().entry(query.alias.clone()).or_default() += 1;
        let seconds = match &*query.alias {
            alias if alias.starts_with("none") => return Ok(None),
            "long" => 3600,
            "slow" => {
                self.slow.acquire().await?.forget();
                60
            }
            _ => 60,
        };
        Ok(Some(FetchedKey::new(Secret::new("sk-LEAK-1")?, Duration::from_secs(seconds))))
    }
}

fn gateway(vault: &Arc<Vault>) -> Service {
    let settings = GatewaySettings::builder().authenticated_elsewhere().keys_from_layer();
    gateway_with(settings.build().unwrap(), vault, false).0
}

fn with_alias(alias: &str) -> Request<Body> {
    let mut request = request();
    request.headers_mut().insert("cf-aig-byok-alias", alias.parse().unwrap());
    request
}

async fn send(service: &Service, alias: &str) -> u16 {
    service.clone().oneshot(with_alias(alias)).await.unwrap().status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn absent_keys_push_out_no_key() {
    let vault = Vault::new();
    let service = gateway(&vault);
    assert_eq!(send(&service, "short").await, 200);
    for number in 0..MANY {
        assert_eq!(send(&service, &format!("none-{number}")).await, 401);
    }
    assert_eq!(send(&service, "short").await, 200);
    assert_eq!(vault.asked("short"), 1);
    // The latest of them are known, the first have made room.
    for (number, expected) in [(MANY - 1, 1), (0, 2)] {
        let alias = format!("none-{number}");
        assert_eq!(send(&service, &alias).await, 401);
        assert_eq!(vault.asked(&alias), expected);
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    send(&service, &format!("none-{}", MANY - 1)).await;
    assert_eq!(vault.asked(&format!("none-{}", MANY - 1)), 2, "an absence lasts ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_running_fetch_and_the_keys_that_last_longest_stay() {
    let vault = Vault::new();
    let service = gateway(&vault);
    let ask = || tokio_test::task::spawn(service.clone().oneshot(with_alias("slow")));
    assert_eq!(send(&service, "long").await, 200);
    let mut first = ask();
    assert!(first.poll().is_pending());
    for number in 0..MANY {
        assert_eq!(send(&service, &format!("key-{number}")).await, 200);
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let mut second = ask();
    assert!(second.poll().is_pending());
    assert_eq!(vault.asked("slow"), 1);
    vault.slow.add_permits(2);
    for call in [first, second] {
        assert_eq!(call.await.unwrap().status(), 200);
    }
    assert_eq!(send(&service, "long").await, 200);
    assert_eq!((vault.asked("slow"), vault.asked("long")), (1, 1));
    for (number, expected) in [(MANY - 1, 1), (0, 2)] {
        let alias = format!("key-{number}");
        assert_eq!(send(&service, &alias).await, 200);
        assert_eq!(vault.asked(&alias), expected);
    }
}
