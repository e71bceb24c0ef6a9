//! Answers that are made after their request was answered count by an estimate, then by their usage.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tower_ai_gateway::Identity;
use tower_ai_gateway::settings::limits::{CountBy, LimitRule};

use super::scene::{Finish, post};
use super::{Reply, Scene, fixed};

type Sent = Request<Full<Bytes>>;

const RESPONSES: &str = "/v1/acct/gw/grok/v1/responses";
const BACKGROUND: &str = r#"{"model":"grok-4.5","background":true,"max_output_tokens":100}"#;
const INPUT: u64 = (BACKGROUND.len() as u64).div_ceil(4);

fn response(status: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"resp_1","object":"response","model":"grok-4.5","status":"{status}","background":true,"usage":{usage}}}"#
    )
}

fn queued() -> Reply {
    Reply::Json(200, response("queued", "null"))
}

fn done(input: u64, output: u64) -> Reply {
    let total = input + output;
    let usage = format!(
        r#"{{"input_tokens":{input},"output_tokens":{output},"total_tokens":{total},"cost_in_usd_ticks":700}}"#
    );
    Reply::Json(200, response("completed", &usage))
}

fn of(subject: &str, mut request: Sent) -> Sent {
    request.extensions_mut().insert(Identity::builder(subject).build().unwrap());
    request
}

fn order() -> Sent {
    of("ann", post(RESPONSES, BACKGROUND))
}

fn get(path: &str) -> Sent {
    let mut request = post(path, "");
    *request.method_mut() = http::Method::GET;
    request
}

fn poll(subject: &str) -> Sent {
    of(subject, get(&format!("{RESPONSES}/resp_1")))
}

fn by_subject() -> Scene {
    Scene::new(|set| {
        let own = |rule: LimitRule| rule.by(CountBy::Subject);
        set.limit(own(LimitRule::requests("requests", 1000, fixed())))
            .limit(own(LimitRule::tokens("tokens", 1_000_000, fixed())))
            .limit(own(LimitRule::usd("money", 1000.0, fixed())))
    })
}

/// What counts for a subject, in requests, tokens and ticks.
async fn counted(scene: &Scene, subject: &str) -> [u64; 3] {
    scene.replies([Reply::status(400)]);
    scene.ask(of(subject, post(RESPONSES, BACKGROUND))).await;
    let end = scene.end();
    // But for this request.
    [end.used("requests") - 1, end.used("tokens"), end.used("money")]
}

/// Who never fetches an answer has used it all the same.
#[tokio::test]
async fn every_deferred_response_counts() {
    let created = format!(
        "data: {{\"type\":\"response.created\",\"response\":{}}}\n\n",
        response("queued", "null")
    );
    let stream = || Reply::Stream(vec![created.clone()], Finish::GoesOn);
    let pending = r#"{"id":"a1","status":"in_progress","model":"m","usage":null}"#;
    let accepted = r#"{"request_id":"r1"}"#;
    let created_later = r#"{"id":"a1","status":"CREATED","response":null}"#;
    let json = |status, text: &str| Reply::Json(status, text.to_owned());
    for (path, reply) in [
        ("openai/v1/responses", queued()),
        ("grok/v1/responses", queued()),
        ("grok/v1/responses", stream()),
        ("google-ai-studio/v1beta/interactions", json(200, pending)),
        ("grok/v1/chat/completions", json(200, accepted)),
        ("grok/v1/chat/completions", json(202, accepted)),
        ("perplexity-ai/async/chat/completions", json(200, created_later)),
    ] {
        let rule = LimitRule::output_tokens("t", 250, fixed()).max_output(100);
        let scene = Scene::new(|set| set.limit(rule));
        scene.replies((0..2).map(|_| reply.clone()));
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let answer = scene.send(post(&format!("/v1/acct/gw/{path}"), "{}")).await;
            statuses.push(answer.status().as_u16());
            let mut body = answer.into_body();
            body.frame().await.unwrap().unwrap();
        }
        let passes = reply.head();
        assert_eq!(statuses, [passes, passes, 429], "{path}");
    }
}

