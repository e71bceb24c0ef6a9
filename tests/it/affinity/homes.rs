//! The home of a conversation, and when it moves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tower_ai_gateway::context::Affinity;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::health::{BreakerSettings, CoolDownSettings, HealthLayer};
use tower_ai_gateway::settings::{ConcurrencyLimit, FallbackChain, GatewaySettings};
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::affinity::scene::{
    Scene, chat, keys, of_session, ok, providers, secret, status, weighted,
};
use crate::support::scripted::{Call, Reply};

async fn home(scene: &Scene, session: usize) -> String {
    scene.sent(of_session(&format!("s-{session}"))).await.target()
}

async fn homes(scene: &Scene, count: usize) -> Vec<String> {
    let mut homes = Vec::with_capacity(count);
    for session in 0..count {
        homes.push(home(scene, session).await);
    }
    homes
}

fn shares(homes: &[String]) -> BTreeMap<&str, f64> {
    let mut shares = BTreeMap::new();
    for home in homes {
        *shares.entry(&**home).or_default() += 1.0 / homes.len() as f64;
    }
    shares
}

/// Two base URLs and three keys.
fn six(order: &[(usize, u32)], urls: [&str; 2]) -> Scene {
    let xai = Provider::xai().base_url(urls[0]).further_base_url(urls[1], 1);
    Scene::new(GatewayLayer::builder().provider(xai), weighted(order), ControlLayer::new(), ok)
}

const URLS: [&str; 2] = ["https://a.test/v1", "https://b.test/v1"];

#[tokio::test]
async fn a_session_keeps_its_key_and_sessions_spread() {
    let scene = six(&[(1, 1), (2, 1), (3, 1)], URLS);
    let mut used = BTreeSet::new();
    for session in 0..40 {
        let id = format!("s-{session}");
        let targets = scene.targets(|| of_session(&id)).await;
        assert_eq!(targets.len(), 1, "{id}: {targets:?}");
        assert_eq!(scene.end().affinity, Some(Affinity::Kept));
        used.extend(targets);
    }
    assert_eq!(used.len(), 6);
    // Without a session, load decides.
    assert_eq!(scene.targets(|| chat(&[])).await.len(), 6);
    assert_eq!(scene.end().affinity, None);
}

#[tokio::test]
async fn replicas_agree_in_any_order_of_keys_and_urls() {
    let one = six(&[(1, 1), (2, 2), (3, 1)], URLS);
    let other = six(&[(3, 1), (1, 1), (2, 2)], [URLS[1], URLS[0]]);
    assert_eq!(homes(&one, 200).await, homes(&other, 200).await);
}

#[tokio::test]
async fn an_added_key_takes_only_its_share_and_weights_hold() {
    const SESSIONS: usize = 2_000;
    let before = homes(&Scene::keys(4), SESSIONS).await;
    let after = homes(&Scene::keys(5), SESSIONS).await;
    let moved: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
    assert!(moved.iter().all(|(_, to)| to.ends_with("key-5")), "moved between old keys");
    let share = moved.len() as f64 / SESSIONS as f64;
    assert!((share - 0.2).abs() < 0.04, "{share}");
    let scene = Scene::new(providers(), weighted(&[(1, 1), (2, 3)]), ControlLayer::new(), ok);
    let homes = homes(&scene, SESSIONS).await;
    let share = shares(&homes)["api.x.ai key-2"];
    assert!((share - 0.75).abs() < 0.04, "{share}");
}

/// Answers 429 for one key while the flag is set.
fn busy(key: &'static str, is_busy: &Arc<AtomicBool>) -> impl Fn(&Call) -> Reply + use<> {
    let is_busy = is_busy.clone();
    move |sent| {
        if sent.key() != Some(key) || !is_busy.load(Ordering::Relaxed) {
            return ok(sent);
        }
        status(429).header("retry-after", "5")
    }
}

