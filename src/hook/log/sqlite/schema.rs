//! The tables, and how a database of an earlier release comes to have them.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Marks a file as a log of this crate; the bytes are `aigl`.
const APPLICATION_ID: i32 = 0x6169_676c;

/// Each brings a database of the version that is its index to the next.
const MIGRATIONS: &[&str] = &[V1];
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
