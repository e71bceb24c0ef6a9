//! The cache of the control layers, as seen by hooks and clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use http_body_util::Full;
use tower_ai_gateway::Provider;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::cache::MemoryCache;
use tower_ai_gateway::hook::CacheStatus;
use tower_ai_gateway::settings::FallbackChain;
use tower_ai_gateway::settings::cache::CacheSettings;
use tower_ai_gateway::usage::{CostSource, Metering};

use crate::support::controlled::{Scene, body, every_gateway, post, with};
use crate::support::memory::Seen;
use crate::support::metered::{CHAT, CHAT_USAGE, DONE, chat_event, usage_event};
use crate::support::older::Older;
use crate::support::scripted::Reply;

const HOUR: Duration = Duration::from_secs(3600);

fn ask(stream: bool) -> Request<Full<bytes::Bytes>> {
    let text = format!(r#"{{"model":"grok-4.3","stream":{stream},"messages":[]}}"#);
    body(with(post(CHAT), "authorization", "Bearer key"), text)
}

fn answer(stream: bool) -> Reply {
    if stream {
        let hello = chat_event(r#"{"content":"hello"}"#);
        let events = [&*hello, &hello, &usage_event(CHAT_USAGE), DONE].concat();
        return Reply::status(200).header("content-type", "text/event-stream").body(events);
    }
    Reply::ok().body(format!(r#"{{"model":"grok-4.3","choices":[],"usage":{CHAT_USAGE}}}"#))
}

#[tokio::test]
async fn the_second_request_costs_nothing_and_saves_the_cost_of_the_first() {
    for stream in [false, true] {
        let scene = Scene::new(
            |layer| {
                let settings = every_gateway(|set| set.cache(CacheSettings::new(HOUR)));
                layer.provider(Provider::xai()).settings(settings)
            },
            ControlLayer::new(),
            move |_| answer(stream),
        );
        let first = scene.ask(ask(stream)).await;
        let response = scene.send(ask(stream)).await;
        assert_eq!(response.headers()["cf-aig-cache-status"], "HIT");
        assert_eq!(response.headers()["cf-aig-step"], "0");
        let age: u64 = response.headers()["age"].to_str().unwrap().parse().unwrap();
        assert!(age < 3600, "{age}");
        drop(response);
        assert_eq!(scene.ask(ask(stream)).await, first);
        assert_eq!(scene.sent().len(), 1);
        let order = "request attempt head end request head end request head end";
        assert_eq!(scene.recorder.order(), order);
        let ends = scene.recorder.ends();
        let (miss, hit) = (&ends[0], &ends[2]);
        assert_eq!(miss.cache, Some(CacheStatus::Miss));
        assert!(miss.usage.is_some() && miss.cost.is_some(), "{miss:?}");
        assert_eq!((hit.cache, hit.usage), (Some(CacheStatus::Hit), None));
        assert_eq!((hit.attempts, hit.metering), (0, Metering::Repeated));
        let (cost, saved) = (hit.cost.unwrap(), hit.saved.unwrap());
        assert_eq!((cost.ticks, cost.source), (0, CostSource::Cache));
        assert_eq!((saved.usage, saved.cost), (miss.usage, miss.cost));
        assert_eq!((hit.terminal, hit.content_events), (miss.terminal, miss.content_events));
        assert_eq!(ends[1].cost.unwrap().ticks, 0, "a client that leaves has spent nothing, too");
    }
}

#[cfg(feature = "limits")]
#[tokio::test]
async fn a_hit_passes_a_limit_that_has_no_room() {
    use tower_ai_gateway::settings::limits::{LimitRule, Period, Window};

    let scene = Scene::new(
        |layer| {
            let rule = LimitRule::requests("one", 1, Window::Fixed(Period::Month));
            let settings =
                every_gateway(|set| set.cache(CacheSettings::new(HOUR)).limit(rule.clone()));
            layer.provider(Provider::xai()).settings(settings)
        },
        ControlLayer::new(),
        |_| answer(false),
    );
    for _ in 0..3 {
        assert_eq!(scene.ask(ask(false)).await.0, 200);
    }
    assert_eq!(scene.ask(ask(true)).await.0, 429, "another request has no room");
    assert_eq!(scene.ask(ask(false)).await.0, 200);
    assert_eq!(scene.sent().len(), 1);
}

#[tokio::test]
async fn a_stale_entry_is_reported_for_the_first_step() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = fails.clone();
    let scene = Scene::new(
        |layer| {
            let settings = every_gateway(|set| {
                set.cache(CacheSettings::new(HOUR).stale_if_error(HOUR))
                    .key("anthropic", crate::support::controlled::secret("other-key"))
                    .fallback(FallbackChain::on("grok-4*").to("anthropic", "claude-opus-4"))
            });
            layer.provider(Provider::xai()).provider(Provider::anthropic()).settings(settings)
        },
        ControlLayer::new().cache(Older(MemoryCache::new(), HOUR * 3 / 2)),
        move |_| match failing.load(Ordering::Relaxed) {
            true => Reply::status(503),
            false => answer(false),
        },
    );
    let first = scene.ask(ask(false)).await;
    fails.store(true, Ordering::Relaxed);
    let response = scene.send(ask(false)).await;
    let headers = response.headers();
    assert_eq!(headers["cf-aig-cache-status"], "STALE");
    let age: u64 = headers["age"].to_str().unwrap().parse().unwrap();
    assert!((5400..5430).contains(&age), "{age}");
    assert_eq!(headers["cf-aig-step"], "0");
    drop(response);
    assert_eq!(scene.ask(ask(false)).await, first);
    let ends = scene.recorder.ends();
    let (miss, stale) = (&ends[0], &ends[2]);
    assert_eq!((stale.cache, stale.step), (Some(CacheStatus::Stale), 0));
    assert_eq!(stale.provider.as_deref(), Some("grok"));
    assert!(stale.attempts >= 1, "the provider was asked: {stale:?}");
    assert_eq!((stale.cost.unwrap().ticks, stale.usage), (0, None));
    let saved = stale.saved.unwrap();
    assert_eq!((saved.usage, saved.cost), (miss.usage, miss.cost), "{stale:?}");
    let reported = scene.recorder.seen();
    let statuses: Vec<_> = reported
        .iter()
        .filter_map(|seen| match seen {
            Seen::Attempt { status, .. } => status.map(|status| status.as_u16()),
            _ => None,
        })
        .collect();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 503), "{statuses:?}");
}