/// Sessions whose home is `key-1` of four.
async fn at_home_with_the_first(scene: &Scene) -> Vec<String> {
    let mut found = Vec::new();
    for session in 0..60 {
        let id = format!("s-{session}");
        if scene.sent(of_session(&id)).await.key() == Some("key-1") {
            found.push(id);
        }
    }
    assert!(found.len() > 5, "{found:?}");
    found
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cools_down_lends_its_sessions_to_the_next_and_gets_them_back() {
    let is_busy = Arc::new(AtomicBool::new(false));
    let health = HealthLayer::new().cool_down(CoolDownSettings::default());
    let control = ControlLayer::new().health(health);
    let scene = Scene::new(providers(), keys(4), control, busy("key-1", &is_busy));
    let sessions = at_home_with_the_first(&scene).await;
    is_busy.store(true, Ordering::Relaxed);
    assert_eq!(scene.send(of_session(&sessions[0])).await.status(), 429);
    scene.all_sent();
    let mut lent = BTreeSet::new();
    for session in &sessions {
        let targets = scene.targets(|| of_session(session)).await;
        assert_eq!(targets.len(), 1, "all turns go to the same next key");
        assert_eq!(scene.end().affinity, Some(Affinity::Moved));
        lent.extend(targets);
    }
    assert!(lent.len() > 1 && !lent.contains("api.x.ai key-1"), "{lent:?}");
    is_busy.store(false, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(6)).await;
    for session in &sessions {
        assert_eq!(scene.sent(of_session(session)).await.key(), Some("key-1"));
        assert_eq!(scene.end().affinity, Some(Affinity::Kept));
    }
}

#[tokio::test(start_paused = true)]
async fn a_base_url_with_an_open_circuit_is_skipped() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = is_down.clone();
    let xai = Provider::xai().base_url(URLS[0]).further_base_url(URLS[1], 1);
    let breaker = BreakerSettings::default().failures_in_a_row(1);
    let control = ControlLayer::new().health(HealthLayer::new().breaker(breaker));
    let settings = GatewaySettings::builder().key("grok", secret("key-1"));
    let layer = GatewayLayer::builder().provider(xai);
    let scene = Scene::new(layer, settings, control, move |sent| {
        let fails = down.load(Ordering::Relaxed) && sent.uri.host() == Some("a.test");
        if fails { status(500) } else { ok(sent) }
    });
    let homes = homes(&scene, 40).await;
    let session = homes.iter().position(|home| home.starts_with("a.test")).unwrap();
    assert!(homes.iter().any(|home| home.starts_with("b.test")));
    is_down.store(true, Ordering::Relaxed);
    assert_eq!(scene.send(of_session(&format!("s-{session}"))).await.status(), 500);
    assert_eq!(home(&scene, session).await, "b.test key-1");
    is_down.store(false, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(home(&scene, session).await, "a.test key-1");
}

#[tokio::test(start_paused = true)]
async fn a_retry_uses_another_key_and_the_session_returns() {
    let is_busy = Arc::new(AtomicBool::new(false));
    let control = ControlLayer::new();
    let scene = Scene::new(providers(), keys(2), control, busy("key-1", &is_busy));
    let session = at_home_with_the_first(&scene).await.swap_remove(0);
    is_busy.store(true, Ordering::Relaxed);
    let again = || {
        chat(&[
            ("x-session-id", &session),
            ("cf-aig-max-attempts", "2"),
            ("cf-aig-retry-delay", "0"),
        ])
    };
    for _ in 0..3 {
        let tried: [&[&str]; 3] = [&["key-1", "key-2"], &["key-2"], &["key-2"]];
        for tried in tried {
            assert_eq!(scene.send(again()).await.status(), 200);
            let keys: Vec<_> =
                scene.all_sent().iter().map(|sent| sent.key().unwrap().to_owned()).collect();
            assert_eq!(keys, tried);
            assert_eq!(scene.end().affinity, Some(Affinity::Moved));
        }
        tokio::time::advance(Duration::from_secs(31)).await;
    }
}

#[tokio::test]
async fn without_a_permit_a_session_goes_to_the_next_key() {
    let settings = keys(2).concurrency_per_credential(ConcurrencyLimit::new(1));
    let (entered, leave) =
        (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let scene = Scene::new(providers(), settings, ControlLayer::new(), ok);
    let home = scene.sent(of_session("s")).await.target();
    // A request whose body never ends holds the permit.
    let (tell, wait) = (entered.clone(), leave.clone());
    let body = http_body_util::StreamBody::new(futures_util::stream::once(async move {
        tell.notify_one();
        wait.notified().await;
        Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(b"{}")))
    }));
    let mut held = of_session("s");
    held.headers_mut().remove("content-type");
    *held.body_mut() = http_body_util::BodyExt::boxed_unsync(body);
    let asked = async {
        entered.notified().await;
        let next = scene.sent(of_session("s")).await.target();
        assert_ne!(next, home);
        assert_eq!(scene.end().affinity, Some(Affinity::Moved));
        leave.notify_one();
    };
    let (held, ()) = tokio::join!(scene.send(held), asked);
    assert_eq!(held.status(), 200);
    scene.all_sent();
    assert_eq!(scene.sent(of_session("s")).await.target(), home);
}

