//! What is measured, for how long, and where it is written.

use std::path::PathBuf;

use crate::BoxError;
use crate::fields;
use crate::loads::Load;

pub(crate) struct Options {
    pub(crate) loads: Vec<Load>,
    pub(crate) rounds: usize,
    pub(crate) warm_up_ms: u64,
    pub(crate) window_ms: u64,
    pub(crate) server_core: usize,
    /// For the load and the upstream.
    pub(crate) load_core: usize,
    // Programs.
    pub(crate) gateway: String,
    pub(crate) gateway_metered: String,
    pub(crate) gateway_full: String,
    pub(crate) axum_reverse_proxy: String,
    pub(crate) nginx: String,
    /// A directory for what nginx has to write.
    pub(crate) scratch: PathBuf,
    /// Where the tables go, between the markers.
    pub(crate) page: PathBuf,
    pub(crate) plot: PathBuf,
}

impl Options {
    /// `--all`, and fields, of which the first of a name counts.
    pub(crate) fn parse(args: &[String]) -> Result<Self, BoxError> {
        let fields = fields::of_args(args);
        let mut loads = Load::some();
        if args.iter().any(|arg| arg == "--all") {
            loads = Load::all();
        }
        let only = fields.text("only")?;
        loads.retain(|load| load.to_string().contains(only));
        let rounds = fields.number("rounds")?;
        if loads.is_empty() || rounds == 0 {
            return Err(format!("no load is called {only}, or there are no rounds").into());
        }
        Ok(Self {
            loads,
            rounds,
            warm_up_ms: fields.number("warm_up_ms")?,
            window_ms: fields.number("window_ms")?,
            server_core: fields.number("server_core")?,
            load_core: fields.number("load_core")?,
            gateway: fields.text("gateway")?.to_owned(),
            gateway_metered: fields.text("gateway_metered")?.to_owned(),
            gateway_full: fields.text("gateway_full")?.to_owned(),
            axum_reverse_proxy: fields.text("axum_reverse_proxy")?.to_owned(),
            nginx: fields.text("nginx")?.to_owned(),
            scratch: std::path::absolute(fields.text("scratch")?)?,
            page: fields.text("page")?.into(),
            plot: fields.text("plot")?.into(),
        })
    }
}
