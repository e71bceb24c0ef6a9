//! Reads usage from response headers: Bedrock's `invoke` reports it there for all models.

use http::HeaderMap;

use super::figure::Figure;
use super::reported::Reported;

const COUNTS: [(&str, Figure); 4] = [
    ("x-amzn-bedrock-input-token-count", Figure::Input),
    ("x-amzn-bedrock-output-token-count", Figure::Output),
    ("x-amzn-bedrock-cache-read-input-token-count", Figure::CacheRead),
    ("x-amzn-bedrock-cache-write-input-token-count", Figure::CacheWrite),
];

/// `None` if the headers report none.
pub(super) fn usage(headers: &HeaderMap) -> Option<Reported> {
    let mut reported = Reported::default();
    for (name, figure) in COUNTS {
        let count = headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(count) = count {
            reported.set(figure, count);
        }
    }
    (!reported.is_empty()).then_some(reported)
}
