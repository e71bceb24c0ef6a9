use super::super::super::ReservationId;
use super::*;

const A: Gateway = [1; 8];
const B: Gateway = [2; 8];

fn settle(gateway: Gateway, id: u128) -> Settle {
    let (id, settlements) = (ReservationId(id), Box::default());
    Settle { id, gateway, settlements, is_repeated: false }
}

fn ids(settles: &[Settle]) -> Vec<u128> {
    settles.iter().map(|settle| settle.id.0).collect()
}

#[tokio::test]
async fn the_oldest_is_dropped_and_counted() {
    let queue = Queue::new(3);
    (1..=5).for_each(|id| queue.push(settle(A, id)));
    assert_eq!((queue.len(), queue.dropped()), (3, 2));
    assert_eq!(queue.next().await, Some(A));
    let taken = queue.take(A, 2);
    assert_eq!(ids(&taken), [3, 4]);
    assert_eq!(queue.len(), 3, "those on their way are counted");
    queue.push(settle(A, 6));
    queue.push(settle(A, 7));
    queue.put_back(A, taken);
    assert_eq!((queue.len(), queue.dropped()), (3, 4));
    assert_eq!(ids(&queue.take(A, 9)), [5, 6, 7]);
}

#[test]
fn a_gateway_that_is_not_sent_for_leaves_the_others_their_share() {
    let queue = Queue::new(8);
    (1..=20).for_each(|id| queue.push(settle(A, id)));
    (21..=24).for_each(|id| queue.push(settle(B, id)));
    (25..=40).for_each(|id| queue.push(settle(A, id)));
    assert_eq!(queue.len(), 8);
    assert_eq!(ids(&queue.take(B, 9)), [21, 22, 23, 24]);
    assert_eq!(ids(&queue.take(A, 9)), [37, 38, 39, 40]);
}

#[test]
fn what_would_be_taken_back_drops_nothing_that_was_used() {
    let queue = Queue::new(2);
    queue.push_undo(settle(A, 1));
    queue.push(settle(A, 2));
    queue.push_undo(settle(A, 3));
    assert_eq!(queue.dropped(), 1);
    assert_eq!(ids(&queue.take(A, 9)), [1, 2]);
}

#[tokio::test]
async fn a_gateway_has_one_sender_at_a_time() {
    let queue = Queue::new(9);
    queue.push(settle(A, 1));
    queue.push(settle(A, 2));
    queue.push(settle(B, 3));
    assert_eq!((queue.next().await, queue.next().await), (Some(A), Some(B)));
    queue.push(settle(A, 4));
    assert_eq!(ids(&queue.take(A, 9)), [1, 2, 4]);
    assert!(queue.take(A, 9).is_empty(), "it is left");
    queue.push(settle(A, 5));
    queue.leave(B);
    assert_eq!((queue.next().await, queue.next().await), (Some(A), Some(B)));
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_gives_what_is_left_and_then_nothing() {
    let queue = Queue::new(3);
    queue.push(settle(A, 1));
    queue.close();
    queue.pause(Duration::from_secs(3600), Duration::ZERO).await;
    assert_eq!(queue.next().await, Some(A));
    assert_eq!(queue.next().await, None);
    assert_eq!(queue.take(A, 9).len(), 1);
    assert!(!queue.idle(Instant::now() + Duration::from_secs(1)).await);
    queue.done(1);
    assert!(queue.idle(Instant::now()).await);
}
