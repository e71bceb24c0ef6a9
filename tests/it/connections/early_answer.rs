//! An upstream that answers early and never reads the rest.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http::Request;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::{BoxError, ServiceExt};
use tower_ai_gateway::HttpClient;

use crate::connections::soon;

pub(crate) type Upload = UnsyncBoxBody<Bytes, BoxError>;

/// A body that never ends and holds `token` until it is dropped.
pub(crate) fn endless(token: &Arc<()>) -> Upload {
    let token = token.clone();
    let data = Bytes::from(vec![b' '; 64 * 1024]);
    let frames = stream::repeat_with(move || {
        let _ = &token;
        Ok(Frame::data(data.clone()))
    });
    StreamBody::new(frames).boxed_unsync()
}

#[tokio::test]
async fn an_unread_upload_ends_soon_after_the_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Data that remains in the sockets is read when the clients are done.
    let (let_go, gone) = watch::channel(false);
    let server = tokio::spawn(async move {
        let mut tasks = Vec::new();
        for _ in 0..40 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut gone = gone.clone();
            tasks.push(tokio::spawn(async move {
                stream.read_exact(&mut [0; 64]).await.unwrap();
                let answer = b"HTTP/1.1 413 no\r\ncontent-length: 2\r\n\r\nno";
                stream.write_all(answer).await.unwrap();
                gone.wait_for(|gone| *gone).await.unwrap();
                let mut rest = vec![0; 64 * 1024];
                while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {}
            }));
        }
        join_all(tasks).await
    });
    let builder = HttpClient::builder().upload_linger(Duration::from_millis(100));
    let client: HttpClient<Upload> = builder.build().unwrap();
    let token = Arc::new(());
    let answers = (0..40).map(async |_| {
        let request = Request::post(&url).body(endless(&token)).unwrap();
        let response = client.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
    });
    soon(join_all(answers)).await;
    soon(async {
        while Arc::strong_count(&token) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let_go.send(true).unwrap();
    for closed in soon(server).await.unwrap() {
        closed.unwrap();
    }
}

#[tokio::test]
async fn an_upload_continues_while_its_response_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let builder = HttpClient::builder().upload_linger(Duration::ZERO);
    let client: HttpClient<Upload> = builder.build().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n1").await.unwrap();
        let mut rest = vec![0; 64 * 1024];
        for _ in 0..1000 {
            stream.read_exact(&mut rest).await.unwrap();
        }
        stream.write_all(b"2").await.unwrap();
        while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {}
    });
    let token = Arc::new(());
    let request = Request::post(&url).body(endless(&token)).unwrap();
    let response = soon(client.clone().oneshot(request)).await.unwrap();
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    assert_eq!(body, "12");
    soon(server).await.unwrap();
    assert_eq!(Arc::strong_count(&token), 1);
}