#[tokio::test]
async fn an_order_counts_its_estimate_until_the_response_is_fetched() {
    let scene = by_subject();
    scene.replies([queued()]);
    scene.ask(order()).await;
    let estimated = counted(&scene, "ann").await;
    assert_eq!(estimated[..2], [1, INPUT + 100]);
    assert!(estimated[2] > 0);
    // It is not there yet, whatever its usage is so far.
    let none = r#"{"input_tokens":0,"output_tokens":0,"total_tokens":0}"#;
    for usage in ["null", none] {
        scene.replies([Reply::Json(200, response("in_progress", usage))]);
        scene.ask(poll("ann")).await;
        assert_eq!(counted(&scene, "ann").await[1..], estimated[1..], "{usage}");
    }
    // Whoever fetches it, it is used by those who have ordered it, and once.
    for subject in ["bob", "ann", "bob"] {
        scene.replies([done(1000, 5000)]);
        scene.ask(poll(subject)).await;
        assert_eq!(counted(&scene, "ann").await[1..], [6000, 700], "{subject}");
        assert_eq!(counted(&scene, "bob").await[1..], [0, 0], "{subject}");
    }
}

/// By it the estimates of later orders are better.
#[tokio::test]
async fn fetched_responses_improve_the_estimate() {
    let scene = by_subject();
    let ask = || of("ann", post(RESPONSES, r#"{"model":"grok-4.5","background":true}"#));
    let answer = |number: u64, reply| match reply {
        Reply::Json(status, text) => {
            Reply::Json(status, text.replace("resp_1", &format!("r{number}")))
        }
        other => other,
    };
    for number in 0..8 {
        scene.replies([answer(number, queued()), answer(number, done(10, 50))]);
        scene.ask(ask()).await;
        scene.ask(of("ann", get(&format!("{RESPONSES}/r{number}")))).await;
    }
    let before = counted(&scene, "ann").await[1];
    assert_eq!(before, 8 * 60);
    scene.replies([answer(9, queued())]);
    scene.ask(ask()).await;
    let last = scene.end().used("tokens") - before;
    assert!((60..80).contains(&last), "{last}");
}

#[tokio::test]
async fn fetching_an_order_from_elsewhere_counts_nothing() {
    let scene = by_subject();
    scene.replies([done(1000, 5000)]);
    assert_eq!(scene.ask(poll("ann")).await.0, 200);
    assert_eq!(counted(&scene, "ann").await, [0; 3]);
}

#[tokio::test]
async fn an_abandoned_background_stream_counts_when_fetched() {
    let scene = by_subject();
    let created = format!(
        "data: {{\"type\":\"response.created\",\"response\":{}}}\n\n",
        response("queued", "null")
    );
    scene.replies([Reply::Stream(vec![created], Finish::GoesOn)]);
    let mut body = scene.send(order()).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(counted(&scene, "ann").await[1], INPUT + 100);
    scene.replies([done(10, 5)]);
    scene.ask(poll("ann")).await;
    assert_eq!(counted(&scene, "ann").await[1], 15);
}

#[tokio::test]
async fn a_deferred_completion_counts_once() {
    let scene = by_subject();
    let body = r#"{"model":"grok-4.5","deferred":true,"max_tokens":100}"#;
    scene.replies([Reply::Json(200, r#"{"request_id":"r1"}"#.to_owned())]);
    scene.ask(of("ann", post(super::scene::GROK, body))).await;
    let estimated = counted(&scene, "ann").await;
    assert_eq!(estimated[1], (body.len() as u64).div_ceil(4) + 100);
    scene.replies([Reply::used(10, 5)]);
    scene.ask(of("ann", get("/v1/acct/gw/grok/v1/chat/deferred-completion/r1"))).await;
    assert_eq!(scene.end().tokens, 15);
    assert_eq!(counted(&scene, "ann").await[1..], estimated[1..]);
}
