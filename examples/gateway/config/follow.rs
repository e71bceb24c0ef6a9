//! Settings that follow their file.

use std::path::{Path, PathBuf};

use tower_ai_gateway::settings::{Config, Settings};

use super::watch::Changes;
use super::{BoxError, Start};
use crate::gateway::hangup::Hangups;

/// Reads the file, and again from here on at every change of it and at SIGHUP.
pub(super) async fn start(path: &Path) -> Result<Start, BoxError> {
    start_with(path, Changes::of(path), Hangups::listen()?).await
}

async fn start_with(path: &Path, changes: Changes, hangups: Hangups) -> Result<Start, BoxError> {
    // Before the settings are read: what changes in between is then another text.
    let text = tokio::fs::read(path).await.ok();
    let config = read(path).await?;
    let settings = Settings::new(config.settings());
    let start = Start {
        providers: config.providers(),
        settings: Some(settings.clone()),
        #[cfg(feature = "control")]
        control: config.control_layer(),
    };
    let followed = Followed { path: path.to_owned(), started: config, settings };
    tokio::spawn(followed.follow(text, changes, hangups));
    Ok(start)
}

/// A file, and what the gateway runs with.
struct Followed {
    path: PathBuf,
    /// What it said at the start.
    started: Config,
    settings: Settings,
}

impl Followed {
    async fn follow(self, mut text: Option<Vec<u8>>, changes: Changes, mut hangups: Hangups) {
        loop {
            let is_asked_for = tokio::select! {
                () = hangups.next() => true,
                () = changes.next() => false,
            };
            let now = tokio::fs::read(&self.path).await.ok();
            // Other files of the directory change too.
            if now != text || is_asked_for {
                text = now;
                self.renew().await;
            }
        }
    }

    /// Requests under way keep the settings that they began with.
    async fn renew(&self) {
        let config = match read(&self.path).await {
            Ok(config) => config,
            Err(error) => {
                tracing::error!(%error, "the settings stay as they were");
                return;
            }
        };
        self.settings.replace(config.settings());
        let file = self.path.display();
        tracing::info!(%file, holds = %config, "the settings were read again");
        if config.providers() != self.started.providers() {
            tracing::warn!(%file, "changed providers take effect when the gateway is started again");
        }
        #[cfg(feature = "control")]
        if !config.has_same_control(&self.started) {
            tracing::warn!(
                %file,
                "changes of [health] and [retry] take effect when the gateway is started again"
            );
        }
    }
}

