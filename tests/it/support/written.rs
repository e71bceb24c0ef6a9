//! Collects all output, so that a test can search it for secrets.

use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex};

use tower_ai_gateway::hook::{AttemptEvent, HeadEvent, RequestEvent};
use tower_ai_gateway::{EndEvent, GatewayContext, MetricsHook};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::format::FmtSpan;

use super::every_thread;

#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the `Debug` output of every event.
impl MetricsHook for Written {
    fn on_request(&self, event: &RequestEvent<'_>) {
        self.note(event);
        self.note(&event.context.directives());
    }

    fn on_attempt(&self, event: &AttemptEvent<'_>) {
        self.note(event);
    }

    fn on_head(&self, event: &HeadEvent<'_>) {
        self.note(event);
    }

    fn on_end(&self, event: &EndEvent<'_>) {
        self.note(event);
    }

    fn payload_limit(&self, context: &GatewayContext) -> usize {
        self.note(context);
        1000
    }
}

impl Written {
    pub fn note(&self, shown: &dyn Debug) {
        self.text(&format!("{shown:?} {shown:#?}"));
    }

    pub fn text(&self, text: &str) {
        let mut all = self.0.lock().unwrap();
        all.extend_from_slice(text.as_bytes());
        all.push(b'\n');
    }

    pub fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub fn lines(&self) -> Vec<String> {
        self.all().lines().map(str::to_owned).collect()
    }

    pub fn warnings(&self) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.contains(" WARN ")).collect()
    }

    /// The output since the last call.
    pub fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }

    /// Also collects this thread's log until the guard is dropped.
    #[must_use]
    pub fn logging(&self, filter: &str) -> DefaultGuard {
        every_thread::may_log();
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_span_events(FmtSpan::FULL)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// Collects this thread's log as plain lines until the guard is dropped.
    pub fn capture() -> (Self, DefaultGuard) {
        every_thread::may_log();
        let written = Self::default();
        let writer = written.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        (written, tracing::subscriber::set_default(subscriber))
    }

    /// Checks that these texts were written, and no secret was.
    #[track_caller]
    pub fn assert_clean(&self, expected: &[&str]) {
        let text = self.all();
        let leak = text.lines().find(|line| line.contains("LEAK"));
        assert_eq!(leak, None);
        for expected in expected {
            assert!(text.contains(expected), "{expected} was written: {text}");
        }
    }
}
