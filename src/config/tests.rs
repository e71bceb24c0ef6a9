//! Tests of settings files: their meaning and their errors.

#[cfg(feature = "cache")]
mod cache;
#[cfg(any(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod certificates;
#[cfg(feature = "control")]
mod control;
#[cfg(all(
    feature = "client",
    feature = "control",
    feature = "jwt",
    feature = "limits",
    feature = "redis",
    any(feature = "tls-aws-lc-rs", feature = "tls-ring")
))]
mod example;
mod gateway;
mod leaks;
mod meaning;
mod providers;
mod references;
mod refusals;
mod usage;
#[cfg(feature = "limits")]
mod usage_limits;

use super::*;
use crate::credentials::secret::Secret;

/// A fake environment: every variable that starts with `HAS_` exists.
fn env(name: &str) -> Option<String> {
    match name {
        "HAS_URL" => Some("redis://user:sk-LEAK-password@127.0.0.1:1/0".to_owned()),
        "HAS_SPACES" => Some("sk-LEAK two words".to_owned()),
        "HAS_LINES" => Some("sk-LEAK\ntwo lines".to_owned()),
        name if name.starts_with("HAS_") => Some(format!("sk-LEAK-{name}")),
        name => variable(name),
    }
}

fn read(text: &str) -> Result<Config, ConfigFileError> {
    Config::read(&Source { text, directory: None, env })
}
