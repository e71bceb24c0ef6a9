//! Failed responses are passed on unchanged and never stored.

use tower_ai_gateway::control::cache::{NotStored, PurgeTarget};
use tower_ai_gateway::settings::FallbackChain;

use super::oracle::clock::Clocked;
use super::*;
use crate::support::controlled::secret;

const IMAGE: &[(&str, &str)] = &[("content-type", "image/png")];

/// Sends a response with these frames that ends properly or is reset. Returns what the client got, and
/// checks that it is not stored.
async fn came(
    headers: &[(&str, &str)],
    frames: &[&str],
    is_reset: bool,
) -> (String, Vec<(NotStored, u64)>) {
    let stage = Stage::new();
    let first = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    let second = stage.spawn(ask(QUESTION));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    let feed = asked.answer(200, headers);
    frames.iter().for_each(|frame| feed.send((*frame).to_owned()));
    if is_reset {
        feed.reset();
    }
    drop(feed);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    let read = async |answer| match is_reset {
        true => broken(answer).await,
        false => text(answer).await,
    };
    let got = read(first).await;
    assert_eq!(read(second).await, got, "the other gets the same");
    let stats = stage.cache.stats();
    assert_eq!((stats.stored, stats.store.entries), (0, Some(0)));
    assert!(!is_kept(&stage).await);
    let not_stored = stats.not_stored;
    stage.finish().await;
    (got, not_stored)
}

