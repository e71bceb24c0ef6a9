//! A leader that leaves a response to its followers is charged for it.

mod early;
mod failed;
mod undecided;

use tokio::task::JoinHandle;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::control::cache::NotStored;
use tower_ai_gateway::control::limits::LimitsHandle;
use tower_ai_gateway::settings::cache::CacheRule;
use tower_ai_gateway::settings::limits::{LimitRule, Period, Window};

use super::*;

const BOUNDED: &str =
    r#"{"model":"grok-4","max_tokens":5000,"messages":[{"role":"user","content":"hi"}]}"#;
/// The minimum reserved for the response.
const ESTIMATE: u64 = 4000;
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n";

/// A gateway that counts tokens.
struct Charging {
    stage: Stage,
    limits: LimitsHandle,
}

impl Charging {
    fn new() -> Self {
        Self::of(ControlLayer::new())
    }

    fn of(control: ControlLayer) -> Self {
        Self::with(control, CacheSettings::new(HOUR), BodyBudget::default())
    }

    fn with(control: ControlLayer, cache: CacheSettings, budget: BodyBudget) -> Self {
        let limits = control.limits_handle();
        let rule = LimitRule::tokens("flow", 1_000_000, Window::Fixed(Period::Month));
        let set = |set: GatewaySettingsBuilder| set.cache(cache).limit(rule);
        Self { stage: Stage::build(control, budget, set, |layer| layer), limits }
    }

    /// Reads a whole stream, so that the gateway learns the tokens of an event.
    async fn learn(&self) {
        let answer = self.stage.spawn(ask(QUESTION));
        self.stage.asked().await.answer(200, EVENTS).send(event("a") + USAGE + DONE);
        text(answer.await.unwrap()).await;
    }

    async fn used(&self) -> u64 {
        self.limits.overview(1).await.rules[0].top[0].used
    }

    /// Two requests that share a call, which has reached the provider.
    async fn two(
        &self,
        ask: impl Fn() -> Request<Full<Bytes>>,
    ) -> (Asked, [JoinHandle<Answer>; 2]) {
        let first = self.stage.spawn(ask());
        let asked = self.stage.asked().await;
        let second = self.stage.spawn(ask());
        self.stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
        (asked, [first, second])
    }

    /// The same, after the leader has read an event.
    async fn streams(&self) -> (Feed, Answer, Answer) {
        let (asked, [first, second]) = self.two(|| ask(BOUNDED)).await;
        let feed = asked.answer(200, EVENTS);
        let (mut first, second) = (first.await.unwrap(), second.await.unwrap());
        feed.send(event("a"));
        assert_eq!(next(&mut first).await, event("a"));
        (feed, first, second)
    }

    /// A client that reads alone leaves an event unread, and is charged for what arrived.
    async fn leaves_behind_an_event(self, mut reader: Answer, feed: Feed) {
        feed.send(event("a"));
        assert_eq!(next(&mut reader).await, event("a"));
        drop(reader);
        let used = self.used().await;
        assert!((1..ESTIMATE).contains(&used), "{used}");
        self.stage.finish().await;
    }
}

#[tokio::test]
async fn a_leader_that_leaves_followers_is_charged_the_estimate() {
    let charging = Charging::new();
    let (feed, first, second) = charging.streams().await;
    drop(first);
    feed.send(DONE);
    drop(feed);
    assert_eq!(text(second).await, event("a") + DONE);
    assert!(charging.used().await >= ESTIMATE, "{}", charging.used().await);
    charging.stage.finish().await;
}

#[tokio::test]
async fn a_leader_that_leaves_alone_is_charged_for_what_arrived() {
    let charging = Charging::new();
    charging.learn().await;
    let first = charging.stage.spawn(ask(BOUNDED));
    let feed = charging.stage.asked().await.answer(200, EVENTS);
    charging.leaves_behind_an_event(first.await.unwrap(), feed).await;
}

/// The estimate counts until the response ends, and then its usage.
#[tokio::test]
async fn a_leader_that_left_is_charged_the_usage_at_the_end() {
    for has_come in [false, true] {
        let charging = Charging::new();
        let (feed, first, second) = charging.streams().await;
        let mut first = Some(first);
        if !has_come {
            first = None;
            assert_eq!(charging.stage.recorder.end().outcome, Outcome::Cancelled);
            assert!(charging.used().await >= ESTIMATE, "{}", charging.used().await);
        }
        feed.send(USAGE);
        feed.send(DONE);
        drop(feed);
        assert_eq!(text(second).await, event("a") + USAGE + DONE);
        // Everything has arrived before the leader leaves, and it has read a part.
        drop(first);
        assert_eq!(charging.used().await, 10, "{has_come}");
        charging.stage.finish().await;
    }
}

/// When the leader leaves a response that outgrows the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaves {
    Before,
    Behind,
    AtItsEnd,
}

