//! The files of the crate that are modelled, and the models.
#![cfg(loom)]
#![allow(dead_code)]

#[path = "../../../src/settings/limits/window.rs"]
mod lengths;
#[path = "../../../src/control/limits/memory/mod.rs"]
mod memory;
#[path = "../../../src/control/limits/store.rs"]
mod store;
#[path = "../../../src/control/limits/window.rs"]
mod window;

// Where they are in the crate.
mod settings {
    pub(crate) mod limits {
        pub(crate) use crate::lengths::{Period, Window};
    }
}
mod control {
    pub(crate) mod limits {
        pub(crate) use crate::{store, window};
    }
}

#[cfg(test)]
mod models;
