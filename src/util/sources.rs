//! An error and what it wraps.

use std::error::Error;
use std::io;

use http_body_util::LengthLimitError;

/// An error and what it wraps, outermost first.
pub(crate) fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        // An `io::Error` says that its source is the source of what it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
        Some(error)
    })
}

/// Whether a body was cut off by a limit of its length: `http_body_util`'s, which tower-http's
/// `RequestBodyLimitLayer` is made of.
pub(crate) fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    sources(error).any(|error| error.is::<LengthLimitError>())
}
