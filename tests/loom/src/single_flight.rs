//! Requests that want the same answer, in every order in which their threads can take turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use loom::future::block_on;
use loom::thread;

use super::flight::{Ended, MemberHead};
use super::scene::{Got, Scene, WHOLE, all, body, head, now};

/// Every order with so many switches at most from a thread that could go on.
fn model(switches: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(switches);
    model.check(run);
}

#[test]
fn of_two_that_miss_one_asks_and_both_get_every_byte() {
    let followed = Arc::new(AtomicUsize::new(0));
    let seen = followed.clone();
    model(2, move || {
        let scene = Scene::new();
        let requests = [scene.spawn(), scene.spawn()];
        scene.answers();
        scene.sends();
        let got = requests.map(|request| request.join().unwrap());
        assert!(got.contains(&Got::Asked), "{got:?}");
        seen.fetch_add(usize::from(got.contains(&Got::Followed)), Ordering::Relaxed);
        scene.finish(1);
    });
    assert!(followed.load(Ordering::Relaxed) > 0);
}

#[test]
fn who_has_asked_can_leave_before_the_body() {
    model(3, || {
        let scene = Scene::new();
        let (mut leader, headed) = scene.member();
        assert!(headed.is_pending());
        let (mut follower, headed) = scene.member();
        assert!(headed.is_pending());
        // It has got the head when it leaves, or not.
        let leaves = thread::spawn(move || drop(now(|cx| leader.poll_head(None, false, cx))));
        let follows = thread::spawn(move || {
            assert_eq!(head(&mut follower), Got::Followed);
            follower
        });
        scene.answers();
        leaves.join().unwrap();
        // Nothing of the body has come, which would wake it.
        let follower = follows.join().unwrap();
        scene.sends();
        assert_eq!(block_on(body(&follower)), WHOLE);
        drop(follower);
        scene.finish(1);
    });
}

#[test]
fn who_has_asked_can_leave_while_others_read() {
    model(3, || {
        let scene = Scene::new();
        scene.answers();
        let leader = scene.leader();
        let (follower, headed) = scene.member();
        assert!(matches!(headed, Poll::Ready(MemberHead::Followed(..))));
        // It waits for the body when it leaves, or has read some of it.
        let leaves = thread::spawn(move || drop(now(|cx| leader.poll_next(0, cx))));
        let follows = thread::spawn(move || assert_eq!(block_on(body(&follower)), WHOLE));
        scene.sends();
        leaves.join().unwrap();
        follows.join().unwrap();
        scene.finish(1);
    });
}

#[test]
fn after_a_failure_exactly_one_of_the_others_asks() {
    model(2, || {
        let scene = Scene::new();
        let members = [scene.member(), scene.member(), scene.member()];
        let threads = members.map(|(member, headed)| {
            assert!(headed.is_pending());
            thread::spawn(move || all(member))
        });
        scene.refuses(Ended::Failed);
        scene.answers();
        scene.goes_on(|provider| provider.frames = 1 + WHOLE.len());
        let [leader, others @ ..] = threads.map(|thread| thread.join().unwrap());
        assert_eq!(leader, Got::Own);
        assert!(matches!(others, [Got::Asked, Got::Followed] | [Got::Followed, Got::Asked]));
        scene.finish(2);
    });
}

#[test]
fn where_an_answer_is_for_one_alone_the_others_ask_at_once() {
    let seen = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let [waited, began] = seen.clone();
    model(2, move || {
        let scene = Scene::new();
        let [leader, follower] = [scene.member(), scene.member()].map(|(member, headed)| {
            assert!(headed.is_pending());
            member
        });
        let threads = [leader, follower].map(|member| thread::spawn(move || all(member)));
        scene.refuses(Ended::Answered);
        // It finds the others there, or begins anew.
        let (mut late, headed) = scene.member();
        let begins = !late.is_waiting_for_others();
        seen[usize::from(begins)].fetch_add(1, Ordering::Relaxed);
        assert!(!matches!(headed, Poll::Ready(MemberHead::Followed(..))));
        if headed.is_ready() {
            late = late.leave().expect("it has a call of its own");
        }
        scene.answers();
        scene.answers();
        scene.sends();
        assert_eq!(all(late), Got::Asked);
        let [leader, follower] = threads.map(|thread| thread.join().unwrap());
        assert_eq!(leader, Got::Own);
        // Only what is stored sends anybody to the store.
        assert_eq!(scene.closed(), u64::from(begins));
        let has_found = begins && follower == Got::Followed;
        assert!(has_found || follower == Got::Asked, "{follower:?}");
        scene.finish(if has_found { 2 } else { 3 });
    });
    assert!(waited.load(Ordering::Relaxed) > 0 && began.load(Ordering::Relaxed) > 0);
}

