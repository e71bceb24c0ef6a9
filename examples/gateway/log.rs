//! Logs: one JSON object a line, on standard error.

use std::io;

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    fmt::MakeWriter,
    util::{SubscriberInitExt, TryInitError},
};

/// Logs from here on: everything from INFO up, unless `RUST_LOG` says otherwise.
pub(crate) fn init() -> Result<(), TryInitError> {
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    subscriber(filter, io::stderr).try_init()
}

fn subscriber<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        // Fields at the top level are what log stores index without being told to.
        .flatten_event(true)
        .with_span_list(false)
        .with_ansi(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .finish()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, events: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = EnvFilter::builder()
            .with_default_directive(LevelFilter::INFO.into())
            .parse_lossy(filter);
        tracing::subscriber::with_default(subscriber(filter, move || writer.clone()), events);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
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
    fn the_filter_can_be_replaced() {
        let lines = logged("warn,tower_ai_gateway=debug", || {
            tracing::info!(target: "hyper", "left out");
            tracing::debug!(target: "tower_ai_gateway", "kept");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "kept");
    }
}
