//! A gateway that sends no prompt with a payment card number. `cargo run --example guard`

use axum::{Router, http::StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tower_ai_gateway::guard::{GuardHead, GuardRequest, Verdict};
use tower_ai_gateway::{GatewayLayer, Guard, HttpClient, Provider, Refusal};

pub(crate) struct NoCards;

impl Guard for NoCards {
    fn body_limit(&self, _: &GuardHead<'_>) -> usize {
        1 << 20
    }

    async fn check(&self, GuardRequest { head, body, .. }: GuardRequest<'_>) -> Verdict {
        if !body.is_whole || head.content_encoding.is_some() {
            return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Too long to be checked.").into();
        }
        // Check the text as it is, and without the escapes that JSON allows.
        let json: Result<Value, _> = serde_json::from_slice(body.bytes);
        let is_json = head.content_type.is_none_or(|kind| kind.contains("json"));
        if json.is_err() && is_json && !body.bytes.is_empty() {
            return Refusal::new(StatusCode::BAD_REQUEST, "The prompt is no JSON.").into();
        }
        let plain = json.unwrap_or_default().to_string().replace("\\n", " ");
        if has_card(&body.text_lossy()) || has_card(&plain) {
            let what = "The prompt has a payment card number.";
            return Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, what).code(2029).into();
        }
        Verdict::Pass
    }
}

/// Returns true if groups of digits, with blanks and dashes between them, form a card number.
fn has_card(text: &str) -> bool {
    let is_gap = |character: char| character == '-' || character.is_whitespace();
    text.split(|character: char| !character.is_ascii_digit() && !is_gap(character)).any(|run| {
        let groups: Vec<_> = run.split(is_gap).filter(|group| !group.is_empty()).collect();
        (1..=19).any(|count| groups.windows(count).any(is_card))
    })
}

/// The last of 13 to 19 digits is a checksum of the others (Luhn).
fn is_card(groups: &[&str]) -> bool {
    let digits = groups.iter().rev().flat_map(|group| group.bytes().rev());
    let digits = digits.map(|digit| u32::from(digit - b'0')).enumerate();
    let weigh = |(at, digit)| if at % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 };
    (13..=19usize).contains(&groups.iter().map(|group| group.len()).sum())
        && groups[0].starts_with(['2', '3', '4', '5', '6'])
        && digits.map(weigh).sum::<u32>() % 10 == 0
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gateway = GatewayLayer::builder().providers(Provider::all()).guard(NoCards).build()?;
    let app = Router::new().layer(gateway.upstream(HttpClient::new()?));
    Ok(axum::serve(TcpListener::bind("127.0.0.1:3000").await?, app).await?)
}
