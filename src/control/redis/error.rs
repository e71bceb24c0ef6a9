//! Errors of Redis.

use std::error::Error;
use std::fmt;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// A store in Redis could not be built. No text of it holds a part of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// A URL is not of the form `redis://user:password@host:port/database` or `rediss://…`, or the
    /// nodes of a cluster do not go together.
    Url,
    /// A prefix of keys is of visible ASCII characters, without braces.
    Prefix,
    /// Certificates were given, and no URL begins with `rediss://`.
    Plain,
    /// A certificate or its key cannot be read.
    Certificate,
    /// `rediss://` needs the feature `tls-aws-lc-rs` or `tls-ring`.
    NoTls,
}

impl fmt::Display for RedisStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => {
                "a URL of Redis is not of the form redis://user:password@host:port/database"
            }
            Self::Prefix => "the prefix of keys in Redis must be visible ASCII without braces",
            Self::Plain => "certificates for Redis need a URL that begins with rediss://",
            Self::Certificate => "a certificate for Redis, or its key, cannot be read",
            Self::NoTls => "rediss:// needs the feature tls-aws-lc-rs or tls-ring",
        })
    }
}

impl Error for RedisStoreError {}

/// Redis was not reached, or has answered with an error.
///
/// Of an error of Redis it keeps the code alone: its text may repeat what it was sent, and that may be
/// a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::control) struct LinkError {
    category: Box<str>,
    code: Option<Box<str>>,
    pub(in crate::control) kind: FailureKind,
}

/// What is known of an operation that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum FailureKind {
    /// The script is not known to the server.
    NoScript,
    /// It has not been run.
    NotRun,
    /// It may have been run.
    Unknown,
}

/// With these a server refuses a command before it does anything.
const REFUSED: [&str; 14] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
];

impl LinkError {
    pub(in crate::control) fn new(error: &RedisError) -> Self {
        let code = error.code().filter(|code| code.bytes().all(|byte| byte.is_ascii_uppercase()));
        let kind = match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoScript) => FailureKind::NoScript,
            ErrorKind::AuthenticationFailed => FailureKind::NotRun,
            _ if error.is_connection_refusal() => FailureKind::NotRun,
            _ if code.is_some_and(|code| REFUSED.contains(&code)) => FailureKind::NotRun,
            _ => FailureKind::Unknown,
        };
        let category = match error.is_io_error() {
            // Of the system or of TLS, which have not seen what is sent.
            true => error.to_string().into(),
            false => error.category().into(),
        };
        Self { category, code: code.map(Into::into), kind }
    }

    pub(in crate::control) fn malformed() -> Self {
        Self {
            category: "an answer that the script cannot give".into(),
            code: None,
            kind: FailureKind::Unknown,
        }
    }

    pub(in crate::control) fn failing() -> Self {
        Self {
            category: "not asked, because it failed several times in a row".into(),
            code: None,
            kind: FailureKind::NotRun,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis: {}", self.category)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl Error for LinkError {}

/// There is no answer.
#[derive(Debug)]
pub(in crate::control) enum Failure {
    Timeout,
    Link(LinkError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("Redis did not answer in time"),
            Self::Link(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> LinkError {
        let value = redis::parse_redis_value(text.as_bytes()).unwrap();
        LinkError::new(&value.extract_error().unwrap_err())
    }

    #[test]
    fn no_text_of_a_server_is_told_but_its_code() {
        let error =
            of("-ERR unknown command 'HELLO', with args beginning with: 'AUTH' 'pass-word'\r\n");
        let text = format!("{error} {error:?}");
        assert!(text.contains("ERR") && !text.contains("pass-word"), "{text}");
        let error = of("-pass-word is what it says\r\n");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("pass-word"), "{text}");
    }

    #[test]
    fn what_was_refused_has_not_run() {
        for code in REFUSED {
            assert_eq!(of(&format!("-{code} 1 host:1\r\n")).kind, FailureKind::NotRun, "{code}");
        }
        assert_eq!(of("-NOSCRIPT no\r\n").kind, FailureKind::NoScript);
        assert_eq!(of("-ERR in its midst\r\n").kind, FailureKind::Unknown);
        assert_eq!(LinkError::malformed().kind, FailureKind::Unknown);
    }
}
