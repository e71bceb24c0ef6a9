//! The fast path of an exchange: it reuses an idle HTTP/1.1 connection. Most do.
//!
//! The future is boxed once, so it is kept small: what a second connection needs is made only then.

#![allow(clippy::expect_used, reason = "a future must not be polled after completion")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::HttpClient;
use super::exchange::exchange;
use crate::client::body::ClientBody;
use crate::client::error::{Cause, ClientError};
use crate::client::future::ClientFuture;
use crate::client::pool::{Answer, Http1, Origin};
use crate::client::tracked_body::SendBody;
use crate::util::ready::COMPLETED;

pin_project! {
    // A request that was sent on an idle connection.
    pub(super) struct Reuse<A, B> {
        pub(super) client: HttpClient<B>,
        pub(super) origin: Arc<Origin<B>>,
        // `None` once the response has arrived.
        pub(super) connection: Option<Box<Http1<B>>>,
        #[pin]
        pub(super) answer: A,
        // The retry on another connection, if this one was closed.
        pub(super) again: Option<ClientFuture>,
    }
}

impl<A, B> Future for Reuse<A, B>
where
    A: Answer<B>,
    B: SendBody,
{
    type Output = Result<Response<ClientBody>, ClientError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(mut connection) = this.connection.take() {
            match connection.poll_answer(this.answer, cx) {
                Poll::Pending => {
                    *this.connection = Some(connection);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(response)) => {
                    return Poll::Ready(this.origin.answered(connection.answered(response)));
                }
                Poll::Ready(Err((error, None))) => {
                    return Poll::Ready(Err(Cause::Send(error).into()));
                }
                Poll::Ready(Err((_, Some(mut request)))) => {
                    this.origin.absolute_form(request.uri_mut());
                    let again = exchange(this.client.clone(), this.origin.clone(), request);
                    *this.again = Some(ClientFuture::new(again));
                }
            }
        }
        Pin::new(this.again.as_mut().expect(COMPLETED)).poll(cx)
    }
}
