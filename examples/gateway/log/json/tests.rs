//! Lines are written as `tracing-subscriber` writes them.

use proptest::prelude::*;
use tracing_subscriber::fmt::format::JsonFields;

use super::*;
use crate::written::Written;

/// The lines of these events, with the digits of the time replaced, as these may differ.
fn lines<E>(format: E, events: &dyn Fn()) -> String
where
    E: FormatEvent<tracing_subscriber::Registry, JsonFields> + Send + Sync + 'static,
{
    crate::every_thread::may_log();
    let output = Written::default();
    let writer = output.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .event_format(format)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, events);
    let blank = |line: &str| {
        let (time, rest) = line.split_at("{\"timestamp\":\"2026-11-30T00:00:00.000000Z\"".len());
        let time: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        time + rest + "\n"
    };
    output.all().lines().map(blank).collect()
}

fn same(events: impl Fn()) {
    let ours = lines(JsonLines::default(), &events);
    assert!(!ours.is_empty());
    assert_eq!(ours, lines(JsonLines::default().rare, &events));
}

#[test]
fn events_in_spans_and_without_fields_are_written_the_same() {
    same(|| {
        tracing::warn!("no fields");
        tracing::error!(target: "a\"b", { none = None::<u64> }, "none");
        let span = tracing::info_span!("outer", id = 7);
        tracing::info!(parent: &span, "by name");
        span.in_scope(|| tracing::info!(x = 1, "inside"));
    });
}

#[test]
fn the_time_of_a_line_is_that_of_its_event() {
    let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for _ in 0..3 {
        let (mut ours, mut theirs) = (String::new(), String::new());
        // Both in the same second, which is usual.
        loop {
            let begun = second();
            ours.clear();
            theirs.clear();
            push_time(&mut ours).unwrap();
            tracing_subscriber::fmt::time::SystemTime
                .format_time(&mut Writer::new(&mut theirs))
                .unwrap();
            if second() == begun {
                break;
            }
        }
        assert_eq!(ours.len(), theirs.len());
        assert_eq!(ours[..20], theirs[..20]);
        assert!(ours <= theirs, "{ours} {theirs}");
        let begun = second();
        while second() == begun {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

proptest! {
    #[test]
    fn all_values_are_written_the_same(
        text in ".*",
        control in "[\u{0}-\u{2f}\\\\\u{7f}é]*",
        float in proptest::num::f64::ANY,
        (signed, unsigned, truth) in any::<(i64, u64, bool)>(),
        wide in any::<u128>(),
    ) {
        same(|| {
            tracing::info!(
                text, debug = ?text, display = %control, "quoted \"name\"" = control,
                float, signed, unsigned, truth, wide,
                error = &std::io::Error::other(text.clone()) as &dyn std::error::Error,
                "{text}"
            );
        });
    }
}
