//! Waits for the ends of exchanges.

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower_ai_gateway::{EndEvent, MetricsHook};

use super::guard;

/// The kept part of each end event, in order.
#[derive(Debug)]
pub struct Ends<T>(UnboundedReceiver<T>);

impl<T: Send + 'static> Ends<T> {
    /// Creates it with its hook, which runs after all hooks that were added before it.
    pub fn by(
        keep: impl Fn(&EndEvent<'_>) -> T + Send + Sync + 'static,
    ) -> (impl MetricsHook, Self) {
        let (sender, ends) = unbounded_channel();
        // The test may have stopped waiting.
        let hook = move |end: &EndEvent<'_>| drop(sender.send(keep(end)));
        (hook, Self(ends))
    }

    pub async fn next(&mut self) -> T {
        guard("the end of an exchange", self.0.recv()).await.unwrap()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
