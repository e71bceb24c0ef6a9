//! Members that leave while others wait.

use std::sync::atomic::AtomicBool;

use super::trouble::{Frames, head, scene};
use super::*;
use crate::control::cache::caching::failed;

/// Waits without registering a waker: the first poll after it is set goes on.
async fn set(is_set: Arc<AtomicBool>) {
    poll_fn(|_| match is_set.load(Ordering::Relaxed) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

#[test]
fn a_new_leader_gets_no_head_of_its_own() {
    let (scene, answers) = (scene(), Arc::<AtomicBool>::default());
    let (is_set, answer) = (set(answers.clone()), scene.answer(Frames(1, 1)));
    let mut leader = scene.member(async {
        is_set.await;
        answer.await
    });
    let mut follower = scene.member(std::future::pending());
    assert!(head(&mut leader).is_pending() && head(&mut follower).is_pending());
    drop(leader);
    let mut late = scene.member(std::future::pending());
    answers.store(true, Ordering::Relaxed);
    assert!(matches!(head(&mut follower), Poll::Ready(MemberHead::Followed(..))));
    assert!(matches!(head(&mut late), Poll::Ready(MemberHead::Followed(..))));
}

#[test]
fn a_refused_leader_is_woken_when_a_follower_polls_its_call() {
    let (scene, refuses) = (scene(), Arc::<AtomicBool>::default());
    let is_set = set(refuses.clone());
    let mut leader = scene.member(async {
        is_set.await;
        failed("refused".into(), Ended::Refused)
    });
    let mut follower = scene.member(scene.answer(Frames(1, 1)));
    assert!(head(&mut leader).is_pending() && head(&mut follower).is_pending());
    refuses.store(true, Ordering::Relaxed);
    assert!(matches!(head(&mut follower), Poll::Ready(MemberHead::Asked(_))));
    assert!(leader.is_woken());
    assert!(matches!(head(&mut leader), Poll::Ready(MemberHead::Own(_))));
}

#[test]
fn after_a_failure_a_remaining_member_is_woken() {
    let (scene, fails) = (scene(), Arc::<AtomicBool>::default());
    let is_set = set(fails.clone());
    let mut leader = scene.member(async {
        is_set.await;
        failed("refused".into(), Ended::Failed)
    });
    let mut others = [(); 3].map(|()| scene.member(std::future::pending()));
    assert!(head(&mut leader).is_pending());
    assert!(others.iter_mut().all(|other| head(other).is_pending()));
    let [left, next, last] = others;
    drop(left);
    fails.store(true, Ordering::Relaxed);
    assert!(matches!(head(&mut leader), Poll::Ready(MemberHead::Own(_))));
    drop(leader);
    assert!(next.is_woken() && !last.is_woken());
    // The woken member leaves without a poll.
    drop(next);
    assert!(last.is_woken());
}
