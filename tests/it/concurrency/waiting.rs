//! Requests wait for their turn, in their order and not for long; who leaves takes no place away.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_request_waits_exactly_its_time() {
    let layer = ConcurrencyLayer::new(1).wait(ms(100));
    let service = layer.layer(service_fn(|_: Request<()>| async {
        Ok::<_, BoxError>(Response::new(timed(&[50, 50])))
    }));
    let first = service.clone().oneshot(of("a")).await.unwrap();
    let start = Instant::now();
    let (read, second) =
        tokio::join!(read(first.into_body(), &[]), service.clone().oneshot(of("a")));
    assert_eq!((read.0, start.elapsed()), (2, ms(100)));
    let second = second.unwrap();

    let start = Instant::now();
    let refused = error(service.clone().oneshot(of("a")).await);
    assert_eq!((refused.is_queue_full(), start.elapsed()), (false, ms(100)));
    assert!(refused.to_string().contains("none ended in time"));
    drop(second);
    assert_free(&layer, 1, "a").await;

    let start = Instant::now();
    let held = service.clone().oneshot(of("a")).await.unwrap();
    let patient = layer.clone().wait(Duration::MAX).layer(client(0, &[]));
    let (_, waited) = tokio::join!(
        async {
            sleep(Duration::from_secs(86_400)).await;
            drop(held);
        },
        patient.oneshot(of("a"))
    );
    waited.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(86_400));
}

#[tokio::test(start_paused = true)]
async fn the_default_wait_is_a_second() {
    let service = ConcurrencyLayer::new(0).layer(client(0, &[]));
    let start = Instant::now();
    assert!(!error(service.oneshot(of("a")).await).is_queue_full());
    assert_eq!(start.elapsed(), ms(1000));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_waiting_requests_is_bounded() {
    let layer = ConcurrencyLayer::new(1).wait(ms(100)).queue(2);
    let service = layer.layer(client(0, &[Step::Data("x")]));
    let held = service.clone().oneshot(of("a")).await.unwrap();
    let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(service.clone().oneshot(of("a")))).collect();
    waiting.iter_mut().for_each(|call| assert!(poll_once(call.as_mut()).is_pending()));
    let start = Instant::now();
    let refused = error(service.clone().oneshot(of("a")).await);
    assert_eq!((refused.is_queue_full(), start.elapsed()), (true, ms(0)));
    // A request that gives up makes room.
    waiting.pop();
    let mut third = pin!(service.clone().oneshot(of("a")));
    assert!(poll_once(third.as_mut()).is_pending());
    drop(held);
    drop(waiting.pop().unwrap().await.unwrap());
    drop(third.await.unwrap());
    assert_free(&layer, 1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn waiting_requests_are_served_in_order() {
    let layer = ConcurrencyLayer::new(2);
    let served = Arc::new(std::sync::Mutex::new(Vec::new()));
    let service = layer.layer(client(3, &[Step::Pending, Step::Data("x")]));
    let requests = (0..20).map(|number| {
        let (service, served) = (service.clone(), served.clone());
        async move {
            let response = service.oneshot(of("a")).await.unwrap();
            served.lock().unwrap().push(number);
            response.into_body().collect().await.unwrap();
        }
    });
    // Tasks that are polled only when woken.
    let tasks: Vec<_> = requests.map(tokio::spawn).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), (0..20).collect::<Vec<_>>());
    assert_free(&layer, 2, "a").await;
}

/// Polls an exchange to its end, but at most `polls` times, and drops it.
fn dropped_after(
    polls: usize,
    service: impl Service<Request<()>, Response = Response<CallBody<Steps>>, Error = BoxError> + Clone,
) -> bool {
    let exchange = async {
        let response = service.oneshot(of("a")).await?;
        response.into_body().collect().await
    };
    let mut exchange = pin!(exchange);
    (0..polls).any(|_| poll_once(exchange.as_mut()).is_ready())
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_at_any_time_leaks_no_permit() {
    let steps = [Step::Pending, Step::Data("a"), Step::Pending, Step::Trailers];
    let layer = ConcurrencyLayer::new(2).per(by_tenant(1));
    let service = layer.layer(client(2, &steps));
    for polls in 0.. {
        if dropped_after(polls, service.clone()) {
            assert!(polls > 4);
            break;
        }
        assert_free(&layer, 1, "a").await;
    }
    assert_free(&layer, 1, "a").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_while_waiting_or_when_woken_leaks_no_permit() {
    let layer = ConcurrencyLayer::new(1).per(by_tenant(1));
    let service = layer.layer(client(1, &[Step::Pending, Step::Data("a")]));
    // The request whose end lets the other one proceed, and the number of its polls.
    for holders in ["tenant", "all", "both"] {
        for release in 0..4 {
            for polls in 0..12 {
                let hold_all = layer.clone().layer(client(0, &[Step::Data("x")]));
                let tenant = if holders == "all" { "b" } else { "a" };
                let held = hold_all.oneshot(of(tenant)).await.unwrap();
                let mut held = Some(held);
                let exchange = async {
                    let response = service.clone().oneshot(of("a")).await?;
                    response.into_body().collect().await
                };
                let mut exchange = Box::pin(exchange);
                let mut behind = Box::pin(service.clone().oneshot(of("a")));
                for poll in 0..polls {
                    if poll == release {
                        held = None;
                    }
                    if poll_once(exchange.as_mut()).is_ready() {
                        break;
                    }
                    assert!(poll_once(behind.as_mut()).is_pending());
                }
                drop(held);
                drop(exchange);
                // The next waiting request gets its turn.
                drop(behind.await.unwrap());
                assert_free(&layer, 1, "a").await;
                assert_free(&layer, 1, "b").await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_holds_no_permit_of_an_inner_layer() {
    let layer = ConcurrencyLayer::new(1);
    let held = layer.layer(client(0, &[Step::Data("x")])).oneshot(of("a")).await.unwrap();
    let inner = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(client(0, &[]));
    let mut service = layer.layer(inner.clone());
    let mut waiting = Box::pin(service.ready().await.unwrap().call(of("a")));
    assert!(poll_once(waiting.as_mut()).is_pending());
    tokio::time::timeout(ms(1), inner.clone().oneshot(of("a"))).await.unwrap().unwrap();
    drop(held);
    waiting.await.unwrap();

    // A refused request does not either.
    let mut refused = ConcurrencyLayer::new(0).wait(Duration::ZERO).layer(inner.clone());
    error(refused.ready().await.unwrap().call(of("a")).await);
    tokio::time::timeout(ms(1), inner.oneshot(of("a"))).await.unwrap().unwrap();
}

/// Without a runtime, a timer would panic.
#[test]
fn without_a_wait_a_request_is_refused_at_once() {
    let mut service = ConcurrencyLayer::new(0).wait(Duration::ZERO).layer(client(0, &[]));
    let mut call = pin!(service.call(of("a")));
    let Poll::Ready(result) = poll_once(call.as_mut()) else { panic!("waits") };
    assert!(!error(result).is_queue_full());
}
