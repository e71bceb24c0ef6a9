//! The options of a run: what is measured, for how long, and where results are written.

use std::path::PathBuf;

use crate::BoxError;
use crate::fields;
use crate::loads::Load;
use crate::own_route;

pub(crate) struct Options {
    pub(crate) loads: Vec<Load>,
    /// Parts of the names of what to measure; an empty part selects all.
    only: Vec<String>,
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
        let only: Vec<_> = only.split(',').map(str::to_owned).collect();
        loads.retain(|load| is_named(&only, &load.to_string()));
        let rounds = fields.number("rounds")?;
        if loads.is_empty() && !is_named(&only, own_route::NAME) || rounds == 0 {
            let only = only.join(",");
            return Err(format!("no load is called {only}, or there are no rounds").into());
        }
        Ok(Self {
            loads,
            only,
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

    /// Returns true if the load or table with this name is measured.
    pub(crate) fn takes(&self, name: &str) -> bool {
        is_named(&self.only, name)
    }

    pub(crate) fn names(&self, title: &str) -> bool {
        is_named(&self.targets, title)
    }

    /// The upstream's certificate, if it uses TLS. The key is next to it.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.scratch.join("certificate.pem")
    }
}

/// Returns true if a name contains one of these parts.
fn is_named(parts: &[String], name: &str) -> bool {
    parts.iter().any(|part| name.contains(part.as_str()))
}
