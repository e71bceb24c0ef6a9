//! Feedback on a response, by the id of its log.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Deserializer};

use super::write::Insert;
use super::{LogStore, LogStoreError, page};
use crate::directives::metadata::MetadataValue;
use crate::hook::log::cut::{Cut, TEXT_LIMIT};
use crate::hook::log::{LogRecord, redact};

/// How long feedback waits for a record that is not written yet, and how often it checks.
///
/// A client has the log id from the response head, but the record is queued only when the exchange
/// ends. Without the wait, a client that rates the response at once would get a 404.
const GRACE: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(50);
/// A log id is a UUID.
const ID_LENGTH: usize = 36;
/// The maximum number of metadata entries of a record after feedback.
const MOST_METADATA: usize = 20;

const NOTHING: MetadataValue = MetadataValue::Bool(false);

/// A change of the feedback on a response. Fields that are not set stay unchanged.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Feedback {
    /// -1 or 1; `Some(None)` removes it.
    #[serde(deserialize_with = "given")]
    pub feedback: Option<Option<i8>>,
    /// Any finite number; `Some(None)` removes it.
    #[serde(deserialize_with = "given")]
    pub score: Option<Option<f64>>,
    /// Entries to set, or to remove with `None`. A record may have at most 20 afterwards. Keys and
    /// texts are cut to 1 KiB and redacted as in records; functions of a
    /// [`LogHookBuilder`](crate::log::LogHookBuilder) do not see them.
    pub metadata: BTreeMap<String, Option<MetadataValue>>,
}

/// Distinguishes `null` from a missing field.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Feedback {
    fn check(&self) -> Result<(), LogStoreError> {
        if !matches!(self.feedback, None | Some(None | Some(-1 | 1))) {
            return Err(LogStoreError::Invalid("`feedback` is -1, 1 or null"));
        }
        if self.score.flatten().is_some_and(|score| !score.is_finite()) {
            return Err(LogStoreError::Invalid("`score` is a finite number or null"));
        }
        let is_infinite =
            |value: &MetadataValue| matches!(value, MetadataValue::Number(n) if !n.is_finite());
        if self.metadata.values().flatten().any(is_infinite) {
            return Err(LogStoreError::Invalid("numbers in `metadata` are finite"));
        }
        Ok(())
    }

    fn apply(&self, record: &mut LogRecord) -> Result<(), LogStoreError> {
        record.feedback = self.feedback.unwrap_or(record.feedback);
        record.score = self.score.unwrap_or(record.score);
        let mut cut = Cut::at(TEXT_LIMIT);
        for (key, value) in &self.metadata {
            // An entry is found under the name that it was stored with.
            let (name, kept) = redact::entry(&mut cut, (key, value.as_ref().unwrap_or(&NOTHING)));
            match value {
                Some(_) => record.metadata.insert(name, kept),
                None => record.metadata.remove(&name),
            };
        }
        record.cut |= cut.was_needed;
        if !self.metadata.is_empty() && record.metadata.len() > MOST_METADATA {
            return Err(LogStoreError::Invalid("a log has at most 20 entries of `metadata`"));
        }
        Ok(())
    }
}

impl LogStore {
    /// Changes the feedback on a response and returns the whole record.
    ///
    /// A record is written some time after its response ended, so this waits up to one second for
    /// an unknown id. Blocks the thread.
    ///
    /// # Errors
    ///
    /// [`LogStoreError::UnknownId`] if no such record appears, [`LogStoreError::Invalid`] for values out
    /// of range, or a failure of the database.
    pub fn set_feedback(&self, id: &str, feedback: &Feedback) -> Result<LogRecord, LogStoreError> {
        feedback.check()?;
        let until = Instant::now() + if id.len() == ID_LENGTH { GRACE } else { Duration::ZERO };
        loop {
            let is_last = Instant::now() >= until;
            if let Some(record) = self.connections.write(|writer| update(writer, id, feedback))? {
                return Ok(record);
            }
            if is_last {
                return Err(LogStoreError::UnknownId);
            }
            thread::sleep(EVERY);
        }
    }
}

fn update(
    connection: &mut Connection,
    id: &str,
    feedback: &Feedback,
) -> Result<Option<LogRecord>, LogStoreError> {
    // Lock for writing first, so that nobody changes the record after it is read.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some((seq, mut record)) = page::get(&transaction, id)? else { return Ok(None) };
    feedback.apply(&mut record)?;
    transaction
        .prepare_cached("UPDATE logs SET feedback = ?, score = ?, cut = ? WHERE seq = ?")?
        .execute((record.feedback, record.score, record.cut, seq))?;
    transaction.prepare_cached("DELETE FROM metadata WHERE seq = ?")?.execute([seq])?;
    Insert::prepare(&transaction)?.metadata(seq, &record)?;
    transaction.commit()?;
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Feedback, String> {
        let feedback: Feedback = serde_json::from_str(json).map_err(|error| error.to_string())?;
        feedback.check().map_err(|error| error.to_string())?;
        Ok(feedback)
    }

    #[test]
    fn missing_fields_stay_and_null_removes() {
        let mut record = LogRecord { feedback: Some(1), score: Some(0.5), ..LogRecord::default() };
        read(r#"{"metadata":{"a":"x","b":true}}"#).unwrap().apply(&mut record).unwrap();
        read(r#"{"feedback":null,"metadata":{"a":null}}"#).unwrap().apply(&mut record).unwrap();
        assert_eq!((record.feedback, record.score), (None, Some(0.5)));
        assert_eq!(record.metadata, BTreeMap::from([("b".to_owned(), MetadataValue::Bool(true))]));
        read(r#"{"feedback":-1,"score":7}"#).unwrap().apply(&mut record).unwrap();
        assert_eq!((record.feedback, record.score), (Some(-1), Some(7.0)));
    }

    #[test]
    fn invalid_feedback_is_refused() {
        for json in [
            r#"{"feedback":0}"#,
            r#"{"feedback":2}"#,
            r#"{"feedback":"1"}"#,
            r#"{"feedback":300}"#,
            r#"{"score":"good"}"#,
            r#"{"score":1e999}"#,
            r#"{"metadata":null}"#,
            r#"{"metadata":{"a":[]}}"#,
            r#"{"rating":1}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
        let infinite = Feedback { score: Some(Some(f64::INFINITY)), ..Feedback::default() };
        assert!(infinite.check().is_err());
    }

    #[test]
    fn metadata_is_bounded() {
        let metadata = |count| (0..count).map(|n| (n.to_string(), Some(MetadataValue::Bool(true))));
        let feedback =
            |count| Feedback { metadata: metadata(count).collect(), ..Feedback::default() };
        assert!(feedback(20).apply(&mut LogRecord::default()).is_ok());
        assert!(feedback(21).apply(&mut LogRecord::default()).is_err());
    }
}
