//! Responses that are read on for other processes after all local readers have left.

use std::sync::atomic::AtomicBool;

use http::HeaderMap;
use http_body_util::{BodyExt, Channel};
use tokio::time::{Instant, sleep};

use super::*;
use crate::control::cache::flight::orphans::MOST;
use crate::control::cache::store::Broadcast;

/// Other processes, which read as long as they like.
#[derive(Clone, Default)]
pub(super) struct Others {
    pub(super) read: Arc<AtomicBool>,
    /// Whether `is_followed` and `not_kept` panic.
    panics: Arc<AtomicBool>,
    is_not_kept: Arc<AtomicBool>,
    pub(super) told: Arc<Mutex<Vec<u8>>>,
    is_whole: Arc<AtomicBool>,
    /// Whether the broadcast ended complete; `None` before its end.
    end: Arc<Mutex<Option<bool>>>,
}

struct Telling(Others);

impl Broadcast for Telling {
    fn head(&mut self, _: StatusCode, _: &HeaderMap) {}

    fn data(&mut self, data: &Bytes) {
        let panics = self.0.panics.load(Ordering::Relaxed);
        assert!(!panics || !self.0.is_not_kept.load(Ordering::Relaxed), "as it should");
        self.0.told.lock().unwrap().extend_from_slice(data);
    }

    fn is_followed(&self) -> bool {
        assert!(!self.0.panics.load(Ordering::Relaxed), "as it should");
        self.0.read.load(Ordering::Relaxed)
    }

    fn not_kept(&mut self) {
        assert!(!self.0.is_not_kept.swap(true, Ordering::Relaxed), "once");
    }

    fn end(self: Box<Self>, entry: Option<CacheEntry>) {
        self.0.is_whole.store(true, Ordering::Relaxed);
        *self.0.end.lock().unwrap() = Some(entry.is_some());
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.end.lock().unwrap().get_or_insert(false);
    }
}

pub(super) struct Stage {
    pub(super) flights: Arc<Flights>,
    pub(super) target: Arc<Target>,
    pub(super) others: Others,
}

pub(super) type Feed = http_body_util::channel::Sender<Bytes, BoxError>;

impl Stage {
    pub(super) fn new() -> Self {
        let counts = Arc::<Counts>::default();
        let others = Others::default();
        others.read.store(true, Ordering::Relaxed);
        let flights = Arc::new(Flights::new(counts.clone()));
        let target = target(MemoryCache::new(), counts, BodyBudget::default());
        Self { flights, target, others }
    }

    /// A response whose leader has read one frame and left.
    async fn left(&self) -> Feed {
        self.begun().await.0
    }

    /// A response, and its leader's body after the first frame.
    pub(super) async fn begun(&self) -> (Feed, CacheBody) {
        self.begun_of(None).await
    }

    /// The same, with a declared length.
    async fn begun_of(&self, length: Option<usize>) -> (Feed, CacheBody) {
        let (mut feed, body) = Channel::<Bytes, BoxError>::new(8);
        let response = Response::builder().header(header::CONTENT_TYPE, "audio/mpeg");
        let response = match length {
            None => response.header(header::TRANSFER_ENCODING, "chunked"),
            Some(length) => response.header(header::CONTENT_LENGTH, length),
        };
        let body = body.map_frame(|frame| {
            assert!(frame.data_ref().is_none_or(|data| data != "panic"), "as it should");
            frame
        });
        let response = response.body(Box::pin(body) as Source).unwrap();
        let telling = Some(Box::new(Telling(self.others.clone())) as Box<dyn Broadcast>);
        let target = self.target.clone();
        let call = Box::pin(async move { answered(response, target, telling, Ended::Answered) });
        let key = (self.target.place.key, self.target.generation);
        let mut member = self.flights.join(key, 8, call).of(self.target.context.clone());
        let headed = poll_fn(|cx| member.poll_head(None, false, cx)).await;
        assert!(matches!(headed, MemberHead::Asked(_)));
        feed.send_data(Bytes::from_static(b"first")).await.unwrap();
        let mut body = CacheBody::reading(member, None);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
        (feed, body)
    }

    pub(super) fn ended(&self) -> Option<bool> {
        *self.others.end.lock().unwrap()
    }

    /// How long the response is read on if a frame comes after each `every`.
    async fn given_up(&self, feed: &mut Feed, every: Duration) -> Duration {
        let began = Instant::now();
        while feed.send_data(Bytes::from_static(b"more")).await.is_ok() {
            sleep(every).await;
        }
        began.elapsed()
    }

