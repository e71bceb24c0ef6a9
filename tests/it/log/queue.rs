//! Records that wait for a slow sink.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc;
use std::time::Duration;

use tower_ai_gateway::log::{LogHook, LogRecord, LogSink, SinkError};

use crate::log::directory::{Directory, ids_in};
use crate::log::scene::{CHAT, Kept, LONG, Scene, provider};
use crate::support::message::request;

/// A sink that waits for the test before each batch, and keeps its records.
struct Gate {
    open: mpsc::Receiver<()>,
    kept: Kept,
    /// Dropped with the sink.
    _done: Option<mpsc::Sender<()>>,
}

impl LogSink for Gate {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        let _ = self.open.recv();
        self.kept.write(batch)
    }
}

#[tokio::test]
async fn records_without_room_are_dropped_and_counted() {
    let (open, gate) = mpsc::channel();
    let kept = Kept::default();
    let log =
        LogHook::builder(Gate { open: gate, kept: kept.clone(), _done: None }).queue_limit(20);
    let mut scene = Scene::new(provider(b"").await, log.build().unwrap()).await;
    let ids = scene.refuse(20).await;
    let counts = scene.log.counts();
    assert_eq!((counts.queued, counts.dropped, counts.written), (5, 15, 0));

    let report = scene.log.flush(Duration::from_millis(20));
    assert!(!report.in_time && !report.is_complete() && report.counts.queued == 5, "{report}");
    drop(open);
    let report = scene.flush();
    assert!(report.in_time && !report.is_complete());
    assert_eq!((report.counts.written, report.counts.queued, scene.log.dropped()), (5, 0, 15));
    let logged: Vec<_> = kept.take().into_iter().map(|record| record.id).collect();
    assert_eq!(logged, ids[..5], "the first ones, in their order");

    let later = scene.refuse(3).await;
    let log = scene.log.clone();
    let report = tokio::task::spawn_blocking(move || log.flush(LONG)).await.unwrap();
    assert_eq!((report.counts.written, report.counts.dropped), (8, 15));
    let logged: Vec<_> = kept.take().into_iter().map(|record| record.id).collect();
    assert_eq!(logged, later, "there is room again");
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes_too() {
    let (open, gate) = mpsc::channel();
    let kept = Kept::default();
    let log =
        LogHook::builder(Gate { open: gate, kept: kept.clone(), _done: None }).queue_bytes(50_000);
    let base = provider(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut scene = Scene::new(base, log.payloads(true).build().unwrap()).await;
    for _ in 0..10 {
        scene.answer(request(CHAT, &[], &[b'a'; 20_000])).await;
    }
    let counts = scene.log.counts();
    assert_eq!((counts.queued, counts.dropped), (2, 8));
    drop(open);
    assert_eq!(scene.flush().counts.written, 2);
    scene.answer(request(CHAT, &[], &[b'a'; 20_000])).await;
    assert_eq!(scene.flush().counts.written, 3, "what is written takes up no room");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_record_is_written_or_counted_under_concurrency() {
    let directory = Directory::new();
    let log = LogHook::builder(directory.file()).queue_limit(20).build().unwrap();
    let tasks = (0..8).map(|_| tokio::spawn(refuse_and_drop(log.clone(), 400)));
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let counts = log.flush(LONG).counts;
    assert_eq!(counts.written + counts.dropped, 3_200, "{counts:?}");
    let ids = ids_in(directory.log());
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len() as u64, distinct.len()), (counts.written, ids.len()));
}

/// Sends this many refused requests in memory, then drops the layer and with it the last clone of
/// its hook.
async fn refuse_and_drop(log: LogHook, count: usize) {
    use tower::{Layer as _, ServiceExt as _, service_fn};
    use tower_ai_gateway::{GatewayLayer, Mount, Provider};

    let layer =
        GatewayLayer::builder().provider(Provider::xai()).mount(Mount::hosted().exclusive());
    let service =
        layer.metrics_hook(log).build().unwrap().client_layer().layer(service_fn(|_| async {
            Err::<http::Response<String>, _>(io::Error::other("nobody is called"))
        }));
    for _ in 0..count {
        let request = http::Request::get("/v1/a/g/nosuch/x").body(String::new()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 400);
    }
}

#[tokio::test]
async fn dropping_the_hook_writes_what_is_queued() {
    let written = async || {
        let directory = Directory::new();
        refuse_and_drop(directory.hook(), 500).await;
        std::fs::read_to_string(directory.log()).unwrap().lines().count()
    };
    // The drop waits for two seconds at most, which may be too short on a busy machine.
    for _ in 0..5 {
        if written().await == 500 {
            return;
        }
    }
    panic!("the drop does not wait for what is queued");
}

#[tokio::test]
async fn dropping_the_hook_returns_despite_a_hanging_sink() {
    let (open, gate) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let kept = Kept::default();
    let sink = Gate { open: gate, kept: kept.clone(), _done: Some(done) };
    // Would not return if the drop waited for the sink.
    refuse_and_drop(LogHook::builder(sink).build().unwrap(), 700).await;
    assert_eq!(kept.take().len(), 0);
    drop(open);
    // The thread drops its sinks when it ends.
    assert_eq!(is_done.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
    assert_eq!(kept.take().len(), 700);
}
