//! An exchange on an HTTP/1.1 connection that was there already: most are.
//!
//! It is moved to the heap once and polled there, so it is kept small: what takes another
//! connection is only made where that is needed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;

use super::HttpClient;
use super::exchange::exchange;
use crate::client::body::ClientBody;
use crate::client::error::{Cause, ClientError};
use crate::client::future::ClientFuture;
use crate::client::pool::{Answer, Http1, Origin};
use crate::client::sent::SendBody;

/// Hands the request to the connection at once.
pub(super) fn reuse<B: SendBody>(
    client: HttpClient<B>,
    origin: Arc<Origin<B>>,
    mut connection: Box<Http1<B>>,
    mut request: Request<B>,
) -> ClientFuture {
    origin.origin_form(&mut request);
    let answer = connection.send(request);
    ClientFuture::new(Reuse { client, origin, connection: Some(connection), answer, again: None })
}

pin_project! {
    struct Reuse<A, B> {
        client: HttpClient<B>,
        origin: Arc<Origin<B>>,
        // Until the answer is there.
        connection: Option<Box<Http1<B>>>,
        #[pin]
        answer: A,
        // On another connection, where this one had been closed.
        again: Option<ClientFuture>,
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
        this.again.as_mut().map_or(Poll::Pending, |again| Pin::new(again).poll(cx))
    }
}
