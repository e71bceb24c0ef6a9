//! Notices changes of a file, in whatever way it is changed.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _, recommended_watcher};
use tokio::sync::Notify;
use tokio::time::sleep;

/// The time until the file is checked without a notification.
const POLL: Duration = Duration::from_secs(5);

/// Watches the directory of a file. Editors replace a file by a new one, and Kubernetes changes a
/// symbolic link beside it: neither touches the old file.
///
/// A watch ends when the directory is removed, and fails if the system has no more of them. So the file
/// is also checked every few seconds, and the directory is watched again.
pub(super) struct Changes {
    /// `None` if nothing is watched.
    directory: Option<PathBuf>,
    changed: Arc<Notify>,
    /// It watches until it is dropped.
    watcher: Option<RecommendedWatcher>,
}

impl Changes {
    /// Starts to watch.
    pub(super) fn of(path: &Path) -> Self {
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).to_owned();
        let mut changes =
            Self { directory: Some(directory), changed: Arc::default(), watcher: None };
        if let Err(error) = changes.watch() {
            let file = path.display();
            tracing::warn!(%file, %error, every = ?POLL, "the file cannot be watched, so it is polled");
        }
        changes
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { directory: None, changed: Arc::default(), watcher: None }
    }

    /// Returns when the file may have changed. Later changes are kept for the next call.
    pub(super) async fn next(&mut self) {
        if self.directory.is_none() {
            pending::<()>().await;
        }
        tokio::select! {
            () = self.changed.notified() => {}
            // The directory may be gone: watch it again once it is back.
            () = sleep(POLL) => drop(self.watch()),
        }
    }

    /// Does nothing if the directory is already watched.
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
        // Reading the file is an event too, but no change.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            changed.notify_one();
        }
    })
}
