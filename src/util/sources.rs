//! The source chain of an error.

use std::error::Error;
use std::io;

use http_body_util::LengthLimitError;

/// An error and its sources, outermost first.
pub(crate) fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        // `io::Error::source` skips the wrapped error and returns that error's source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
        Some(error)
    })
}

/// Returns true if a length limit cut the body off: `http_body_util`'s, which tower-http's
/// `RequestBodyLimitLayer` uses.
pub(crate) fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    sources(error).any(|error| error.is::<LengthLimitError>())
}
