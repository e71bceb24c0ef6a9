//! Databases of earlier releases keep their records; other databases are refused.

use super::super::{columns, page};
use super::*;

#[test]
fn a_new_database_is_migrated_once() {
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
    let chat = r#"{"id":"1","model_type":"chat","duration":1.5,"cost_ticks":18446744073709551615}"#;
    insert(1, "chat", chat);
    let images = r#"{"id":"3","model_type":"images","usage_metadata":{"images":3}}"#;
    insert(3, "images", images);
    insert(4, "videos", r#"{"id":"4","model_type":"videos"}"#);
    insert(5, "chat", r#""what nobody can read""#);
    insert(6, "chat", r#"{"id":"6","subject":"u","labels":{"plan":"paid"}}"#);
    // Damaged records and bodies.
    insert(7, "videos", "{");
    insert(8, "images", "\u{1}");
    insert(9, "chat", r#"{"id":"9"}"#);
    let damage = "UPDATE records SET request_head = CAST(x'ff' AS TEXT), response_head = 'kept'
        WHERE seq = 9";
    connection.execute_batch(damage).unwrap();
    migrate(&mut connection).unwrap();
    let LogRecord { request_head, response_head, .. } =
        page::get(&connection, "9").unwrap().unwrap().1;
    assert_eq!((request_head, response_head.as_deref()), (None, Some("kept")));
    assert!(["7", "8"].iter().all(|id| page::get(&connection, id).unwrap().is_none()));
    connection.execute_batch("DELETE FROM logs WHERE seq = 9").unwrap();
    let record = |id| page::get(&connection, id).unwrap().unwrap();
    let read = |json| serde_json::from_str::<LogRecord>(json).unwrap();
    assert_eq!(record("1"), (1, read(chat)));
    assert_eq!(record("3"), (3, read(images)), "under its number");
    assert_eq!(record("4").1.model_type, "video");
    assert_eq!(page::get(&connection, "5").unwrap(), None);

    // Deleting a record deletes its rows in other tables.
    let count = |table| {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row::<i64, _, _>(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(["logs", "labels"].map(count), [4, 1]);
    connection.execute_batch("DELETE FROM logs WHERE subject = 'u'").unwrap();
    assert_eq!(["logs", "labels"].map(count), [3, 0]);
}

#[test]
fn a_failed_migration_changes_nothing() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(V1).unwrap();
    connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection
        .execute_batch(
            "INSERT INTO logs (seq, id, created_at, event_id, operation, outcome, success, cached,
                    stream, cost_unknown, duration)
                 VALUES (1, '1', 1, 'e', 'chat', 'complete', 1, 0, 0, 0, 1.5);
             INSERT INTO records (seq, record) VALUES (1, '{\"id\":\"1\"}');
             INSERT INTO records (seq, record) VALUES (2, CAST(x'ff' AS TEXT));
             -- What the last migration makes.
             CREATE TABLE bodies (x);",
        )
        .unwrap();
    let schema = |connection: &Connection| -> Vec<String> {
        let mut statement =
            connection.prepare("SELECT name || sql FROM sqlite_schema WHERE sql NOT NULL").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let before = schema(&connection);
    migrate(&mut connection).unwrap_err();
    assert_eq!(schema(&connection), before);
    let version: i32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);

    connection.execute_batch("DROP TABLE bodies").unwrap();
    migrate(&mut connection).unwrap();
    assert!(page::get(&connection, "1").unwrap().is_some(), "nothing was lost by the failure");
}

#[test]
fn the_table_has_exactly_the_listed_columns() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap();
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info('logs')").unwrap();
    let mut table: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let listed = columns::SELECTED.split(", ").map(|column| column.replace("logs.", ""));
    let mut listed: Vec<_> = listed.chain(["seq".to_owned()]).collect();
    table.sort();
    listed.sort();
    assert_eq!(table, listed);
}

#[test]
fn other_and_newer_databases_are_refused() {
    let mut other = Connection::open_in_memory().unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(migrate(&mut other), Err(LogStoreError::NotALog)));
    let mut newer = Connection::open_in_memory().unwrap();
    migrate(&mut newer).unwrap();
    for version in [LATEST + 1, -1] {
        newer.pragma_update(None, "user_version", version).unwrap();
        let error = migrate(&mut newer).unwrap_err();
        assert!(
            matches!(error, LogStoreError::NewerSchema { found, known: LATEST } if found == version)
        );
    }
}
