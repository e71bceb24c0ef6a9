//! `[gateways.….cache]`: which answers are cached.

use std::time::Duration;

use super::error::ConfigFileErrorKind as Kind;
use super::place::{Located as _, Mistake, Table, Text, keyword, one_of};
use super::value::{Whole, form, section};
use crate::settings::GatewaySettingsBuilder;
use crate::settings::cache::{CacheRule, CacheSettings, ReplayPace};

const MONTH: u32 = 30 * 86_400;
const MOST_BYTES: u32 = 25 << 20;

form!(
    RuleTtl(u32),
    "seconds, a whole number from 60 to 2592000, or 0 to cache nothing",
    |seconds| *seconds == 0 || (60..=MONTH).contains(seconds)
);

section! {
    Raw, cache: CacheSettings, _cx: ();
    ttl_seconds: Whole<60, MONTH> => cache.ttl = Some(seconds(ttl_seconds.0));
    shared: bool => if shared {
        cache = cache.shared();
    };
    stale_if_error_seconds: Whole<0, MONTH> =>
        cache = cache.stale_if_error(seconds(stale_if_error_seconds.0));
    pace: Text => {
        let words = [("at_once", ReplayPace::AtOnce), ("recorded", ReplayPace::Recorded)];
        cache = cache.pace(keyword(&pace, one_of(words), "\"at_once\" or \"recorded\"")?);
    };
    rule: Vec<Table<Rule>> => for rule in rule {
        cache = cache.rule(rule.read()?);
    };
}

section! {
    /// A rule.
    Rule, rule: CacheRule, _cx: ();
    ttl_seconds: RuleTtl;
    models: Vec<Text> => for model in models {
        rule = rule.only_models([model.get_ref()]);
        rule.check_models().map_err(|mistake| model.refuse(Kind::Value, mistake))?;
    };
    paths: Vec<Text> => rule = rule.only_paths(paths.iter().map(|path| path.get_ref()));
    max_request_bytes: Whole<1, MOST_BYTES> =>
        rule = rule.max_request_bytes(max_request_bytes.0.into());
    max_response_bytes: Whole<1, MOST_BYTES> =>
        rule = rule.max_response_bytes(max_response_bytes.0.into());
    statuses: Vec<Whole<200, 299>> =>
        rule = rule.statuses(statuses.iter().map(|status| status.0 as u16));
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

pub(super) fn add(
    cache: Table<Raw>,
    builder: GatewaySettingsBuilder,
) -> Result<GatewaySettingsBuilder, Mistake> {
    let place = cache.place();
    let builder = builder.cache(cache.fields.apply(CacheSettings::on_request(), ())?);
    match builder.mistake() {
        Some(mistake) => Err(place.refuse(Kind::Value, mistake)),
        None => Ok(builder),
    }
}

impl Table<Rule> {
    fn read(self) -> Result<CacheRule, Mistake> {
        let place = self.place();
        let rule = match &self.ttl_seconds {
            None => return Err(self.missing("ttl_seconds")),
            Some(RuleTtl(0)) => CacheRule::never(),
            Some(ttl) => CacheRule::keep(seconds(ttl.0)),
        };
        let rule = self.fields.apply(rule, ())?;
        rule.check().map_err(|mistake| place.refuse(Kind::Conflict, mistake))?;
        Ok(rule)
    }
}
