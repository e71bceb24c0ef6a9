//! The ends of exchanges, for a test to wait for.

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower_ai_gateway::{EndEvent, MetricsHook};

use super::guard;

/// What was kept of each end event, in their order.
#[derive(Debug)]
pub struct Ends<T>(UnboundedReceiver<T>);

impl<T: Send + 'static> Ends<T> {
    /// With the hook that tells them. It is told after all hooks that were added before it.
    pub fn by(
        keep: impl Fn(&EndEvent<'_>) -> T + Send + Sync + 'static,
    ) -> (impl MetricsHook, Self) {
        let (sender, ends) = unbounded_channel();
        // A test that has seen enough waits no more.
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
