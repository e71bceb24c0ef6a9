//! Holds many streams open at once.
//!
//! `hold port=P path=PATH header=NAME:VALUE watch=PID upstream=PID streams=N window_ms=N` opens
//! streams, waits for an event on each, and prints the server's resource use as one line of fields.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::BoxError;
use crate::fields::{self, Fields};
use crate::load::connection::{self, Sender};
use crate::load::watch::Watch;
use crate::loads::{Exchange, Load};
use crate::process;

/// The number of connections made at a time, so that the accept queue does not overflow.
const AT_ONCE: usize = 200;
const OPENING: Duration = Duration::from_secs(60);
/// The pause before the first measurement, so that memory for opening the streams is released.
const SETTLING: Duration = Duration::from_secs(2);

pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    process::block_on(run(fields::of_args(args)))
}

async fn run(fields: Fields<'_>) -> Result<(), BoxError> {
    let (server, peers) =
        (fields.number("watch")?, [fields.number("upstream")?, std::process::id()]);
    let (port, streams): (u16, usize) = (fields.number("port")?, fields.number("streams")?);
    let header = fields.text("header")?.split_once(':').ok_or("`header=` is NAME:VALUE")?;
    let load = Load { exchange: Exchange::Events(0), senders: AT_ONCE, ..Load::usual() };
    let request = connection::request(&load, port, fields.text("path")?, header)?;

    let events = Arc::new(AtomicU64::new(0));
    let mut held = JoinSet::new();
    let before = Watch::look(server, &peers)?;
    timeout(OPENING, async {
        while held.len() < streams {
            let senders = (streams - held.len()).min(AT_ONCE);
            for sender in connection::connect(&Load { senders, ..load }, port).await? {
                let (sender, body) = open(sender, request.clone()).await?;
                held.spawn(read(sender, body, events.clone()));
            }
        }
        Ok::<_, BoxError>(())
    })
    .await??;
    sleep(SETTLING).await;
    let (opened, seen, started) =
        (Watch::look(server, &peers)?, events.load(Relaxed), Instant::now());
    sleep(Duration::from_millis(fields.number("window_ms")?)).await;
    let (seen, seconds) = (events.load(Relaxed) - seen, started.elapsed().as_secs_f64());
    let after = Watch::look(server, &peers)?;
    if let Some(ended) = held.try_join_next() {
        return Err(format!("a stream has ended: {:?}", ended?).into());
    }
    println!(
        "events={seen} seconds={seconds} rss_before_kib={} rss_kib={} cpu_seconds={} others={}",
        before.server.rss_kib,
        after.server.rss_kib,
        after.server.cpu_seconds - opened.server.cpu_seconds,
        after.others_since(&opened),
    );
    Ok(())
}

/// Opens a stream, up to its first event.
async fn open(
    mut sender: Sender,
    request: Request<Full<Bytes>>,
) -> Result<(Sender, Incoming), BoxError> {
    let response = sender.send(request).await?;
    let status = response.status();
    let mut body = response.into_body();
    let first = body.frame().await.ok_or("a stream without an event")??;
    match (status, first.data_ref()) {
        (StatusCode::OK, Some(event)) if event.ends_with(b"\n\n") => Ok((sender, body)),
        _ => Err(format!("status {status}: {first:?}").into()),
    }
}

/// Reads events. Returns only if the stream ends, which is a failure.
async fn read(_sender: Sender, mut body: Incoming, events: Arc<AtomicU64>) -> Option<hyper::Error> {
    while let Some(frame) = body.frame().await {
        if let Err(error) = frame {
            return Some(error);
        }
        events.fetch_add(1, Relaxed);
    }
    None
}
