//! A stand-in for the providers, for tests of your app (feature `testing`).
//!
//! A [`ScriptedProvider`] replaces the HTTP client: it records requests and answers from a queue.
//! No socket is opened.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, body::Body, http::Request};
//! use tower::ServiceExt;
//! use tower_ai_gateway::testing::{Answer, ScriptedProvider};
//! use tower_ai_gateway::{GatewayLayer, Provider};
//!
//! let provider = ScriptedProvider::new();
//! let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
//! let app: Router = Router::new().layer(gateway.upstream(provider.clone()));
//!
//! provider.answer(Answer::json(r#"{"choices":[]}"#));
//! let request = Request::post("/v1/acct/gw/grok/chat/completions")
//!     .header("authorization", "Bearer the-callers-key")
//!     .body(Body::from(r#"{"model":"grok-4"}"#))?;
//! assert_eq!(app.oneshot(request).await?.status(), 200);
//!
//! let sent = &provider.requests()[0];
//! assert_eq!(sent.uri(), "https://api.x.ai/v1/chat/completions");
//! assert_eq!(sent.body(), r#"{"model":"grok-4"}"#);
//! # Ok(()) }
//! ```

mod answer;
mod body;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower::BoxError;
use tower_service::Service;

pub use self::answer::Answer;
pub use self::body::AnswerBody;

/// An HTTP client that sends nothing: it records each request and answers from a queue.
///
/// Clones share the queue and the requests, so a test keeps one and passes the other to
/// [`GatewayLayer::upstream`](crate::GatewayLayer::upstream). It stands for all providers: the
/// request's URI shows which one was meant. It reads the request body to its end before it answers;
/// if the body fails, the call fails with that error. A call with no queued answer fails, and the
/// gateway answers 502.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, body::Body};
/// use http::Request;
/// use tower::ServiceExt;
/// use tower_ai_gateway::testing::{Answer, ScriptedProvider};
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// let provider = ScriptedProvider::new();
/// provider.answer(Answer::json("{}"));
/// let gateway = GatewayLayer::builder().provider(Provider::xai()).build()?;
/// let app = Router::new().layer(gateway.upstream(provider.clone()));
/// app.oneshot(Request::get("/v1/acct/gw/grok/models").body(Body::empty())?).await?;
/// assert_eq!(provider.requests()[0].uri(), "https://api.x.ai/v1/models");
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct ScriptedProvider {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    requests: Vec<Request<Bytes>>,
}

impl ScriptedProvider {
    /// Creates one with an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues an answer. Each call takes the oldest.
    pub fn answer(&self, answer: Answer) -> &Self {
        self.state().answers.push_back(answer);
        self
    }

    /// The requests that arrived complete, oldest first: method, absolute URI, headers, extensions
    /// (including the [`GatewayContext`](crate::GatewayContext)) and the whole body.
    #[must_use]
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.state().requests.clone()
    }

    /// How many answers are left; 0 once a test has used all.
    #[must_use]
    pub fn unused(&self) -> usize {
        self.state().answers.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Requests hold keys: show counts only.
impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("ScriptedProvider")
            .field("answers", &state.answers.len())
            .field("requests", &state.requests.len())
            .finish()
    }
}

/// The future of [`ScriptedProvider`]. Boxed: tests can afford it.
type Answering = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, BoxError>> + Send>>;

impl<B> Service<Request<B>> for ScriptedProvider
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let this = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            let answer = {
                let mut state = this.state();
                state.requests.push(Request::from_parts(head, body));
                state.answers.pop_front()
            };
            answer.ok_or("the scripted provider has no answer left")?.give().await
        })
    }
}
