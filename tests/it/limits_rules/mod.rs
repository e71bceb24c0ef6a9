//! Rules that limit the usage of a gateway's callers.
#![cfg(feature = "limits")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod answers;
mod escapes;
mod scene;
mod settling;
mod steps;
mod stores;

use scene::{Reply, Scene, chat, fixed};
