//! Each exchange uses one snapshot of the settings from its first byte to its end, however often
//! they are replaced meanwhile.

mod scene;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use self::scene::*;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryFutureExt};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::watch;
use tower::{Layer, Service, ServiceExt};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::{
    FallbackChain, GatewaySettings, GatewayToken, Secret, Settings, SettingsQuery,
    SettingsResolver, SettingsTable, Timeouts,
};
use tower_ai_gateway::{EndEvent, GatewayContext, GatewayLayer, MetricsHook, Mount, Provider};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_twenty_thousand_exchanges_uses_one_snapshot() {
    let settings = Settings::new(table(FIRST));
    let (reported, known) = watch::channel(FIRST);
    let ends = Ends::default();
    let mistakes = ends.mistakes.clone();
    let layer = layer(settings.clone(), &ends);
    let replacing = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        for n in FIRST + 1.. {
            ticks.tick().await;
            settings.replace(table(n));
            reported.send_replace(n);
        }
    });
    let calls = Arc::<AtomicU64>::default();
    let clients = (0..CLIENTS).map(|client| {
        let (layer, mistakes, known, calls) =
            (layer.clone(), mistakes.clone(), known.clone(), calls.clone());
        tokio::spawn(async move {
            let mut tally = Tally::default();
            for at in (client..REQUESTS).step_by(CLIENTS as usize) {
                let n = *known.borrow();
                let wait = wait(known.clone(), at.is_multiple_of(16));
                let request = request(n, at / 3, &format!("test-token-{n}"), wait);
                let settings = known.clone();
                let upstream =
                    Upstream { mistakes: mistakes.clone(), settings, calls: calls.clone() };
                let (status, text) = answer(&layer, upstream, request).await;
                match status {
                    // The settings were replaced between the client's check and its request.
                    StatusCode::UNAUTHORIZED => tally.locked_out += 1,
                    _ => {
                        mistakes.check(status == 200 && text == format!("{n} {n}"), || {
                            format!("{status} {text} for {n}")
                        });
                        tally.served += 1;
                        tally.outlived += u64::from(*known.borrow() != n);
                        tally.numbers.insert(n);
                    }
                }
            }
            tally
        })
    });
    let mut all = Tally::default();
    for client in clients.collect::<Vec<_>>() {
        let tally = client.await.unwrap();
        all.served += tally.served;
        all.locked_out += tally.locked_out;
        all.outlived += tally.outlived;
        all.numbers.extend(tally.numbers);
    }
    replacing.abort();
    mistakes.assert_none();
    println!(
        "{} served under {} snapshots, {} of them outlived theirs; {} came too late",
        all.served,
        all.numbers.len(),
        all.outlived,
        all.locked_out
    );
    assert_eq!(ends.ended.load(Ordering::Relaxed), REQUESTS);
    assert_eq!(all.served + all.locked_out, REQUESTS);
    assert!(all.served > REQUESTS / 2 && all.outlived > 1000 && all.numbers.len() > 20);
}

/// A resolver that returns a new snapshot each time.
fn ever_new(asked: Arc<AtomicU64>) -> impl Fn(&SettingsQuery<'_>) -> Option<Arc<GatewaySettings>> {
    move |_| {
        let n = FIRST + asked.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(snapshot(n, "the-token")))
    }
}

#[tokio::test]
async fn the_resolver_is_called_once_per_request() {
    let asked = Arc::<AtomicU64>::default();
    let ends = Ends::default();
    let mistakes = ends.mistakes.clone();
    let layer = layer(ever_new(asked.clone()), &ends);
    let calls = Arc::<AtomicU64>::default();
    for at in 0..60 {
        let n = FIRST + at;
        // Settings are not replaced, so each wait is brief.
        let settings = watch::channel(n).1;
        let upstream = Upstream {
            mistakes: mistakes.clone(),
            settings: settings.clone(),
            calls: calls.clone(),
        };
        let request = request(n, at, "the-token", wait(settings, true));
        let (status, text) = answer(&layer, upstream, request).await;
        assert_eq!((status.as_u16(), text), (200, format!("{n} {n}")));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 60);
    mistakes.assert_none();
}

#[tokio::test]
async fn an_open_exchange_outlives_its_removed_gateway() {
    for way in 0..4 {
        let settings = Settings::new(table(FIRST));
        let (reported, known) = watch::channel(FIRST);
        let ends = Ends::default();
        let mistakes = ends.mistakes.clone();
        let layer = layer(settings.clone(), &ends);
        let (name_model, named) = tokio::sync::oneshot::channel::<()>();
        let request = request(FIRST, way, &format!("test-token-{FIRST}"), async {
            named.await.unwrap();
        });
        let calls = Arc::new(AtomicU64::new(0));
        let upstream = Upstream { mistakes: mistakes.clone(), settings: known, calls };
        let mut call = tokio_test::task::spawn(answer(&layer, upstream, request));
        assert!(call.poll().is_pending(), "the model is not known yet");
        settings.replace(SettingsTable::new());
        name_model.send(()).unwrap();
        assert!(call.poll().is_pending(), "the provider waits");
        reported.send_replace(FIRST + 1);
        let (status, text) = call.await;
        assert_eq!((status.as_u16(), text), (200, format!("{FIRST} {FIRST}")));
        assert_eq!(ends.ended.load(Ordering::Relaxed), 1);
        mistakes.assert_none();
    }
}