#[tokio::test]
async fn a_request_or_gateway_can_switch_affinity_off() {
    let scene = Scene::keys(4);
    let off = || chat(&[("cf-aig-session-id", "s"), ("cf-aig-no-session-affinity", "true")]);
    assert_eq!(scene.targets(off).await.len(), 4);
    assert_eq!(scene.end(), Default::default());
    let on = || chat(&[("cf-aig-session-id", "s"), ("cf-aig-no-session-affinity", "false")]);
    assert_eq!(scene.targets(on).await.len(), 1);
    let settings = keys(4).session_affinity(false);
    let scene = Scene::new(providers(), settings, ControlLayer::new(), ok);
    assert_eq!(scene.targets(on).await.len(), 4);
    assert_eq!(scene.end(), Default::default());
}

#[tokio::test]
async fn a_fallback_keeps_the_session_of_the_first_step() {
    let settings = keys(4).fallback(FallbackChain::on("*").to("openai", "gpt-5"));
    let scene = Scene::new(providers(), settings, ControlLayer::new(), |sent| {
        if sent.uri.host() == Some("api.x.ai") { status(500) } else { ok(sent) }
    });
    for session in ["a", "b", "c"] {
        let mut targets = BTreeSet::new();
        for _ in 0..20 {
            // A harness's header does not reach the other provider, but it names the session.
            assert_eq!(scene.send(chat(&[("session_id", session)])).await.status(), 200);
            let sent = scene.all_sent().pop().unwrap();
            assert_eq!(sent.header("session_id"), None);
            targets.insert(sent.target());
        }
        assert_eq!(targets.len(), 1, "{targets:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_avoid_a_key_that_has_just_failed() {
    for refusal in [401, 402, 429, 500] {
        let fails = Arc::new(AtomicBool::new(false));
        let failing = fails.clone();
        let scene = Scene::new(providers(), keys(4), ControlLayer::new(), move |sent| {
            let is_bad = failing.load(Ordering::Relaxed) && sent.key() == Some("key-1");
            if is_bad { status(refusal) } else { ok(sent) }
        });
        let session = at_home_with_the_first(&scene).await.swap_remove(0);
        fails.store(true, Ordering::Relaxed);
        assert_eq!(scene.send(of_session(&session)).await.status(), refusal);
        scene.all_sent();
        for _ in 0..5 {
            assert_ne!(scene.sent(of_session(&session)).await.key(), Some("key-1"), "{refusal}");
            assert_eq!(scene.end().affinity, Some(Affinity::Moved));
        }
        fails.store(false, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(scene.sent(of_session(&session)).await.key(), Some("key-1"), "{refusal}");
    }
}