#[tokio::test]
async fn a_response_that_is_no_longer_stored_is_still_charged() {
    use Leaves::{AtItsEnd, Before, Behind};
    let long = event(&"x".repeat(60_000));
    for (why, leaves) in [NotStored::TooLarge, NotStored::NoMemory]
        .into_iter()
        .flat_map(|why| [Before, Behind, AtItsEnd].map(|leaves| (why, leaves)))
    {
        let (most, budget) = match why {
            NotStored::TooLarge => (1_000, BodyBudget::default()),
            _ => (1_000_000, BodyBudget::new(64 << 10)),
        };
        let rule = CacheRule::keep(HOUR).max_response_bytes(most);
        let cache = CacheSettings::new(HOUR).rule(rule);
        let charging = Charging::with(ControlLayer::new(), cache, budget);
        let (feed, first, mut second) = charging.streams().await;
        let mut first = Some(first);
        assert_eq!(next(&mut second).await, event("a"));
        for now in [Before, Behind] {
            if leaves == now {
                first = None;
                assert!(charging.used().await >= ESTIMATE, "{}", charging.used().await);
            }
            if now == Before {
                feed.send(long.clone());
                assert!(next(&mut second).await == long);
                assert_eq!(charging.stage.cache.stats().not_stored, [(why, 1)], "{leaves:?}");
            }
        }
        feed.send(USAGE);
        feed.send(DONE);
        drop(feed);
        assert_eq!(text(second).await, USAGE.to_owned() + DONE);
        drop(first);
        assert_eq!(charging.used().await, 10, "{why:?}, {leaves:?}");
        charging.stage.finish().await;
    }
}

/// An error, and a deferred response, which is billed when it is fetched.
#[tokio::test]
async fn a_free_response_refunds_the_leader_that_left() {
    let queued = r#"{"id":"r","object":"response","status":"queued","output":[]}"#;
    let error = r#"{"error":{"message":"no"},"output":[]}"#;
    for answer in [queued, error] {
        let charging = Charging::new();
        let ask = || {
            let mut request = ask(BOUNDED);
            *request.uri_mut() = CHAT.replace("chat/completions", "responses").parse().unwrap();
            request
        };
        let (asked, [first, second]) = charging.two(ask).await;
        let feed = asked.answer(200, JSON);
        let (mut first, second) = (first.await.unwrap(), second.await.unwrap());
        let (begin, rest) = answer.split_at(20);
        feed.send(begin);
        assert_eq!(next(&mut first).await, begin);
        drop(first);
        assert!(charging.used().await >= ESTIMATE, "{}", charging.used().await);
        feed.send(rest);
        drop(feed);
        assert_eq!(text(second).await, answer);
        assert_eq!(charging.used().await, 0, "{answer}");
        charging.stage.finish().await;
    }
}

/// The followers have waited for the response, but do not share it.
#[tokio::test]
async fn a_client_that_leaves_its_own_response_is_charged_for_what_arrived() {
    let charging = Charging::new();
    charging.learn().await;
    let (asked, [first, second]) = charging.two(|| ask(BOUNDED)).await;
    let feed = asked.answer(200, &[EVENTS[0], ("vary", "*")]);
    let first = first.await.unwrap();
    charging.stage.asked().await.fail();
    assert_eq!(second.await.unwrap().status(), 502);
    charging.leaves_behind_an_event(first, feed).await;
}

#[tokio::test]
async fn a_leader_that_leaves_with_data_unread_is_charged_the_estimate() {
    let charging = Charging::new();
    let (feed, first, mut second) = charging.streams().await;
    feed.send(event("b"));
    for text in ["a", "b"] {
        assert_eq!(next(&mut second).await, event(text));
    }
    drop(second);
    drop(first);
    assert!(charging.used().await >= ESTIMATE, "{}", charging.used().await);
    charging.stage.finish().await;
}

/// A speech response does not report the length of its text: the leader is charged for the text at once.
#[tokio::test]
async fn a_leader_that_leaves_speech_to_followers_is_charged_for_the_text() {
    const TEXT: &str = r#"{"model":"tts-1","voice":"alloy","input":"twenty characters 20"}"#;
    let control = ControlLayer::new();
    let limits = control.limits_handle();
    let rule = LimitRule::usd("money", 100.0, Window::Fixed(Period::Month));
    let stage = Stage::build(
        control,
        BodyBudget::default(),
        |set| set.cache(CacheSettings::new(HOUR)).limit(rule),
        |layer| layer.provider(Provider::openai().base_url("http://provider.test")),
    );
    let charging = Charging { stage, limits };
    let speak = || {
        let mut request = ask(TEXT);
        *request.uri_mut() = "/v1/acct/main/openai/audio/speech".parse().unwrap();
        request
    };
    let (asked, [first, second]) = charging.two(speak).await;
    let feed =
        asked.answer(200, &[("content-type", "audio/mpeg"), ("transfer-encoding", "chunked")]);
    let (mut first, second) = (first.await.unwrap(), second.await.unwrap());
    feed.send("one");
    assert_eq!(next(&mut first).await, "one");
    drop(first);
    feed.send("two");
    drop(feed);
    assert_eq!(text(second).await, "onetwo");
    // 15 USD for a million characters.
    assert_eq!(charging.used().await, 20 * 150_000);
    charging.stage.finish().await;
}
