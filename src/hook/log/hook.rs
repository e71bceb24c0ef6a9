//! The hook that logs each exchange.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::cut::TEXT_LIMIT;
use super::queue::{Kind, Limits, Queue};
use super::record_size::record_size;
use super::report::{FlushReport, LogCounts};
use super::writer::{Change, Writer};
use super::{LogRecord, LogSink, payload, redact};
use crate::context::GatewayContext;
use crate::directives::Directives;
use crate::hook::{EndEvent, MetricsHook};
use crate::util::macros::setters;
use crate::util::opaque::opaque_debug;

/// The time limit for dropping the last clone of a [`LogHook`].
const DROP_GRACE: Duration = Duration::from_secs(2);

/// Writes one [`LogRecord`] for each exchange. Clones write to the same log.
///
/// Records wait in a bounded queue for a thread that redacts and writes them, so an exchange never
/// waits for a disk. The thread collects records for up to 20 ms and writes them together. Records
/// that do not fit into the queue are dropped and counted. A warning is logged through `tracing`
/// when a loss begins and when it ends.
///
/// If [the host allows it](crate::settings::GatewaySettingsBuilder::client_controls), clients
/// decide for their own requests: `cf-aig-collect-log: false` prevents the record, and
/// `cf-aig-collect-log-payload: true` adds the start of both bodies. By default both headers are
/// ignored.
///
/// Call [`flush`](Self::flush) before the program ends to write the queued records. Dropping the
/// last clone does the same, for at most two seconds.
///
/// ```no_run
/// use std::time::Duration;
/// use tower_ai_gateway::log::{LogFile, LogHook};
/// use tower_ai_gateway::{GatewayLayer, Provider};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = LogHook::builder(LogFile::open("gateway.jsonl")?).build()?;
/// let layer =
///     GatewayLayer::builder().provider(Provider::xai()).metrics_hook(log.clone()).build()?;
///
/// // Serve, and then:
/// let report = log.flush(Duration::from_secs(10));
/// if !report.is_complete() {
///     eprintln!("{report}");
/// }
/// # let _ = layer;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LogHook(Arc<Inner>);

struct Inner {
    policy: Policy,
    queue: Arc<Queue>,
}

/// Which requests are logged, and with which limits.
#[derive(Clone, Copy, Debug)]
struct Policy {
    collect: bool,
    payloads: bool,
    payload_limit: usize,
    text_limit: usize,
}

/// Builds a [`LogHook`].
///
/// ```
/// use tower_ai_gateway::log::{JsonLines, LogHook};
///
/// let log = LogHook::builder(JsonLines::new(std::io::stderr()))
///     .payloads(true) // the beginnings of both bodies, without what looks like a credential
///     .payload_limit(16 << 10)
///     .queue_limit(1_000)
///     .build()?;
/// # drop(log);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LogHookBuilder {
    policy: Policy,
    limits: Limits,
    sinks: Vec<Box<dyn LogSink>>,
    redact: Vec<Change<String>>,
    map: Vec<Change<LogRecord>>,
}

impl LogHook {
    /// Starts building a hook that writes to `sink`.
    pub fn builder(sink: impl LogSink) -> LogHookBuilder {
        LogHookBuilder {
            policy: Policy {
                collect: true,
                payloads: false,
                payload_limit: 64 * 1024,
                text_limit: TEXT_LIMIT,
            },
            limits: Limits { records: 8192, bytes: 64 << 20 },
            sinks: vec![Box::new(sink)],
            redact: Vec::new(),
            map: Vec::new(),
        }
    }

    /// Writes all queued records and flushes the sinks. Blocks for at most `timeout`; in async code
    /// call it through `tokio::task::spawn_blocking`.
    ///
    /// The report has the counts of all records, even if the time was not enough.
    #[must_use = "it reports how many records were lost"]
    pub fn flush(&self, timeout: Duration) -> FlushReport {
        self.0.queue.flush(timeout)
    }

    /// The counts of all records so far.
    #[must_use]
    pub fn counts(&self) -> LogCounts {
        self.0.queue.counts()
    }

    /// The number of records that were dropped because the queue, or their share of it, was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts().dropped
    }
}

