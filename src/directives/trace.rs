//! The trace that a client wants its exchange to be part of.

use http::{HeaderMap, HeaderName};

use crate::directives::Directives;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A position in the client's trace (W3C Trace Context §3.2, or the `cf-aig-otel-*` headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceParent {
    /// The trace id; never zero.
    pub trace_id: u128,
    /// The parent span's id; never zero.
    pub parent_span_id: Option<u64>,
    /// Whether the client records this trace; `true` if it does not say.
    pub is_sampled: bool,
}

impl TraceParent {
    /// The `cf-aig-otel-*` headers override `traceparent`, each by itself.
    pub(crate) fn of(headers: &HeaderMap, directives: Option<&Directives>) -> Option<Self> {
        let standard = || {
            let mut values = headers.get_all(&TRACEPARENT).iter();
            let parsed = parse(values.next()?.as_bytes())?;
            values.next().is_none().then_some(parsed)
        };
        directives.and_then(Self::asked).or_else(|| {
            let standard = standard()?;
            let span_id = directives.and_then(|directives| directives.otel_parent_span_id);
            Some(Self { parent_span_id: span_id.or(standard.parent_span_id), ..standard })
        })
    }

    /// The trace of the `cf-aig-otel-*` headers.
    pub(crate) fn asked(directives: &Directives) -> Option<Self> {
        let parent_span_id = directives.otel_parent_span_id;
        let asked = |trace_id| Self { trace_id, parent_span_id, is_sampled: true };
        directives.otel_trace_id.map(asked)
    }
}

/// `00-{32 hex digits}-{16 hex digits}-{2 hex digits}`; later versions may append more.
fn parse(value: &[u8]) -> Option<TraceParent> {
    let text = str::from_utf8(value).ok()?;
    let mut fields = text.splitn(5, '-');
    let version = hex(fields.next()?, 2)?;
    let trace_id = hex(fields.next()?, 32)?;
    let span_id = hex(fields.next()?, 16)?;
    let flags = hex(fields.next()?, 2)?;
    let is_sound = version != 0xFF && (version > 0 || fields.next().is_none());
    (is_sound && trace_id != 0 && span_id != 0).then_some(TraceParent {
        trace_id,
        parent_span_id: Some(span_id as u64),
        is_sampled: flags & 1 == 1,
    })
}

fn hex(digits: &str, length: usize) -> Option<u128> {
    let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_sound = digits.len() == length && digits.bytes().all(is_lower);
    is_sound.then(|| u128::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn traceparent_is_read() {
        let parsed = parse(format!("00-{TRACE}-00f067aa0ba902b7-01").as_bytes()).unwrap();
        assert_eq!(parsed.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(parsed.parent_span_id, Some(0x00f0_67aa_0ba9_02b7));
        assert!(parsed.is_sampled);
        assert!(!parse(format!("00-{TRACE}-00f067aa0ba902b7-00").as_bytes()).unwrap().is_sampled);
        assert!(parse(format!("00-{TRACE}-00f067aa0ba902b7-ff").as_bytes()).unwrap().is_sampled);
        assert!(parse(format!("cc-{TRACE}-00f067aa0ba902b7-01-more").as_bytes()).is_some());
    }

    #[test]
    fn a_malformed_traceparent_is_ignored() {
        for value in [
            "".to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
        ] {
            assert_eq!(parse(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn the_gateways_own_headers_take_precedence() {
        let mut headers = HeaderMap::new();
        let mut directives = Directives::default();
        assert_eq!(TraceParent::of(&headers, Some(&directives)), None);
        let standard = format!("00-{TRACE}-00f067aa0ba902b7-00").parse().unwrap();
        headers.insert("traceparent", standard);
        directives.otel_parent_span_id = Some(7);
        let both = TraceParent::of(&headers, Some(&directives)).unwrap();
        assert_eq!((both.trace_id >> 124, both.parent_span_id), (4, Some(7)));
        directives.otel_trace_id = Some(9);
        directives.otel_parent_span_id = None;
        let own = TraceParent::of(&headers, Some(&directives)).unwrap();
        assert_eq!((own.trace_id, own.parent_span_id, own.is_sampled), (9, None, true));
    }
}
