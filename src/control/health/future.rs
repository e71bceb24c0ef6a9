//! The future of [`Health`](super::Health).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::BoxError;

use super::account::InFlight;
use super::blame::is_failure;
use super::body::HealthBody;
use super::call::Call;
use super::cooldown;
use super::error::Unavailable;
use super::settings::CoolDownSettings;
use crate::control::held::Handle;
use crate::control::judge;
use crate::control::retry_after::retry_after;
use crate::response::failure;

pin_project! {
    /// The future of [`Health`](super::Health).
    #[must_use = "futures do nothing unless polled"]
    pub struct HealthFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Calling {
            #[pin]
            call: F,
            // Boxed, for of most calls there is nothing to know.
            watched: Option<Box<Call>>,
            cool_down: Option<CoolDownSettings>,
            // Its body is going to be read to see whether it is an answer.
            judged: bool,
        },
        Refused { error: Option<Unavailable> },
    }
}

impl<F> HealthFuture<F> {
    /// `watched`: `None` where nothing of the call matters.
    pub(super) fn calling(
        call: F,
        watched: Option<Call>,
        cool_down: Option<CoolDownSettings>,
        judged: bool,
    ) -> Self {
        let watched = watched.map(Box::new);
        Self { state: State::Calling { call, watched, cool_down, judged } }
    }

    pub(super) fn refused(error: Unavailable) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }
}

impl<F, R, E> Future for HealthFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
    R: Body,
{
    type Output = Result<Response<HealthBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Calling { call, watched, cool_down, judged } => {
                let result = ready!(call.poll(cx));
                let mut watched = watched.take();
                if let Ok(response) = &result
                    && failure::is_refusal(response)
                {
                    // Dropped without a verdict: the upstream was not asked.
                    watched = None;
                }
                Poll::Ready(match result {
                    Ok(mut response) => {
                        if let Some(call) = &mut watched {
                            answered(&mut response, call, *cool_down, *judged);
                        }
                        Ok(response.map(|body| HealthBody::new(body, watched)))
                    }
                    Err(error) => {
                        let error = error.into();
                        if let Some(call) = watched
                            && call.blames_upstream(&error)
                        {
                            call.failed(Instant::now());
                        }
                        Err(error)
                    }
                })
            }
            StateProjection::Refused { error } => {
                error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())))
            }
        }
    }
}

fn answered<R>(
    response: &mut Response<R>,
    call: &mut Call,
    cool_down: Option<CoolDownSettings>,
    judged: bool,
) {
    let status = response.status();
    let said = || retry_after(response.headers(), SystemTime::now());
    let cool_for = cool_down.and_then(|settings| cooldown::asked(&settings, status, said));
    call.answered(is_failure(status), cool_for, Instant::now());
    let judged = judged && status.is_success();
    if judged && let Some(blame) = call.blame(cool_down) {
        response.extensions_mut().insert(blame);
    }
    if (judged || judge::is_failure(status))
        && let Some(handle) = call.place()
    {
        response.extensions_mut().insert(handle);
    }
}

/// Gives back the place of the key of a response that is put aside.
pub(in crate::control) fn let_go<R>(response: &mut Response<R>) {
    if let Some(handle) = response.extensions_mut().remove::<Handle<InFlight>>() {
        handle.let_go();
    }
}

impl<F> fmt::Debug for HealthFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthFuture").finish_non_exhaustive()
    }
}