#[tokio::test]
async fn a_partial_response_is_never_stored() {
    let a = event("a");
    let error = "data: {\"error\":{\"message\":\"no\"}}\n\n";
    let length = &[("content-type", "application/json"), ("content-length", "40")];
    let gzip = &[("content-type", "text/event-stream"), ("content-encoding", "x-unknown")];
    for (headers, frames, is_reset, why) in [
        // Reset by the provider.
        (EVENTS, &[&*a, DONE][..], true, NotStored::Broken),
        (JSON, &[r#"{"choices":[]}"#][..], true, NotStored::Broken),
        // Cut off, without an error.
        (EVENTS, &[&*a][..], false, NotStored::Incomplete),
        (EVENTS, &[][..], false, NotStored::Incomplete),
        (JSON, &[r#"{"choices":[{"#][..], false, NotStored::Incomplete),
        (length, &[r#"{"choices":[]}"#][..], false, NotStored::Incomplete),
        (IMAGE, &["png"][..], false, NotStored::Incomplete),
        // Errors with a status of success.
        (EVENTS, &[&*a, error, DONE][..], false, NotStored::Error),
        (EVENTS, &[&*a, DONE, error.trim_end()][..], false, NotStored::Error),
        (JSON, &[r#"{"error":{"message":"no"}}"#][..], false, NotStored::Error),
        // A malformed marker.
        (gzip, &[&*a, DONE][..], false, NotStored::Encoded),
    ] {
        let (got, not_stored) = match why {
            // These are not shared: each request makes its own call.
            NotStored::Encoded => continue,
            _ => came(headers, frames, is_reset).await,
        };
        assert_eq!(not_stored, [(why, 1)], "{frames:?}");
        assert_eq!(got, frames.concat(), "{frames:?}");
    }
}

#[tokio::test]
async fn a_head_can_forbid_storing() {
    for (code, headers, why) in [
        (500, JSON, NotStored::Status),
        (400, JSON, NotStored::Status),
        (202, JSON, NotStored::Status),
        (204, JSON, NotStored::Status),
        (206, JSON, NotStored::Status),
        (207, JSON, NotStored::Status),
        (302, JSON, NotStored::Status),
        (200, &[("content-length", "99999999")][..], NotStored::TooLarge),
        (200, &[("content-type", "application/json"), ("vary", "*")], NotStored::Varies),
        (
            200,
            &[("content-type", "application/json"), ("vary", "origin"), ("vary", "user-agent")],
            NotStored::Varies,
        ),
        (
            200,
            &[("content-type", "text/event-stream"), ("content-encoding", "x-unknown")],
            NotStored::Encoded,
        ),
    ] {
        let stage = Stage::new();
        let answer = stage.spawn(ask(QUESTION));
        let feed = stage.asked().await.answer(code, headers);
        let answer = answer.await.unwrap();
        assert_eq!((answer.status().as_u16(), status(&answer)), (code, "MISS"));
        drop((feed, answer));
        assert_eq!(stage.cache.stats().not_stored, [(why, 1)], "{code}");
        assert!(!is_kept(&stage).await);
        stage.finish().await;
    }
}

/// The client asked for another provider.
#[tokio::test]
async fn the_response_of_a_fallback_is_not_stored() {
    let stage = Stage::build(
        ControlLayer::new(),
        BodyBudget::default(),
        |set| {
            set.cache(CacheSettings::new(HOUR))
                .key("openai", secret("sk-other"))
                .fallback(FallbackChain::on("grok-4*").to("openai", "gpt-5"))
        },
        |layer| layer.provider(Provider::openai().base_url("http://other.test")),
    );
    for calls in [2, 4] {
        let answer = stage.spawn(ask(QUESTION));
        drop(stage.asked().await.answer(503, JSON));
        stage.asked().await.answer_whole(JSON, TEXT);
        let answer = answer.await.unwrap();
        assert_eq!((status(&answer), answer.status().as_u16()), ("MISS", 200));
        assert_eq!(text(answer).await, TEXT);
        assert_eq!(stage.calls(), calls);
    }
    assert_eq!(stage.cache.stats().not_stored, [(NotStored::Fallback, 2)]);
    stage.finish().await;
}

/// Whether the result can be fetched later, by an id, or not.
#[tokio::test]
async fn a_deferred_response_is_not_stored() {
    for (answer, expected) in [
        (r#"{"id":"r","object":"response","status":"queued","output":[]}"#, "MISS"),
        (r#"{"object":"response","status":"queued","output":[]}"#, "MISS"),
        (r#"{"object":"response","status":"in_progress","output":[]}"#, "MISS"),
        (r#"{"object":"response","status":"completed","output":[]}"#, "HIT"),
    ] {
        let stage = Stage::new();
        let ask = || {
            let mut request = ask(QUESTION);
            *request.uri_mut() = CHAT.replace("chat/completions", "responses").parse().unwrap();
            request
        };
        for (turn, expected) in ["MISS", expected].into_iter().enumerate() {
            let response = stage.spawn(ask());
            if expected == "MISS" {
                stage.asked().await.answer_whole(JSON, answer);
            }
            let response = response.await.unwrap();
            assert_eq!(status(&response), expected, "{turn}: {answer}");
            assert_eq!(text(response).await, answer);
        }
        let expected = if expected == "HIT" { vec![] } else { vec![(NotStored::Deferred, 2)] };
        assert_eq!(stage.cache.stats().not_stored, expected, "{answer}");
        stage.finish().await;
    }
}

#[tokio::test]
async fn an_image_with_its_length_is_stored() {
    let stage = Stage::new();
    let answer = stage.spawn(ask(QUESTION));
    stage.asked().await.answer_whole(IMAGE, "png");
    assert_eq!(text(answer.await.unwrap()).await, "png");
    let hit = stage.send(ask(QUESTION)).await;
    assert_eq!((status(&hit), hit.headers()["content-length"].to_str().unwrap()), ("HIT", "3"));
    assert_eq!(text(hit).await, "png");
    stage.finish().await;
}

#[tokio::test]
async fn an_entry_purged_while_it_is_read_is_read_to_its_end() {
    let stage = Stage::new();
    let response = stage.spawn(ask(QUESTION));
    let feed = stage.asked().await.answer(200, EVENTS);
    let frames = [event("a"), event("b"), DONE.to_owned()];
    frames.iter().for_each(|frame| feed.send(frame.clone()));
    drop(feed);
    assert_eq!(text(response.await.unwrap()).await, frames.concat());
    let mut hit = stage.send(ask(QUESTION)).await;
    assert_eq!(next(&mut hit).await, frames[0]);
    stage.cache.purge(PurgeTarget::all()).await.unwrap();
    assert_eq!(stage.cache.stats().store.entries, Some(0));
    assert!(!is_kept(&stage).await);
    assert_eq!(text(hit).await, frames[1..].concat());
    stage.finish().await;
}

#[tokio::test]
async fn an_entry_expires_while_it_is_read() {
    let store = Clocked::default();
    let stage = Stage::with(ControlLayer::new().cache(store.clone()), |set| {
        set.cache(CacheSettings::new(HOUR))
    });
    let response = stage.spawn(ask(QUESTION));
    let feed = stage.asked().await.answer(200, EVENTS);
    let frames = [event("a"), event("b"), DONE.to_owned()];
    frames.iter().for_each(|frame| feed.send(frame.clone()));
    drop(feed);
    assert_eq!(text(response.await.unwrap()).await, frames.concat());
    let mut hit = stage.send(ask(QUESTION)).await;
    assert_eq!((status(&hit), next(&mut hit).await), ("HIT", frames[0].clone()));
    store.pass(HOUR.as_secs());
    // A new one takes its place.
    let answer = stage.fill(QUESTION, TEXT).await;
    assert_eq!((status(&answer), text(answer).await.as_str()), ("MISS", TEXT));
    assert_eq!(text(hit).await, frames[1..].concat());
    let next = stage.send(ask(QUESTION)).await;
    assert_eq!((status(&next), text(next).await.as_str()), ("HIT", TEXT));
    drop(store);
    stage.finish().await;
}

#[tokio::test]
async fn new_settings_do_not_affect_responses_under_way() {
    let stage = Stage::new();
    let answer = stage.spawn(ask(QUESTION));
    let asked = stage.asked().await;
    stage.settings.replace(table(|set| set));
    asked.answer_whole(JSON, TEXT);
    let answer = answer.await.unwrap();
    assert_eq!((status(&answer), text(answer).await.as_str()), ("MISS", TEXT));
    // Requests no longer use the cache.
    let answer = stage.fill(QUESTION, TEXT).await;
    assert_eq!(status(&answer), "none");
    drop(answer);
    stage.finish().await;
}
