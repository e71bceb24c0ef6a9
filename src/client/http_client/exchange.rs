//! The slow path of an exchange: it may have to make its connection first.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::time::timeout;

use super::HttpClient;
use crate::client::body::ClientBody;
use crate::client::error::{Cause, ClientError};
use crate::client::foreign::is_of_stream;
use crate::client::pool::{Connection, Found, Origin};
use crate::client::tracked_body::SendBody;
use crate::util::timeout::ConnectTimeout;

pub(super) async fn exchange<B: SendBody>(
    client: HttpClient<B>,
    origin: Arc<Origin<B>>,
    mut request: Request<B>,
) -> Result<Response<ClientBody>, ClientError> {
    loop {
        let (connection, is_reused) = match origin.find(false) {
            Found::Connection(connection) => (connection, true),
            found => {
                let asked = request.extensions().get().map(|ConnectTimeout(timeout)| *timeout);
                let longest = asked.unwrap_or(Duration::MAX).min(client.connect_timeout);
                // Boxed, to keep it out of the size of the exchange's future.
                let connected = Box::pin(timeout(longest, client.pool.connect(&origin, found)));
                let connected = connected.await;
                let connected = connected.map_err(|_| ClientError::connect_timeout(longest))?;
                connected.map_err(|error| ClientError::connect(error, longest))?
            }
        };
        let is_http2 = matches!(connection, Connection::Http2(_));
        let (error, unsent) = match connection {
            Connection::Http1(mut connection) => {
                origin.origin_form(&mut request);
                let mut answer = pin!(connection.send(request));
                match poll_fn(|cx| connection.poll_answer(answer.as_mut(), cx)).await {
                    Ok(response) => return origin.answered(connection.answered(response)),
                    Err(failed) => failed,
                }
            }
            Connection::Http2(stream) => match stream.send(request).await {
                Ok(response) => return Ok(response),
                Err((failed, stream)) => {
                    if !is_of_stream(&failed.0) {
                        origin.forget(&stream);
                    }
                    failed
                }
            },
        };
        // The server may close a connection while a request is on its way.
        request = match unsent {
            Some(request) if is_reused => request,
            _ if is_http2 => return Err(Cause::SendHttp2(error).into()),
            _ => return Err(Cause::Send(error).into()),
        };
        origin.absolute_form(request.uri_mut());
    }
}
