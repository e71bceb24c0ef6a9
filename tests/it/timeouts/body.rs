//! Timeouts of a body: frames pass untouched, without allocations, and silence ends it to the millisecond.

use super::*;
use crate::support::scripted::steps::{Step, Steps};

/// A body of known length with trailers.
struct Whole(Vec<Frame<Bytes>>);

const DATA: Bytes = Bytes::from_static(b"data");

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(4 * (self.0.len() as u64).saturating_sub(1))
    }
}

fn whole(
    timeouts: Timeouts,
) -> impl Service<
    Request<()>,
    Response = Response<impl Body<Data = Bytes, Error = BoxError>>,
    Error = BoxError,
> {
    let client = service_fn(|_: Request<()>| {
        let frames = vec![Frame::trailers(HeaderMap::with_capacity(3)), Frame::data(DATA)];
        std::future::ready(Ok::<_, Infallible>(Response::new(Whole(frames))))
    });
    ServiceBuilder::new()
        .layer(DeadlineLayer::new(timeouts))
        .layer(TimeoutLayer::new(timeouts))
        .service(client)
}

/// Runs an exchange without a runtime, so a timer would panic.
fn by_hand(timeouts: Timeouts, look: impl Fn(&Frame<Bytes>, SizeHint, bool)) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = pin!(whole(timeouts).call(request(None)));
    let Poll::Ready(response) = call.as_mut().poll(&mut cx) else { panic!("not at once") };
    let mut body = pin!(response.unwrap().into_body());
    loop {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(frame)) => {
                look(&frame.unwrap(), body.size_hint(), body.is_end_stream());
            }
            Poll::Ready(None) => break,
            Poll::Pending => panic!("not at once"),
        }
    }
}

#[test]
fn frames_and_trailers_pass_unchanged_and_ready_ones_need_no_timer() {
    let all = none().connect(ms(1)).head(ms(1)).idle(ms(1));
    for timeouts in [none(), all, all.total(Duration::from_secs(3600))] {
        let seen = std::cell::Cell::new(0);
        by_hand(timeouts, |frame, hint, is_end| {
            match frame.data_ref() {
                Some(data) => {
                    assert_eq!(data.as_ptr(), DATA.as_ptr());
                    assert_eq!((hint.exact(), is_end), (Some(0), false));
                }
                None => assert_eq!((frame.is_trailers(), is_end), (true, true)),
            }
            seen.set(seen.get() + 1);
        });
        assert_eq!(seen.get(), 2);
    }
}

#[test]
fn without_timeouts_nothing_is_allocated() {
    let bare = measure(|| {
        drop(vec![Frame::trailers(HeaderMap::with_capacity(3)), Frame::data(DATA)]);
    });
    let count = |timeouts| measure(|| by_hand(timeouts, |_, _, _| {})).count_total;
    assert_eq!(count(none()), bare.count_total);
    // Responses that are ready at once need no timer either.
    assert_eq!(count(none().total(ms(1000))), bare.count_total);
    // A head timeout adds an extension to the request, and an unread timeout one to the response;
    // here they are the first extensions.
    assert_eq!(count(none().head(ms(1))), bare.count_total + 4);
    let idle = count(none().idle(ms(1)));
    assert!(idle <= bare.count_total + 3, "{idle}");
}

#[test]
fn single_frames_allocate_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let of = |frames: usize| {
        let steps: Vec<_> =
            std::iter::repeat_n([Step::Data("x"), Step::Pending], frames).flatten().collect();
        let timeouts = none().head(ms(100)).idle(ms(100)).total(ms(10_000));
        let mut steps = Some(Steps::new(&steps));
        let client = service_fn(move |_: Request<()>| {
            std::future::ready(Ok::<_, BoxError>(Response::new(steps.take().unwrap())))
        });
        let service = ServiceBuilder::new()
            .layer(DeadlineLayer::new(timeouts))
            .layer(TimeoutLayer::new(timeouts))
            .service(client);
        let measured = measure(|| {
            runtime.block_on(async {
                let mut body = pin!(service.oneshot(request(None)).await.unwrap().into_body());
                while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                    frame.unwrap();
                }
            });
        });
        measured.count_total
    };
    of(10);
    assert_eq!(of(1000), of(10));
}

/// Computes the passing frames and the failure time by checking each wait separately.
fn model(idle: u64, gaps: &[u64], pauses: &[u64]) -> (usize, Option<u64>) {
    let mut now = 0;
    for (place, gap) in gaps.iter().enumerate() {
        let due = now + gap;
        now += pauses.get(place).unwrap_or(&0);
        if due > now + idle {
            return (place, Some(now + idle));
        }
        now = now.max(due);
    }
    (gaps.len(), None)
}

proptest! {
    #[test]
    fn the_idle_timeout_is_exact(
        idle in 1_u64..60,
        gaps in proptest::collection::vec(0_u64..70, 0..40),
        pauses in proptest::collection::vec(prop_oneof![Just(0_u64), 0_u64..100], 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (expected, fails_at) = model(idle, &gaps, &pauses);
        let (count, at, error) = runtime.block_on(async {
            let sent = gaps.clone();
            let client = service_fn(move |_: Request<()>| {
                std::future::ready(Ok::<_, BoxError>(Response::new(timed(&sent))))
            });
            let service = TimeoutLayer::new(none().idle(ms(idle))).layer(client);
            let start = Instant::now();
            let response = service.oneshot(request(None)).await.unwrap();
            let (count, error) = read(response.into_body(), &pauses).await;
            (count, start.elapsed(), error)
        });
        prop_assert_eq!(count, expected);
        prop_assert_eq!(error.map(|error| (phase(&error), at)), fails_at.map(|at| (TimeoutPhase::Idle, ms(at))));
    }
}
