//! The servers under test, and how they are started and called.

use std::fs::File;
use std::process::Command;

use crate::BoxError;
use crate::app;
use crate::loads::{Exchange, Load, Upstream};
use crate::nginx;
use crate::options::Options;
use crate::process::{self, Server};
use crate::records::Log;

/// The token of the gateway with tokens; not a secret.
const TOKEN: &str = "bench-token";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The upstream itself.
    Direct,
    /// The baseline of the comparison.
    Bare,
    Nginx,
    AxumReverseProxy,
    /// The example with default features.
    Gateway,
    /// The example with the hook for `/metrics`, which enables metering.
    Metered,
    /// The example with all features, and settings that enable all control layers.
    Controlled,
    /// The example with its default log: a line per exchange on standard error.
    Line,
    /// The example with a log of JSON lines.
    JsonLines,
    /// The example with a log in SQLite.
    Sqlite,
    /// The example with all features, metered, controlled and with a log in SQLite.
    Everything,
    /// The example with all features and a cache, which answers all requests except the first.
    Cached,
    /// The layer around an HTTP/2 client, only for many streams.
    Around,
    /// An axum app, for its own route only.
    App,
    /// The same app with the gateway around it.
    AppInGateway,
    /// The same app with the gateway added by `Router::layer`.
    AppWithLayer,
}

impl Target {
    pub(crate) const ALL: [Self; 12] = [
        Self::Direct,
        Self::Bare,
        Self::Nginx,
        Self::AxumReverseProxy,
        Self::Gateway,
        Self::Metered,
        Self::Controlled,
        Self::Line,
        Self::JsonLines,
        Self::Sqlite,
        Self::Everything,
        Self::Cached,
    ];

