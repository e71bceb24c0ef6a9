//! The tables, and the migrations from earlier releases.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::LogStoreError;
use super::write::Insert;
use crate::hook::log::LogRecord;

/// Marks a file as a log of this crate; the bytes are `aigl`.
const APPLICATION_ID: i32 = 0x6169_676c;

/// Migrates a database to the next version.
type Migration = fn(&Transaction<'_>) -> Result<(), LogStoreError>;

/// The migration at index `n` migrates from version `n`.
const MIGRATIONS: &[Migration] = &[|to| sql(to, V1), |to| sql(to, V2), to_columns];
const LATEST: i32 = MIGRATIONS.len() as i32;

/// The first version.
const V1: &str = "
    CREATE TABLE logs (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        provider TEXT,
        model TEXT,
        operation TEXT NOT NULL,
        status INTEGER,
        outcome TEXT NOT NULL,
        success INTEGER NOT NULL,
        cached INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        tokens_in INTEGER,
        tokens_out INTEGER,
        cost_ticks INTEGER,
        cost_unknown INTEGER NOT NULL,
        duration REAL NOT NULL,
        first_token REAL,
        feedback INTEGER
    ) STRICT;
    CREATE INDEX logs_by_time ON logs (created_at);
    CREATE INDEX logs_by_model ON logs (provider, model, created_at);
    CREATE INDEX logs_by_event ON logs (event_id);
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        record TEXT NOT NULL,
        request_head TEXT,
        response_head TEXT
    ) STRICT;
    CREATE TABLE metadata (
        seq INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (seq, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX metadata_by_value ON metadata (key, value);
    CREATE TRIGGER logs_deleted AFTER DELETE ON logs BEGIN
        DELETE FROM records WHERE seq = old.seq;
        DELETE FROM metadata WHERE seq = old.seq;
    END;
";

/// The second version: units other than tokens, identities, and a new name for one operation.
const V2: &str = "
    ALTER TABLE logs ADD COLUMN images INTEGER;
    ALTER TABLE logs ADD COLUMN duration_ms INTEGER;
    ALTER TABLE logs ADD COLUMN characters INTEGER;
    ALTER TABLE logs ADD COLUMN search_units INTEGER;
    ALTER TABLE logs ADD COLUMN pages INTEGER;
    ALTER TABLE logs ADD COLUMN subject TEXT;
    CREATE INDEX logs_by_subject ON logs (subject, created_at) WHERE subject IS NOT NULL;
    CREATE TABLE labels (
        seq INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (seq, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX labels_by_value ON labels (key, value);
    DROP TRIGGER logs_deleted;
    CREATE TRIGGER logs_deleted AFTER DELETE ON logs BEGIN
        DELETE FROM records WHERE seq = old.seq;
        DELETE FROM metadata WHERE seq = old.seq;
        DELETE FROM labels WHERE seq = old.seq;
    END;
    UPDATE records SET record = json_set(record, '$.model_type', 'video')
        WHERE seq IN (SELECT seq FROM logs WHERE operation = 'videos') AND json_valid(record);
    UPDATE logs SET images = record ->> '$.usage_metadata.images' FROM records
        WHERE records.seq = logs.seq AND json_valid(record);
    UPDATE logs SET operation = 'video' WHERE operation = 'videos';
";

/// The third version stores nothing twice. `logs` has a column for each field (see `columns.rs`),
/// first those that queries filter by or sum up. Bodies have their own table, so that rows of
/// `logs` are short. `event_id` is null if it equals `id`, which is the default.
///
/// The kind of a metadata value is 0 for text, 1 for a number and 2 for a boolean.
const V3: &str = "
    CREATE TABLE logs (
        seq INTEGER PRIMARY KEY,
        id ANY NOT NULL,
        created_at INTEGER NOT NULL,
        event_id ANY,
        provider TEXT,
        model TEXT,
        operation TEXT NOT NULL,
        status INTEGER,
        outcome TEXT NOT NULL,
        success INTEGER NOT NULL,
        cached INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        tokens_in INTEGER,
        tokens_out INTEGER,
        cost_ticks INTEGER,
        cost_unknown INTEGER NOT NULL,
        duration INTEGER NOT NULL,
        first_token INTEGER,
        feedback INTEGER,
        subject TEXT,
        images INTEGER,
        duration_ms INTEGER,
        characters INTEGER,
        search_units INTEGER,
        pages INTEGER,
        account TEXT,
        gateway TEXT NOT NULL,
        request_model TEXT,
        request_type TEXT,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        request_content_type TEXT,
        response_content_type TEXT,
        user_agent TEXT,
        failure TEXT,
        gateway_code INTEGER,
        provider_error TEXT,
        provider_request_id TEXT,
        terminal TEXT,
        cache_status TEXT,
        saved_tokens INTEGER,
        saved_cost_ticks INTEGER,
        step INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        metering TEXT NOT NULL,
        cost_source TEXT,
        custom_cost INTEGER NOT NULL,
        to_head INTEGER,
        to_first_data INTEGER,
        inter_token INTEGER,
        overhead INTEGER NOT NULL,
        request_size INTEGER NOT NULL,
        response_size INTEGER NOT NULL,
        cut INTEGER NOT NULL,
        score REAL,
        has_usage INTEGER NOT NULL,
        input_uncached INTEGER,
        cache_read INTEGER,
        cache_write INTEGER,
        cache_write_long INTEGER,
        audio_input INTEGER,
        image_input INTEGER,
        output_visible INTEGER,
        audio_output INTEGER,
        image_output INTEGER,
        reasoning INTEGER,
        total_reported INTEGER,
        tool_calls INTEGER,
        service_tier TEXT,
        more TEXT
    ) STRICT;
    CREATE UNIQUE INDEX logs_by_id ON logs (id);
    CREATE INDEX logs_by_time ON logs (created_at);
    CREATE INDEX logs_by_model ON logs (model, created_at);
    CREATE INDEX logs_by_event ON logs (event_id) WHERE event_id IS NOT NULL;
    CREATE INDEX logs_by_subject ON logs (subject, created_at) WHERE subject IS NOT NULL;
    CREATE TABLE bodies (
        seq INTEGER PRIMARY KEY,
        request_complete INTEGER,
        response_complete INTEGER,
        request_head TEXT,
        response_head TEXT
    ) STRICT;
    CREATE TABLE labels (
        seq INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (seq, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX labels_by_value ON labels (key, value);
    CREATE TABLE metadata (
        seq INTEGER NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        kind INTEGER NOT NULL,
        PRIMARY KEY (seq, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX metadata_by_value ON metadata (key, value);
    CREATE TRIGGER logs_deleted AFTER DELETE ON logs BEGIN
        DELETE FROM bodies WHERE seq = old.seq;
        DELETE FROM labels WHERE seq = old.seq;
        DELETE FROM metadata WHERE seq = old.seq;
    END;
";

fn sql(to: &Transaction<'_>, batch: &str) -> Result<(), LogStoreError> {
    Ok(to.execute_batch(batch)?)
}

/// Copies every record of the second version into the tables of the third. Records keep their
/// number, so that cursors stay valid.
fn to_columns(to: &Transaction<'_>) -> Result<(), LogStoreError> {
    to.execute_batch(
        "DROP TRIGGER logs_deleted;
         DROP TABLE labels;
         DROP TABLE metadata;
         DROP TABLE logs;",
    )?;
    to.execute_batch(V3)?;
    let mut unreadable = 0_u64;
    {
        let mut old = to
            .prepare("SELECT seq, record, request_head, response_head FROM records ORDER BY seq")?;
        let mut insert = Insert::prepare(to)?;
        let mut rows = old.query([])?;
        while let Some(row) = rows.next()? {
            // Damaged text may not even be UTF-8.
            let text = row.get_ref(1)?.as_bytes().unwrap_or_default();
            let Ok(mut record) = serde_json::from_slice::<LogRecord>(text) else {
                unreadable += 1;
                continue;
            };
            let body =
                |at| Ok::<_, LogStoreError>(row.get_ref(at)?.as_str_or_null().ok().flatten());
            record.request_head = body(2)?.map(str::to_owned);
            record.response_head = body(3)?.map(str::to_owned);
            insert.one(Some(row.get(0)?), &record)?;
        }
    }
    if unreadable > 0 {
        tracing::warn!(target: crate::TARGET, unreadable, "records of the log could not be migrated");
    }
    sql(to, "DROP TABLE records")
}

/// Migrates the database to the latest version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), LogStoreError> {
    // Lock for writing first, so that only one of two processes migrates.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = |pragma| transaction.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let version = number("user_version")?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (tables > 0 || version != 0) && number("application_id")? != APPLICATION_ID {
        return Err(LogStoreError::NotALog);
    }
    let missing = usize::try_from(version)
        .ok()
        .and_then(|version| MIGRATIONS.get(version..))
        .ok_or(LogStoreError::NewerSchema { found: version, known: LATEST })?;
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        migration(&transaction)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", LATEST)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests;
