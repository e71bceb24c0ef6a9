//! The hook that makes a record of every exchange.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::cut::TEXT_LIMIT;
use super::queue::{Kind, Limits, Queue};
use super::report::{FlushReport, LogCounts};
use super::weight::weight;
use super::writer::{Change, Writer};
use super::{LogRecord, LogSink, payload, redact};
use crate::context::GatewayContext;
use crate::directives::Directives;
use crate::hook::{EndEvent, MetricsHook};
use crate::util::macros::setters;
use crate::util::opaque::opaque_debug;

/// How long dropping the last clone of a [`LogHook`] may take.
const DROP_GRACE: Duration = Duration::from_secs(2);

/// Writes one [`LogRecord`] for each exchange. Clones write to the same log.
///
/// Records wait in a bounded queue for a thread that redacts and writes them: an exchange never
/// waits for a disk. Records gather for up to 20 ms and are written together. What does not fit into the queue is dropped and counted, and the host's own
/// log is told so (`WARN`) when a loss begins, and once more when it is over.
///
/// Clients that [the host lets](crate::settings::GatewaySettingsBuilder::client_controls) decide for
/// their own requests: `cf-aig-collect-log: false` makes no record, and
/// `cf-aig-collect-log-payload: true` puts the beginning of both bodies into it. By default neither
/// header counts.
///
/// Before the program ends, [`flush`](Self::flush) writes what is queued. Dropping the last clone
/// does the same, for two seconds at most.
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

/// Which requests are logged, and how much of them.
#[derive(Clone, Copy, Debug)]
struct Policy {
    collect: bool,
    payloads: bool,
    payload_limit: usize,
    text_limit: usize,
}

/// Makes a [`LogHook`].
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
    /// A hook whose records go to `sink`.
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

    /// Writes all records that are queued now, and makes them last. Blocks until that is done, for
    /// at most `timeout`; in async code call it through `tokio::task::spawn_blocking`.
    ///
    /// What has become of all records is in the report, whether or not the time was enough.
    #[must_use = "it says how many records were lost"]
    pub fn flush(&self, timeout: Duration) -> FlushReport {
        self.0.queue.flush(timeout)
    }

    /// What has become of all records so far.
    #[must_use]
    pub fn counts(&self) -> LogCounts {
        self.0.queue.counts()
    }

    /// How many records found the queue full, or their share of it, and were dropped.
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
        let weight = weight(&record);
        queue.push(record, weight, kind);
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
    /// Writes every record to this sink too. The sinks share one thread: give one that may be slow
    /// a hook of its own.
    pub fn sink(self, sink: impl LogSink) => self.sinks.push(Box::new(sink));

    /// Whether requests that say nothing of it are logged. Default: yes.
    ///
    /// The gateway's defaults go before it, and `cf-aig-collect-log` of a client that may use it.
    pub fn collect(self, collect: bool) => self.policy.collect = collect;

    /// Whether the bodies of requests that say nothing of it are logged. Default: no.
    ///
    /// The gateway's defaults go before it, and `cf-aig-collect-log-payload` of a client that may use
    /// it. What looks like a credential is taken out of them; whatever else people write to models
    /// is not.
    pub fn payloads(self, payloads: bool) => self.policy.payloads = payloads;

    /// How many bytes of each body are logged, where they are. Default: 64 KiB.
    ///
    /// Every open exchange whose bodies are logged keeps up to twice as much in memory.
    pub fn payload_limit(self, bytes: usize) => self.policy.payload_limit = bytes;

    /// How many bytes of each text that the client or the provider chooses are logged, bodies not
    /// included: the user agent, the path, a key or a value of the metadata and the like. Default:
    /// 1 KiB.
    ///
    /// A text that is cut ends in `…`, and [`LogRecord::cut`] is set.
    pub fn text_limit(self, bytes: usize) => self.policy.text_limit = bytes;

    /// How many records may be queued. Default: 8,192.
    ///
    /// A quarter of them at most are of requests that reached no provider, so that a flood of
    /// refused ones leaves room for those that were served.
    pub fn queue_limit(self, records: usize) => self.limits.records = records;

    /// How many bytes of memory the queued records may take up. Default: 64 MiB.
    ///
    /// Of these, too, a quarter at most is for requests that reached no provider.
    pub fn queue_bytes(self, bytes: usize) => self.limits.bytes = bytes;

    /// Changes each text of a record that comes from the client or the provider: the bodies, the
    /// path, metadata and the like. It is called on the writer's thread, after the gateway's own
    /// redaction; several are called in their order. Where it panics the record is not written.
    pub fn redact(self, change: impl Fn(&mut String) + Send + 'static) =>
        self.redact.push(Box::new(change));

    /// Changes each record, after all redaction, on the writer's thread. Where it panics the record
    /// is not written.
    pub fn map(self, change: impl Fn(&mut LogRecord) + Send + 'static) =>
        self.map.push(Box::new(change));
}}

impl LogHookBuilder {
    /// Starts the thread that writes.
    ///
    /// # Errors
    ///
    /// The system has no room for another thread.
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
