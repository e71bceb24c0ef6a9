//! Scripts that run twice, because the client of a cluster has lost the first reply.

use super::*;
use crate::polling::TOO_LONG;
use crate::twice::Twice;

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(600);

fn repeating(server: &Server) -> RedisStore {
    RedisStore::builder(Twice::before(server).url()).timeout(TOO_LONG).build().unwrap()
}

async fn settle(store: &RedisStore, id: ReservationId, settlements: &[Settlement]) {
    store.settle(id, settlements);
    assert!(store.flush(TOO_LONG).await);
}

#[tokio::test]
async fn a_repeated_reservation_is_not_refused_by_itself() {
    let server = Server::start(&[]);
    let store = repeating(&server);
    // The hold of one claim tells of all.
    let claims = [claim(2, MONTH, 3, 1), leased(claim(1, MONTH, 100, 60), LONG)];
    let id = next_id();
    let decision = store.reserve(id, &claims).await.unwrap();
    assert!(decision.is_granted, "{decision:?}");
    let standings = decision.standings.iter().map(|it| (it.used, it.remaining, it.is_exceeded));
    assert_eq!(standings.collect::<Vec<_>>(), [(1, 2, false), (60, 40, false)]);

    let other = store.reserve(next_id(), &claims).await.unwrap();
    assert!(!other.is_granted && other.standings[1].is_exceeded, "there is no room for another");
    settle(&store, id, &[settlement(claims[1], &decision, 50)]).await;
    assert_eq!((used(&store, &claims[0]).await, used(&store, &claims[1]).await), (1, 50));
}

#[tokio::test]
async fn a_repeated_settlement_takes_nothing_off_others() {
    let server = Server::start(&[]);
    let store = repeating(&server);
    let (requests, tokens) = (claim(1, MONTH, 100, 1), claim(2, MONTH, 100_000, 4_000));
    let direct = patient(&server);
    for _ in 0..3 {
        assert!(reserve(&direct, &[requests, tokens]).await.unwrap().is_granted);
    }
    let decision = reserve(&direct, &[claim(9, MONTH, 9, 1)]).await.unwrap();
    let id = next_id();
    // One request was not sent, and what it had ordered was less than the estimate.
    let all = [settlement(requests, &decision, 0), settlement(tokens, &decision, 10)];
    settle(&store, id, &all).await;
    assert_eq!((used(&store, &requests).await, used(&store, &tokens).await), (2, 8_010));
    // What is another settlement of the same reservation counts.
    let corrected = Claim { amount: 10, ..tokens };
    settle(&store, id, &[settlement(corrected, &decision, 500)]).await;
    assert_eq!(used(&store, &tokens).await, 8_500);
}

#[tokio::test]
async fn a_repeated_settlement_after_its_lease_counts_once() {
    let server = Server::start(&[]);
    let store = repeating(&server);
    let claims = [leased(claim(1, MONTH, 1000, 300), SHORT)];
    let id = next_id();
    let decision = store.reserve(id, &claims).await.unwrap();
    eventually("the lease is over", async || used(&store, &claims[0]).await == 0).await;
    settle(&store, id, &[settlement(claims[0], &decision, 250)]).await;
    assert_eq!(used(&store, &claims[0]).await, 250);
}

#[tokio::test]
async fn a_repeated_refund_gives_back_once() {
    let server = Server::start(&[]);
    let (store, direct) = (repeating(&server), patient(&server));
    let counted = claim(1, MONTH, 100, 50);
    reserve(&direct, &[counted]).await.unwrap();
    for left in [40, 30] {
        store.refund(&counted.counter, MONTH, 100, Some(10)).await.unwrap();
        assert_eq!(used(&store, &counted).await, left, "each refund counts");
    }
    let markers = server.keys().iter().filter(|key| key.contains(":h:")).count();
    assert_eq!(markers, 2);
    for key in server.keys() {
        assert!(server.call(&["PTTL", &key]).number() > 0, "{key} expires");
    }
}
