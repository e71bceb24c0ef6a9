//! Which responses tell of new usage, and which only repeat what was billed before.

use http::{Method, StatusCode};

use crate::route::Operation;

/// Whether the usage in a response is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billing<'a> {
    Always,
    /// Only the first time that usage is seen for this id: a client may ask again.
    Once {
        id: &'a str,
    },
    Never,
}

/// `rest` is the path behind the provider's slug, without a query.
pub(crate) fn billing<'a>(
    method: &Method,
    operation: Operation,
    rest: &'a str,
    status: StatusCode,
) -> Billing<'a> {
    // The work has been accepted, not done.
    if status == StatusCode::ACCEPTED {
        return Billing::Never;
    }
    if *method == Method::GET {
        fetched(operation, rest)
    } else if *method == Method::POST {
        posted(operation, rest)
    } else {
        Billing::Never
    }
}

/// Stored responses, lists and pages of batch results are never new. A deferred completion can
/// be fetched once, a video any number of times.
fn fetched(operation: Operation, rest: &str) -> Billing<'_> {
    match (operation, segment_behind(rest, "deferred-completion"), segment_behind(rest, "videos")) {
        (Operation::Chat, Some(_), _) => Billing::Always,
        (Operation::Videos, _, Some(id)) => Billing::Once { id },
        _ => Billing::Never,
    }
}

/// `responses/{id}/cancel` and the batches of Messages answer with stored things.
fn posted(operation: Operation, rest: &str) -> Billing<'_> {
    match operation {
        Operation::Models | Operation::Files | Operation::Batches => Billing::Never,
        Operation::Responses if segment_behind(rest, "responses").is_some() => Billing::Never,
        Operation::Messages if segment_behind(rest, "messages") == Some("batches") => {
            Billing::Never
        }
        _ => Billing::Always,
    }
}

pub(super) fn segment_behind<'a>(rest: &'a str, name: &str) -> Option<&'a str> {
    let mut segments = rest.split('/').filter(|segment| !segment.is_empty());
    segments.find(|segment| *segment == name)?;
    segments.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(method: &str, rest: &'a str, status: u16) -> Billing<'a> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        billing(&method, Operation::of(rest), rest, StatusCode::from_u16(status).unwrap())
    }

    #[test]
    fn new_work_is_billed() {
        for rest in [
            "v1/chat/completions",
            "chat/completions",
            "v1/responses",
            "v1/responses/",
            "v1/messages",
            "v1/completions",
            "v1/embeddings",
            "v1/images/generations",
            "v1/images/edits",
            "v1/something/new",
        ] {
            assert_eq!(of("POST", rest, 200), Billing::Always, "{rest}");
        }
        assert_eq!(of("GET", "v1/chat/deferred-completion/r1", 200), Billing::Always);
    }

    #[test]
    fn what_repeats_old_usage_is_not() {
        for (method, rest, status) in [
            ("GET", "v1/responses/resp_1", 200),
            ("DELETE", "v1/responses/resp_1", 200),
            ("POST", "v1/responses/resp_1/cancel", 200),
            ("GET", "v1/batches/b1/results", 200),
            ("POST", "v1/batches", 200),
            ("GET", "v1/messages/batches/b1/results", 200),
            ("POST", "v1/messages/batches", 200),
            ("GET", "v1/models", 200),
            ("GET", "v1/language-models/grok-4.3", 200),
            ("GET", "v1/files/f1/content", 200),
            ("POST", "v1/files", 200),
            ("GET", "v1/chat/completions/c1", 200),
            ("GET", "v1/chat/deferred-completion/r1", 202),
            ("GET", "v1/videos/r1", 202),
            ("GET", "v1/videos", 200),
            ("HEAD", "v1/chat/completions", 200),
        ] {
            assert_eq!(of(method, rest, status), Billing::Never, "{method} {rest} {status}");
        }
    }

    #[test]
    fn a_video_is_billed_once() {
        assert_eq!(of("GET", "v1/videos/r1", 200), Billing::Once { id: "r1" });
    }
}