#[test]
fn where_another_process_does_not_share_each_asks_by_itself() {
    for leaves in [false, true] {
        model(2, move || {
            let scene = Scene::new();
            let [first, second] = [scene.member(), scene.member()].map(|(member, headed)| {
                assert!(headed.is_pending());
                member
            });
            let asks = thread::spawn(move || all(second));
            // Whoever waited for the other process goes on, or leaves.
            let waits = thread::spawn(move || match leaves {
                true => drop(first),
                false => assert_eq!(all(first), Got::Asked),
            });
            scene.does_not_share();
            for _ in 0..2 {
                scene.answers();
            }
            scene.sends();
            assert_eq!(asks.join().unwrap(), Got::Asked);
            waits.join().unwrap();
            // One that leaves early may have asked, too.
            let calls = scene.calls();
            assert!(calls == 2 || leaves && calls == 1, "{calls}");
            scene.finish(calls);
        });
    }
}

#[test]
fn the_last_that_leaves_ends_its_call_and_the_next_one_gets_all() {
    for has_head in [false, true] {
        model(4, move || {
            let scene = Scene::new();
            if has_head {
                scene.answers();
            }
            let (last, headed) = scene.member();
            assert_eq!(headed.is_ready(), has_head);
            let next = scene.spawn();
            drop(last);
            scene.answers();
            scene.sends();
            let calls = match next.join().unwrap() {
                Got::Followed => 1,
                Got::Asked => 2,
                got => panic!("{got:?}"),
            };
            scene.finish(calls);
        });
    }
}

#[test]
fn a_flight_that_has_ended_takes_no_later_one_away() {
    model(5, || {
        let mut scene = Scene::new();
        scene.is_stored = false;
        scene.answers();
        let first = scene.leader();
        scene.sends();
        // It is closed at the end of the answer, and again when the last one leaves.
        let reads = thread::spawn(move || assert_eq!(block_on(body(&first)), WHOLE));
        let second = scene.member();
        reads.join().unwrap();
        let third = scene.member();
        drop((second, third));
        scene.finish(2);
    });
}

#[test]
fn who_comes_while_an_answer_is_stored_gets_that() {
    model(5, || {
        let scene = Scene::new();
        scene.answers();
        let first = scene.leader();
        scene.sends();
        let reads = thread::spawn(move || assert_eq!(block_on(body(&first)), WHOLE));
        let got = scene.request();
        assert!(matches!(got, Got::Followed | Got::Found), "{got:?}");
        reads.join().unwrap();
        scene.finish(1);
    });
}

#[test]
fn what_is_read_elsewhere_comes_to_its_end_though_nobody_reads_it_here() {
    model(3, || {
        let mut scene = Scene::new();
        scene.is_followed = true;
        scene.answers();
        let leader = scene.leader();
        scene.sends();
        scene.until(Scene::has_stored);
        assert_eq!(block_on(body(&leader)), WHOLE);
        drop(leader);
        scene.finish(1);
    });
}

#[test]
fn what_reads_for_others_ends_with_the_answer_and_with_its_last_reader_here() {
    for (leaves, sends) in [(true, false), (true, true), (false, true)] {
        model(2, move || {
            let mut scene = Scene::new();
            scene.is_followed = true;
            scene.answers();
            let leader = scene.leader();
            let reads = thread::spawn(move || match leaves {
                true => drop(now(|cx| leader.poll_next(0, cx))),
                false => assert_eq!(block_on(body(&leader)), WHOLE),
            });
            if sends {
                scene.sends();
            }
            reads.join().unwrap();
            scene.finish(1);
        });
    }
}
