//! The machine and its load.

use std::fs::read_to_string;
use std::time::Duration;

use crate::BoxError;

/// Cores, processor and kernel in one line.
pub(crate) fn shape() -> Result<String, BoxError> {
    let cpus = read_to_string("/proc/cpuinfo")?;
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let value = |name| {
        let line = cpus.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim())
    };
    let model = value("model name").unwrap_or("of an unknown kind");
    let is_virtual = value("flags").is_some_and(|flags| flags.contains("hypervisor"));
    let place = if is_virtual { " of a virtual machine" } else { "" };
    let kernel = read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!("{cores} cores{place} ({model}), Linux {}", kernel.trim()))
}

/// The time of all cores since the start, in ticks.
pub(crate) struct Busy {
    total: u64,
    idle: u64,
    stolen: u64,
}

impl Busy {
    pub(crate) fn now() -> Result<Self, BoxError> {
        let stat = read_to_string("/proc/stat")?;
        let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).unwrap_or("");
        let ticks = line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        // user nice system idle iowait irq softirq steal, and guests, which are in user as well
        let [user, nice, system, idle, iowait, irq, softirq, stolen, ..] = ticks[..] else {
            return Err("an unknown form of /proc/stat".into());
        };
        let total = user + nice + system + idle + iowait + irq + softirq + stolen;
        Ok(Self { total, idle: idle + iowait, stolen })
    }

    /// The share of time in which the cores work, from here on.
    pub(crate) fn share_within(&self, time: Duration) -> Result<f64, BoxError> {
        std::thread::sleep(time);
        let (busy, total) = Self::now()?.since(self);
        Ok(busy / total)
    }

    /// The number of working ticks, and of all ticks.
    pub(crate) fn since(&self, before: &Self) -> (f64, f64) {
        let (idle, total) = (self.idle - before.idle, (self.total - before.total).max(1));
        (total.saturating_sub(idle) as f64, total as f64)
    }

    pub(crate) fn stolen_since(&self) -> Result<f64, BoxError> {
        let now = Self::now()?;
        Ok((now.stolen - self.stolen) as f64 / now.since(self).1)
    }
}
