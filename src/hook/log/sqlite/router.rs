//! The log over HTTP.

use std::fmt::Display;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::params::Params;
use super::{Feedback, LogStore, LogStoreError};

/// The maximum length of a `PATCH` body, in bytes.
const LONGEST_BODY: usize = 64 * 1024;
/// How many queries run at once, each on a thread. Others wait.
const AT_ONCE: usize = 4;
/// How many `PATCH` requests run at once. They may wait for their record, so they have their own
/// limit.
const FEEDBACK_AT_ONCE: usize = 8;

const FEEDBACK: &str = "the body must be a JSON object of `feedback` (-1, 1 or null), `score` \
    (a number or null) and `metadata` (an object of strings, numbers, booleans and nulls), or some \
    of them";

impl LogStore {
    /// A router that serves the log in JSON over HTTP.
    ///
    /// **It has no authentication: anyone who can reach it can read every log, including stored
    /// bodies, and write feedback. Mount it behind the host's own authentication.**
    ///
    /// | request | response |
    /// |---|---|
    /// | `GET /logs?…` | a [`LogPage`](super::LogPage): records without bodies, `next` for `cursor` |
    /// | `GET /logs/{id}` | a [`LogRecord`](crate::log::LogRecord) |
    /// | `PATCH /logs/{id}` with a [`Feedback`] | the record as it is then |
    /// | `GET /summary?from=&to=&bucket=&provider=&model=&subject=&by_label=` | a [`Summary`](super::Summary) |
    ///
    /// Parameters of `/logs`, all optional; empty ones are ignored: `from`, `to`, `provider`,
    /// `model`, `operation`, `status` (`429` or `4xx`), `outcome`, `success`, `cached`, `stream`,
    /// `event_id`, `id`, `subject`, `label.{name}`, `metadata.key` and `metadata.value` in pairs or
    /// `metadata.{key}`, `min_cost` and `max_cost` in USD, `min_tokens_in`, `max_tokens_in`,
    /// `min_tokens_out`, `max_tokens_out`, `min_duration` in milliseconds, `feedback`, `order`
    /// (`asc` or `desc`), `limit`, `cursor`. Times are in RFC 3339 or milliseconds since 1970.
    /// `/summary` also accepts `label.{name}`, and `by_label` names the label to group by. By
    /// default `/summary` covers the last day in 24 buckets; `bucket` is in milliseconds.
    ///
    /// An error is `{"error":{"message":"…"}}`: 400 for an invalid parameter or body, 404 for an
    /// unknown id, 413 for a body above 64 KiB, 503 for a query that takes longer than the
    /// [limit](Self::query_timeout), 500 if the database fails, which is also logged through `tracing`.
    /// Queries run on tokio's threads for blocking work, four at a time.
    pub fn router(&self) -> Router {
        let api = Api {
            store: self.clone(),
            questions: Arc::new(Semaphore::new(AT_ONCE)),
            feedback: Arc::new(Semaphore::new(FEEDBACK_AT_ONCE)),
        };
        Router::new()
            .route("/logs", get(logs))
            .route("/logs/{id}", get(log).patch(feedback))
            .route("/summary", get(summary))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .with_state(api)
    }
}

#[derive(Clone)]
struct Api {
    store: LogStore,
    questions: Arc<Semaphore>,
    feedback: Arc<Semaphore>,
}

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

async fn logs(State(api): State<Api>, pairs: Pairs) -> Result<Response, Refusal> {
    let query = params(pairs)?.logs().map_err(Refusal::bad)?;
    blocking(api.questions, move || api.store.query(&query)).await
}

async fn summary(State(api): State<Api>, pairs: Pairs) -> Result<Response, Refusal> {
    let query = params(pairs)?.summary().map_err(Refusal::bad)?;
    blocking(api.questions, move || api.store.summary(&query)).await
}

async fn log(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(id) = id.map_err(|_| LogStoreError::UnknownId)?;
    blocking(api.questions, move || api.store.get(&id)?.ok_or(LogStoreError::UnknownId)).await
}

async fn feedback(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Path(id) = id.map_err(|_| LogStoreError::UnknownId)?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over {LONGEST_BODY} bytes"))
        }
        _ => Refusal::bad("the body could not be read"),
    })?;
    let change = change(&body).map_err(|_| Refusal::bad(FEEDBACK))?;
    blocking(api.feedback, move || api.store.set_feedback(&id, &change)).await
}

fn change(body: &[u8]) -> serde_json::Result<Feedback> {
    // Parse an object first: serde would also accept an array of the fields in order.
    let object: serde_json::Map<_, _> = serde_json::from_slice(body)?;
    serde_json::from_value(object.into())
}

fn params(pairs: Pairs) -> Result<Params, Refusal> {
    let Query(pairs) = pairs.map_err(|_| Refusal::bad("the query cannot be read"))?;
    Ok(Params::new(pairs))
}

/// Runs `work` on a thread that may block. Holds the permit until it is done, even if the client
/// disconnects.
async fn blocking<T: Serialize + Send + 'static>(
    turns: Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, LogStoreError> + Send + 'static,
) -> Result<Response, Refusal> {
    let turn = turns.acquire_owned().await.map_err(failed)?;
    let work = move || {
        let _turn = turn;
        work()
    };
    let value = tokio::task::spawn_blocking(work).await.map_err(failed)??;
    Ok(([(CACHE_CONTROL, "no-store")], Json(value)).into_response())
}

/// An error response.
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }
}

impl From<LogStoreError> for Refusal {
    fn from(error: LogStoreError) -> Self {
        match error {
            LogStoreError::Invalid(why) => Self::bad(why),
            LogStoreError::UnknownId => Self(StatusCode::NOT_FOUND, error.to_string()),
            LogStoreError::TooSlow(_) => Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            other => match std::error::Error::source(&other) {
                Some(source) => failed(format_args!("{other}: {source}")),
                None => failed(other),
            },
        }
    }
}

/// Logs the error. The client gets no details.
fn failed(error: impl Display) -> Refusal {
    tracing::error!(target: crate::TARGET, %error, "the log cannot be read or written");
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the log failed".to_owned())
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": { "message": self.1 } });
        (self.0, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}
