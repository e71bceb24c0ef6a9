//! The response to a request that uses the cache: from an entry, from a shared call, or bypassed.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Response, header};
use tower::BoxError;

use super::asked::Policy;
use super::body::CacheBody;
use super::caching::Caching;
use super::entry::CacheEntry;
use super::flight::{Ended, Member, MemberHead, SharedHead};
use super::framing::declared;
use super::recording::FlightError;
use super::target::Target;
use crate::control::timer::Timer;
use crate::hook::CacheStatus;
use crate::settings::cache::ReplayPace;

/// The response to a request that shares a call. `stale`: an entry to serve if the provider fails.
pub(in crate::control) async fn shared(
    caching: &Caching,
    mut member: Member,
    mut stale: Option<CacheEntry>,
    target: &Target,
) -> Result<Response<CacheBody>, BoxError> {
    let own = loop {
        match headed(&mut member, stale.is_some(), target).await {
            Some(MemberHead::Asked(head)) => {
                caching.missed();
                let length = declared(&head.headers);
                let response = Response::from_parts(*head, CacheBody::reading(member, length));
                return Ok(marked(response, CacheStatus::Miss));
            }
            Some(MemberHead::Followed(head)) => {
                caching.hit();
                let SharedHead { status, headers, age } = *head;
                let length = declared(&headers);
                let mut response = Response::new(CacheBody::reading(member, length));
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                return Ok(aged(marked(response, CacheStatus::Hit), age));
            }
            Some(MemberHead::Own(own)) => break own,
            // If the stale entry may no longer be served, poll on: this member makes its own call.
            Some(MemberHead::Failed) => {
                if let Some(entry) = caching.still(stale.take(), target).await {
                    return Ok(instead(caching, entry, target));
                }
            }
            headed @ (Some(MemberHead::Panicked | MemberHead::Unfit) | None) => {
                match member.leave() {
                    Some(alone) => {
                        target.set_alone();
                        if matches!(headed, Some(MemberHead::Unfit)) {
                            target.restart_head_timeout();
                        }
                        member = alone;
                    }
                    None => return Err(FlightError::Panicked.into()),
                }
            }
        }
    };
    // Lets the next member make its call.
    drop(member);
    if own.ended == Ended::Failed
        && let Some(entry) = caching.still(stale, target).await
    {
        return Ok(instead(caching, entry, target));
    }
    caching.missed();
    Ok(marked(own.result?.map(CacheBody::own), CacheStatus::Miss))
}

/// What a member gets first; `None` if another request's call gives no head in time.
async fn headed(member: &mut Member, has_other: bool, target: &Target) -> Option<MemberHead> {
    let (policy, wait) = (Some(&*target.policy), &target.wait);
    let mut timer = Timer::default();
    poll_fn(|cx| match member.poll_head(policy, has_other, cx) {
        Poll::Ready(headed) => Poll::Ready(Some(headed)),
        Poll::Pending if member.is_waiting_for_others() => {
            timer.poll_until(wait.until(), cx).map(|()| None)
        }
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// The response from a fresh entry of this age.
pub(in crate::control) fn hit(
    caching: &Caching,
    entry: CacheEntry,
    age: Duration,
    policy: &Policy,
) -> Response<CacheBody> {
    caching.hit();
    replayed(entry, age, policy.pace, CacheStatus::Hit)
}

/// Marks the response to a request that bypassed the cache.
pub(in crate::control) fn bypassed<B>(response: Response<B>) -> Response<B> {
    marked(response, CacheStatus::Bypass)
}

/// The response from a stale entry, instead of the provider's failure.
fn instead(caching: &Caching, entry: CacheEntry, target: &Target) -> Response<CacheBody> {
    caching.stale();
    let age = entry.age(SystemTime::now());
    replayed(entry, age, target.policy.pace, CacheStatus::Stale)
}

fn replayed(
    entry: CacheEntry,
    age: Duration,
    pace: ReplayPace,
    status: CacheStatus,
) -> Response<CacheBody> {
    let parts = entry.parts();
    let (kept, headers) = (parts.status, parts.headers.clone());
    let mut response = Response::new(CacheBody::replaying(entry, pace));
    *response.status_mut() = kept;
    *response.headers_mut() = headers;
    aged(marked(response, status), age)
}

fn aged(mut response: Response<CacheBody>, age: Duration) -> Response<CacheBody> {
    response.headers_mut().insert(header::AGE, HeaderValue::from(age.as_secs()));
    response
}

/// Sets the cache status, unless a cache of the host further down has set it.
fn marked<B>(mut response: Response<B>, status: CacheStatus) -> Response<B> {
    response.extensions_mut().get_or_insert_with(|| status);
    response
}
