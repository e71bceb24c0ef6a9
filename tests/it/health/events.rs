//! Health events in hooks.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use tower_ai_gateway::hook::{ChangeReason, HealthChange, HealthState};
use tower_ai_gateway::{EndEvent, GatewayLayer, MetricsHook, Provider};

use crate::health::script::SECOND;
use crate::support::memory;

type Change = (Option<String>, String, HealthState, HealthState, ChangeReason);

/// Records every change and counts ends.
#[derive(Default)]
struct Changes {
    seen: Mutex<Vec<Change>>,
    ends: AtomicU16,
}

fn owned(change: &HealthChange<'_>) -> Change {
    let provider = change.provider.map(str::to_owned);
    (provider, change.upstream.to_owned(), change.from, change.to, change.reason)
}

impl MetricsHook for Changes {
    fn on_health(&self, change: &HealthChange<'_>) {
        self.seen.lock().unwrap().push(owned(change));
    }

    fn on_end(&self, _: &EndEvent<'_>) {
        self.ends.fetch_add(1, Ordering::Relaxed);
    }
}

impl Changes {
    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// Panics at every health event.
struct Panicking;

impl MetricsHook for Panicking {
    fn on_health(&self, _: &HealthChange<'_>) {
        panic!("hook");
    }
}

fn health() -> HealthLayer {
    let breaker = BreakerSettings::default().failures_in_a_row(2);
    HealthLayer::new().breaker(breaker).cool_down(CoolDownSettings::default())
}

/// Sends a request through a gateway with these hooks; the provider answers with this status.
async fn ask(hooks: Vec<Box<dyn MetricsHook>>, health: &HealthLayer, status: u16) -> u16 {
    let builder = hooks.into_iter().fold(GatewayLayer::builder(), |builder, hook| {
        let hook: Arc<dyn MetricsHook> = Arc::from(hook);
        builder.metrics_hook(hook)
    });
    let client = service_fn(move |_: Request<_>| async move {
        tokio::task::yield_now().await;
        let response = Response::builder().status(status).header("retry-after", "3");
        Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap())
    });
    let gateway = builder.provider(Provider::xai()).build().unwrap().upstream(health.layer(client));
    let request =
        Request::post("/v1/acct/gw/xai/v1/chat/completions").body(Full::<Bytes>::default());
    let service = gateway.layer(service_fn(memory::app));
    service.oneshot(request.unwrap()).await.unwrap().status().as_u16()
}

const BASE: &str = "https://api.x.ai/v1";

fn change(from: HealthState, to: HealthState, reason: ChangeReason) -> Change {
    (Some("grok".to_owned()), BASE.to_owned(), from, to, reason)
}

use ChangeReason::{FailuresInARow, ProbeDue, ProbeFailed, ProbeSucceeded, RetryAfter};
use HealthState::{Closed, CoolingDown, HalfOpen, Open};

#[tokio::test(start_paused = true)]
async fn hooks_get_every_change_with_provider_and_base_url() {
    let (health, changes) = (health(), Arc::new(Changes::default()));
    let ask = async |status| ask(vec![Box::new(changes.clone())], &health, status).await;
    assert_eq!([ask(500).await, ask(500).await, ask(200).await], [500, 500, 503]);
    assert_eq!(changes.take(), [change(Closed, Open, FailuresInARow)]);
    tokio::time::advance(30 * SECOND).await;
    ask(502).await;
    let failed = [change(Open, HalfOpen, ProbeDue), change(HalfOpen, Open, ProbeFailed)];
    assert_eq!(changes.take(), failed);
    tokio::time::advance(30 * SECOND).await;
    ask(200).await;
    let closed = [change(Open, HalfOpen, ProbeDue), change(HalfOpen, Closed, ProbeSucceeded)];
    assert_eq!(changes.take(), closed);
    ask(200).await;
    assert_eq!(changes.take(), []);
}

#[tokio::test(start_paused = true)]
async fn hooks_get_one_change_when_a_key_cools_down() {
    let (health, changes) = (health(), Arc::new(Changes::default()));
    let ask = async |status| ask(vec![Box::new(changes.clone())], &health, status).await;
    assert_eq!([ask(429).await, ask(200).await], [429, 503]);
    assert_eq!(changes.take(), [change(Closed, CoolingDown, RetryAfter)]);
    tokio::time::advance(3 * SECOND).await;
    assert_eq!(tokio::join!(ask(200), ask(429), ask(429)), (200, 429, 429));
    assert_eq!(changes.take(), [change(Closed, CoolingDown, RetryAfter)]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_loses_only_its_event() {
    let (before, after) = (Arc::new(Changes::default()), Arc::new(Changes::default()));
    let observed = Arc::new(Mutex::new(Vec::new()));
    let log = observed.clone();
    let health = health().on_change(move |change| {
        log.lock().unwrap().push(owned(change));
        panic!("observer");
    });
    for (status, expected) in [(500, 500), (500, 500), (200, 503)] {
        let hooks: Vec<Box<dyn MetricsHook>> =
            vec![Box::new(before.clone()), Box::new(Panicking), Box::new(after.clone())];
        assert_eq!(ask(hooks, &health, status).await, expected);
    }
    let expected = [change(Closed, Open, FailuresInARow)];
    assert_eq!(before.take(), expected);
    assert_eq!(after.take(), expected);
    assert_eq!(*observed.lock().unwrap(), expected);
    assert_eq!(after.ends.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_reported_to_the_gateway_of_its_call() {
    let health = health();
    let (first, second) = (Arc::new(Changes::default()), Arc::new(Changes::default()));
    let ask = async |hook: &Arc<Changes>, status| {
        ask(vec![Box::new(hook.clone())], &health, status).await
    };
    ask(&first, 500).await;
    ask(&second, 500).await;
    assert_eq!((first.take().len(), second.take().len()), (0, 1));
    tokio::time::advance(30 * SECOND).await;
    ask(&first, 200).await;
    assert_eq!((first.take().len(), second.take().len()), (2, 0));
}