    /// The targets that are measured with this load: for TLS, those that support it.
    pub(crate) fn of(load: &Load, options: &Options) -> Vec<Self> {
        let is_measured = |target: &Self| match target {
            Self::Bare => true,
            _ if !options.names(target.title()) => false,
            Self::Direct | Self::AxumReverseProxy => load.upstream == Upstream::Plain,
            Self::Nginx => load.upstream != Upstream::TlsHttp2,
            Self::Line | Self::JsonLines | Self::Sqlite | Self::Everything => load.is_observed(),
            // The cache answers without the upstream, so one kind of upstream is enough.
            Self::Cached => load.is_observed() && load.upstream == Upstream::Plain,
            Self::Gateway | Self::Metered | Self::Controlled => true,
            Self::Around | Self::App | Self::AppInGateway | Self::AppWithLayer => false,
        };
        Self::ALL.into_iter().filter(is_measured).collect()
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Direct => "upstream, direct",
            Self::Bare => "bare hyper proxy",
            Self::Nginx => "nginx",
            Self::AxumReverseProxy => "axum-reverse-proxy",
            Self::Gateway => "gateway",
            Self::Metered => "gateway, metered",
            Self::Controlled => "gateway, controlled",
            Self::Line => "gateway, line per exchange",
            Self::JsonLines => "gateway, logged (JSON lines)",
            Self::Sqlite => "gateway, logged (SQLite)",
            Self::Everything => "gateway, everything",
            Self::Cached => "gateway, from its cache",
            Self::Around => "the layer over HTTP/2",
            Self::App => "the app alone",
            Self::AppInGateway => "with the gateway around the app",
            Self::AppWithLayer => "with the gateway by `Router::layer`",
        }
    }

    pub(crate) fn color(self) -> &'static str {
        match self {
            Self::Direct => "#c9ced6",
            Self::Bare => "#6b7280",
            Self::Nginx => "#4f9d69",
            Self::AxumReverseProxy => "#b08bd0",
            Self::Gateway => "#f2b457",
            Self::Metered => "#e8833a",
            Self::Controlled => "#c4472f",
            Self::Line => "#a9c4ea",
            Self::JsonLines => "#6f9bd8",
            Self::Sqlite => "#3a6db5",
            Self::Everything => "#1d2f6f",
            Self::Cached => "#2fa3a0",
            // These are not drawn.
            Self::Around | Self::App | Self::AppInGateway | Self::AppWithLayer => "#8c2f1b",
        }
    }

    /// The log of the target's exchanges.
    pub(crate) fn log(self) -> Option<Log> {
        match self {
            Self::Line => Some(Log::Lines("line.log", "\"exchange ended\"")),
            Self::JsonLines => Some(Log::Lines("log.jsonl", "\n")),
            Self::Sqlite => Some(Log::Sqlite("log.db")),
            Self::Everything => Some(Log::Sqlite("everything.db")),
            _ => None,
        }
    }

    /// The path of the load's requests. All of them reach the upstream at the same path.
    pub(crate) fn path(self, load: &Load) -> String {
        let route = match self {
            Self::App | Self::AppInGateway | Self::AppWithLayer => return app::OWN.to_owned(),
            Self::Direct | Self::Bare | Self::Nginx | Self::AxumReverseProxy => "/v1",
            _ if load.exchange.is_unified() => "/v1/acct/gw/compat",
            _ => "/v1/acct/gw/grok/v1",
        };
        match load.exchange {
            Exchange::Events(events) | Exchange::Sdk(events) => {
                format!("{route}/chat/completions?events={events}")
            }
            Exchange::Json(_) | Exchange::Unified(_) => format!("{route}/chat/completions"),
        }
    }

    /// The credential, as `name:value`.
    pub(crate) fn header(self) -> String {
        match self {
            Self::Controlled | Self::Everything => format!("cf-aig-authorization:Bearer {TOKEN}"),
            _ => "authorization:Bearer bench-key".to_owned(),
        }
    }

    /// Starts the target on the core for servers, with the upstream at this port.
    pub(crate) fn start(
        self,
        options: &Options,
        load: &Load,
        upstream: u16,
    ) -> Result<Server, BoxError> {
        self.start_on(&[options.server_core], options, load, upstream)
    }

    /// Starts the target on these cores; runtimes have a thread per core.
    pub(crate) fn start_on(
        self,
        cores: &[usize],
        options: &Options,
        load: &Load,
        upstream: u16,
    ) -> Result<Server, BoxError> {
        let port = process::free_port()?;
        let gateway = |program: &str| {
            let mut command = process::pinned(cores, program);
            let provider = format!("{}://127.0.0.1:{upstream}/v1", load.upstream.scheme());
            command.args(["--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--provider", &format!("grok={provider}")]);
            command.env("RUST_LOG", "error");
            // More than the number of streams that are held open.
            command.env("GATEWAY_MAX_CONNECTIONS", "65536");
            if load.upstream != Upstream::Plain {
                command.env("SSL_CERT_FILE", options.certificate());
            }
            command
        };
        let mut command = match self {
            Self::Direct => role(cores, "upstream", port, None)?,
            Self::Bare => {
                let mut command = role(cores, "bare", port, Some(upstream))?;
                if load.upstream != Upstream::Plain {
                    command.arg(format!("certificate={}", options.certificate().display()));
                }
                command
            }
            Self::Around => role(cores, "around", port, Some(upstream))?,
            Self::App => role(cores, "app", port, None)?,
            Self::AppInGateway => role(cores, "app-in-gateway", port, Some(upstream))?,
            Self::AppWithLayer => role(cores, "app-with-layer", port, Some(upstream))?,
            Self::Nginx => {
                let directory = options.scratch.join("nginx");
                std::fs::create_dir_all(&directory)?;
                let file = directory.join("nginx.conf");
                std::fs::write(&file, nginx::config(load, port, upstream))?;
                let mut command = process::pinned(cores, &options.nginx);
                // Until nginx has read its configuration, it logs to its compiled-in path.
                command.arg("-p").arg(directory).arg("-c").arg(file).args(["-e", "stderr"]);
                command
            }
            Self::AxumReverseProxy => {
                let program = &options.axum_reverse_proxy;
                let mut command = process::pinned(cores, program);
                command.args([port.to_string(), upstream.to_string()]);
                command
            }
            Self::Gateway => gateway(&options.gateway),
            Self::Metered => gateway(&options.gateway_metered),
            Self::Controlled => controlled(gateway(&options.gateway_full)),
            Self::Cached => {
                let mut command = gateway(&options.gateway_full);
                command.args(["--config", "benches/e2e/cached.toml"]);
                command
            }
            Self::Line => {
                let mut command = gateway(&options.gateway);
                command.env_remove("RUST_LOG");
                command
            }
            Self::JsonLines | Self::Sqlite => gateway(&options.gateway_logged),
            Self::Everything => controlled(gateway(&options.gateway_full)),
        };
        if let Some(log) = self.log() {
            let path = log.begin(&options.scratch)?;
            match self {
                Self::Line => command.stderr(File::create(path)?),
                Self::JsonLines => command.arg("--log").arg(path),
                _ => command.arg("--log-db").arg(path),
            };
        }
        Server::start(command, port).map_err(|error| format!("{}: {error}", self.title()).into())
    }
}

fn role(
    cores: &[usize],
    role: &str,
    port: u16,
    upstream: Option<u16>,
) -> Result<Command, BoxError> {
    let mut command = process::role_on(cores, role)?;
    command.arg(format!("port={port}"));
    command.args(upstream.map(|upstream| format!("upstream={upstream}")));
    Ok(command)
}

fn controlled(mut command: Command) -> Command {
    command.args(["--config", "benches/e2e/settings.toml"]);
    command.env("BENCH_TOKEN", TOKEN).env("BENCH_KEY", "bench-key");
    command
}
