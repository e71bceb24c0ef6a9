//! Behaviour tests of the gateway, over real sockets or with a provider in memory. All of them are
//! one program, because each further program must be linked separately.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used)]
#![recursion_limit = "256"]

#[cfg(feature = "full")]
mod admin;
#[cfg(feature = "full")]
mod affinity;
#[cfg(all(feature = "client", feature = "control", feature = "testing"))]
mod axum;
#[cfg(feature = "client")]
mod background;
mod benchmark;
#[cfg(feature = "full")]
mod bills;
#[cfg(feature = "client")]
mod bodies;
#[cfg(feature = "full")]
mod cache;
#[cfg(feature = "full")]
mod cache_fixtures;
#[cfg(feature = "full")]
mod cache_framing;
#[cfg(feature = "full")]
mod cache_operator;
#[cfg(feature = "client")]
mod cache_seen;
#[cfg(feature = "full")]
mod cache_separation;
#[cfg(feature = "client")]
mod cancellation;
#[cfg(feature = "client")]
mod completeness;
#[cfg(feature = "control")]
mod concurrency;
// Without TLS, most of it is unused.
#[cfg(feature = "client")]
#[cfg_attr(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")), allow(unused_imports))]
mod connect_timeout;
#[cfg(feature = "client")]
mod connections;
#[cfg(all(feature = "client", feature = "decompression"))]
mod decompression;
#[cfg(feature = "full")]
mod dripped;
mod encoded;
#[cfg(feature = "client")]
mod failures;
#[cfg(all(feature = "client", feature = "control"))]
mod fallbacks;
#[cfg(feature = "client")]
mod framings;
#[cfg(all(feature = "log", feature = "metrics"))]
mod free;
#[cfg(feature = "client")]
mod gateways;
#[cfg(feature = "full")]
mod guards;
#[cfg(feature = "client")]
mod headers;
#[cfg(feature = "control")]
mod health;
mod held;
#[cfg(feature = "client")]
mod hidden_ends;
mod hooks;
#[cfg(feature = "full")]
mod host;
#[cfg(feature = "full")]
mod jwt;
#[cfg(feature = "control")]
mod key_flood;
#[cfg(feature = "control")]
mod key_places;
#[cfg(all(feature = "client", feature = "control"))]
mod key_scopes;
#[cfg(feature = "control")]
mod key_source;
#[cfg(all(feature = "client", feature = "control"))]
mod keys;
#[cfg(feature = "control")]
mod leaks;
#[cfg(feature = "control")]
mod limits;
#[cfg(feature = "full")]
mod limits_operator;
#[cfg(feature = "limits")]
mod limits_rules;
#[cfg(feature = "control")]
mod load;
#[cfg(all(feature = "client", feature = "log"))]
mod log;
#[cfg(all(feature = "client", feature = "log-sqlite"))]
mod log_sqlite;
#[cfg(all(feature = "client", feature = "metrics"))]
mod metrics;
#[cfg(feature = "client")]
mod observation;
#[cfg(all(feature = "client", feature = "otel"))]
mod otel;
#[cfg(all(feature = "client", feature = "control"))]
mod own_clients;
mod panics;
#[cfg(feature = "client")]
mod paths;
mod peek;
#[cfg(feature = "client")]
mod positions;
#[cfg(feature = "client")]
mod prices;
#[cfg(all(unix, feature = "full"))]
mod process;
#[cfg(feature = "client")]
mod providers;
mod readiness;
#[cfg(feature = "full")]
mod reconciliation;
mod redaction;
mod redaction_of_served_models;
#[cfg(feature = "full")]
mod refusals;
#[cfg(feature = "client")]
mod rejections;
#[cfg(all(feature = "client", feature = "control"))]
mod retries;
mod secrets;
#[cfg(all(feature = "client", feature = "control"))]
mod silent_uploads;
#[cfg(any(feature = "client", feature = "control"))]
mod slow_bodies;
#[cfg(all(feature = "client", feature = "control"))]
mod slow_uploads;
#[cfg(feature = "control")]
mod snapshots;
#[cfg(feature = "client")]
mod success;
#[cfg_attr(not(feature = "full"), allow(dead_code))]
mod support;
#[cfg(feature = "control")]
mod timeouts;
#[cfg(feature = "client")]
mod trailers;
mod unchosen_credentials;
mod unmetered;
#[cfg(all(feature = "client", feature = "control"))]
mod unread;
#[cfg(feature = "client")]
mod usage;
#[cfg(feature = "client")]
mod usage_injection;
#[cfg(all(feature = "client", feature = "control"))]
mod usage_option;
#[cfg(all(feature = "client", any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
mod versions;
