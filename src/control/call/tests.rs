//! Tests of load: what counts, and until when.

use std::future::{Future, Pending, pending};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tower::{Layer, ServiceExt, service_fn};

use super::*;
use crate::control::health::{BreakerSettings, Candidates, CoolDownSettings, HealthLayer};
use crate::control::{ControlLayer, ReplayBody, RetrySettings};
use crate::directives::timeouts::Timeouts;

fn layer() -> HealthLayer {
    HealthLayer::new().breaker(BreakerSettings::default()).cool_down(CoolDownSettings::default())
}

fn request() -> Request<()> {
    Request::new(())
}

/// The number of exchanges in flight at the only upstream.
fn load(layer: &HealthLayer) -> usize {
    match layer.shared.read().candidates(&request(), None, None) {
        Candidates::One(only, _) => only.in_flight(),
        Candidates::Unwatched | Candidates::Several(..) => panic!("there is one upstream"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    None,
    Error,
    Trailers,
    SaysSo,
    Length,
    Never,
}

/// Two frames of data, and some kind of end.
#[derive(Debug)]
struct Upstream {
    left: u64,
    end: End,
}

impl Body for Upstream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left > 0 {
            self.left -= 1;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))));
        }
        match self.end {
            End::Error => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            End::Trailers => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            End::Never => Poll::Pending,
            End::None | End::SaysSo | End::Length => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end == End::SaysSo && self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            End::Length => SizeHint::with_exact(self.left),
            _ => SizeHint::default(),
        }
    }
}

async fn response(layer: &HealthLayer, left: u64, end: End) -> Response<CallBody<Upstream>> {
    let client = service_fn(move |_: Request<()>| async move {
        Ok::<_, io::Error>(Response::new(Upstream { left, end }))
    });
    layer.layer(client).oneshot(request()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_body_counts_as_load_until_its_end() {
    for end in [End::None, End::Error, End::Trailers, End::SaysSo, End::Length, End::Never] {
        let layer = layer();
        let response = response(&layer, 2, end).await;
        let mut body = pin!(response.into_body());
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(load(&layer), 1);
        assert!(body.as_mut().poll_frame(cx).is_ready());
        assert_eq!(load(&layer), 1);
        assert!(body.as_mut().poll_frame(cx).is_ready());
        let ends_early = matches!(end, End::SaysSo | End::Length);
        assert_eq!(load(&layer), usize::from(!ends_early), "{end:?}");
        let _ = body.as_mut().poll_frame(cx);
        assert_eq!(load(&layer), usize::from(end == End::Never), "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ended_at_the_start_is_no_load() {
    for end in [End::SaysSo, End::Length] {
        let layer = layer();
        let _response = response(&layer, 0, end).await;
        assert_eq!(load(&layer), 0, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_body_is_no_load() {
    let layer = layer();
    let first = response(&layer, 2, End::Never).await;
    let second = response(&layer, 2, End::Never).await;
    assert_eq!(load(&layer), 2);
    drop(first);
    assert_eq!(load(&layer), 1);
    drop(second);
    assert_eq!(load(&layer), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_counts_as_load_until_it_fails_or_is_dropped() {
    let layer = layer();
    let hanging = || layer.layer(service_fn(|_: Request<()>| never()));
    let mut call = Box::pin(hanging().oneshot(request()));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(cx).is_pending());
    assert_eq!(load(&layer), 1);
    drop(call);
    assert_eq!(load(&layer), 0);

    let failing = layer.layer(service_fn(|_: Request<()>| async {
        Err::<Response<Upstream>, io::Error>(io::ErrorKind::ConnectionReset.into())
    }));
    for _ in 0..6 {
        failing.clone().oneshot(request()).await.unwrap_err();
        assert_eq!(load(&layer), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_leaves_nothing_behind() {
    let layer = layer();
    let panicking = layer.layer(service_fn(|_: Request<()>| -> Pending<_> {
        panic!("client");
        #[allow(unreachable_code)]
        never()
    }));
    tokio::spawn(panicking.oneshot(request())).await.unwrap_err();
    assert_eq!(load(&layer), 0);
}

#[tokio::test(start_paused = true)]
async fn only_a_response_of_more_than_one_frame_is_watched() {
    for (left, end, is_watched) in [
        (1, End::SaysSo, false),
        (1, End::Length, false),
        (0, End::None, false),
        (0, End::Error, false),
        (0, End::Trailers, true),
        (1, End::None, true),
        (1, End::Error, true),
        (2, End::SaysSo, true),
        (0, End::Never, true),
    ] {
        let timeouts = Timeouts::default().total(Duration::from_secs(3600));
        // Retries read the start of every answer.
        let layer = ControlLayer::new().timeouts(timeouts).retry(RetrySettings::attempts(2));
        let client = service_fn(move |_: Request<ReplayBody<String>>| async move {
            let response = Response::builder().header(CONTENT_TYPE, "application/json");
            Ok::<_, io::Error>(response.body(Upstream { left, end }).unwrap())
        });
        let tasks = || Handle::current().metrics().num_alive_tasks();
        while tasks() > 0 {
            // The runtime drops the task of the previous body.
            tokio::task::yield_now().await;
        }
        let request = Request::new(String::new());
        let body = layer.layer(client).oneshot(request).await.unwrap().into_body();
        assert_eq!(tasks(), usize::from(is_watched), "{left} {end:?}");
        if matches!(end, End::Never | End::Trailers) {
            continue;
        }
        let mut body = pin!(body);
        let (mut bytes, mut has_failed) = (0, false);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes += frame.data_ref().map_or(0, Bytes::len),
                Err(_) => has_failed = true,
            }
        }
        assert_eq!((bytes as u64, has_failed), (left, end == End::Error), "{left} {end:?}");
        assert!(body.is_end_stream());
    }
}

fn never() -> Pending<io::Result<Response<Upstream>>> {
    pending()
}
