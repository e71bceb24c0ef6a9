//! Batches of records, and a full queue.

use super::*;
use std::sync::Arc;
use std::thread;

#[test]
fn records_are_collected_into_batches() {
    const RECORDS: usize = 4000;
    let queue = Arc::new(Queue::new(Limits { records: 100_000, bytes: usize::MAX }));
    let writer = queue.clone();
    let batches = thread::spawn(move || {
        let (mut batch, mut written, mut batches) = (Vec::new(), 0, 0);
        while written < RECORDS {
            let Work::Write = writer.next(&mut batch) else { panic!("nobody flushes") };
            (written, batches) = (written + batch.len(), batches + 1);
            assert!(batch.len() <= BATCH, "{}", batch.len());
            let length = batch.len();
            writer.reuse(batch.drain(..).map(|waiting| waiting.record));
            writer.finish_batch(length, None);
        }
        batches
    });
    for _ in 0..RECORDS {
        let record = queue.spare(Kind::Served).unwrap();
        queue.push(record, 1, Kind::Served);
    }
    let batches = batches.join().unwrap();
    // Writing one by one would take thousands.
    assert!(batches <= 100, "{batches}");
    assert_eq!(queue.counts().written, RECORDS as u64);
    assert!(queue.lock().spares.len() <= MOST_SPARES);
}

#[test]
fn a_full_queue_refuses_before_a_record_is_filled() {
    let queue = Queue::new(Limits { records: 8, bytes: usize::MAX });
    for _ in 0..8 {
        queue.push(queue.spare(Kind::Served).unwrap(), 1, Kind::Served);
    }
    assert!(queue.spare(Kind::Served).is_none());
    let counts = queue.counts();
    assert_eq!((counts.queued, counts.dropped, counts.lost()), (8, 1, 1));
}
