//! One fetch at a time, in a task of its own.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::BoxError;

use super::flight::{Fetched, Flight};
use super::state::State;
use super::{Shared, Source};
use crate::jwt::error::JwksError;

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a fetch unless one is running. It continues if the request that started it ends;
    /// otherwise clients could trigger any number of fetches by hanging up.
    pub(super) fn start(self: &Arc<Self>, source: &Source) -> Result<Flight, JwksError> {
        let runtime = Handle::try_current().map_err(|_| JwksError::NoRuntime)?;
        let (sender, receiver) = watch::channel(());
        let now = (self.clock)();
        let flight = match self.state().fly(Flight(receiver), now) {
            Ok(own) => own,
            Err(running) => return Ok(running),
        };
        let landing = Landing { shared: self.clone(), result: None, _sender: sender };
        runtime.spawn(fetch(source.clone(), self.bounds.timeout, landing));
        Ok(flight)
    }
}

async fn fetch(source: Source, limit: Duration, mut landing: Landing) {
    let fetched = timeout(limit, async { source().await }).await;
    landing.result = Some(fetched.unwrap_or(Err(JwksError::Timeout)));
}

/// The end of a fetch, even if it panics or its runtime ends.
struct Landing {
    shared: Arc<Shared>,
    result: Option<Result<Fetched, JwksError>>,
    /// Dropped last; that wakes the waiting requests.
    _sender: watch::Sender<()>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| {
            let error = BoxError::from("the fetch was broken off");
            Err(JwksError::Client(error.into()))
        });
        if let Err(error) = &result {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(target: crate::TARGET, %error, source, "the keys for JWTs were not fetched");
        }
        let now = (self.shared.clock)();
        self.shared.state().land(result, now, &self.shared.bounds);
    }
}
