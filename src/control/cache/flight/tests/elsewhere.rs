//! Another process that calls the provider, and a store that both share.

use http_body_util::{BodyExt as _, Full};

use super::trouble::head;
use super::*;
use crate::control::cache::caching::failed;

/// A leader in another process that never gives a response.
#[derive(Debug, Default)]
struct Elsewhere {
    looks: Arc<AtomicUsize>,
    turns: Arc<AtomicUsize>,
}

impl CacheStore for Elsewhere {
    fn get<'a>(&'a self, _: &'a CachePlace, _: &'a BodyBudget) -> CacheFuture<'a, Found> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(Found::default()) })
    }

    fn put<'a>(&'a self, _: &'a CachePlace, _: CacheEntry, _: Generation) -> CacheFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn purge<'a>(&'a self, _: &'a Purge) -> CacheFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn turn<'a>(
        &'a self,
        _: &'a CachePlace,
        _: Generation,
        _: &'a BodyBudget,
    ) -> CacheFuture<'a, Turn> {
        self.turns.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(Turn::Follow(Box::pin(std::future::pending()))) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_another_process_as_long_as_for_a_leader() {
    let caching = Caching::of(Elsewhere::default());
    let target = target(MemoryCache::new(), Arc::default(), BodyBudget::default());
    let started = tokio::time::Instant::now();
    let way = tokio::time::timeout(10 * PATIENCE, caching.way(&target)).await;
    assert!(matches!(way, Ok(Way::Ask(None))));
    assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
}

#[tokio::test]
async fn a_request_alone_waits_for_no_other_process() {
    let store = Elsewhere::default();
    let turns = store.turns.clone();
    let caching = Caching::of(store);
    let target = target(MemoryCache::new(), Arc::default(), BodyBudget::default());
    let call = || Box::pin(std::future::pending()) as Call;
    let members: Vec<_> = (0..=FOLLOWERS).map(|_| caching.join(&target, call())).collect();
    assert!(!target.is_alone(), "{} share", members.len());
    drop(caching.join(&target, call()));
    assert!(matches!(caching.way(&target).await, Way::Ask(None)));
    assert_eq!(turns.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_unshared_response_is_not_looked_up_again() {
    let store = Elsewhere::default();
    let looks = store.looks.clone();
    let caching = Caching::of(store);
    let target = target(MemoryCache::new(), Arc::default(), BodyBudget::default());
    let pending = || Box::pin(std::future::pending()) as Call;
    let own = Box::pin(async { failed("for the first one alone".into(), Ended::Answered) });
    let mut first = task::spawn(caching.join(&target, own));
    let mut others = [(); 2].map(|()| task::spawn(caching.join(&target, pending())));
    assert!(matches!(head(&mut first), Poll::Ready(MemberHead::Own(_))));
    target.set_alone();
    for other in &mut others {
        assert!(matches!(head(other), Poll::Ready(MemberHead::Unfit)));
        assert!(matches!(caching.way(&target).await, Way::Ask(None)));
    }
    assert_eq!(looks.load(Ordering::Relaxed), 0);
    // How another call ended is unknown, so its entry is looked up.
    drop((first, others));
    drop(caching.join(&target, pending()));
    assert!(matches!(caching.way(&target).await, Way::Ask(None)));
    assert_eq!(looks.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn every_member_makes_its_own_call_if_another_process_does_not_share() {
    let caching = Caching::of(Elsewhere::default());
    let target = target(MemoryCache::new(), Arc::default(), BodyBudget::default());
    let pending = || Box::pin(std::future::pending()) as Call;
    let (tell, told) = tokio::sync::oneshot::channel();
    let call = async move {
        told.await.unwrap();
        CallResult::Unshared(pending())
    };
    let mut first = task::spawn(caching.join(&target, Box::pin(call)));
    let mut others = [(); 2].map(|()| task::spawn(caching.join(&target, pending())));
    for member in std::iter::once(&mut first).chain(&mut others) {
        assert!(head(member).is_pending());
    }
    tell.send(()).unwrap();
    // One of the others polls the call to its end.
    for member in others.iter_mut().rev().chain([&mut first]) {
        assert!(member.is_woken());
        assert!(matches!(head(member), Poll::Ready(MemberHead::Unfit)));
    }
    for member in others.into_iter().chain([first]) {
        let mut alone = task::spawn(member.into_inner().leave().unwrap());
        assert!(head(&mut alone).is_pending(), "it calls");
    }
    assert_eq!(caching.flights().count(), 0);
}

#[tokio::test]
async fn the_exchange_of_a_lone_call_pays_for_what_its_client_leaves_behind() {
    let caching = Caching::local();
    let target = target(MemoryCache::new(), Arc::default(), BodyBudget::default());
    let context = target.context.clone();
    let (own, of_call) = (context.clone(), target.clone());
    let call = async move {
        let response = Response::builder().header("content-type", "application/octet-stream");
        let body = Full::from("x").map_err(Into::into);
        let response = response.header("content-length", 1).body(Box::pin(body) as Source);
        let ask = async move { answered(response.unwrap(), of_call, None, Ended::Answered) };
        CallResult::Unshared(Box::pin(ask))
    };
    let mut first = task::spawn(caching.join(&target, Box::pin(call)).of(own));
    assert!(matches!(head(&mut first), Poll::Ready(MemberHead::Unfit)));
    let mut alone = task::spawn(first.into_inner().leave().unwrap());
    assert!(matches!(head(&mut alone), Poll::Ready(MemberHead::Asked(_))));
    assert!(!context.goes_on());
    // The whole response has come when it leaves.
    let read = alone.enter(|cx, member| member.poll_next(0, cx));
    assert!(matches!(read, Poll::Ready(Next::Stored { .. })));
    drop((read, alone));
    assert!(context.goes_on());
}
