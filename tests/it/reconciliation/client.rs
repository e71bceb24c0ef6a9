//! Clients that read their response, or leave.

use std::net::SocketAddr;

use http::Version;
use hyper::body::Incoming;

use super::plan::{Course, Exchange};
use super::provider::Books;
use crate::support::client::{Connection, collect, full, next_data, request};
use crate::support::guard;

/// Runs every `step`th exchange from `start` to `end`, one after the other.
pub async fn run(gateway: SocketAddr, books: Books, start: u64, step: usize, end: u64) {
    let mut connection = Connection::open(gateway, Version::HTTP_11).await;
    for number in (start..end).step_by(step) {
        let exchange = Exchange::number(number);
        let stays = one(&mut connection, &books, number, exchange).await;
        if !stays {
            connection = Connection::open(gateway, Version::HTTP_11).await;
        }
    }
}

/// Returns whether the connection can be reused.
async fn one(connection: &mut Connection, books: &Books, number: u64, exchange: Exchange) -> bool {
    let id = number.to_string();
    let headers =
        [("content-type", "application/json"), ("x-number", &id), ("cf-aig-event-id", &id)];
    let body = full(r#"{"model":"grok-4","stream":true}"#);
    let request = request(Version::HTTP_11, "POST", exchange.path(), &headers, body);
    if exchange.course == Course::GivenUp {
        let arrived = books.signal(number);
        tokio::select! {
            _ = connection.try_send(request) => panic!("the provider never answers"),
            () = guard("the request", arrived.notified()) => {}
        }
        return false;
    }
    let response = connection.send(request).await;
    let status = response.status().as_u16();
    let mut body = response.into_body();
    match exchange.course {
        Course::Cancelled => {
            see_content(&mut body).await;
            return false;
        }
        Course::Broken => {
            see_content(&mut body).await;
            books.signal(number).notify_one();
            assert!(collect(body).await.is_err(), "the client gets an error");
            return false;
        }
        Course::ProviderError => assert_eq!(status, 429),
        Course::Rejected => assert_eq!(status, 400),
        Course::Failed => assert_eq!(status, 502),
        _ => assert_eq!(status, 200),
    }
    collect(body).await.unwrap();
    true
}

async fn see_content(body: &mut Incoming) {
    let mut seen = String::new();
    while !seen.contains("content_block_delta") {
        let data = next_data(body).await.expect("the provider goes on");
        seen.push_str(str::from_utf8(&data).unwrap());
    }
}
