//! The files of the crate that are modelled, at their places in it, what stands for others, and the models.
#![cfg(loom)]
#![allow(dead_code, unused_imports, unused_macros)]

// By the name under which the files of the crate know it.
extern crate self as tokio;

#[path = "runtime.rs"]
mod without_runtime;

pub use without_runtime::{runtime, sync, time};

#[path = "../../../src/control"]
mod control {
    mod list;

    mod cache {
        mod asked {
            use std::time::Duration;

            pub(super) struct Policy {
                pub(super) fresh_for: Duration,
                pub(super) stale_for: Duration,
                pub(super) statuses: Vec<u16>,
            }
        }

        mod counts;
        mod entry;
        mod fit;
        mod flight;
        mod recording;

        #[cfg(test)]
        #[path = "../../../tests/loom/src/single_flight.rs"]
        mod models;
        #[cfg(test)]
        #[path = "../../../tests/loom/src/provider.rs"]
        mod provider;
        #[cfg(test)]
        #[path = "../../../tests/loom/src/scene.rs"]
        mod scene;
        #[path = "../../../tests/loom/src/metered.rs"]
        mod metered;
        #[path = "../../../tests/loom/src/storing.rs"]
        mod storing;

        mod framing {
            pub(super) fn declared(_: &http::HeaderMap) -> Option<u64> {
                None
            }
        }

        mod kept {
            pub(super) fn kept(headers: &http::HeaderMap) -> http::HeaderMap {
                headers.clone()
            }
        }

        mod key {
            #[derive(Clone, Copy, PartialEq, Eq, Hash)]
            pub(in crate::control) struct CacheKey(pub(super) [u8; 32]);
        }

        mod store {
            #[derive(Clone, Copy, PartialEq, Eq, Hash)]
            pub(in crate::control) struct Generation(pub(super) u64);
        }
    }

    mod limits {
        mod memory;
        mod store;
        mod window;

        #[cfg(test)]
        #[path = "../../../tests/loom/src/limits.rs"]
        mod models;
    }
}

#[path = "../../../src/settings"]
mod settings {
    pub(crate) mod limits {
        mod window;

        pub(crate) use self::window::{Period, Window};
    }
}

#[path = "../../../src/util"]
mod util {
    pub(crate) mod budget;
    pub(crate) mod macros;
    pub(crate) mod opaque;
    pub(crate) mod unwind;
}

/// An exchange, of which nothing is recorded here.
mod context {
    #[derive(Clone)]
    pub(crate) struct GatewayContext;

    impl GatewayContext {
        pub(crate) fn set_goes_on(&self, _: bool) {}
    }
}
