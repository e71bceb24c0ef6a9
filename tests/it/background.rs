//! Responses that are generated after their request was answered: billed once, when they are
//! complete.

use tower_ai_gateway::usage::Metering;
use tower_ai_gateway::{Outcome, Provider};

use crate::support;
use crate::support::metered::{Scene, get, json, post, sse};

const RESPONSES: &str = "/v1/acct/gw/grok/v1/responses";
const USAGE: &str =
    r#""usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15,"cost_in_usd_ticks":700}"#;

fn response(id: &str, status: &str, more: &str) -> String {
    format!(r#"{{"id":"{id}","object":"response","model":"grok-4.3","status":"{status}",{more}}}"#)
}

fn event(kind: &str, response: &str) -> String {
    format!("data: {{\"type\":\"{kind}\",\"response\":{response}}}\n\n")
}

const NEVER: (Option<u64>, Metering) = (None, Metering::Free);
const ONCE: (Option<u64>, Metering) = (Some(700), Metering::Complete);

/// The exchanges of a scene, with their ticks and metering.
async fn bills(
    scene: &mut Scene,
    exchanges: &[(Vec<u8>, Vec<u8>)],
) -> Vec<(Option<u64>, Metering)> {
    let mut bills = Vec::new();
    for (request, answer) in exchanges {
        let (_, end) = scene.exchange(request, answer).await;
        bills.push((end.cost.map(|cost| cost.ticks), end.metering));
    }
    bills
}

#[tokio::test]
async fn a_background_response_is_billed_at_the_first_poll_with_its_usage() {
    let mut scene = Scene::new().await;
    let queued = json("200 OK", &response("resp_1", "queued", r#""usage":null"#));
    let working = json("200 OK", &response("resp_1", "in_progress", r#""usage":null"#));
    let done = json("200 OK", &response("resp_1", "completed", USAGE));
    let poll = get(&format!("{RESPONSES}/resp_1"));
    let again = get("/ai/xai/responses/resp_1?include=x");
    let exchanges = [
        (post(RESPONSES, br#"{"model":"grok-4","background":true}"#), queued),
        (poll.clone(), working),
        (poll.clone(), done.clone()),
        (poll, done.clone()),
        (again, done),
    ];
    let billed = bills(&mut scene, &exchanges).await;
    assert_eq!(billed, [NEVER, NEVER, ONCE, NEVER, NEVER]);
}

#[tokio::test]
async fn a_background_response_ordered_elsewhere_is_billed_once() {
    let mut scene = Scene::new().await;
    let more = format!(r#""background":true,{USAGE}"#);
    let done = json("200 OK", &response("resp_2", "completed", &more));
    let poll = get(&format!("{RESPONSES}/resp_2"));
    let billed = bills(&mut scene, &[(poll.clone(), done.clone()), (poll, done)]).await;
    assert_eq!(billed, [ONCE, NEVER]);
}

#[tokio::test]
async fn a_resumed_stream_is_billed_if_the_first_was_not() {
    let mut scene = Scene::new().await;
    let created =
        |id: &str| event("response.created", &response(id, "queued", r#""background":true"#));
    let ended = |id: &str| {
        event(
            "response.completed",
            &response(id, "completed", &format!(r#""background":true,{USAGE}"#)),
        )
    };
    let whole = |id: &str| sse(&(created(id) + &ended(id)), 50);
    let ask = || post(RESPONSES, br#"{"model":"grok-4","background":true,"stream":true}"#);
    let resume = |id: &str| get(&format!("{RESPONSES}/{id}?stream=true&starting_after=1"));
    let exchanges = [
        (ask(), whole("a")),
        (resume("a"), sse(&ended("a"), 50)),
        (ask(), sse(&created("b"), 50)),
        (resume("b"), sse(&ended("b"), 50)),
        (resume("b"), whole("b")),
    ];
    let billed = bills(&mut scene, &exchanges).await;
    assert_eq!(billed, [ONCE, NEVER, NEVER, ONCE, NEVER]);
}

#[tokio::test]
async fn fetching_a_stored_response_is_not_billed() {
    let mut scene = Scene::new().await;
    let done = json("200 OK", &response("resp_3", "completed", USAGE));
    let poll = || get(&format!("{RESPONSES}/resp_3"));
    let exchanges = [
        (poll(), done.clone()),
        (post(RESPONSES, br#"{"model":"grok-4"}"#), done.clone()),
        (poll(), done),
    ];
    assert_eq!(bills(&mut scene, &exchanges).await, [NEVER, ONCE, NEVER]);
    // A broken stream does not count as one that continues in the background.
    let created =
        event("response.created", &response("resp_4", "in_progress", r#""background":false"#));
    let end = scene.stream(RESPONSES, &created, 50).await;
    assert_eq!((end.outcome, end.metering), (Outcome::Broken, Metering::Partial));
}

#[tokio::test]
async fn interactions_and_perplexity_have_deferred_responses_too() {
    let gemini = "/v1/acct/gw/google-ai-studio/v1beta/interactions";
    let sonar = "/v1/acct/gw/perplexity-ai/async/chat/completions";
    let interaction = |status: &str, usage: &str| {
        json("200 OK", &format!(r#"{{"id":"i1","status":"{status}","model":"m","usage":{usage}}}"#))
    };
    let later = |status: &str, response: &str| {
        json("200 OK", &format!(r#"{{"id":"a1","status":"{status}","response":{response}}}"#))
    };
    let used = r#"{"total_input_tokens":3,"total_output_tokens":4,"total_tokens":7}"#;
    let answered = r#"{"model":"sonar","usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"cost":{"request_cost":0.005,"total_cost":0.006}}}"#;
    let provider = support::raw_upstream::RawUpstream::start().await;
    let base = provider.base("");
    let mut scene = Scene::with(|layer| {
        layer.providers([
            Provider::google_ai_studio().base_url(base.clone()),
            Provider::perplexity().base_url(base.clone()),
        ])
    })
    .await;
    scene.provider = provider;
    let mut ends = Vec::new();
    for (request, answer) in [
        (post(gemini, b"{}"), interaction("in_progress", "null")),
        (get(&format!("{gemini}/i1")), interaction("in_progress", "null")),
        (get(&format!("{gemini}/i1")), interaction("completed", used)),
        (get(&format!("{gemini}/i1")), interaction("completed", used)),
        (post(sonar, b"{}"), later("CREATED", "null")),
        (get(&format!("{sonar}/a1")), later("IN_PROGRESS", "null")),
        (get(&format!("{sonar}/a1")), later("COMPLETED", answered)),
        (get(&format!("{sonar}/a1")), later("COMPLETED", answered)),
    ] {
        let (_, end) = scene.exchange(&request, &answer).await;
        let tokens = end.usage.map(|usage| (usage.input(), usage.output()));
        ends.push((tokens, end.cost.map(|cost| cost.ticks), end.metering));
    }
    let never = (None, None, Metering::Free);
    let tokens = Some((Some(3), Some(4)));
    let gemini = (tokens, None, Metering::Complete);
    let sonar = (tokens, Some(60_000_000), Metering::Complete);
    assert_eq!(ends, [never, never, gemini, never, never, never, sonar, never]);
}