impl MetricsHook for LogHook {
    fn on_end(&self, end: &EndEvent<'_>) {
        let Inner { policy, queue } = &*self.0;
        let directives = end.context.directives();
        if !policy.wants_record(directives) {
            return;
        }
        let kind = Kind::of(end);
        let Some(mut record) = queue.spare(kind) else { return };
        record.fill(end, policy.text_limit);
        if policy.wants_payloads(directives) {
            payload::attach(&mut record, end, policy.payload_limit);
        }
        let size = record_size(&record);
        queue.push(record, size, kind);
    }

    fn payload_limit(&self, context: &GatewayContext) -> usize {
        let policy = &self.0.policy;
        if policy.wants_payloads(context.directives()) { policy.payload_limit } else { 0 }
    }
}

impl Policy {
    fn wants_record(&self, directives: Option<&Directives>) -> bool {
        directives.and_then(|directives| directives.collect_log).unwrap_or(self.collect)
    }

    fn wants_payloads(&self, directives: Option<&Directives>) -> bool {
        let asked = directives.and_then(|directives| directives.collect_log_payload);
        self.wants_record(directives) && asked.unwrap_or(self.payloads)
    }
}

setters! { impl LogHookBuilder {
    /// Also writes each record to this sink. All sinks share one thread: a slow sink should get its
    /// own hook.
    pub fn sink(self, sink: impl LogSink) => self.sinks.push(Box::new(sink));

    /// Whether to log requests without `cf-aig-collect-log`. Default: `true`.
    ///
    /// The gateway's default and `cf-aig-collect-log`, if the client may use it, take precedence.
    pub fn collect_by_default(self, collect: bool) => self.policy.collect = collect;

    /// Whether to log the bodies of requests without `cf-aig-collect-log-payload`. Default:
    /// `false`.
    ///
    /// The gateway's default and `cf-aig-collect-log-payload`, if the client may use it, take
    /// precedence. Texts that look like credentials are removed from bodies; other personal data is
    /// not.
    pub fn payloads(self, payloads: bool) => self.policy.payloads = payloads;

    /// The maximum number of bytes of each logged body. Default: 64 KiB.
    ///
    /// Each open exchange whose bodies are logged keeps up to twice as much in memory.
    pub fn payload_limit(self, bytes: usize) => self.policy.payload_limit = bytes;

    /// The maximum number of bytes of each text from the client or the provider, except bodies: the
    /// user agent, the path, keys and values of metadata, and so on. Default: 1 KiB.
    ///
    /// A longer text is cut and ends in `…`, and [`LogRecord::cut`] is set.
    pub fn text_limit(self, bytes: usize) => self.policy.text_limit = bytes;

    /// The maximum number of queued records. Default: 8,192.
    ///
    /// Requests that reached no provider may use at most a quarter, so that a flood of refused
    /// requests leaves room for others.
    pub fn queue_limit(self, records: usize) => self.limits.records = records;

    /// The maximum memory of the queued records, in bytes. Default: 64 MiB.
    ///
    /// Here too, requests that reached no provider may use at most a quarter.
    pub fn queue_bytes(self, bytes: usize) => self.limits.bytes = bytes;

    /// Adds a function that changes each text from the client or the provider: bodies, path,
    /// metadata and so on. It runs on the writer's thread, after the gateway's own redaction.
    /// Several functions run in the order in which they were added. If one panics, the record is
    /// not written.
    pub fn redact(self, change: impl Fn(&mut String) + Send + 'static) =>
        self.redact.push(Box::new(change));

    /// Adds a function that changes each record, after all redaction. It runs on the writer's
    /// thread. If it panics, the record is not written.
    pub fn map(self, change: impl Fn(&mut LogRecord) + Send + 'static) =>
        self.map.push(Box::new(change));
}}

impl LogHookBuilder {
    /// Starts the writer's thread.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn build(self) -> io::Result<LogHook> {
        let Self { policy, limits, sinks, redact, map } = self;
        let queue = Arc::new(Queue::new(limits));
        let prepare = move |record: &mut LogRecord| {
            redact::record(record, &redact);
            map.iter().for_each(|change| change(record));
        };
        Writer::start(queue.clone(), Box::new(prepare), sinks)?;
        Ok(LogHook(Arc::new(Inner { policy, queue })))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let report = self.queue.flush(DROP_GRACE);
        self.queue.close();
        if !report.in_time || report.error.is_some() {
            tracing::warn!(target: crate::TARGET, %report, "the log may lack records");
        }
    }
}

opaque_debug!(LogHook { counts() });

opaque_debug!(LogHookBuilder { policy, limits });
