//! An exchange on an HTTP/1.1 connection that was there already: most are.
//!
//! It is moved to the heap once and polled there, so it is kept small: what takes another
//! connection is only made where that is needed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::HttpClient;
use super::body::ClientBody;
use super::error::ClientError;
use super::exchange::exchange;
use super::future::ClientFuture;
use super::http1::{Answer, Http1};
use super::pool::Origin;
use super::sent::Sent;

pin_project! {
    pub(super) struct Reuse<A, B> {
        #[pin]
        answer: A,
        // Until the answer is there.
        connection: Option<Box<Http1<B>>>,
        origin: Arc<Origin<B>>,
        client: HttpClient<B>,
        // On another connection, where this one had been closed.
        again: Option<ClientFuture>,
    }
}

impl<A, B> Reuse<A, B> {
    pub(super) fn new(
        answer: A,
        connection: Box<Http1<B>>,
        origin: Arc<Origin<B>>,
        client: HttpClient<B>,
    ) -> Self {
        Self { answer, connection: Some(connection), origin, client, again: None }
    }
}

impl<A, B> Future for Reuse<A, B>
where
    A: Answer<B>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ClientBody>, ClientError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(connection) = this.connection {
            let answer = ready!(connection.poll_answer(this.answer, cx));
            let connection = this.connection.take();
            match (answer, connection) {
                (Ok(response), Some(connection)) => {
                    return Poll::Ready(Ok(connection.answered(response)));
                }
                (Ok(_), None) => return Poll::Pending,
                (Err(mut error), _) => {
                    let Some(unsent) = error.take_message() else {
                        return Poll::Ready(Err(ClientError::send(error.into_error())));
                    };
                    let mut request = unsent.map(Sent::into_inner);
                    this.origin.absolute_form(request.uri_mut());
                    let again = exchange(this.client.clone(), this.origin.clone(), request);
                    *this.again = Some(ClientFuture::new(again));
                }
            }
        }
        match this.again {
            Some(again) => Pin::new(again).poll(cx),
            None => Poll::Pending,
        }
    }
}
