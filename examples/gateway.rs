//! A whole AI gateway in one process; `--help` lists its options.

mod gateway {
    #[cfg(any(feature = "metrics", feature = "log-sqlite"))]
    pub(crate) mod admin;
    #[cfg(all(feature = "cache", any(feature = "metrics", feature = "log-sqlite")))]
    pub(crate) mod cache;
    #[cfg(all(
        any(feature = "cache", feature = "limits"),
        any(feature = "metrics", feature = "log-sqlite")
    ))]
    pub(crate) mod change;
    pub(crate) mod config;
    #[cfg(feature = "log-sqlite")]
    pub(crate) mod dashboard;
    pub(crate) mod files;
    #[cfg(any(
        feature = "log-sqlite",
        all(any(feature = "cache", feature = "limits"), feature = "metrics")
    ))]
    pub(crate) mod guarded;
    pub(crate) mod hangup;
    #[cfg(all(feature = "limits", any(feature = "metrics", feature = "log-sqlite")))]
    pub(crate) mod limits;
    pub(crate) mod log;
    #[cfg(all(feature = "log", feature = "metrics"))]
    pub(crate) mod log_counts;
    #[cfg(feature = "log-sqlite")]
    pub(crate) mod log_db;
    pub(crate) mod mock;
    pub(crate) mod observers;
    pub(crate) mod options;
    pub(crate) mod pages;
    pub(crate) mod prices;
    #[cfg(feature = "metrics")]
    pub(crate) mod prometheus;
    #[cfg(feature = "log")]
    pub(crate) mod records;
    pub(crate) mod serve;
    #[cfg(feature = "otel")]
    pub(crate) mod spans;
    pub(crate) mod supervise;
}

#[cfg(test)]
#[path = "../tests/it/support/every_thread.rs"]
mod every_thread;

#[cfg(all(test, feature = "limits", any(feature = "metrics", feature = "log-sqlite")))]
#[path = "../tests/it/support/failing_store.rs"]
mod failing_store;

#[cfg(test)]
#[path = "../tests/it/support/written.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the program `it`")]
mod written;

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::runtime::{self, Runtime};
use tower::Layer;
use tower_ai_gateway::{GatewayLayer, Mount};

use crate::gateway::observers::Observers;
use crate::gateway::options::{Command, HELP, Options, ProviderOption};
use crate::gateway::prices::PricesFile;
use crate::gateway::{config, files, hangup, log, mock, serve};

/// A request takes less time with it than with the C library's; `docs/deploying.md` has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long work on other threads may continue when everything else is done: some may block for ever.
const LINGER: Duration = Duration::from_secs(1);

