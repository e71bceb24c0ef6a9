//! A gateway with a log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_ai_gateway::log::{FlushReport, LogHook, LogRecord, LogSink, SinkError};

use crate::support::ends::Ends;
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::{Message, request};
use crate::support::raw_upstream::Recorder;

pub(crate) const CHAT: &str = "POST /v1/acct/gw/grok/v1/chat/completions";
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Keeps records in memory.
#[derive(Clone, Default)]
pub(crate) struct Kept(pub(crate) Arc<Mutex<Vec<LogRecord>>>);

impl Kept {
    pub(crate) fn take(&self) -> Vec<LogRecord> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl LogSink for Kept {
    fn write(&mut self, batch: &[LogRecord]) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }
}

/// A gateway with a log, and a signal when a record is in its queue.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) log: LogHook,
    ends: Ends<()>,
}

impl Scene {
    pub(crate) async fn new(base: String, log: LogHook) -> Self {
        let (reported, ends) = Ends::by(|_| ());
        let hook = log.clone();
        let setup = Setup::universal(base).all_controls();
        let setup = setup.layer(|layer| layer.metrics_hook(hook).metrics_hook(reported));
        Self { gateway: setup.start().await, log, ends }
    }

    pub(crate) async fn ended(&mut self) {
        self.ends.next().await;
    }

    pub(crate) async fn answer(&mut self, request: Vec<u8>) -> Message {
        let answer = self.gateway.answer(request).await;
        self.ended().await;
        answer
    }

    /// Sends exchanges that need no provider on one connection.
    pub(crate) async fn refuse(&mut self, count: usize) -> Vec<String> {
        let mut wire = self.gateway.connect().await;
        let mut ids = Vec::new();
        for _ in 0..count {
            let answer = wire.send_and_read(&request("GET /only/nosuch/x", &[], b"")).await;
            ids.push(answer.head.get("cf-aig-log-id").unwrap().to_owned());
            self.ended().await;
        }
        ids
    }

    pub(crate) fn flush(&self) -> FlushReport {
        self.log.flush(LONG)
    }

    /// Flushes, and checks that everything was written.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let report = self.flush();
        assert!(report.is_complete() && report.counts.queued == 0, "{report}");
    }
}

pub(crate) async fn provider(answer: &'static [u8]) -> String {
    Recorder::answering(move |_| answer.to_vec()).await.base("/v1")
}
