//! `POST /v1/images/generations`

use axum::{body::Bytes, response::Response};
use serde_json::json;

use super::{ask::Ask, failure::Failure, models, reply};

/// The price of an image: 0.02 dollars.
const TICKS_PER_IMAGE: u64 = 200_000_000;

const MAX_IMAGES: u64 = 10;

/// A single black pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

pub(super) async fn create(body: Bytes) -> Result<Response, Failure> {
    let ask = Ask::read(&body, &["prompt"])?;
    models::check(ask.get("model").as_str().unwrap_or(models::IMAGE))?;

    let count = ask.get("n").as_u64().unwrap_or(1).clamp(1, MAX_IMAGES);
    let image = if ask.get("response_format") == "b64_json" {
        json!({ "b64_json": PIXEL, "mime_type": "image/png" })
    } else {
        json!({ "url": format!("data:image/png;base64,{PIXEL}"), "mime_type": "image/png" })
    };
    let data: Vec<_> = (0..count).map(|_| &image).collect();
    Ok(reply::json(&json!({
        "data": data,
        "usage": { "cost_in_usd_ticks": count * TICKS_PER_IMAGE },
    })))
}
