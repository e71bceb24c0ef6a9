//! Readers that stall, and others that go on.

use futures_util::FutureExt;
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::orphans::{Feed, Stage};
use super::*;
use crate::control::cache::flight::ahead::LOOK_EVERY;
use crate::control::cache::flight::grace::GRACE;

/// Together more than is held of a response that is not stored.
const FRAMES: u8 = 200;
const FRAME: usize = 1_000;
const HELD: usize = 64 * 1024;
const LONG: Duration = Duration::from_secs(60);

impl Stage {
    /// A response that other processes read, or do not.
    async fn read(is_read_elsewhere: bool) -> (Self, Feed, CacheBody) {
        let stage = Self::new();
        stage.others.read.store(is_read_elsewhere, Ordering::Relaxed);
        let (feed, leader) = stage.begun().await;
        (stage, feed, leader)
    }

    /// One more local member.
    async fn follower(&self) -> CacheBody {
        let key = (self.target.place.key, self.target.generation);
        let mut member = self.flights.join(key, 8, Box::pin(std::future::pending()));
        let headed = poll_fn(|cx| member.poll_head(None, false, cx)).await;
        assert!(matches!(headed, MemberHead::Followed(..)));
        CacheBody::reading(member, None)
    }

    fn told(&self) -> Vec<u8> {
        self.others.told.lock().unwrap().clone()
    }

    /// All members have left.
    async fn ends(self, feed: Feed) {
        drop(feed);
        sleep(2 * LOOK_EVERY).await;
        assert_eq!((self.flights.count(), self.target.budget.used()), (0, 0));
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }
}

/// Sends a long response whose memory is bounded, and returns how long that takes.
async fn send(stage: &Stage, feed: &mut Feed) -> Duration {
    let began = Instant::now();
    for byte in 0..FRAMES {
        let sent = feed.send_data(vec![byte; FRAME].into());
        timeout(LONG, sent).await.expect("it is read").unwrap();
        let used = stage.target.budget.used();
        assert!(used < HELD + 2 * FRAME, "{used}");
    }
    began.elapsed()
}

fn long() -> Vec<u8> {
    let frames = (0..FRAMES).flat_map(|byte| vec![byte; FRAME]);
    b"first".iter().copied().chain(frames).collect()
}

async fn all(body: CacheBody) -> Vec<u8> {
    body.collect().await.unwrap().to_bytes().to_vec()
}

fn is_slow(error: &BoxError) -> bool {
    error.downcast_ref() == Some(&crate::control::cache::recording::FlightError::Slow)
}

