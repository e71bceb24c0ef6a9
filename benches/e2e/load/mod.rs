//! The load: senders that each send their next request when the previous one is answered.
//!
//! `name=LOAD port=P path=PATH header=NAME:VALUE watch=PID warm_up_ms=N window_ms=N` prints the
//! results of the window as one line of fields, and ends by itself.

pub(crate) mod connection;
pub(crate) mod histogram;
mod tally;
pub(crate) mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::connection::Sender;
use self::tally::{Phase, Tally};
use self::watch::Watch;
use crate::BoxError;
use crate::fields::Fields;
use crate::loads::{ANSWER, Exchange, Load};

/// A window lasts until this many requests are complete, but not longer than this.
const LEAST_REQUESTS: u64 = 100;
const LONGEST_WINDOW: Duration = Duration::from_secs(20);
/// The time for requests that are active when the window ends.
const GRACE: Duration = Duration::from_secs(20);
const CONNECTING: Duration = Duration::from_secs(15);

pub(crate) async fn run(fields: Fields<'_>) -> Result<String, BoxError> {
    let load = Load::named(fields.text("name")?).ok_or("no such load")?;
    let port = fields.number("port")?;
    let (server, peers) = (fields.number("watch")?, [std::process::id()]);
    let header = fields.text("header")?.split_once(':').ok_or("`header=` is NAME:VALUE")?;
    let request = connection::request(&load, port, fields.text("path")?, header)?;
    let senders = timeout(CONNECTING, connection::connect(&load, port)).await??;

    let tally = Arc::new(Tally::new());
    let mut tasks = JoinSet::new();
    for sender in senders {
        tasks.spawn(send(sender, request.clone(), load.exchange, tally.clone()));
    }
    sleep(Duration::from_millis(fields.number("warm_up_ms")?)).await;
    let (started, before) = (Instant::now(), Watch::look(server, &peers)?);
    tally.enter(Phase::Window);
    sleep(Duration::from_millis(fields.number("window_ms")?)).await;
    while tally.with_seen(|seen| seen.times.total() < LEAST_REQUESTS && seen.errors == 0)
        && started.elapsed() < LONGEST_WINDOW
    {
        sleep(Duration::from_millis(20)).await;
    }
    tally.enter(Phase::Over);
    let (seconds, after) = (started.elapsed().as_secs_f64(), Watch::look(server, &peers)?);
    if timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
        tally.fail(format!("{} requests without an end", tasks.len()));
    }

    let units = tally.units();
    tally.with_seen(|seen| match &seen.first_error {
        Some(error) => Err(format!("{} errors, first: {error}", seen.errors).into()),
        None => Ok(format!(
            "units={units} answered={} requests={} seconds={seconds} p50_ns={} p99_ns={} cpu_seconds={} rss_kib={} others={}",
            tally.answered(),
            seen.times.total(),
            seen.times.percentile(50),
            seen.times.percentile(99),
            after.server.cpu_seconds - before.server.cpu_seconds,
            after.server.rss_kib,
            after.others_since(&before),
        )),
    })
}

/// Sends until the window ends. A sender stops after a failed request.
async fn send(
    mut sender: Sender,
    request: Request<Full<Bytes>>,
    exchange: Exchange,
    tally: Arc<Tally>,
) {
    while tally.goes_on() {
        let started = Instant::now();
        match answered(&mut sender, request.clone(), exchange, &tally).await {
            Ok(()) => tally.complete(started.elapsed()),
            Err(error) => return tally.fail(error.to_string()),
        }
    }
}

/// Sends a request and checks its answer.
async fn answered(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
    exchange: Exchange,
    tally: &Tally,
) -> Result<(), BoxError> {
    let response = sender.send(request).await?;
    let status = response.status();
    let mut body = response.into_body();
    let (mut bytes, mut lines, mut last) = (0, 0, Bytes::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        bytes += data.len();
        if exchange.events().is_some() {
            // Each event is a line and a blank line.
            let before = lines / 2;
            lines += memchr::memchr_iter(b'\n', &data).count();
            tally.count((lines / 2 - before) as u64);
        }
        last = data;
    }
    if status != StatusCode::OK {
        return Err(format!("status {status}: {}", String::from_utf8_lossy(&last)).into());
    }
    match exchange.events() {
        Some(events) if lines != 2 * events => {
            Err(format!("{lines} lines of a stream of {events} events").into())
        }
        None if bytes != ANSWER => Err(format!("{bytes} bytes of {ANSWER}").into()),
        Some(_) => Ok(()),
        None => {
            tally.count(1);
            Ok(())
        }
    }
}
