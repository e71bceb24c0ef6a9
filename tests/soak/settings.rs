//! The gateway's settings, which repeatedly move the provider to its other host and change its key.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::provider::{Hosts, key};

/// The gateway's token.
pub(crate) const TOKEN: &str = "the-token-of-the-soak-test";

pub(crate) struct SettingsFile {
    path: PathBuf,
    texts: [String; 2],
}

impl SettingsFile {
    pub(crate) fn new(folder: &Path, hosts: &Hosts) -> Self {
        fs::write(folder.join("token"), TOKEN).unwrap();
        for host in [0, 1] {
            fs::write(folder.join(format!("key-{host}")), key(host)).unwrap();
        }
        let text = |host: usize| {
            let base = &hosts.bases[host];
            format!(
                r#"
unknown_gateways = "refuse"
[providers.grok]
base_url = "{base}"
[health.breaker]
failures_in_a_row = 1_000_000
failed_share = 0.95
min_calls = 1_000
[gateways.gw]
tokens = [{{ file = "token" }}]
[[gateways.gw.keys]]
provider = "grok"
file = "key-{host}"
[gateways.gw.defaults]
max_attempts = 2
retry_delay_ms = 1
[gateways.gw.timeouts]
head_ms = 5_000
idle_ms = 2_000
total_ms = 6_000
[gateways.gw.concurrency]
limit = 200
wait_ms = 1_000
"#
            )
        };
        let file = Self { path: folder.join("gateway.toml"), texts: [text(0), text(1)] };
        fs::write(&file.path, &file.texts[0]).unwrap();
        file
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Replaces the file twice a second, every tenth time by one with a mistake. Gives how often.
    pub(crate) fn turn_until(&self, end: Instant) -> impl Future<Output = u64> + use<> {
        let Self { path, texts } = Self { path: self.path.clone(), texts: self.texts.clone() };
        let draft = path.with_extension("new");
        async move {
            let mut turns = 0;
            while Instant::now() < end {
                tokio::time::sleep(Duration::from_millis(500)).await;
                turns += 1;
                let mistake = if turns % 10 == 0 { "nonsense = 1\n" } else { "" };
                fs::write(&draft, format!("{mistake}{}", texts[turns as usize % 2])).unwrap();
                fs::rename(&draft, &path).unwrap();
            }
            turns
        }
    }
}