#[tokio::test(start_paused = true)]
async fn followers_elsewhere_get_all_though_the_local_reader_stalls() {
    let (stage, mut feed, leader) = Stage::read(true).await;
    let mut whole = b"first".to_vec();
    for byte in 0..50 {
        timeout(LONG, feed.send_data(vec![byte; 10].into())).await.expect("it is read").unwrap();
        whole.extend_from_slice(&[byte; 10]);
    }
    drop(feed);
    sleep(LOOK_EVERY).await;
    assert_eq!((stage.told(), stage.ended()), (whole.clone(), Some(true)));
    // The stalled reader has lost nothing, and no task is left for it.
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    assert_eq!(all(leader).await, whole[5..]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_ahead_without_a_reader() {
    let (stage, mut feed, leader) = Stage::read(false).await;
    for reads in [false, true, false] {
        stage.others.read.store(reads, Ordering::Relaxed);
        // If the response was followed, one read of the next frame is pending.
        let _ = feed.send_data(Bytes::from_static(b"x")).now_or_never();
        sleep(2 * LOOK_EVERY).await;
        let told = stage.told().len();
        let sent = async {
            for _ in 0..40 {
                feed.send_data(Bytes::from_static(b"x")).await.unwrap();
            }
        };
        assert_eq!(timeout(LONG, sent).await.is_ok(), reads);
        assert_eq!(stage.told().len() > told, reads);
    }
    drop(leader);
    assert_eq!(stage.ended(), Some(false));
    stage.ends(feed).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_response_is_bounded_and_waits_once_for_the_local_reader() {
    let (stage, mut feed, mut leader) = Stage::read(true).await;
    let took = send(&stage, &mut feed).await;
    assert!(took > GRACE - LOOK_EVERY && took < GRACE + 2 * LOOK_EVERY, "{took:?}");
    sleep(LOOK_EVERY).await;
    assert!(stage.told() == long());
    assert!(is_slow(&leader.frame().await.unwrap().unwrap_err()));
    drop(leader);
    stage.ends(feed).await;
}

#[tokio::test(start_paused = true)]
async fn followers_wait_briefly_for_a_stalled_leader() {
    let (stage, mut feed, mut leader) = Stage::read(false).await;
    let mut followers = Vec::new();
    for _ in 0..3 {
        followers.push(tokio::spawn(all(stage.follower().await)));
    }
    assert_eq!(send(&stage, &mut feed).await, GRACE);
    drop(feed);
    for follower in followers {
        assert!(follower.await.unwrap() == long());
    }
    assert!(is_slow(&leader.frame().await.unwrap().unwrap_err()));
}

/// A slow reader delays the others no longer than a stalled one.
#[tokio::test(start_paused = true)]
async fn all_waits_for_a_leader_are_bounded_together() {
    for pause in [Duration::from_millis(10), Duration::from_secs(1)] {
        let (stage, mut feed, mut leader) = Stage::read(false).await;
        let follower = tokio::spawn(all(stage.follower().await));
        let leader = tokio::spawn(async move {
            let mut read = b"first".to_vec();
            while let Some(frame) = leader.frame().await {
                match frame {
                    Ok(frame) => read.extend_from_slice(&frame.into_data().unwrap()),
                    Err(error) => return Err(error),
                }
                sleep(pause).await;
            }
            Ok(read)
        });
        let took = send(&stage, &mut feed).await;
        assert!(took <= GRACE + pause, "{took:?}");
        drop(feed);
        assert!(follower.await.unwrap() == long());
        match leader.await.unwrap() {
            Ok(read) => assert!(pause < LOOK_EVERY && read == long()),
            Err(error) => assert!(pause > LOOK_EVERY && is_slow(&error)),
        }
    }
}

/// Reads to the end with a pause after each frame. Returns the data, and whether it is complete.
async fn slowly(mut body: CacheBody, pause: Duration) -> (Vec<u8>, bool) {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read.extend_from_slice(&frame.into_data().unwrap()),
            Err(error) => {
                assert!(is_slow(&error));
                return (read, false);
            }
        }
        sleep(pause).await;
    }
    (read, true)
}

#[tokio::test(start_paused = true)]
async fn fast_followers_wait_briefly_for_slow_ones() {
    for (pause, gets_all) in [(Duration::from_millis(10), true), (LONG, false)] {
        let (stage, mut feed, leader) = Stage::read(false).await;
        let fast = tokio::spawn(all(stage.follower().await));
        let slow = tokio::spawn(slowly(stage.follower().await, pause));
        drop(leader);
        let took = send(&stage, &mut feed).await;
        assert!(took <= GRACE && gets_all == (took < GRACE), "{took:?}");
        drop(feed);
        assert!(fast.await.unwrap() == long());
        let (read, has_all) = slow.await.unwrap();
        assert_eq!((has_all, read == long()), (gets_all, gets_all));
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_waits_for_nobody_and_is_waited_for_though_a_follower_stalls() {
    for (asker_pause, is_alone) in [(Duration::ZERO, true), (Duration::from_millis(10), false)] {
        let (stage, mut feed, leader) = Stage::read(false).await;
        let stopped = tokio::spawn(slowly(stage.follower().await, LONG));
        let fast = match is_alone {
            true => None,
            false => Some(tokio::spawn(all(stage.follower().await))),
        };
        let leader = tokio::spawn(slowly(leader, asker_pause));
        let took = send(&stage, &mut feed).await;
        let most = if is_alone { Duration::ZERO } else { 2 * GRACE };
        assert!(took <= most, "{took:?}");
        drop(feed);
        assert!(leader.await.unwrap() == (long()[5..].to_vec(), true));
        if let Some(fast) = fast {
            assert!(fast.await.unwrap() == long());
        }
        assert!(!stopped.await.unwrap().1);
    }
}
