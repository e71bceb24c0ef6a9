//! The log: one JSON object per line, on standard error.

mod json;
mod lines;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    env, io, panic,
    sync::OnceLock,
    time::Duration,
};

use tower_ai_gateway::hook::redacted;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    fmt::MakeWriter,
    util::{SubscriberInitExt, TryInitError},
};

use self::json::JsonLines;
pub(crate) use self::lines::Lines;

/// The time limit for the last lines when the program ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts logging: everything from INFO up, unless `RUST_LOG` says otherwise.
pub(crate) fn init() -> Result<(), TryInitError> {
    let (filter, ignored) = filter(env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default().as_str());
    subscriber(filter, stderr().clone()).try_init()?;
    panic::set_hook(Box::new(report));
    if let Some(error) = ignored {
        tracing::warn!(%error, "RUST_LOG is ignored");
    }
    Ok(())
}

/// The lines for standard error.
pub(crate) fn stderr() -> &'static Lines {
    static STDERR: OnceLock<Lines> = OnceLock::new();
    STDERR.get_or_init(|| Lines::to(io::stderr()))
}

/// Reports why the program cannot continue.
pub(crate) fn complain(text: &str) {
    stderr().push(format!("error: {text}\n").as_bytes());
}

/// On drop, also by a panic, writes the last lines for at most a second.
pub(crate) struct LastLines<'a>(&'a Lines);

impl LastLines<'static> {
    pub(crate) fn of_stderr() -> Self {
        Self(stderr())
    }
}

impl Drop for LastLines<'_> {
    fn drop(&mut self) {
        self.0.flush(PATIENCE);
    }
}

/// `EnvFilter` can ignore invalid directives itself, but then prints to standard error, and panics if
/// that fails.
fn filter(text: &str) -> (EnvFilter, Option<impl std::error::Error + use<>>) {
    let builder = || EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    match builder().parse(text) {
        Ok(filter) => (filter, None),
        Err(error) => (builder().parse_lossy(""), Some(error)),
    }
}

/// Logs a panic like everything else: the default hook blocks if nobody reads standard error.
fn report(panic: &panic::PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    // It may quote text from a client.
    let text = text.map(redacted);
    let location = panic.location().map(tracing::field::display);
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_captured.then(|| tracing::field::display(&backtrace));
    tracing::error!(text = text.as_deref(), location, backtrace, "panicked");
}

fn subscriber<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .with_ansi(false)
        // They would be printed with `eprintln!`.
        .log_internal_errors(false)
        .event_format(JsonLines::default())
        .with_env_filter(filter)
        .with_writer(writer)
        .finish()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::written::Written;

    fn logged(filter: &str, events: impl FnOnce()) -> Vec<Value> {
        crate::every_thread::may_log();
        let written = Written::default();
        let writer = written.clone();
        let filter = self::filter(filter).0;
        tracing::subscriber::with_default(subscriber(filter, move || writer.clone()), events);
        written.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_one_flat_object() {
        let lines = logged("", || {
            tracing::info!(target: "tower_ai_gateway", provider = "grok", status = 200, "end");
            tracing::debug!("too fine");
        });
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["target"], "tower_ai_gateway");
        assert_eq!(line["message"], "end");
        assert_eq!(line["provider"], "grok");
        assert_eq!(line["status"], 200);
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{time}");
    }

    #[test]
    fn the_lines_before_a_panic_that_ends_the_program_are_written() {
        let output = Written::default();
        let lines = Lines::to(output.clone());
        // The second line waits for the writer.
        lines.push(b"one\n");
        lines.flush(PATIENCE);
        let panicked = panic::catch_unwind(|| {
            let _last = LastLines(&lines);
            lines.push(b"two\n");
            panic::resume_unwind(Box::new("the end"));
        });
        assert!(panicked.is_err());
        assert_eq!(output.all(), "one\ntwo\n");
    }

    #[test]
    fn the_filter_can_be_replaced() {
        let lines = logged("warn,tower_ai_gateway=debug", || {
            tracing::info!(target: "hyper", "left out");
            tracing::debug!(target: "tower_ai_gateway", "kept");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "kept");
    }

    #[test]
    fn an_invalid_filter_leaves_the_default() {
        let (filter, ignored) = filter("warn,a=b=c");
        assert_eq!(filter.to_string(), "info");
        assert!(ignored.is_some());
    }
}
