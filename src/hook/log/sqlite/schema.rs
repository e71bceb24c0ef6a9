//! The tables, and how a database of an earlier release comes to have them.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Marks a file as a log of this crate; the bytes are `aigl`.
const APPLICATION_ID: i32 = 0x6169_676c;

/// Each brings a database of the version that is its index to the next.
const MIGRATIONS: &[&str] = &[V1, V2];
const LATEST: i32 = MIGRATIONS.len() as i32;

/// `logs` has what is filtered by and summed up, in rows that are short to read; `records` has the
/// whole, bodies last so that a list does not read them.
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

/// What is billed by other units than tokens, and who was calling. An operation has another name
/// than before.
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
    UPDATE logs SET images = record ->> '$.usage_metadata.images' FROM records
        WHERE records.seq = logs.seq AND record ->> '$.usage_metadata.images' IS NOT NULL;
    UPDATE records SET record = json_set(record, '$.model_type', 'video')
        WHERE seq IN (SELECT seq FROM logs WHERE operation = 'videos');
    UPDATE logs SET operation = 'video' WHERE operation = 'videos';
";

/// Brings the database to the latest version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    // At once a writer, so that of two processes one finds the work done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = |pragma| transaction.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let version = number("user_version")?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (tables > 0 || version != 0) && number("application_id")? != APPLICATION_ID {
        return Err(StoreError::NotALog);
    }
    let missing = usize::try_from(version)
        .ok()
        .and_then(|version| MIGRATIONS.get(version..))
        .ok_or(StoreError::NewerSchema { found: version, known: LATEST })?;
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", LATEST)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_database_gets_the_tables_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let version: i32 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, LATEST);
        connection.execute_batch("SELECT seq FROM logs").unwrap();
    }

    #[test]
    fn a_database_of_the_first_version_keeps_its_records() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(V1).unwrap();
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let insert = |seq: i64, operation: &str, record: &str| {
            connection
                .execute(
                    "INSERT INTO logs (seq, id, created_at, event_id, operation, outcome, success,
                        cached, stream, cost_ticks, cost_unknown, duration)
                     VALUES (?1, ?1, 1, 'e', ?2, 'complete', 1, 0, 0, 9007199254740993, 0, 1.5)",
                    (seq, operation),
                )
                .unwrap();
            let sql = "INSERT INTO records (seq, record) VALUES (?, ?)";
            connection.execute(sql, (seq, record)).unwrap();
        };
        let chat = r#"{"model_type":"chat","duration":1.5,"cost_ticks":18446744073709551615}"#;
        insert(1, "chat", chat);
        insert(2, "images", r#"{"model_type":"images","usage_metadata":{"images":3}}"#);
        let videos = r#"{"id":"2","model_type":"videos","cost_ticks":18446744073709551615}"#;
        insert(3, "videos", videos);
        migrate(&mut connection).unwrap();
        let row = |seq: i64| {
            let sql = "SELECT operation, record, images, cost_ticks, pages
                FROM logs JOIN records USING (seq) WHERE seq = ?";
            let columns = |row: &rusqlite::Row<'_>| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            };
            connection
                .query_row::<(String, String, Option<i64>, i64, Option<i64>), _, _>(
                    sql,
                    [seq],
                    columns,
                )
                .unwrap()
        };
        let ticks = 9_007_199_254_740_993;
        assert_eq!(row(1), ("chat".to_owned(), chat.to_owned(), None, ticks, None));
        assert_eq!(row(2).2, Some(3));
        let video = videos.replace("videos", "video");
        assert_eq!(row(3), ("video".to_owned(), video, None, ticks, None));

        // Labels go with the exchange that they are of, as everything else does.
        connection
            .execute_batch(
                "UPDATE logs SET subject = 'u' WHERE seq = 1;
                 INSERT INTO labels VALUES (1, 'plan', 'paid'), (2, 'plan', 'free');
                 DELETE FROM logs WHERE subject = 'u';",
            )
            .unwrap();
        let count = |table| {
            let sql = format!("SELECT count(*) FROM {table}");
            connection.query_row::<i64, _, _>(&sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(["logs", "records", "labels"].map(count), [2, 2, 1]);
    }

    #[test]
    fn other_and_newer_databases_are_refused() {
        let mut other = Connection::open_in_memory().unwrap();
        other.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(migrate(&mut other), Err(StoreError::NotALog)));
        let mut newer = Connection::open_in_memory().unwrap();
        migrate(&mut newer).unwrap();
        for version in [LATEST + 1, -1] {
            newer.pragma_update(None, "user_version", version).unwrap();
            let error = migrate(&mut newer).unwrap_err();
            assert!(
                matches!(error, StoreError::NewerSchema { found, known: LATEST } if found == version)
            );
        }
    }
}
