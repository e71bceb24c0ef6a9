//! SIGHUP, which asks the program to read its files again.

use std::io;

/// From here on SIGHUP does not end the program, even if it follows no files.
pub(crate) fn outlive() -> io::Result<()> {
    // The handler stays when the stream is dropped.
    Hangups::listen().map(drop)
}

/// A stream of SIGHUPs.
#[cfg(unix)]
pub(crate) struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    /// From here on SIGHUP does not end the program.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    /// A stream that never yields.
    #[cfg(all(test, feature = "config"))]
    pub(crate) fn never() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::user_defined2()).map(Self)
    }

    pub(crate) async fn next(&mut self) {
        // The stream does not end.
        let _ = self.0.recv().await;
    }
}

/// This system has no such signal.
#[cfg(windows)]
pub(crate) struct Hangups;

#[cfg(windows)]
impl Hangups {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}

/// Sends SIGHUP to this process, which must be listening.
#[cfg(test)]
#[cfg(all(unix, any(feature = "config", feature = "prices")))]
pub(crate) async fn hang_up() {
    let hang_up = format!("kill -HUP {}", std::process::id());
    let sent = tokio::process::Command::new("sh").args(["-c", &hang_up]).status().await;
    assert!(sent.unwrap().success());
}

/// Waits until the condition holds. Fails after 20 s.
#[cfg(test)]
#[cfg(all(unix, any(feature = "config", feature = "prices")))]
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let polled = async {
        while !is_so() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), polled).await.unwrap();
}
