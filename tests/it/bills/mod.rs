//! Usage, errors and ends of all shapes, and the resulting end events: the same for every split of
//! the bytes, which pass unchanged.
#![allow(clippy::needless_pass_by_value)]

mod books;
pub(crate) mod fixture;
mod google;
mod messages;
mod once;
mod openai;
mod other;
mod renamed;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fixture::{Booked, Fixture};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{Layer, ServiceExt, service_fn};
use tower_ai_gateway::usage::{Date, PriceTable, Prices};
use tower_ai_gateway::{EndEvent, GatewayLayer, Provider, RequestBody};

type Body = Full<Bytes>;

pub(crate) fn fixtures() -> Vec<Fixture> {
    [openai::fixtures(), messages::fixtures(), google::fixtures(), other::fixtures()].concat()
}

fn booked(end: &EndEvent<'_>) -> Booked {
    // For a bill, a missing figure equals zero.
    let positive = |figure: Option<u64>| figure.filter(|figure| *figure > 0);
    let usage = end.usage.copied().unwrap_or_default();
    let parts = (!end.usage_parts.is_empty()).then_some(end.usage_parts.len() as u64);
    let units = [
        ("audio_input", usage.audio_input),
        ("audio_output", usage.audio_output),
        ("image_input", usage.image_input),
        ("image_output", usage.image_output),
        ("images", usage.images),
        ("duration_ms", usage.duration_ms),
        ("characters", usage.characters),
        ("search_units", usage.search_units),
        ("pages", usage.pages),
        ("web_search", usage.tools.web_search),
        ("parts", parts),
    ];
    let of = |figure: Option<u64>| figure.unwrap_or(0);
    Booked {
        operation: end.context.operation().to_string(),
        input: positive(usage.input()),
        output: positive(usage.output()),
        cache_read: of(usage.cache_read),
        cache_write: of(usage.cache_write),
        cache_write_long: of(usage.cache_write_long),
        reasoning: of(usage.reasoning),
        units: units
            .into_iter()
            .filter_map(|(name, count)| Some((name, positive(count)?)))
            .collect(),
        ticks: end.cost.map(|cost| cost.ticks),
        model: end.response_model.map(str::to_owned),
        error: end.provider_error.map(|error| error.code.as_deref().unwrap_or("").to_owned()),
        is_success: end.is_success(),
        is_inconsistent: usage.inconsistent,
    }
}

pub(crate) fn providers() -> Vec<Provider> {
    let further = [
        Provider::custom("ollama", "http://127.0.0.1:11434"),
        Provider::vertex_ai("p", "us-east5"),
        Provider::vertex_ai("p", "global").with_slug("vertex-global"),
        Provider::bedrock("us-east-1"),
        Provider::workers_ai("account"),
    ];
    Provider::all().into_iter().chain(further).collect()
}

/// Sends the fixture through a gateway in these pieces, and returns what was relayed and billed.
async fn exchange(fixture: &Fixture, pieces: Vec<Bytes>) -> (Bytes, Booked) {
    let kind = fixture.kind;
    let provider = service_fn(move |request: Request<RequestBody<Body>>| {
        let pieces = pieces.clone();
        async move {
            request.into_body().collect().await.ok();
            let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
            let body = StreamBody::new(futures_util::stream::iter(frames));
            Ok::<_, Infallible>(
                Response::builder().header("content-type", kind).body(body).unwrap(),
            )
        }
    });
    let seen = Arc::new(Mutex::new(None));
    let hook = seen.clone();
    let layer = providers()
        .into_iter()
        .fold(GatewayLayer::builder(), |builder, provider| builder.provider(provider))
        .prices(Prices::new(PriceTable::empty(Date::default())))
        .metrics_hook(move |end: &EndEvent<'_>| *hook.lock().unwrap() = Some(booked(end)))
        .build()
        .unwrap();
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::default())));
    let uri = format!("/v1/acct/gw/{}/{}", fixture.provider, fixture.path);
    let request = Request::builder()
        .method(fixture.method)
        .uri(uri)
        .header("authorization", "Bearer test-key")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"model":"asked","stream":true}"#))
        .unwrap();
    let response = layer.upstream(provider).layer(app).oneshot(request).await.unwrap();
    let relayed =
        response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let booked = seen.lock().unwrap().take().expect("the exchange has ended");
    (relayed, booked)
}

/// The lines in which two bills differ.
fn difference(got: &Booked, want: &Booked) -> String {
    let (got, want) = (format!("{got:#?}"), format!("{want:#?}"));
    let mut lines = String::new();
    let (mut got, mut want) = (got.lines(), want.lines());
    loop {
        match (got.next(), want.next()) {
            (None, None) => return lines,
            (got, want) if got == want => {}
            (got, want) => {
                let [got, want] = [got, want].map(|line| line.unwrap_or_default().trim());
                lines.push_str(&format!("  {got} instead of {want}\n"));
            }
        }
    }
}

#[tokio::test]
async fn every_fixture_is_billed_exactly() {
    let mut wrong = Vec::new();
    for fixture in fixtures() {
        let (relayed, booked) = exchange(&fixture, vec![fixture.body.clone()]).await;
        assert_eq!(relayed, fixture.body, "{}: every byte is relayed", fixture.name);
        if booked != fixture.booked {
            wrong.push(format!("{}\n{}", fixture.name, difference(&booked, &fixture.booked)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.concat());
}

#[tokio::test]
async fn any_split_is_billed_the_same() {
    for fixture in fixtures() {
        let whole = fixture.body.clone();
        let singly = (0..whole.len()).map(|at| whole.slice(at..=at)).collect();
        // Every split in two; for long bodies every seventh.
        let step = if whole.len() > 700 { 7 } else { 1 };
        let halves =
            (1..whole.len()).step_by(step).map(|at| vec![whole.slice(..at), whole.slice(at..)]);
        for pieces in halves.chain([singly]) {
            let length = pieces[0].len();
            let (relayed, booked) = exchange(&fixture, pieces).await;
            assert_eq!(relayed, whole, "{} at {length}", fixture.name);
            let difference = difference(&booked, &fixture.booked);
            assert!(booked == fixture.booked, "{} at {length}\n{difference}", fixture.name);
        }
    }
}
