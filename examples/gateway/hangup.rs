//! SIGHUP, which asks a program to read its files again.

use std::io;

/// From here on no SIGHUP ends the program, though it may follow no files.
pub(crate) fn outlive() -> io::Result<()> {
    // The handler stays when nobody listens any more.
    Hangups::listen().map(drop)
}

/// SIGHUP, as it arrives.
#[cfg(unix)]
pub(crate) struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    /// From here on it no longer ends the program.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for a signal that nobody sends.
    #[cfg(all(test, feature = "config"))]
    pub(crate) fn never() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::user_defined2()).map(Self)
    }

    pub(crate) async fn next(&mut self) {
        // The stream of a signal does not end.
        let _ = self.0.recv().await;
    }
}

/// There is no such signal here.
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

/// Sends one to this process, which must be listening.
#[cfg(test)]
#[cfg(all(unix, any(feature = "config", feature = "prices")))]
pub(crate) async fn hang_up() {
    let hang_up = format!("kill -HUP {}", std::process::id());
    let sent = tokio::process::Command::new("sh").args(["-c", &hang_up]).status().await;
    assert!(sent.unwrap().success());
}

/// Waits, but not for ever, until it is so.
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