    /// No orphan is left.
    fn is_over(&self) -> bool {
        self.flights.orphans.available_permits() == MOST
    }
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_read_to_its_end_and_stored() {
    let stage = Stage::new();
    let mut feed = stage.left().await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!((stage.ended(), stage.flights.count(), stage.is_over()), (None, 0, false));
    feed.send_data(Bytes::from_static(b"rest")).await.unwrap();
    drop(feed);
    while stage.ended().is_none() {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(stage.ended(), Some(true));
    while !stage.is_over() {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(stage.target.budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_orphan_ends_with_its_last_reader_or_after_too_long() {
    let stage = Stage::new();
    let mut feed = stage.left().await;
    sleep(Duration::from_secs(3)).await;
    stage.others.read.store(false, Ordering::Relaxed);
    let after = stage.given_up(&mut feed, Duration::from_millis(100)).await;
    assert!(after < Duration::from_secs(2), "{after:?}");
    assert_eq!(stage.ended(), Some(false));

    let stage = Stage::new();
    let mut feed = stage.left().await;
    let after = stage.given_up(&mut feed, Duration::from_secs(5)).await.as_secs();
    assert!((600..=606).contains(&after), "{after}");
    assert_eq!((stage.ended(), stage.target.budget.used()), (Some(false), 0));
}

#[tokio::test(start_paused = true)]
async fn orphans_are_bounded_and_need_a_reader() {
    let stage = Stage::new();
    let mut feeds = Vec::new();
    for _ in 0..MOST {
        feeds.push(stage.left().await);
    }
    assert_eq!((stage.ended(), stage.flights.orphans.available_permits()), (None, 0));
    assert!(stage.target.context.goes_on());
    let mut more = stage.left().await;
    assert_eq!((stage.ended(), stage.target.context.goes_on()), (Some(false), false));
    assert!(more.send_data(Bytes::new()).await.is_err());

    let stage = Stage::new();
    stage.others.read.store(false, Ordering::Relaxed);
    let mut feed = stage.left().await;
    assert_eq!((stage.ended(), stage.is_over()), (Some(false), true));
    assert!(feed.send_data(Bytes::new()).await.is_err());
}

/// A stored response has at most 1,000 bytes.
#[tokio::test(start_paused = true)]
async fn a_response_that_outgrows_the_cache_is_broadcast_to_its_end() {
    for (length, is_broken, is_whole) in
        [(None, false, true), (None, true, false), (Some(200), false, false)]
    {
        let stage = Stage::new();
        let (mut feed, _) = stage.begun_of(length).await;
        let mut all = b"first".to_vec();
        for byte in 0..50 {
            feed.send_data(vec![byte; 100].into()).await.unwrap();
            all.extend_from_slice(&[byte; 100]);
        }
        let used = stage.target.budget.used();
        assert!(used < 2_000, "{used}");
        assert_eq!(stage.ended(), None);
        match is_broken {
            true => feed.abort("broken off".into()),
            false => drop(feed),
        }
        while !stage.is_over() {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(*stage.others.told.lock().unwrap() == all);
        assert!(stage.others.is_not_kept.load(Ordering::Relaxed));
        assert_eq!(stage.others.is_whole.load(Ordering::Relaxed), is_whole);
        assert_eq!((stage.ended(), stage.target.budget.used()), (Some(false), 0));
        assert_eq!(stage.flights.counts.not_stored(NotStored::TooLarge).get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_store_or_of_the_body_ends_one_response() {
    let stage = Stage::new();
    stage.others.panics.store(true, Ordering::Relaxed);
    let mut feed = stage.left().await;
    assert_eq!((stage.ended(), stage.is_over()), (Some(false), true));
    assert!(feed.send_data(Bytes::new()).await.is_err());

    let stage = Stage::new();
    let (mut feed, mut body) = stage.begun().await;
    let mut read = async |data: Bytes| {
        feed.send_data(data.clone()).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), data);
    };
    read(vec![0; 2_000].into()).await;
    assert!(stage.others.is_not_kept.load(Ordering::Relaxed));
    stage.others.panics.store(true, Ordering::Relaxed);
    read(Bytes::from_static(b"more")).await;
    read(Bytes::from_static(b"last")).await;
    assert_eq!(stage.ended(), Some(false));
    assert!(!stage.others.is_whole.load(Ordering::Relaxed));

    let stage = Stage::new();
    let mut feed = stage.left().await;
    feed.send_data(Bytes::from_static(b"panic")).await.unwrap();
    while !stage.is_over() {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((stage.ended(), stage.target.budget.used()), (Some(false), 0));
    assert_eq!(stage.flights.counts.not_stored(NotStored::Broken).get(), 1);
}
