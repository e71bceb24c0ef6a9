//! Rotated files.

use std::fs;

use tower_ai_gateway::log::{LogHook, LogSink as _};

use crate::log::directory::{Directory, ids_in, record};
use crate::log::scene::{Scene, provider};

#[tokio::test]
async fn rotation_loses_and_tears_nothing() {
    let directory = Directory::new();
    let file = directory.file().max_size(40_000).keep(1_000);
    let mut scene = Scene::new(provider(b"").await, LogHook::builder(file).build().unwrap()).await;
    let ids = scene.refuse(3_000).await;
    scene.settle();
    let files = directory.files();
    assert!(files.len() > 50, "{} files", files.len());
    let mut logged = Vec::new();
    for file in &files {
        let size = fs::metadata(file).unwrap().len();
        assert!(0 < size && size <= 40_000, "{size} bytes in {file:?}");
        logged.extend(ids_in(file));
    }
    assert_eq!(logged, ids, "every record once, in the order of the names");
}

#[tokio::test]
async fn the_number_of_rotated_files_is_bounded_and_other_files_stay() {
    let directory = Directory::new();
    let other = directory.path().join("gateway-2026.jsonl");
    fs::write(&other, "not ours").unwrap();
    // Each record gets its own file.
    let file = directory.file().max_size(1).keep(2);
    let mut scene = Scene::new(provider(b"").await, LogHook::builder(file).build().unwrap()).await;
    let ids = scene.refuse(10).await;
    scene.settle();
    assert_eq!(fs::read_to_string(&other).unwrap(), "not ours");
    let files: Vec<_> = directory.files().into_iter().filter(|file| *file != other).collect();
    let logged: Vec<_> = files.iter().flat_map(ids_in).collect();
    assert_eq!(logged, ids[7..]);
}

#[test]
fn each_day_has_its_own_file() {
    let directory = Directory::new();
    let mut file = directory.file().daily(true);
    let records = [
        record("1", "2026-01-31T22:00:00Z"),
        record("2", "2026-01-31T23:59:59.999Z"),
        record("3", "2026-02-01T00:00:00Z"),
        // Started before midnight, ended after it.
        record("4", "2026-01-31T23:59:58Z"),
        record("5", "2026-02-02T00:00:01+00:00"),
    ];
    file.write(&records[..1]).unwrap();
    file.write(&records[1..]).unwrap();
    let days: Vec<_> = directory.files().iter().map(ids_in).collect();
    assert_eq!(days, [&["1", "2"][..], &["3", "4"], &["5"]]);
}

#[test]
fn rotations_within_a_millisecond_overwrite_nothing() {
    let directory = Directory::new();
    let mut file = directory.file().max_size(1).keep(1_000);
    let ids: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    let records: Vec<_> = ids.iter().map(|id| record(id, "2026-01-31T22:00:00Z")).collect();
    file.write(&records).unwrap();
    let files = directory.files();
    let logged: Vec<_> = files.iter().flat_map(ids_in).collect();
    assert_eq!((files.len(), logged), (200, ids));
}