/// The time limit for counting the last usage in Redis.
#[cfg(feature = "limits")]
const LAST_COUNTS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let _last_lines = log::LastLines::of_stderr();
    match runtime() {
        Ok(runtime) => {
            let code = runtime.block_on(command());
            runtime.shutdown_timeout(LINGER);
            code
        }
        Err(error) => {
            log::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// With one core, work stealing between threads gains nothing.
fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = match cores {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

async fn command() -> ExitCode {
    let done = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Run(options)) => run(*options).await,
        Ok(Command::Check(file)) => check(&file),
        Ok(Command::Help) => {
            print(HELP);
            Ok(())
        }
        Err(error) => {
            log::complain(&format!("{error}\nRun with --help to see the options."));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Checks a file. What is only doubtful is a warning.
fn check(file: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    log::init()?;
    print(&config::check(file)?);
    Ok(())
}

async fn run(options: Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    // First, because everything after this takes time.
    hangup::outlive()?;
    log::init()?;
    files::outlive_size_limit()?;
    let prices_file = match &options.prices {
        Some(path) => Some(PricesFile::read_from(path).await?),
        None => None,
    };
    let prices = prices_file.as_ref().map(PricesFile::prices).unwrap_or_default();
    let moved = moved(&options).await?;
    let config = config::start(
        options.config.as_deref(),
        moved,
        prices_file,
        options.client_controls.clone(),
    )
    .await?;
    let mut builder = GatewayLayer::builder()
        .providers(config.providers)
        .mount(Mount::hosted().exclusive().universal())
        .mount(Mount::rest().exclusive())
        .ask_for_usage(options.ask_for_usage)
        .prices(prices.clone());
    if let Some(settings) = &config.settings {
        builder = builder.settings(settings.clone());
    }
    let (observers, builder, pages) = Observers::start(&options, &prices, builder)?;
    #[cfg(all(feature = "cache", any(feature = "metrics", feature = "log-sqlite")))]
    let (builder, pages) = {
        let savings = std::sync::Arc::<gateway::cache::Savings>::default();
        let guard = gateway::admin::Guard::from_env()?;
        let handle = config.control.cache_handle();
        let router = gateway::cache::router(handle, savings.clone(), guard);
        (builder.metrics_hook(savings), pages.with(router))
    };
    #[cfg(all(feature = "limits", any(feature = "metrics", feature = "log-sqlite")))]
    let pages = pages.with(gateway::limits::router(
        config.control.limits_handle(),
        config.settings,
        gateway::admin::Guard::from_env()?,
    ));
    #[cfg(feature = "limits")]
    let limits = config.control.limits_handle();
    let pages = pages.open(options.admin).await?;
    let app = pages.beside(Router::new().route("/healthz", get(|| async { "ok\n" })));
    let client = config.client;
    #[cfg(feature = "proxy")]
    let client = if options.proxy_from_env { client.proxy_from_env() } else { client };
    let client = client.build()?;
    // The layers for what requests and settings ask for: timeouts, retries, fallback, limits.
    #[cfg(feature = "control")]
    let client = config.control.layer(client);
    let service = builder.build()?.upstream(client).layer(app);
    // Identifies callers by their JWTs, if the file configures that.
    #[cfg(feature = "jwt")]
    let service = config.jwt.except(|uri| gateway::pages::is_own(uri.path())).layer(service);

    let listener = serve::bind(options.listen).await?;
    let address = listener.local_addr()?;
    observers.listens(address);
    announce(address, pages.address(address), &options);
    let served = tokio::select! {
        served = serve::serve(listener, service, serve::GRACE) => served,
        // Serve the pages until the last exchange has ended: operators look at them during a drain.
        () = pages.serve() => Ok(()),
    };
    observers.finish().await;
    #[cfg(feature = "limits")]
    if let Err(error) = limits.flush(LAST_COUNTS).await {
        tracing::warn!(%error, "some of what was used last is not counted in Redis");
    }
    Ok(served?)
}

/// The providers that the command line moves or adds. The last option for a provider applies.
async fn moved(options: &Options) -> std::io::Result<Vec<ProviderOption>> {
    let mut moved = Vec::new();
    if options.mock {
        let base_url = format!("http://{}/v1", mock::start().await?);
        moved.push(ProviderOption { slug: "grok".to_owned(), base_url });
    }
    moved.extend(options.providers.iter().cloned());
    Ok(moved)
}

/// Prints the addresses, and a command to try.
fn announce(address: SocketAddr, admin: Option<SocketAddr>, options: &Options) {
    let mut text = format!("gateway listening on http://{address}\n");
    if let Some(admin) = admin {
        if cfg!(feature = "metrics") {
            text.push_str(&format!("metrics at http://{admin}/metrics\n"));
        }
        if options.log_db.is_some() {
            text.push_str(&format!("dashboard at http://{admin}/dashboard\n"));
        }
    }
    if options.mock {
        text.push_str(&format!(
            "xAI is a stand-in in this process. Try:\n\n\
             curl -N http://{address}/v1/acct/gw/grok/v1/chat/completions \\\n  \
             -H 'authorization: Bearer test-key' -H 'content-type: application/json' \\\n  \
             -d '{{\"model\":\"grok-4\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"What is a gateway?\"}}]}}'\n\n"
        ));
    }
    // In its own thread, because a full pipe that nobody reads would block.
    let _ = thread::Builder::new().spawn(move || print(&text));
}

/// Ignores errors: a closed standard output is no reason to stop.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
