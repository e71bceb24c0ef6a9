//! Taking credentials out of records.

use super::LogRecord;

pub(super) fn record(record: &mut LogRecord, more: &[Box<dyn Fn(&mut String) + Send>]) {
    let _ = (record, more);
}
