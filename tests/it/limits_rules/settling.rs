//! Settlement: reserved amounts become used amounts.

use std::io::ErrorKind;

use http_body_util::BodyExt;
use tower_ai_gateway::Outcome;
use tower_ai_gateway::settings::limits::LimitRule;

use super::scene::{Finish, GROK, post};
use super::{Reply, Scene, chat, fixed};

const BODY: &str = r#"{"model":"grok-4.5","max_tokens":100,"messages":[]}"#;

fn scene() -> Scene {
    Scene::new(|set| {
        set.limit(LimitRule::requests("requests", 1000, fixed()))
            .limit(LimitRule::tokens("tokens", 1_000_000, fixed()))
            .limit(LimitRule::input_tokens("input", 1_000_000, fixed()))
            .limit(LimitRule::output_tokens("output", 1_000_000, fixed()))
            .limit(LimitRule::usd("money", 1000.0, fixed()))
    })
}

fn used(scene: &Scene) -> [u64; 5] {
    let end = scene.end();
    ["requests", "tokens", "input", "output", "money"].map(|rule| end.used(rule))
}

/// The usage after a request. Also checks that nothing is reserved any more.
async fn counted(scene: &Scene) -> [u64; 5] {
    scene.replies([Reply::status(400)]);
    scene.ask(chat(BODY)).await;
    let mut used = used(scene);
    used[0] -= 1;
    used
}

/// The estimate: a quarter of the bytes.
const INPUT: u64 = (BODY.len() as u64).div_ceil(4);

#[tokio::test]
async fn the_reported_usage_is_settled() {
    let scene = scene();
    let (mut tokens, mut ticks) = (0, 0);
    let mut seed = fastrand::Rng::with_seed(7);
    let mut requests = 0;
    for _ in 0..200 {
        let (input, output) = (seed.u64(1..5000), seed.u64(1..5000));
        let reply = match seed.u32(..5) {
            0 => Reply::stream(3, Some((input, output)), Finish::Ends),
            1 => Reply::status(seed.choice([400, 401, 429, 500, 503]).unwrap()),
            2 => Reply::Fails(ErrorKind::ConnectionRefused),
            _ => Reply::used(input, output),
        };
        let is_sent = !matches!(reply, Reply::Fails(_));
        requests += u64::from(is_sent);
        scene.replies([reply]);
        scene.ask(chat(BODY)).await;
        let end = scene.end();
        tokens += end.tokens;
        ticks += end.ticks;
        let used = used(&scene);
        assert_eq!((used[0], used[1], used[4]), (requests, tokens, ticks), "{end:?}");
        assert_eq!(used[1], used[2] + used[3]);
    }
    assert!(ticks > 0);
    let counted = counted(&scene).await;
    assert_eq!((counted[0], counted[1], counted[4]), (requests, tokens, ticks));
}

#[tokio::test]
async fn tokens_are_reserved_until_the_usage_is_known() {
    let most = INPUT + 1 + INPUT + 100;
    let scene = Scene::new(|set| set.limit(LimitRule::tokens("tokens", most, fixed())));
    scene.replies([Reply::stream(1, Some((INPUT, 1)), Finish::Ends)]);
    scene.ask(chat(BODY)).await;
    scene.replies([Reply::stream(1, None, Finish::GoesOn)]);
    let open = scene.send(chat(BODY)).await;
    assert_eq!(scene.ask(chat(BODY)).await.0, 429, "an open stream holds its estimate");
    drop(open);
    scene.replies([Reply::used(1, 1)]);
    let small = r#"{"model":"grok-4.5","max_tokens":9}"#;
    assert_eq!(scene.ask(chat(small)).await.0, 200);
}

#[tokio::test]
async fn an_estimate_above_the_whole_limit_reserves_the_whole_limit() {
    let scene = Scene::new(|set| set.limit(LimitRule::output_tokens("few", 10, fixed())));
    scene.replies([Reply::used(1, 4)]);
    assert_eq!(scene.ask(chat(BODY)).await.0, 200);
    assert_eq!(scene.end().used("few"), 4);
    let (status, body) = scene.ask(chat(BODY)).await;
    assert!(status == 429 && body.contains("6 output tokens left"), "{body}");
}

