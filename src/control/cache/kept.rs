//! What is kept of the headers of an answer.

use http::{HeaderMap, header};

/// The headers that are kept: not those of one hop, of one client or of one moment.
pub(super) fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in [header::SET_COOKIE, header::DATE, header::TRANSFER_ENCODING, header::CONNECTION] {
        kept.remove(name);
    }
    kept
}
