//! The servers under test, and how each of them is started and asked.

use std::process::Command;

use crate::BoxError;
use crate::loads::{Exchange, Load};
use crate::nginx;
use crate::options::Options;
use crate::process::{self, Server};

/// For the gateway that has tokens; not a secret.
const TOKEN: &str = "bench-token";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The upstream itself.
    Direct,
    /// What all others are compared with.
    Bare,
    Nginx,
    AxumReverseProxy,
    /// The example, built by default.
    Gateway,
    /// The example with the hook for `/metrics`, and so metering.
    Metered,
    /// The example with all features, and settings that turn every control layer on.
    Controlled,
    /// The layer around a client of HTTP/2, for many streams alone.
    Around,
    // A gateway that answers from its cache has its place here, once there is one.
}

impl Target {
    pub(crate) const ALL: [Self; 7] = [
        Self::Direct,
        Self::Bare,
        Self::Nginx,
        Self::AxumReverseProxy,
        Self::Gateway,
        Self::Metered,
        Self::Controlled,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Direct => "upstream, direct",
            Self::Bare => "bare hyper proxy",
            Self::Nginx => "nginx",
            Self::AxumReverseProxy => "axum-reverse-proxy",
            Self::Gateway => "gateway",
            Self::Metered => "gateway, metered",
            Self::Controlled => "gateway, controlled",
            Self::Around => "the layer over HTTP/2",
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
            Self::Around => "#8c2f1b",
        }
    }

    /// Where the load sends its requests. All of these reach the upstream at the same path.
    pub(crate) fn path(self, load: &Load) -> String {
        let route = match self {
            Self::Direct | Self::Bare | Self::Nginx | Self::AxumReverseProxy => "/v1",
            _ if load.exchange.is_unified() => "/v1/acct/gw/compat",
            _ => "/v1/acct/gw/grok/v1",
        };
        match load.exchange {
            Exchange::Events(events) => format!("{route}/chat/completions?events={events}"),
            Exchange::Json(_) | Exchange::Unified(_) => format!("{route}/chat/completions"),
        }
    }

    /// The credential, as `name:value`.
    pub(crate) fn header(self) -> String {
        match self {
            Self::Controlled => format!("cf-aig-authorization:Bearer {TOKEN}"),
            _ => "authorization:Bearer bench-key".to_owned(),
        }
    }

    /// Starts it on the core for servers, in front of the upstream at that port.
    pub(crate) fn start(
        self,
        options: &Options,
        load: &Load,
        upstream: u16,
    ) -> Result<Server, BoxError> {
        self.start_on(&[options.server_core], options, load, upstream)
    }

    /// Starts it on these cores; the runtimes have a thread for each.
    pub(crate) fn start_on(
        self,
        cores: &[usize],
        options: &Options,
        load: &Load,
        upstream: u16,
    ) -> Result<Server, BoxError> {
        let port = process::free_port()?;
        let command = match self {
            Self::Direct => role(cores, "upstream", port, None)?,
            Self::Bare => role(cores, "bare", port, Some(upstream))?,
            Self::Around => role(cores, "around", port, Some(upstream))?,
            Self::Nginx => {
                let directory = options.scratch.join("nginx");
                std::fs::create_dir_all(&directory)?;
                let file = directory.join("nginx.conf");
                std::fs::write(&file, nginx::config(load, port, upstream))?;
                let mut command = process::pinned(cores, &options.nginx);
                // Until it has read its configuration, it logs where it was built to.
                command.arg("-p").arg(directory).arg("-c").arg(file).args(["-e", "stderr"]);
                command
            }
            Self::AxumReverseProxy => {
                let program = &options.axum_reverse_proxy;
                let mut command = process::pinned(cores, program);
                command.args([port.to_string(), upstream.to_string()]);
                command
            }
            Self::Gateway => gateway(cores, &options.gateway, port, upstream),
            Self::Metered => gateway(cores, &options.gateway_metered, port, upstream),
            Self::Controlled => {
                let mut command = gateway(cores, &options.gateway_full, port, upstream);
                command.args(["--config", "benches/e2e/settings.toml"]);
                command.env("BENCH_TOKEN", TOKEN).env("BENCH_KEY", "bench-key");
                command
            }
        };
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

fn gateway(cores: &[usize], program: &str, port: u16, upstream: u16) -> Command {
    let mut command = process::pinned(cores, program);
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    command.args(["--provider", &format!("grok=http://127.0.0.1:{upstream}/v1")]);
    command.env("RUST_LOG", "error");
    command
}
