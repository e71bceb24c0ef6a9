//! Memory, descriptors and threads of the gateway while it works.

use std::fs;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) rss_kib: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

pub(crate) struct Watch(JoinHandle<Vec<Sample>>);

impl Watch {
    /// Looks five times a second until `end`.
    pub(crate) fn start(pid: u32, end: Instant) -> Self {
        Self(tokio::spawn(async move {
            let mut samples = Vec::new();
            while Instant::now() < end {
                samples.push(Sample::of(pid));
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            samples
        }))
    }

    pub(crate) async fn finish(self) -> Vec<Sample> {
        self.0.await.unwrap()
    }
}

impl Sample {
    fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let figure = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
        Self { rss_kib: figure("VmRSS:"), descriptors, threads: figure("Threads:") }
    }

    /// The largest of each.
    pub(crate) fn peak(samples: &[Self]) -> Self {
        samples.iter().fold(Self::default(), |most, sample| Self {
            rss_kib: most.rss_kib.max(sample.rss_kib),
            descriptors: most.descriptors.max(sample.descriptors),
            threads: most.threads.max(sample.threads),
        })
    }
}