#[tokio::test]
async fn a_cancelled_stream_counts_its_input_and_the_output_seen() {
    for (finish, outcome) in
        [(Finish::GoesOn, Outcome::Cancelled), (Finish::Breaks, Outcome::Broken)]
    {
        let scene = scene();
        // By it is known what an event stands for.
        scene.replies([Reply::stream(3, Some((INPUT, 3)), Finish::Ends)]);
        scene.ask(chat(BODY)).await;
        let before = used(&scene);
        scene.replies([Reply::stream(3, None, finish)]);
        let answer = scene.send(chat(BODY)).await;
        let mut body = answer.into_body();
        for _ in 0..3 {
            body.frame().await.unwrap().unwrap();
        }
        if finish == Finish::Breaks {
            body.frame().await.unwrap().unwrap_err();
        }
        drop(body);
        assert_eq!(scene.end().outcome, outcome);
        let used = used(&scene);
        let own = std::array::from_fn(|rule| used[rule] - before[rule]);
        let [requests, tokens, input, output, ticks] = own;
        assert_eq!([requests, tokens, input, output], [1, INPUT + 12, INPUT, 12], "{outcome}");
        assert!(ticks > 0);
        assert_eq!(counted(&scene).await, used);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_counts_the_estimate() {
    let scene = scene();
    scene.replies([Reply::Silent]);
    tokio::select! {
        biased;
        _ = scene.send(chat(BODY)) => panic!("no head comes"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(scene.end().outcome, Outcome::Cancelled);
    assert_eq!(used(&scene)[..4], [1, INPUT + 100, INPUT, 100]);
}

#[tokio::test]
async fn an_unsent_request_counts_nothing() {
    let scene = scene();
    scene.replies([Reply::Fails(ErrorKind::ConnectionRefused)]);
    assert_eq!(scene.ask(chat(BODY)).await.0, 502);
    assert_eq!(used(&scene), [0; 5]);
    assert_eq!(counted(&scene).await, [0; 5]);
}

#[tokio::test]
async fn an_error_counts_only_as_a_request() {
    let scene = scene();
    for status in [400, 429, 500] {
        scene.replies([Reply::status(status)]);
        scene.ask(chat(BODY)).await;
    }
    assert_eq!(used(&scene), [3, 0, 0, 0, 0]);
}

#[tokio::test]
async fn an_abandoned_stream_beyond_its_max_tokens_counts_the_output_seen() {
    let scene = scene();
    scene.replies([Reply::stream(30, None, Finish::GoesOn)]);
    let answer = scene.send(chat(r#"{"model":"grok-4.5","max_tokens":1,"messages":[]}"#)).await;
    let mut body = answer.into_body();
    for _ in 0..30 {
        body.frame().await.unwrap().unwrap();
    }
    drop(body);
    assert_eq!(scene.end().outcome, Outcome::Cancelled);
    assert_eq!(used(&scene)[3], 30);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_timed_out_counts_the_estimate() {
    let scene = scene();
    scene.replies([Reply::Silent]);
    let mut request = chat(BODY);
    request.headers_mut().insert("cf-aig-request-timeout", "50".parse().unwrap());
    assert_eq!(scene.ask(request).await.0, 504);
    assert_eq!(used(&scene)[..4], [1, INPUT + 100, INPUT, 100]);
}

#[tokio::test]
async fn what_a_usage_does_not_tell_counts_as_estimated() {
    const EMBEDDINGS: &str = "/v1/acct/gw/grok/v1/embeddings";
    const UNREADABLE: &str = r#"{"prompt_tokens":12e0,"completion_tokens":3}"#;
    for (path, usage, input, output) in [
        (GROK, r#"{"total_tokens":700}"#, INPUT, 700 - INPUT),
        (EMBEDDINGS, r#"{"total_tokens":700}"#, 700, 0),
        (GROK, r#"{"prompt_tokens":12}"#, 12, 100),
        (EMBEDDINGS, r#"{"prompt_tokens":12}"#, 12, 0),
        (GROK, r#"{"prompt_tokens":12,"total_tokens":12}"#, 12, 0),
        (GROK, UNREADABLE, INPUT, 3),
    ] {
        let scene = scene();
        let answer = format!(r#"{{"model":"grok-4.5","usage":{usage}}}"#);
        scene.replies([Reply::Json(200, answer)]);
        scene.ask(post(path, BODY)).await;
        let [_, tokens, own_input, own_output, ticks] = used(&scene);
        assert_eq!((own_input, own_output), (input, output), "{path} {usage}");
        assert_eq!(tokens, input + output);
        assert!(ticks > 0, "{path} {usage}");
    }
}

#[tokio::test]
async fn a_call_counts_with_any_method_that_can_make_it() {
    for method in ["POST", "PUT", "PATCH", "post"] {
        let scene = scene();
        scene.replies([Reply::used(10, 5)]);
        let mut request = chat(BODY);
        *request.method_mut() = method.parse().unwrap();
        assert_eq!(scene.ask(request).await.0, 200, "{method}");
        assert_eq!(used(&scene)[..2], [1, 15], "{method}");
    }
}
