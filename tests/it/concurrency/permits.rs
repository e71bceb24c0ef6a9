//! A permit costs no allocation, and none is lost under many threads.

use super::*;

/// The allocations of an exchange that does not wait.
fn allocations<S, R>(mut service: S) -> u64
where
    S: Service<Request<()>, Response = Response<R>, Error: std::fmt::Debug>,
    R: Body<Error: std::fmt::Debug>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let exchange = || {
        let mut call = pin!(service.call(Request::new(())));
        let Poll::Ready(response) = call.as_mut().poll(&mut cx) else { panic!("waits") };
        let mut body = pin!(response.unwrap().into_body());
        loop {
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Ready(Some(frame)) => drop(frame.unwrap()),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("waits"),
            }
        }
    };
    measure(exchange).count_total
}

#[test]
fn a_free_permit_costs_no_allocation() {
    let client = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("x"))))
    });
    let limited = ConcurrencyLayer::new(1).layer(client);
    assert_eq!(allocations(limited), allocations(client));
}

/// The current and the maximum number of active requests.
#[derive(Default)]
struct Inside(AtomicUsize, AtomicUsize);

struct Present(Arc<Inside>);

impl Inside {
    fn enter(self: &Arc<Self>) -> Present {
        self.1.fetch_max(self.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Present(self.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn counting(
    inside: Arc<Inside>,
) -> impl Service<Request<()>, Response = Response<Steps>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    service_fn(move |request: Request<()>| {
        let number = *request.extensions().get::<usize>().unwrap();
        let present = inside.enter();
        async move {
            for _ in 0..number % 4 {
                tokio::task::yield_now().await;
            }
            drop(present);
            Ok(Response::new(Steps::new(&[Step::Pending, Step::Data("x")])))
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_holds_across_threads_and_loses_no_permit() {
    const LIMIT: usize = 3;
    let layer = ConcurrencyLayer::new(LIMIT).per(by_tenant(2)).wait(Duration::from_secs(60));
    let inside = Arc::new(Inside::default());
    let service = layer.layer(counting(inside.clone()));
    let exchange = |number: usize| {
        let mut request = of(["a", "b", "c"][number % 3]);
        request.extensions_mut().insert(number);
        let call = service.clone().oneshot(request);
        async move {
            let response = call.await.unwrap();
            response.into_body().collect().await.unwrap();
        }
    };
    let tasks = (0..2000).map(|number| {
        let mut exchange = Box::pin(exchange(number));
        tokio::spawn(async move {
            if number % 5 != 0 {
                return exchange.await;
            }
            // Some clients disconnect at random moments.
            for _ in 0..number % 7 {
                if poll_fn(|cx| Poll::Ready(exchange.as_mut().poll(cx))).await.is_ready() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(inside.0.load(Ordering::SeqCst), 0);
    assert!((1..=LIMIT).contains(&inside.1.load(Ordering::SeqCst)));
    for tenant in ["a", "b", "c"] {
        assert_free(&layer, 2, tenant).await;
    }
}
