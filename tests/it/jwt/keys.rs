//! An issuer's keys: fetching, caching, rotation, and requests while they are unavailable.

mod sources;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, service_fn};
use tower_ai_gateway::HttpClient;
use tower_ai_gateway::jwt::{Jwks, JwksBuilder, JwksError, JwtError, JwtLayer, JwtVerifier};

use crate::jwt::scene::{CHAT, Scene, answer, verifier};
use crate::support::guard;
use crate::support::issuer::{Issuer, Key, Reply, claims, set};
use crate::support::polling::eventually;

/// A clock that a test advances.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Duration>>);

impl Clock {
    fn wait(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }

    fn of(&self, jwks: JwksBuilder) -> Jwks {
        let (begin, passed) = (Instant::now(), self.0.clone());
        jwks.clock(move || begin + *passed.lock().unwrap()).build()
    }
}

fn fetched(url: &str) -> JwksBuilder {
    let client: HttpClient<Full<Bytes>> = HttpClient::new().unwrap();
    Jwks::builder(url, client).unwrap()
}

/// An issuer that was asked once, and a verifier by a clock of its own that knows this key from then on.
async fn asked_once(reply: Reply, key: &Key) -> (Issuer, Clock, JwtVerifier) {
    let (issuer, clock) = (Issuer::start(reply).await, Clock::default());
    let verifier = verifier(clock.of(fetched(&issuer.url())));
    verifier.verify(&key.token(&claims())).await.unwrap();
    (issuer, clock, verifier)
}

#[tokio::test]
async fn fifty_requests_with_an_unknown_key_cost_one_fetch() {
    let (old, new) = (Key::ed("old"), Key::ed("new"));
    let issuer = Issuer::start(Reply::keys(&[&old])).await;
    let jwks = fetched(&issuer.url()).min_interval(Duration::ZERO).build();
    let scene = Scene::new(JwtLayer::new(verifier(jwks))).await;
    let header = |key: &Key| format!("authorization: Bearer {}", key.token(&claims()));
    assert_eq!(scene.answer(CHAT, &[&header(&old)]).await.status(), 200);
    assert_eq!(issuer.asked(), 1);

    issuer.hold();
    issuer.replies(Reply::keys(&[&old, &new]));
    let (addr, by_new) = (scene.addr, header(&new));
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let header = by_new.clone();
            tokio::spawn(async move { answer(addr, CHAT, &[&header]).await.status() })
        })
        .collect();
    eventually("the issuer is asked", async || issuer.asked() == 2).await;
    // Requests with a known key do not wait.
    assert_eq!(scene.answer(CHAT, &[&header(&old)]).await.status(), 200);
    issuer.go_on();
    for request in requests {
        assert_eq!(guard("an answer", request).await.unwrap(), 200);
    }
    assert_eq!(issuer.asked(), 2, "one fetch for all of them");
}

#[tokio::test]
async fn unknown_keys_cause_at_most_one_fetch_in_30_seconds() {
    let (key, stranger) = (Key::ed("a"), Key::ed("stranger"));
    let (issuer, clock, verifier) = asked_once(Reply::keys(&[&key]), &key).await;
    for round in 1..=3 {
        for _ in 0..20 {
            let error = verifier.verify(&stranger.token(&claims())).await.unwrap_err();
            assert!(matches!(error, JwtError::UnknownKey), "{error:?}");
        }
        assert_eq!(issuer.asked(), round);
        clock.wait(29);
        verifier.verify(&stranger.token(&claims())).await.unwrap_err();
        assert_eq!(issuer.asked(), round, "not yet");
        clock.wait(1);
    }
}

#[tokio::test]
async fn rotated_keys_are_added_and_removed() {
    let (old, new) = (Key::ed("old"), Key::ec("new"));
    let (issuer, clock, verifier) =
        asked_once(Reply::keys(&[&old]).header("cache-control", "max-age=600"), &old).await;
    clock.wait(599);
    verifier.verify(&old.token(&claims())).await.unwrap();
    assert_eq!(issuer.asked(), 1, "kept for as long as the issuer says");

    issuer.replies(Reply::keys(&[&new]));
    verifier.verify(&new.token(&claims())).await.unwrap();
    assert_eq!(issuer.asked(), 2);
    let error = verifier.verify(&old.token(&claims())).await.unwrap_err();
    assert!(matches!(error, JwtError::UnknownKey), "{error:?}");
    // An hour if the issuer does not say; then requests do not wait for the refresh.
    clock.wait(3601);
    issuer.hold();
    verifier.verify(&new.token(&claims())).await.unwrap();
    eventually("the issuer is asked", async || issuer.asked() == 3).await;
    issuer.go_on();
}

