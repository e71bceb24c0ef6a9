//! The counts of the logs' records, for `/metrics`.

use std::fmt::Write as _;

use tower_ai_gateway::log::{LogCounts, LogHook};

/// In Prometheus' text format; empty without a log.
pub(crate) fn page(logs: &[(&'static str, LogHook)]) -> String {
    if logs.is_empty() {
        return String::new();
    }
    let counts: Vec<_> = logs.iter().map(|(name, log)| (*name, log.counts())).collect();
    text(&counts)
}

fn text(logs: &[(&str, LogCounts)]) -> String {
    let mut text = "# TYPE ai_gateway_log_records_total counter\n".to_owned();
    for (log, counts) in logs {
        for (result, count) in [
            ("written", counts.written),
            ("failed", counts.failed),
            ("dropped", counts.dropped.saturating_sub(counts.dropped_refused)),
            ("dropped_refused", counts.dropped_refused),
        ] {
            let labels = format!("log=\"{log}\",result=\"{result}\"");
            // Writing to a string does not fail.
            let _ = writeln!(text, "ai_gateway_log_records_total{{{labels}}} {count}");
        }
    }
    text.push_str("# TYPE ai_gateway_log_queue_bytes gauge\n");
    for (log, counts) in logs {
        let bytes = counts.queued_bytes;
        let _ = writeln!(text, "ai_gateway_log_queue_bytes{{log=\"{log}\"}} {bytes}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_records_are_counted_by_kind() {
        assert_eq!(page(&[]), "");
        let text = text(&[("file", LogCounts::default())]);
        let line = "ai_gateway_log_records_total{log=\"file\",result=\"dropped_refused\"} 0\n";
        assert!(text.contains(line), "{text}");
        assert!(text.ends_with("ai_gateway_log_queue_bytes{log=\"file\"} 0\n"), "{text}");
    }
}
