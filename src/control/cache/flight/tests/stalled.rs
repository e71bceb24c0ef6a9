//! Readers that stop, and others that go on.

use http_body_util::BodyExt;
use tokio::time::{Instant, sleep, timeout};

use super::orphans::{Feed, Stage};
use super::*;
use crate::control::cache::flight::patience::PATIENCE;

/// Together they are more than is held of an answer that is not kept.
const FRAMES: u8 = 200;
const FRAME: usize = 1_000;
const HELD: usize = 64 * 1024;
const LONG: Duration = Duration::from_secs(60);

impl Stage {
    /// An answer that others read, or nobody else.
    async fn read(is_read_elsewhere: bool) -> (Self, Feed, CacheBody) {
        let stage = Self::new();
        stage.others.read.store(is_read_elsewhere, Ordering::Relaxed);
        let (feed, asker) = stage.begun().await;
        (stage, feed, asker)
    }

    /// One more here.
    async fn follower(&self) -> CacheBody {
        let key = (self.target.place.key, self.target.generation);
        let mut member = self.flights.join(key, 8, Box::pin(std::future::pending()));
        let headed = poll_fn(|cx| member.poll_head(false, cx)).await;
        assert!(matches!(headed, Headed::Followed(..)));
        CacheBody::reading(member, None)
    }
}

/// Sends all of a long answer, whose memory is bounded, and how long that takes.
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
async fn nobody_waits_for_long_for_one_that_has_asked_and_stopped() {
    let (stage, mut feed, mut asker) = Stage::read(false).await;
    let mut followers = Vec::new();
    for _ in 0..3 {
        followers.push(tokio::spawn(all(stage.follower().await)));
    }
    assert_eq!(send(&stage, &mut feed).await, PATIENCE);
    drop(feed);
    for follower in followers {
        assert!(follower.await.unwrap() == long());
    }
    assert!(is_slow(&asker.frame().await.unwrap().unwrap_err()));
}

/// One that reads slowly delays all others no longer than one that has stopped.
#[tokio::test(start_paused = true)]
async fn the_waits_for_one_that_has_asked_are_bounded_together() {
    for pause in [Duration::from_millis(10), Duration::from_secs(1)] {
        let (stage, mut feed, mut asker) = Stage::read(false).await;
        let follower = tokio::spawn(all(stage.follower().await));
        let asker = tokio::spawn(async move {
            let mut read = b"first".to_vec();
            while let Some(frame) = asker.frame().await {
                match frame {
                    Ok(frame) => read.extend_from_slice(&frame.into_data().unwrap()),
                    Err(error) => return Err(error),
                }
                sleep(pause).await;
            }
            Ok(read)
        });
        let took = send(&stage, &mut feed).await;
        assert!(took <= PATIENCE + pause, "{took:?}");
        drop(feed);
        assert!(follower.await.unwrap() == long());
        match asker.await.unwrap() {
            Ok(read) => assert!(pause < PATIENCE / 20 && read == long()),
            Err(error) => assert!(pause > PATIENCE / 20 && is_slow(&error)),
        }
    }
}
