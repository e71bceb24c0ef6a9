//! A leader that leaves before its call fails is charged as if it had stayed.

use tower_ai_gateway::Refusal;

use super::undecided::{Undecided, unready};
use super::*;

/// The end of a call to the provider.
#[derive(Clone, Copy, Debug)]
enum Ends {
    Status(u16),
    Fails(io::ErrorKind),
    /// A layer below refuses the request.
    Refused,
    /// There is no head in time.
    Late,
    /// A success that nobody else may have.
    Unshared,
}

/// When the leader leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leaves {
    Never,
    /// Before its first call ends …
    Called,
    /// … or begins, because the client is not ready for it.
    Unready,
}

/// The tokens and the requests that count for a leader whose calls end like this. Its follower then makes
/// a call that is not sent.
async fn used(leaves: Leaves, ends: &[Ends]) -> [u64; 2] {
    let store = Undecided::new();
    let control = ControlLayer::new().cache(store.clone());
    let limits = control.limits_handle();
    let stage = Stage::with(control, |set| {
        let month = Window::Fixed(Period::Month);
        set.cache(CacheSettings::new(HOUR))
            .limit(LimitRule::tokens("tokens", 1_000_000, month))
            .limit(LimitRule::requests("requests", 1_000, month))
    });
    let mut leader = ask(BOUNDED);
    let attempts = ends.len().to_string();
    for (name, value) in [
        ("cf-aig-request-timeout", "2000"),
        ("cf-aig-max-attempts", &*attempts),
        ("cf-aig-retry-delay", "1"),
    ] {
        leader.headers_mut().insert(name, value.parse().unwrap());
    }
    let (first, asked, mut waits_for) = match leaves {
        Leaves::Unready => {
            let (first, turn) = store.leader(&stage, leader).await;
            (first, None, Some(turn))
        }
        Leaves::Never | Leaves::Called => {
            let first = stage.spawn_patiently(leader);
            (first, Some(stage.asked().await), None)
        }
    };
    let second = stage.spawn_patiently(ask(BOUNDED));
    stage.until("it follows", |stage| stage.cache.stats().followers == 1).await;
    if let Some(turn) = waits_for {
        waits_for = Some(unready(&stage, turn).await);
    }
    if leaves != Leaves::Never {
        first.abort();
        stage.until("it ends", |stage| stage.recorder.ends().len() == 1).await;
    }
    drop(waits_for);
    let mut asked = match asked {
        Some(asked) => asked,
        None => stage.asked().await,
    };
    for end in ends {
        match *end {
            Ends::Status(status) => drop(asked.answer(status, JSON)),
            Ends::Fails(kind) => asked.fail_with(kind),
            Ends::Refused => asked.fail_with(io::Error::other(Refusal::forbidden("no"))),
            Ends::Late => asked.cancelled().await,
            Ends::Unshared => asked.answer_whole(&[JSON[0], ("vary", "*")], TEXT),
        }
        // After the last one, it is the follower's.
        asked = stage.asked().await;
    }
    asked.fail_with(io::ErrorKind::ConnectionRefused);
    assert_eq!(second.await.unwrap().status(), 502);
    if leaves == Leaves::Never {
        first.await.unwrap().into_body().collect().await.unwrap();
    }
    assert_eq!(stage.calls(), ends.len() + 1);
    let overview = limits.overview(1).await;
    let used = ["tokens", "requests"].map(|name| {
        let rule = overview.rules.iter().find(|rule| rule.rule == name).unwrap();
        rule.top[0].used
    });
    stage.finish().await;
    used
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_left_before_a_failure_is_charged_as_if_it_had_stayed() {
    use Ends::{Fails, Late, Refused, Status, Unshared};
    use io::ErrorKind::{ConnectionRefused, ConnectionReset};
    // How many estimates count, and how many requests.
    for (ends, estimates, requests) in [
        (&[Status(500)][..], 0, 1),
        (&[Status(400)], 0, 1),
        (&[Fails(ConnectionReset)], 0, 1),
        (&[Fails(ConnectionRefused)], 0, 0),
        (&[Refused], 0, 0),
        (&[Late], 1, 1),
        (&[Unshared], 1, 1),
        (&[Status(503), Status(500)], 0, 1),
        (&[Late, Status(500)], 1, 1),
        (&[Late, Late], 2, 1),
        (&[Late, Unshared], 2, 1),
        (&[Late, Fails(ConnectionRefused)], 1, 1),
    ] {
        let stayed = used(Leaves::Never, ends).await;
        for leaves in [Leaves::Called, Leaves::Unready] {
            assert_eq!(used(leaves, ends).await, stayed, "{leaves:?}, {ends:?}");
        }
        let most = estimates * 6_000;
        assert!((estimates * ESTIMATE..=most).contains(&stayed[0]), "{ends:?}: {stayed:?}");
        assert_eq!(stayed[1], requests, "{ends:?}");
    }
}
