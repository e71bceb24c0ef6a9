//! What is sent, how many at a time, and what has to come back.

use std::fmt;

use crate::numbers::grouped;

/// The size of each JSON answer.
pub(crate) const ANSWER: usize = 1024;
/// Requests that share an HTTP/2 connection.
pub(crate) const STREAMS: usize = 16;

/// One kind of load. Each of its senders sends its next request when the last one is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) exchange: Exchange,
    pub(crate) protocol: Protocol,
    /// How many requests are under way at any time.
    pub(crate) senders: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// A JSON request of so many bytes, answered by [`ANSWER`] bytes.
    Json(usize),
    /// The same, on the route where the gateway reads the provider from the body.
    Unified(usize),
    /// A request of 1 KiB, answered by a stream of so many events.
    Events(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// One connection for each sender.
    Http1,
    /// [`STREAMS`] senders for each connection, without TLS.
    H2c,
}

const KIB: usize = 1024;
const EXCHANGES: [Exchange; 6] = [
    Exchange::Json(KIB),
    Exchange::Json(20 * KIB),
    Exchange::Unified(KIB),
    Exchange::Unified(KIB * KIB),
    Exchange::Events(50),
    Exchange::Events(1000),
];

impl Load {
    /// 1 KiB from each of 64 connections: what is measured where it need be but one.
    pub(crate) fn usual() -> Self {
        Self { exchange: Exchange::Json(KIB), protocol: Protocol::Http1, senders: 64 }
    }

    /// Those that are measured unless all are asked for.
    pub(crate) fn some() -> Vec<Self> {
        let http1 = |exchange, senders| Self { exchange, protocol: Protocol::Http1, senders };
        vec![
            http1(Exchange::Json(KIB), 1),
            http1(Exchange::Json(KIB), 64),
            http1(Exchange::Json(KIB), 1000),
            Self { exchange: Exchange::Json(KIB), protocol: Protocol::H2c, senders: 64 },
            http1(Exchange::Json(20 * KIB), 64),
            http1(Exchange::Unified(KIB), 64),
            http1(Exchange::Unified(KIB * KIB), 64),
            http1(Exchange::Events(50), 64),
            http1(Exchange::Events(1000), 64),
        ]
    }

    pub(crate) fn all() -> Vec<Self> {
        let mut loads = Vec::new();
        for exchange in EXCHANGES {
            for protocol in [Protocol::Http1, Protocol::H2c] {
                loads.extend([1, 64, 1000].map(|senders| Self { exchange, protocol, senders }));
            }
        }
        loads
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|load| load.to_string() == name)
    }

    pub(crate) fn connections(&self) -> usize {
        match self.protocol {
            Protocol::Http1 => self.senders,
            Protocol::H2c => self.senders.div_ceil(STREAMS),
        }
    }

    /// In words, for the heading of a table.
    pub(crate) fn title(&self) -> String {
        let what = match self.exchange {
            Exchange::Json(bytes) => format!("{} in, 1 KiB out", size(bytes)),
            Exchange::Unified(bytes) => format!("unified route, {} in, 1 KiB out", size(bytes)),
            Exchange::Events(events) => format!("stream of {} events", grouped(events as f64)),
        };
        let senders = grouped(self.senders as f64);
        let from = match (self.protocol, self.connections()) {
            (Protocol::Http1, 1) => "HTTP/1.1, 1 connection".to_owned(),
            (Protocol::Http1, _) => format!("HTTP/1.1, {senders} connections"),
            (Protocol::H2c, 1) => format!("h2c, {senders} at a time on 1 connection"),
            (Protocol::H2c, connections) => {
                format!("h2c, {senders} at a time on {connections} connections")
            }
        };
        format!("{what}; {from}")
    }
}

impl Exchange {
    /// What is counted: a stream by its events, all else by its answers.
    pub(crate) fn units(self) -> u64 {
        self.events().unwrap_or(1) as u64
    }

    pub(crate) fn events(self) -> Option<usize> {
        match self {
            Self::Events(events) => Some(events),
            Self::Json(_) | Self::Unified(_) => None,
        }
    }

    pub(crate) fn is_unified(self) -> bool {
        matches!(self, Self::Unified(_))
    }

    /// The body of the request.
    pub(crate) fn request(self) -> String {
        let (bytes, model, stream) = match self {
            Self::Json(bytes) => (bytes, "grok-4", false),
            Self::Unified(bytes) => (bytes, "grok/grok-4", false),
            Self::Events(_) => (KIB, "grok-4", true),
        };
        let head = format!(
            r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":""#
        );
        let tail = r#""}]}"#;
        [&head, &*"x".repeat(bytes - head.len() - tail.len()), tail].concat()
    }
}

/// As it is called on command lines.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exchange {
            Exchange::Json(bytes) => write!(f, "json-{}", bytes / KIB)?,
            Exchange::Unified(bytes) => write!(f, "unified-{}", bytes / KIB)?,
            Exchange::Events(events) => write!(f, "events-{events}")?,
        }
        let protocol = if self.protocol == Protocol::Http1 { "http1" } else { "h2c" };
        write!(f, "/{protocol}/{}", self.senders)
    }
}

fn size(bytes: usize) -> String {
    match bytes / KIB {
        KIB => "1 MiB".to_owned(),
        kib => format!("{kib} KiB"),
    }
}
