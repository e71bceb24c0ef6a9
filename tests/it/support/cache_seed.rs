//! The seed of random tests of the cache.

/// That of `CACHE_SEED`, or 1. Reports at a failure how to repeat it.
pub struct Seed(pub u64);

impl Seed {
    pub fn new() -> Self {
        let given = std::env::var("CACHE_SEED").map(|seed| seed.parse().unwrap());
        Self(given.unwrap_or(1))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again with CACHE_SEED={}", self.0);
        }
    }
}
