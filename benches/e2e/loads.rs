//! The loads: their requests, concurrency and expected answers.

use std::fmt;

use crate::numbers::grouped;

/// The size of each JSON answer.
pub(crate) const ANSWER: usize = 1024;
/// The number of requests that share an HTTP/2 connection.
pub(crate) const STREAMS: usize = 16;

/// A kind of load. Each sender sends its next request when the previous one is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) exchange: Exchange,
    pub(crate) protocol: Protocol,
    pub(crate) upstream: Upstream,
    /// The number of concurrent requests.
    pub(crate) senders: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// A JSON request of this many bytes, answered with [`ANSWER`] bytes.
    Json(usize),
    /// Like `Json`, on the path on which the gateway reads the provider from the body.
    Unified(usize),
    /// A request of 1 KiB, answered with a stream of this many events.
    Events(usize),
    /// A client library's request within a conversation: [`SDK_REQUEST`] bytes with its headers,
    /// answered with a stream of this many events.
    Sdk(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// One connection per sender.
    Http1,
    /// [`STREAMS`] senders per connection, without TLS.
    H2c,
}

/// The protocol of the upstream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// HTTP/1.1 without TLS.
    Plain,
    /// TLS, with rustls on both ends.
    TlsHttp1,
    TlsHttp2,
}

impl Upstream {
    /// The only protocol that it negotiates.
    pub(crate) fn alpn(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::TlsHttp1 => Some("http/1.1"),
            Self::TlsHttp2 => Some("h2"),
        }
    }

    pub(crate) fn scheme(self) -> &'static str {
        if self == Self::Plain { "http" } else { "https" }
    }
}

const KIB: usize = 1024;
const SDK_REQUEST: usize = 20 * KIB;
/// A client library opens a connection per active call, and a program has few active calls.
const SDK_CALLS: usize = 4;
const EXCHANGES: [Exchange; 6] = [
    Exchange::Json(KIB),
    Exchange::Json(20 * KIB),
    Exchange::Unified(KIB),
    Exchange::Unified(KIB * KIB),
    Exchange::Events(50),
    Exchange::Events(1000),
];

impl Load {
    /// 1 KiB from each of 64 connections: the load for measurements of a single load.
    pub(crate) fn usual() -> Self {
        Self::http1(Exchange::Json(KIB), 64)
    }

    fn http1(exchange: Exchange, senders: usize) -> Self {
        Self { exchange, protocol: Protocol::Http1, upstream: Upstream::Plain, senders }
    }

    /// The loads with TLS, and that of a client library.
    fn special() -> [Self; 3] {
        let tls = |upstream| Self { upstream, ..Self::usual() };
        [
            tls(Upstream::TlsHttp1),
            tls(Upstream::TlsHttp2),
            Self::http1(Exchange::Sdk(1000), SDK_CALLS),
        ]
    }

    /// Returns true if the gateway is also measured with its logs.
    pub(crate) fn is_observed(&self) -> bool {
        let is_some = match self.exchange {
            Exchange::Json(KIB) => self.senders <= 64,
            Exchange::Events(1000) => self.senders == 64,
            Exchange::Sdk(_) => true,
            _ => false,
        };
        is_some && self.protocol == Protocol::Http1
    }

    /// The loads that are measured unless all are requested.
    pub(crate) fn some() -> Vec<Self> {
        let http1 = Self::http1;
        let mut loads = vec![
            http1(Exchange::Json(KIB), 1),
            http1(Exchange::Json(KIB), 64),
            http1(Exchange::Json(KIB), 1000),
            Self { protocol: Protocol::H2c, ..Self::usual() },
            http1(Exchange::Json(20 * KIB), 64),
            http1(Exchange::Unified(KIB), 64),
            http1(Exchange::Unified(KIB * KIB), 64),
            http1(Exchange::Events(50), 64),
            http1(Exchange::Events(1000), 64),
        ];
        loads.extend(Self::special());
        loads
    }

    pub(crate) fn all() -> Vec<Self> {
        let mut loads = Vec::new();
        for exchange in EXCHANGES {
            for protocol in [Protocol::Http1, Protocol::H2c] {
                let of = |senders| Self { protocol, ..Self::http1(exchange, senders) };
                loads.extend([1, 64, 1000].map(of));
            }
        }
        loads.extend(Self::special());
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

    /// The description for the heading of a table.
    pub(crate) fn title(&self) -> String {
        let what = match self.exchange {
            Exchange::Json(bytes) => format!("{} in, 1 KiB out", size(bytes)),
            Exchange::Unified(bytes) => format!("unified route, {} in, 1 KiB out", size(bytes)),
            Exchange::Events(events) => format!("stream of {} events", grouped(events as f64)),
            Exchange::Sdk(events) => {
                let events = grouped(events as f64);
                format!("client library, {} in, stream of {events} events", size(SDK_REQUEST))
            }
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
        let to = match self.upstream {
            Upstream::Plain => "",
            Upstream::TlsHttp1 => "; TLS and HTTP/1.1 to the upstream",
            Upstream::TlsHttp2 => "; TLS and HTTP/2 to the upstream",
        };
        format!("{what}; {from}{to}")
    }
}

impl Exchange {
    /// The counted unit: events of streams, else answers.
    pub(crate) fn units(self) -> u64 {
        self.events().unwrap_or(1) as u64
    }

    pub(crate) fn events(self) -> Option<usize> {
        match self {
            Self::Events(events) | Self::Sdk(events) => Some(events),
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
            Self::Sdk(_) => (SDK_REQUEST, "grok-4", true),
        };
        let head = format!(
            r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":""#
        );
        let tail = r#""}]}"#;
        [&head, &*"x".repeat(bytes - head.len() - tail.len()), tail].concat()
    }
}

/// Its name on command lines.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exchange {
            Exchange::Json(bytes) => write!(f, "json-{}", bytes / KIB)?,
            Exchange::Unified(bytes) => write!(f, "unified-{}", bytes / KIB)?,
            Exchange::Events(events) => write!(f, "events-{events}")?,
            Exchange::Sdk(events) => write!(f, "sdk-{events}")?,
        }
        let protocol = if self.protocol == Protocol::Http1 { "http1" } else { "h2c" };
        write!(f, "/{protocol}/{}", self.senders)?;
        match self.upstream {
            Upstream::Plain => Ok(()),
            Upstream::TlsHttp1 => f.write_str("/tls-http1"),
            Upstream::TlsHttp2 => f.write_str("/tls-http2"),
        }
    }
}

fn size(bytes: usize) -> String {
    match bytes / KIB {
        KIB => "1 MiB".to_owned(),
        kib => format!("{kib} KiB"),
    }
}
