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
use crate::credentials::secret::SecretError;

/// A fake environment: every variable that starts with `HAS_` exists.
fn env(name: &str) -> Result<Secret, SecretError> {
    match name {
        "HAS_URL" => Secret::new("redis://user:sk-LEAK-password@127.0.0.1:1/0"),
        "HAS_SPACES" => Secret::new("sk-LEAK two words"),
        name if name.starts_with("HAS_") => Secret::new(format!("sk-LEAK-{name}")),
        name => Secret::from_env(name),
    }
}

fn read(text: &str) -> Result<Config, ConfigFileError> {
    Config::read(&Source { text, directory: None, env })
}