async fn read(path: &Path) -> Result<Config, BoxError> {
    let path = path.to_owned();
    Ok(tokio::task::spawn_blocking(move || Config::from_file(path)).await??)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::{Arc, Mutex};

    use tempfile::TempDir;

    use super::*;
    use crate::gateway::hangup::{hang_up, until};

    fn directory() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        (directory, path)
    }

    fn gateway(id: &str) -> String {
        format!("[gateways.{id}]\n")
    }

    fn has(settings: &Settings, id: &str) -> bool {
        settings.current().get(None, id).is_some()
    }

    async fn started(path: &Path) -> Settings {
        // Other tests hang up.
        let never = Hangups::never().unwrap();
        start_with(path, Changes::of(path), never).await.unwrap().settings.unwrap()
    }

    async fn followed(path: &Path) -> Followed {
        let config = read(path).await.unwrap();
        let settings = Settings::new(config.settings());
        Followed { path: path.to_owned(), started: config, settings }
    }

    /// What is logged while it runs, on this thread.
    async fn logged(run: impl Future<Output = ()>) -> String {
        use tracing::instrument::WithSubscriber as _;
        #[derive(Clone, Default)]
        struct Text(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Text {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let text = Text::default();
        let writer = text.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        run.with_subscriber(subscriber).await;
        let bytes = text.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn a_file_that_is_written_or_replaced_is_read_again() {
        let (directory, path) = directory();
        fs::write(&path, gateway("a")).unwrap();
        let settings = started(&path).await;
        assert!(has(&settings, "a"));
        fs::write(&path, gateway("b")).unwrap();
        until(|| has(&settings, "b")).await;
        assert!(!has(&settings, "a"));
        let new = directory.path().join(".gateway.toml.swp");
        fs::write(&new, gateway("c")).unwrap();
        fs::rename(&new, &path).unwrap();
        until(|| has(&settings, "c")).await;
    }

    #[tokio::test]
    async fn a_symbolic_link_that_is_turned_is_followed() {
        let (directory, path) = directory();
        let of = |name: &str| directory.path().join(name);
        for id in ["a", "b"] {
            fs::create_dir(of(id)).unwrap();
            fs::write(of(id).join("gateway.toml"), gateway(id)).unwrap();
        }
        symlink("a", of("..data")).unwrap();
        symlink("..data/gateway.toml", &path).unwrap();
        let settings = started(&path).await;
        assert!(has(&settings, "a"));
        symlink("b", of("..new")).unwrap();
        fs::rename(of("..new"), of("..data")).unwrap();
        until(|| has(&settings, "b")).await;
    }

    #[tokio::test]
    async fn a_broken_file_leaves_the_old_settings_until_it_is_whole() {
        let (_directory, path) = directory();
        fs::write(&path, gateway("a")).unwrap();
        let followed = followed(&path).await;
        let before = followed.settings.current();
        fs::write(&path, gateway("b") + "nonsense = 1").unwrap();
        let log = logged(followed.renew()).await;
        assert!(log.contains("ERROR") && log.contains("the settings stay as they were"), "{log}");
        assert!(log.contains("gateway.toml, line 2, gateways.b.nonsense: "), "{log}");
        fs::remove_file(&path).unwrap();
        let log = logged(followed.renew()).await;
        assert!(log.contains("gateway.toml: it cannot be read"), "{log}");
        assert!(Arc::ptr_eq(&before, &followed.settings.current()));
        fs::write(&path, gateway("b")).unwrap();
        let log = logged(followed.renew()).await;
        assert!(log.contains("1 gateway, 11 providers") && !log.contains("WARN"), "{log}");
        assert!(has(&followed.settings, "b"));
    }

    #[tokio::test]
    async fn changed_providers_are_said_to_wait() {
        let (_directory, path) = directory();
        let local = |port| format!("[providers.local]\nbase_url = \"http://127.0.0.1:{port}\"\n");
        fs::write(&path, local(1)).unwrap();
        let followed = followed(&path).await;
        fs::write(&path, local(2) + &gateway("a")).unwrap();
        let log = logged(followed.renew()).await;
        assert!(log.contains("WARN") && log.contains("when the gateway is started again"), "{log}");
        assert!(has(&followed.settings, "a"));
        fs::write(&path, local(1)).unwrap();
        assert!(!logged(followed.renew()).await.contains("WARN"));
    }

    #[cfg(feature = "control")]
    #[tokio::test]
    async fn changed_breakers_and_budgets_are_said_to_wait() {
        let (_directory, path) = directory();
        let health = "[health]\nbreaker = { min_calls = 5 }\n";
        fs::write(&path, health).unwrap();
        let followed = followed(&path).await;
        for other in ["", "[health.breaker]\nmin_calls = 6\n", "[health.cool_down]\n"] {
            fs::write(&path, gateway("a") + other).unwrap();
            let log = logged(followed.renew()).await;
            assert!(log.contains("WARN") && log.contains("of [health] and [retry]"), "{log}");
            assert!(has(&followed.settings, "a"));
        }
        fs::write(&path, format!("{health}[retry]\nbudget_per_second = 1")).unwrap();
        assert!(logged(followed.renew()).await.contains("of [health] and [retry]"));
        fs::write(&path, gateway("b") + "[health.breaker]\nmin_calls = 5\n[retry]").unwrap();
        assert!(!logged(followed.renew()).await.contains("WARN"));
    }

    #[tokio::test]
    async fn a_hangup_reads_it_again() {
        let (_directory, path) = directory();
        fs::write(&path, gateway("a")).unwrap();
        let hangups = Hangups::listen().unwrap();
        let start = start_with(&path, Changes::none(), hangups).await.unwrap();
        let settings = start.settings.unwrap();
        fs::write(&path, gateway("b")).unwrap();
        hang_up().await;
        until(|| has(&settings, "b")).await;
        // The same text again may mean other keys, which are elsewhere.
        let before = settings.current();
        hang_up().await;
        until(|| !Arc::ptr_eq(&before, &settings.current())).await;
    }
}
