//! Which call a path makes, however it is spelled.

use super::Operation;
use crate::util::percent::{self, DECODINGS, percent_decode};
use crate::util::segments;

impl Operation {
    /// Derives it from the path after the provider's slug, in any spelling.
    pub(crate) fn of(path: &str) -> Self {
        Self::read(path).0
    }

    /// Also returns the plain spelling of the path, if the path has another one. Calls are classified by
    /// it; what is sent stays as it is.
    #[inline]
    pub(crate) fn read(path: &str) -> (Self, Option<Box<str>>) {
        if matches!(path, "chat/completions" | "v1/chat/completions") {
            return (Self::Chat, None);
        }
        let is_plain =
            memchr::memchr3(b'%', b';', b'\\', path.as_bytes()).is_none() && !path.contains("//");
        if is_plain { (Self::of_plain(path), None) } else { read_spelled(path) }
    }
}

/// A server may split a path before it decodes it or after that, and a chain of servers decodes it
/// several times. The first reading that is a known call decides.
#[cold]
fn read_spelled(path: &str) -> (Operation, Option<Box<str>>) {
    let mut decoded = path.as_bytes().to_vec();
    for _ in 0..DECODINGS {
        percent::decode_within_segments(&mut decoded);
    }
    let first = plain(&decoded);
    let mut read = (Operation::of_plain(&first), first);
    for _ in 0..DECODINGS {
        if read.0 != Operation::Other {
            break;
        }
        percent_decode(&mut decoded);
        let text = plain(&decoded);
        let operation = Operation::of_plain(&text);
        if operation != Operation::Other {
            read = (operation, text);
        }
    }
    (read.0, Some(read.1.into_boxed_str()))
}

fn plain(path: &[u8]) -> String {
    segments::of(&String::from_utf8_lossy(path)).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_any_spelling_is_the_same_call() {
        for (spelled, plain) in [
            ("v1beta/models/m:%67enerateContent", "v1beta/models/m:generateContent"),
            ("v1beta/models/m%3A%73treamGenerateContent", "v1beta/models/m:streamGenerateContent"),
            ("api/ch%61t", "api/chat"),
            ("%61pi/chat", "api/chat"),
            ("%76%31/chat/completions", "v1/chat/completions"),
            ("v1/chat%2Fcompletions", "v1/chat/completions"),
            ("v1/ch%2561t/completions", "v1/chat/completions"),
            ("v1\\chat/completions", "v1/chat/completions"),
            ("v1//chat//completions", "v1/chat/completions"),
            ("chat/completions;x=1", "chat/completions"),
            ("chat/completions%20", "chat/completions"),
            ("chat/completions/;x", "chat/completions"),
            ("v2//chat", "v2/chat"),
            ("%61sync/chat/completions", "async/chat/completions"),
            // What is encoded within a segment stays there.
            ("deployments/a%2Fb/chat/completions", "deployments/a%2Fb/chat/completions"),
            ("model/arn%3Aaws%2Fx/converse", "model/arn:aws%2Fx/converse"),
        ] {
            let expected = (Operation::of_plain(plain), Some(plain.into()));
            assert_ne!(expected.0, Operation::Other, "{plain}");
            assert_eq!(Operation::read(spelled), expected, "{spelled}");
        }
        for plain in ["v1/chat/completions/", "v1/messages", "models/m:generateContent", "new", ""]
        {
            assert_eq!(Operation::read(plain), (Operation::of_plain(plain), None), "{plain}");
        }
        assert_eq!(
            Operation::read("n%65w%2Fthing"),
            (Operation::Other, Some("new%2Fthing".into()))
        );
    }
}
