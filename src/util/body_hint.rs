//! Size hints of the bodies that pass through the gateway.

use http_body::{Body, SizeHint};

/// Returns true if all data has been returned. A peer may stop reading at the declared length and
/// never poll for the end.
pub(crate) fn is_over<B: Body>(body: &B) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

/// The size hint of a body to which this many bytes are added, at least and at most.
pub(crate) fn longer(hint: &SizeHint, (least, most): (u64, u64)) -> SizeHint {
    let mut longer = SizeHint::new();
    longer.set_lower(hint.lower().saturating_add(least));
    if let Some(upper) = hint.upper().and_then(|upper| upper.checked_add(most)) {
        longer.set_upper(upper);
    }
    longer
}
