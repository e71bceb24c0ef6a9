//! The resources used by the processes of a load and by all others, from `/proc`.

use std::fs::read_to_string;

use crate::BoxError;
use crate::machine::Busy;

/// `sysconf(_SC_CLK_TCK)`, which is 100 on all relevant Linux systems.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Watch {
    pub(crate) server: Used,
    /// The process ids of the server and of the process at both its ends.
    ours: f64,
    all: Busy,
}

/// The resources used by a process and its children.
pub(crate) struct Used {
    /// `utime` and `stime` of all of them.
    pub(crate) cpu_seconds: f64,
    /// The memory of the largest one, so that shared pages of nginx's processes are not counted
    /// twice.
    pub(crate) rss_kib: u64,
}

impl Watch {
    pub(crate) fn look(server: u32, peers: &[u32]) -> Result<Self, BoxError> {
        let (server, all) = (used(server)?, Busy::now()?);
        let mut ours = server.cpu_seconds;
        for peer in peers {
            ours += used(*peer)?.cpu_seconds;
        }
        Ok(Self { ours, server, all })
    }

    /// The share of all cores that other processes used.
    pub(crate) fn others_since(&self, before: &Self) -> f64 {
        let (busy, total) = self.all.since(&before.all);
        let ours = (self.ours - before.ours) * TICKS_PER_SECOND;
        ((busy - ours) / total).max(0.0)
    }
}

fn used(pid: u32) -> Result<Used, BoxError> {
    let children = read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let children = children.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    let mut used = Used { cpu_seconds: 0.0, rss_kib: 0 };
    for pid in [pid].into_iter().chain(children) {
        used.cpu_seconds += ticks(&read_to_string(format!("/proc/{pid}/stat"))?)
            .ok_or("an unknown form of /proc/PID/stat")?
            / TICKS_PER_SECOND;
        let rss = rss(&read_to_string(format!("/proc/{pid}/status"))?).ok_or("no VmRSS")?;
        used.rss_kib = used.rss_kib.max(rss);
    }
    Ok(used)
}

fn ticks(stat: &str) -> Option<f64> {
    // The name before the last parenthesis may contain anything.
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(user + system)
}

fn rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
