//! A request that continues a stored response goes to the key that created it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Method, Request};
use tower_ai_gateway::context::Affinity;
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::control::health::{
    CoolDownSettings, HealthLayer, Unavailable, UnavailableReason,
};
use tower_ai_gateway::settings::ConcurrencyLimit;
use tower_ai_gateway::{GatewayLayer, Provider};

use crate::affinity::scene::{Body, RESPONSES, Scene, keys, ok, post, providers, status};
use crate::support::scripted::{Call, Reply};

const BODY: &str = r#"{"model":"gpt-5","input":"hi"}"#;

/// The form of responses.
#[derive(Clone, Copy, Debug)]
enum Form {
    Json,
    Gzip,
    Events,
}

/// Gives each response its own id.
fn provider(form: Form) -> impl Fn(&Call) -> Reply {
    let count = AtomicU64::new(0);
    move |sent| {
        if sent.uri.path() != "/v1/responses" {
            return ok(sent);
        }
        let id = format!("resp_{}", count.fetch_add(1, Ordering::Relaxed));
        let whole = format!(r#"{{"id":"{id}","object":"response","output":[{{"id":"msg_1"}}]}}"#);
        match form {
            Form::Json => Reply::ok().body(whole),
            Form::Gzip => {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
                gzip.write_all(whole.as_bytes()).unwrap();
                Reply::ok().header("content-encoding", "gzip").body(gzip.finish().unwrap())
            }
            Form::Events => {
                let reply = Reply::status(200).header("content-type", "text/event-stream");
                reply.body(format!(
                    "event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{whole}}}\n\n"
                ))
            }
        }
    }
}

fn scene(form: Form) -> Scene {
    Scene::new(providers(), keys(6), ControlLayer::new(), provider(form))
}

/// Continues the response with this number.
fn after(number: usize, headers: &[(&str, &str)]) -> Request<Body> {
    let body =
        format!(r#"{{"model":"gpt-5","input":"more","previous_response_id":"resp_{number}"}}"#);
    post(RESPONSES, headers, body)
}

fn at(method: Method, path: &str) -> Request<Body> {
    let mut request = post(path, &[], "");
    *request.method_mut() = method;
    request
}

#[tokio::test]
async fn a_response_is_continued_with_the_key_that_made_it() {
    for form in [Form::Json, Form::Events, Form::Gzip] {
        let scene = scene(form);
        let mut made = Vec::new();
        for _ in 0..30 {
            made.push(scene.sent(post(RESPONSES, &[], BODY)).await.target());
        }
        assert!(made.iter().any(|target| *target != made[0]), "by load there are several");
        for (number, target) in made.iter().enumerate() {
            // Regardless of the session: only one account has the response.
            for headers in [&[][..], &[("session_id", "codex")]] {
                let sent = scene.sent(after(number, headers)).await;
                assert_eq!(sent.target(), *target, "{form:?}");
                assert_eq!(scene.end().affinity, Some(Affinity::Pinned));
            }
            for (method, below) in [
                (Method::GET, ""),
                (Method::DELETE, ""),
                (Method::POST, "/cancel"),
                (Method::GET, "/input_items?limit=2"),
            ] {
                let request = at(method, &format!("{RESPONSES}/resp_{number}{below}"));
                assert_eq!(scene.sent(request).await.target(), *target, "{below}");
            }
        }
    }
}

#[tokio::test]
async fn a_response_is_continued_at_the_base_url_that_made_it() {
    let openai = Provider::openai().base_url("https://one.test/v1");
    let openai = openai.further_base_url("https://two.test/v1", 1);
    let layer =
        GatewayLayer::builder().provider(openai.further_base_url("https://three.test/v1", 1));
    let scene = Scene::new(layer, keys(2), ControlLayer::new(), provider(Form::Json));
    let mut made = Vec::new();
    for _ in 0..60 {
        made.push(scene.sent(post(RESPONSES, &[], BODY)).await.target());
    }
    let different: BTreeSet<_> = made.iter().collect();
    assert_eq!(different.len(), 6, "each base URL with each key");
    for (number, target) in made.iter().enumerate() {
        for headers in [&[][..], &[("session_id", "codex")]] {
            assert_eq!(scene.sent(after(number, headers)).await.target(), *target);
        }
        let fetched = at(Method::GET, &format!("{RESPONSES}/resp_{number}"));
        assert_eq!(scene.sent(fetched).await.target(), *target);
    }
}

#[tokio::test]
async fn an_unknown_response_uses_the_session_and_gateways_share_no_pins() {
    let scene = scene(Form::Json);
    let made = scene.sent(post(RESPONSES, &[], BODY)).await.target();
    let by_session = scene.sent(post(RESPONSES, &[("x-session-id", "s")], BODY)).await.target();
    for _ in 0..9 {
        let sent = scene.sent(after(999, &[("x-session-id", "s")])).await;
        assert_eq!(sent.target(), by_session);
        assert_eq!(scene.end().affinity, Some(Affinity::Kept));
    }
    assert_eq!(scene.sent(after(0, &[])).await.target(), made);
    let (mut parts, body) = after(0, &[]).into_parts();
    parts.uri = "/v1/acct/other/openai/v1/responses".parse().unwrap();
    scene.sent(Request::from_parts(parts, body)).await;
    assert_eq!(scene.end().affinity, None);
    // Chat completions cannot refer to stored responses.
    let chat = "/v1/acct/gw/openai/v1/chat/completions";
    scene.sent(post(chat, &[], r#"{"previous_response_id":"resp_0"}"#)).await;
    assert_eq!(scene.end().affinity, None);
    // Ignored if affinity is switched off.
    scene.sent(after(0, &[("cf-aig-no-session-affinity", "true")])).await;
    assert_eq!(scene.end(), Default::default());
}

#[tokio::test(start_paused = true)]
async fn a_pinned_request_uses_no_other_key() {
    let health = HealthLayer::new().cool_down(CoolDownSettings::default());
    let answer = provider(Form::Json);
    let is_busy = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let busy = is_busy.clone();
    let scene = Scene::new(providers(), keys(3), ControlLayer::new().health(health), move |sent| {
        if !busy.load(Ordering::Relaxed) {
            return answer(sent);
        }
        status(429).header("retry-after", "5")
    });
    let made = scene.sent(post(RESPONSES, &[], BODY)).await.target();
    is_busy.store(true, Ordering::Relaxed);
    assert_eq!(scene.send(after(0, &[])).await.status(), 429);
    is_busy.store(false, Ordering::Relaxed);
    scene.all_sent();
    let error = scene.try_to_send(after(0, &[])).await.unwrap_err();
    let unavailable = error.downcast::<Unavailable>().unwrap();
    assert_eq!(unavailable.reason, UnavailableReason::CoolingDown);
    // A request without a reference is not affected.
    scene.sent(post(RESPONSES, &[], BODY)).await;
    assert!(scene.all_sent().is_empty());
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(scene.sent(after(0, &[])).await.target(), made);
}

#[tokio::test]
async fn a_pinned_request_waits_for_a_permit_of_its_key() {
    let settings =
        keys(3).concurrency_per_credential(ConcurrencyLimit::new(1).wait(Duration::from_secs(60)));
    let scene = Scene::new(providers(), settings, ControlLayer::new(), provider(Form::Json));
    let made = scene.sent(post(RESPONSES, &[], BODY)).await.target();
    let one = || scene.send(after(0, &[]));
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    assert!([a, b, c, d].iter().all(|response| response.status() == 200));
    let sent = scene.all_sent();
    assert!(sent.len() == 4 && sent.iter().all(|sent| sent.target() == made));
}
