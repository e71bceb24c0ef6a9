//! Rules that limit the usage of a gateway's callers.
#![cfg(feature = "limits")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod answers;
mod escapes;
mod left;
mod media;
mod orders;
mod scene;
mod settling;
#[cfg(feature = "client")]
mod sockets;
mod steps;
mod stores;
mod unanswered;

use scene::{Reply, Scene, chat, fixed};
