//! Changes of a file, however it is changed.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _, recommended_watcher};
use tokio::sync::Notify;
use tokio::time::sleep;

/// How long a change is left to be finished.
const SETTLE: Duration = Duration::from_millis(200);

/// What happens in the directory of a file. Editors put a new file in the place of the old one, and
/// Kubernetes turns a symbolic link beside it: neither touches the file that was there.
pub(super) struct Changes {
    changed: Arc<Notify>,
    /// It watches as long as it is there; `None` where nothing can be watched.
    watcher: Option<RecommendedWatcher>,
}

impl Changes {
    /// Watches from here on. Where the system does not let it, SIGHUP is what is left.
    pub(super) fn of(path: &Path) -> Self {
        let changed = Arc::new(Notify::new());
        let watcher = watch(path, changed.clone()).inspect_err(|error| {
            let file = path.display();
            tracing::warn!(%file, %error, "the file cannot be watched: after a change, send SIGHUP");
        });
        Self { changed, watcher: watcher.ok() }
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { changed: Arc::default(), watcher: None }
    }

    /// Something may have changed, and has had the time to be finished. What comes in the meantime
    /// is kept for the next call.
    pub(super) async fn next(&self) {
        if self.watcher.is_none() {
            pending::<()>().await;
        }
        self.changed.notified().await;
        sleep(SETTLE).await;
    }
}

fn watch(path: &Path, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = recommended_watcher(move |event: notify::Result<Event>| {
        // To read the file is an event too, and no change.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            changed.notify_one();
        }
    })?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    watcher.watch(directory.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
