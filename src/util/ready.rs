//! Who is called, and what becomes of a readiness that nobody will spend.

/// Takes the service that is ready; its clone stays for other requests.
#[cfg(feature = "control")]
pub(crate) fn take<S: Clone>(inner: &mut S) -> S {
    let clone = inner.clone();
    std::mem::replace(inner, clone)
}

/// Gives back what `poll_ready` reserved, and gives a service that has reserved nothing.
pub(crate) fn give_back<S: Clone>(inner: &mut S) -> S {
    *inner = inner.clone();
    inner.clone()
}
