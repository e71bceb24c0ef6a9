//! The `config` of an entry: what it asks of the gateway, over all headers.

use std::time::Duration;

use super::error::{Member, Wrong};
use crate::directives::form::{self, Whole};
use crate::directives::locks::{ClientControl, Locks};
use crate::directives::{Backoff, Directives, Fault, Warning};
use crate::json::{cursor, string};

/// A setting of an entry.
struct Key {
    /// In its two spellings.
    camel: &'static str,
    snake: &'static str,
    control: ClientControl,
    /// As a warning calls it.
    member: &'static str,
}

macro_rules! key {
    ($control:ident, $camel:literal, $snake:literal) => {
        Key {
            camel: $camel,
            snake: $snake,
            control: ClientControl::$control,
            member: concat!("config.", $camel),
        }
    };
}

static KEYS: [Key; 7] = [
    key!(Timeouts, "requestTimeout", "request_timeout"),
    key!(Retry, "maxAttempts", "max_attempts"),
    key!(Retry, "retryDelay", "retry_delay"),
    key!(Retry, "backoff", "backoff"),
    key!(Cache, "cacheTtl", "cache_ttl"),
    key!(Cache, "cacheKey", "cache_key"),
    key!(Cache, "skipCache", "skip_cache"),
];

/// From a value that a cursor has passed over. Keys that are not known are ignored, and so are those
/// whose value is `null`. What the host has locked is treated as its header is.
pub(super) fn read(json: &[u8], locks: &Locks) -> Result<Directives, Wrong> {
    let members = cursor::members(json).ok_or((Member::Config, "an object"))?;
    let mut config = Directives::default();
    let mut passed_over = Vec::new();
    for (key, value) in members {
        let reads = |name| string::reads(key, name);
        let Some(key) = KEYS.iter().find(|key| reads(key.camel) || reads(key.snake)) else {
            continue;
        };
        if value == b"null" {
            continue;
        }
        let setting = Member::Setting(key.camel);
        if locks.allow(key.control) {
            put(&mut config, key.camel, value).map_err(|must_be| (setting, must_be))?;
        } else if locks.refuse() {
            return Err((setting, Fault::Locked).into());
        } else if !passed_over.contains(&key.member) {
            passed_over.push(key.member);
        }
    }
    config.warning = Warning::of(passed_over, Vec::new());
    Ok(config)
}

fn put(config: &mut Directives, name: &str, value: &[u8]) -> Result<(), &'static str> {
    use form::{
        ATTEMPTS, BACKOFF_FORM, CACHE_KEY_FORM, DELAY_MS, FLAG_FORM, TIMEOUT_MS, TTL_SECONDS,
    };
    match name {
        "requestTimeout" => {
            once(&mut config.request_timeout, whole(value, &TIMEOUT_MS, Duration::from_millis)?)
        }
        "maxAttempts" => {
            once(&mut config.max_attempts, whole(value, &ATTEMPTS, |number| number as u8)?)
        }
        "retryDelay" => {
            once(&mut config.retry_delay, whole(value, &DELAY_MS, Duration::from_millis)?)
        }
        "cacheTtl" => once(&mut config.cache_ttl, whole(value, &TTL_SECONDS, Duration::from_secs)?),
        "backoff" => {
            let backoff = cursor::text(value).and_then(|text| Backoff::named(&text));
            once(&mut config.backoff, backoff.ok_or(BACKOFF_FORM)?)
        }
        "cacheKey" => {
            let key = cursor::text(value).filter(|text| form::is_cache_key(text));
            once(&mut config.cache_key, key.ok_or(CACHE_KEY_FORM)?.into())
        }
        _ => match value {
            b"true" => once(&mut config.skip_cache, true),
            b"false" => once(&mut config.skip_cache, false),
            _ => Err(FLAG_FORM),
        },
    }
}

/// A value that is there twice, in whichever spellings, has no value that is right.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(super::GIVEN_ONCE),
    }
}

/// Written as JSON has it: `5000`, and also `5000.0` or `5e3`, which some serialisers make of it.
fn whole<T>(value: &[u8], form: &Whole, read: fn(u64) -> T) -> Result<T, &'static str> {
    let number = str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
    let number = number.filter(|number| number.fract() == 0.0 && *number >= 0.0);
    // Casts of floats saturate.
    number
        .map(|number| number as u64)
        .filter(|number| (form.fits)(*number))
        .map(read)
        .ok_or(form.must_be)
}