#[tokio::test]
async fn the_max_age_is_clamped_to_a_minute_and_a_day() {
    let key = Key::ed("a");
    for (said, kept) in [("no-store", 60), ("max-age=1", 60), ("max-age=31536000", 86_400)] {
        let (issuer, clock, verifier) =
            asked_once(Reply::keys(&[&key]).header("cache-control", said), &key).await;
        clock.wait(kept - 1);
        verifier.verify(&key.token(&claims())).await.unwrap();
        assert_eq!(issuer.asked(), 1, "{said}");
        // Long after that, requests wait for new keys.
        clock.wait(100);
        verifier.verify(&key.token(&claims())).await.unwrap();
        assert_eq!(issuer.asked(), 2, "{said}");
    }
}

#[tokio::test]
async fn old_keys_are_valid_for_a_day_while_the_issuer_is_down() {
    let (key, stranger) = (Key::ed("a"), Key::ed("stranger"));
    let (issuer, clock, verifier) = asked_once(Reply::keys(&[&key]), &key).await;
    let token = key.token(&claims());
    issuer.replies(Reply::status(500));
    clock.wait(3600 + 100);
    verifier.verify(&token).await.unwrap();
    assert_eq!(issuer.asked(), 2);
    // The token may be valid, which cannot be checked now.
    let error = verifier.verify(&stranger.token(&claims())).await.unwrap_err();
    assert!(matches!(error, JwtError::Keys(JwksError::Status(_))), "{error:?}");
    verifier.verify(&token).await.unwrap();
    assert_eq!(issuer.asked(), 2, "and it is not asked at once again");
    clock.wait(86_400 - 101);
    verifier.verify(&token).await.unwrap();
    clock.wait(2);
    let scene = Scene::new(JwtLayer::new(verifier)).await;
    let header = format!("authorization: Bearer {token}");
    let answer = scene.answer(CHAT, &[&header]).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert_eq!(answer.head.get("retry-after"), Some("5"));
    assert_eq!(answer.head.get("www-authenticate"), None);
    assert_eq!(answer.json()["error"]["code"], "keys_unavailable");
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    issuer.replies(Reply::keys(&[&key]));
    clock.wait(30);
    assert_eq!(scene.answer(CHAT, &[&header]).await.status(), 200);
}

#[tokio::test]
async fn an_issuer_that_hangs_after_a_failure_delays_no_request() {
    let key = Key::ed("a");
    let (issuer, clock, verifier) = asked_once(Reply::keys(&[&key]), &key).await;
    let token = key.token(&claims());
    issuer.replies(Reply::status(500));
    clock.wait(3600 + 100);
    verifier.verify(&token).await.unwrap();
    issuer.hold();
    clock.wait(31);
    // A fetch may take 5 s.
    let verified = tokio::time::timeout(Duration::from_secs(3), verifier.verify(&token)).await;
    verified.expect("the old keys serve meanwhile").unwrap();
    issuer.go_on();
}

#[tokio::test]
async fn a_slow_issuer_delays_a_request_only_until_the_deadline() {
    let key = Key::ed("a");
    let issuer = Issuer::start(Reply::keys(&[&key])).await;
    issuer.hold();
    let clock = Clock::default();
    let jwks = clock.of(fetched(&issuer.url()).timeout(Duration::from_secs(2)));
    let verifier = verifier(jwks);
    let token = key.token(&claims());
    let begun = Instant::now();
    let all = (0..20).map(|_| verifier.verify(&token));
    for result in guard("the deadline", futures_util::future::join_all(all)).await {
        let error = result.unwrap_err();
        assert!(matches!(error, JwtError::Keys(JwksError::Timeout)), "{error:?}");
    }
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(issuer.asked(), 1, "they wait for one fetch");
    // For the next seconds, requests fail at once.
    let error = verifier.verify(&token).await.unwrap_err();
    assert!(matches!(error, JwtError::Keys(JwksError::Timeout)), "{error:?}");
    assert_eq!(issuer.asked(), 1);
    issuer.go_on();
    clock.wait(5);
    verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn cancelled_requests_cause_no_further_fetch() {
    let key = Key::ed("a");
    let issuer = Issuer::start(Reply::keys(&[&key])).await;
    issuer.hold();
    let verifier = verifier(fetched(&issuer.url()).min_interval(Duration::ZERO).build());
    let token = key.token(&claims());
    for _ in 0..20 {
        let (verifier, token) = (verifier.clone(), token.clone());
        let request = tokio::spawn(async move { verifier.verify(&token).await });
        eventually("the issuer is asked", async || issuer.asked() > 0).await;
        request.abort();
        let _ = request.await;
    }
    assert_eq!(issuer.asked(), 1);
    issuer.go_on();
    verifier.verify(&token).await.unwrap();
    assert_eq!(issuer.asked(), 1, "the fetch went on");
}
