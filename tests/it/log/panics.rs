//! Sinks and closures that panic.

use std::io;

use tower_ai_gateway::log::{LogHook, LogRecord, LogSink, SinkError};

use crate::log::scene::{Kept, Scene, provider};
use crate::support::message::request;

/// Panics at every second batch; its flush fails.
struct Moody(Kept, bool);

impl LogSink for Moody {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        self.1 = !self.1;
        assert!(!self.1, "planted");
        self.0.write(batch)
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::other("planted"))
    }
}

#[tokio::test]
async fn sinks_and_closures_that_panic_are_counted_and_called_again() {
    let (moody, calm) = (Kept::default(), Kept::default());
    let log = LogHook::builder(Moody(moody.clone(), false))
        .sink(calm.clone())
        .redact(|text| assert!(!text.contains("panic"), "planted"))
        .map(|record| record.gateway.push_str(" mapped"));
    let mut scene = Scene::new(provider(b"").await, log.build().unwrap()).await;
    for (expected_failed, expected_written) in [(1, 0), (1, 1)] {
        scene.refuse(1).await;
        let report = scene.flush();
        assert_eq!(
            (report.counts.failed, report.counts.written),
            (expected_failed, expected_written)
        );
        assert_eq!(report.error.as_ref().unwrap().to_string(), "planted");
        assert!(!report.is_complete());
    }
    scene.answer(request("GET /only/nosuch/panic", &[], b"")).await;
    assert_eq!(scene.flush().counts.failed, 2, "what cannot be redacted is not written");
    assert_eq!((moody.take().len(), calm.0.lock().unwrap().len()), (1, 2));
    assert!(calm.take().iter().all(|record| record.gateway == "default mapped"));
}
