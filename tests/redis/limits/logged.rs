//! Log lines about trouble with Redis.

use std::sync::Arc;
use std::time::Instant;

use http::Response;
use http_body_util::{BodyExt, Full};
use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::limits::LimitRule;

use super::trouble::{hasty, until_it_answers};
use super::*;
use crate::gateway::Gateway;
use crate::written::Written;

#[tokio::test]
async fn trouble_is_logged_once_and_so_is_its_end() {
    let (written, _guard) = Written::capture();
    let mut server = Server::start(&[]);
    let store = patient(&server);
    let claims = [claim(1, MONTH, 100, 1)];
    reserve(&store, &claims).await.unwrap();
    server.kill();
    for _ in 0..50 {
        assert!(reserve(&store, &claims).await.is_err());
    }
    assert!(server.run());
    until_it_answers(&store, &claims).await;
    for _ in 0..50 {
        reserve(&store, &claims).await.unwrap();
    }
    let lines = written.lines();
    let of = |level| lines.iter().filter(|line| line.contains(level)).count();
    assert_eq!((of(" WARN "), of(" INFO ")), (1, 1), "{lines:#?}");
}

/// The layer does not repeat its store's warning, and a server that comes and goes is reported once
/// in ten seconds.
#[tokio::test]
async fn a_gateway_logs_trouble_once_however_often_redis_comes_and_goes() {
    let (written, _guard) = Written::capture();
    let started = Instant::now();
    let mut server = Server::start(&[]);
    let store = Arc::new(hasty(&server));
    let rule = LimitRule::requests("of-all", 1_000_000, MONTH);
    let provider =
        async || Response::new(Full::from("{}").map_err(|never| match never {}).boxed_unsync());
    let gateway =
        Gateway::new(&ControlLayer::new().limits(store.clone()), |set| set.limit(rule), provider);
    for _ in 0..4 {
        let claims = [claim(1, MONTH, 100, 1)];
        until_it_answers(&store, &claims).await;
        for _ in 0..3 {
            assert_eq!(gateway.ask("{}").await.status(), 200);
        }
        server.kill();
        for _ in 0..3 {
            assert_eq!(gateway.ask("{}").await.status(), 200);
        }
        assert!(server.run());
    }
    let mut lines = written.lines();
    lines.retain(|line| line.contains("Redis counts") || line.contains("store of limits"));
    let of = |level| lines.iter().filter(|line| line.contains(level)).count();
    let most = 1 + started.elapsed().as_secs() as usize / 10;
    assert!((1..=most).contains(&of(" WARN ")) && of(" INFO ") <= of(" WARN "), "{lines:#?}");
    assert_eq!(of(" WARN ") + of(" INFO "), lines.len());
}
