//! Changes of a file, however it is changed.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _, recommended_watcher};
use tokio::sync::Notify;
use tokio::time::sleep;

/// How long a change is left to be finished.
const SETTLE: Duration = Duration::from_millis(200);

/// How long until the file is looked at although nothing was told.
const POLL: Duration = Duration::from_secs(5);

/// What happens in the directory of a file. Editors put a new file in the place of the old one, and
/// Kubernetes turns a symbolic link beside it: neither touches the file that was there.
///
/// A watch ends when the directory is removed, and cannot be had where the system has no more of
/// them. So the file is looked at every few seconds as well, and the directory watched anew.
pub(super) struct Changes {
    /// `None` where nothing is watched.
    directory: Option<PathBuf>,
    changed: Arc<Notify>,
    /// It watches as long as it is there.
    watcher: Option<RecommendedWatcher>,
}

impl Changes {
    /// Watches from here on.
    pub(super) fn of(path: &Path) -> Self {
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).to_owned();
        let mut changes =
            Self { directory: Some(directory), changed: Arc::default(), watcher: None };
        if let Err(error) = changes.watch() {
            let file = path.display();
            tracing::warn!(%file, %error, every = ?POLL, "the file cannot be watched; it is polled");
        }
        changes
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { directory: None, changed: Arc::default(), watcher: None }
    }

    /// Something may have changed, and has had the time to be finished. What comes in the meantime
    /// is kept for the next call.
    pub(super) async fn next(&mut self) {
        if self.directory.is_none() {
            pending::<()>().await;
        }
        tokio::select! {
            () = self.changed.notified() => sleep(SETTLE).await,
            // The directory may be gone. It is watched again once it is back.
            () = sleep(POLL) => drop(self.watch()),
        }
    }

    /// Where the directory is watched already this changes nothing.
    fn watch(&mut self) -> notify::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            none => none.insert(watcher(self.changed.clone())?),
        };
        watcher.watch(directory, RecursiveMode::NonRecursive)
    }
}

fn watcher(changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    recommended_watcher(move |event: notify::Result<Event>| {
        // To read the file is an event too, and no change.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            changed.notify_one();
        }
    })
}
