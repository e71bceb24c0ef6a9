//! The options of a run: what is measured, for how long, and where results are written.

use std::path::PathBuf;

use crate::BoxError;
use crate::fields;
use crate::loads::Load;

pub(crate) struct Options {
    pub(crate) loads: Vec<Load>,
    /// Parts of the titles of targets to measure in addition to the bare proxy; all if empty.
    targets: Vec<String>,
    pub(crate) rounds: usize,
    /// The maximum number of disturbed windows that are measured again; 200 take up to 10 minutes.
    pub(crate) repeats: usize,
    pub(crate) warm_up_ms: u64,
    pub(crate) window_ms: u64,
    pub(crate) server_core: usize,
    /// The core for the load and the upstream.
    pub(crate) load_core: usize,
    // Paths of programs.
    pub(crate) gateway: String,
    pub(crate) gateway_metered: String,
    pub(crate) gateway_logged: String,
    pub(crate) gateway_full: String,
    pub(crate) axum_reverse_proxy: String,
    pub(crate) nginx: String,
    /// The directory for the servers' files.
    pub(crate) scratch: PathBuf,
    /// The page whose tables are replaced, between its markers.
    pub(crate) page: PathBuf,
    pub(crate) plot: PathBuf,
}

impl Options {
    /// Parses `--all` and fields. The first field with a name counts.
    pub(crate) fn parse(args: &[String]) -> Result<Self, BoxError> {
        let fields = fields::of_args(args);
        let mut loads = Load::some();
        if args.iter().any(|arg| arg == "--all") {
            loads = Load::all();
        }
        let only = fields.text("only")?;
        loads.retain(|load| only.split(',').any(|part| load.to_string().contains(part)));
        let rounds = fields.number("rounds")?;
        if loads.is_empty() || rounds == 0 {
            return Err(format!("no load is called {only}, or there are no rounds").into());
        }
        Ok(Self {
            loads,
            targets: fields.text("targets")?.split(',').map(str::to_owned).collect(),
            rounds,
            repeats: fields.number("repeats")?,
            warm_up_ms: fields.number("warm_up_ms")?,
            window_ms: fields.number("window_ms")?,
            server_core: fields.number("server_core")?,
            load_core: fields.number("load_core")?,
            gateway: fields.text("gateway")?.to_owned(),
            gateway_metered: fields.text("gateway_metered")?.to_owned(),
            gateway_logged: fields.text("gateway_logged")?.to_owned(),
            gateway_full: fields.text("gateway_full")?.to_owned(),
            axum_reverse_proxy: fields.text("axum_reverse_proxy")?.to_owned(),
            nginx: fields.text("nginx")?.to_owned(),
            scratch: std::path::absolute(fields.text("scratch")?)?,
            page: fields.text("page")?.into(),
            plot: fields.text("plot")?.into(),
        })
    }

    pub(crate) fn names(&self, title: &str) -> bool {
        self.targets.iter().any(|part| title.contains(part.as_str()))
    }

    /// The upstream's certificate, if it uses TLS. The key is next to it.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.scratch.join("certificate.pem")
    }
}
