//! The list of models that a gateway may use, in the format of OpenAI's `models`.
//!
//! It is built from the host's price table and allow list, as far as the rules allow those models.
//! No provider is asked.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::context::GatewayContext;
use crate::json::string;
use crate::provider::{Providers, Upstream};
use crate::rejection::Rejection;
use crate::request::access::allow_provider;
use crate::request::allowance::Allowance;
use crate::request::dynamic;
use crate::response::messages;
use crate::settings::GatewaySettings;
use crate::usage::PriceTable;
use crate::util::percent::query_text;

/// The maximum length of the list: price tables have some thousand rows.
const MOST: usize = 10_000;

/// The body of the answer: all models, or the one with this id, as written in the path.
pub(crate) fn answer(
    context: &GatewayContext,
    providers: &Providers,
    prices: &PriceTable,
    id: Option<&str>,
) -> Result<String, Rejection> {
    let all = Catalogue { context, prices, providers }.all();
    let mut json = String::with_capacity(128 + 96 * all.len());
    let Some(id) = id else {
        json.push_str(r#"{"object":"list","data":["#);
        for (index, id) in all.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            write(id, &mut json);
        }
        json.push_str("]}");
        return Ok(json);
    };
    // A plus in a path is a literal plus.
    let id = query_text(&id.replace('+', "%2B"));
    let named = id
        .split_once('/')
        .and_then(|(prefix, model)| Some(format!("{}/{model}", providers.find(prefix)?.slug())));
    let id = named.unwrap_or(id);
    if !all.contains(&id) {
        return Err(messages::no_such_model(&id));
    }
    write(&id, &mut json);
    Ok(json)
}

/// Writes a model. Its creation time is unknown, and SDKs require a number.
fn write(id: &str, json: &mut String) {
    json.push_str(r#"{"id":"#);
    string::write(id, json);
    json.push_str(r#","object":"model","created":0,"owned_by":"#);
    string::write(id.split('/').next().unwrap_or_default(), json);
    let _ = json.write_char('}');
}

struct Catalogue<'a> {
    context: &'a GatewayContext,
    prices: &'a PriceTable,
    providers: &'a Providers,
}

impl Catalogue<'_> {
    fn all(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let upstreams: Vec<_> = self.providers.all().filter(|one| self.is_usable(one)).collect();
        let has_price = |one: &Upstream, name: &str| {
            self.prices.find_at(one.slug(), one.kind(), name).is_some()
        };
        let rules = self.settings().map(|settings| &settings.rules);
        let names: Vec<&str> = rules.into_iter().flat_map(|rules| rules.plain_names()).collect();
        for upstream in &upstreams {
            let rows = self.prices.rows().filter_map(|(row, _)| {
                let mut names = std::iter::once(upstream.slug()).chain(upstream.kind());
                names.find_map(|name| row.strip_prefix(name)?.strip_prefix('/'))
            });
            let allowance = Allowance::of(self.context).at(upstream);
            // A name with a price at some provider belongs to that provider only.
            let is_its = |name: &&str| {
                let is_priced = || upstreams.iter().any(|one| has_price(one, name));
                has_price(upstream, name) || !is_priced()
            };
            let names = names.iter().copied().filter(is_its);
            for model in rows.chain(names).filter(|name| allowance.allows(name)) {
                if all.len() < MOST {
                    all.insert(format!("{}/{model}", upstream.slug()));
                }
            }
        }
        let routes = self.settings().map(|settings| settings.routes.iter());
        for route in routes.into_iter().flatten().take(MOST) {
            all.insert(format!("{}/{}", dynamic::PREFIX, route.name()));
        }
        all
    }

    fn settings(&self) -> Option<&GatewaySettings> {
        self.context.settings()
    }

    /// Returns true if a provider is allowed and, if the gateway stores keys, has one.
    fn is_usable(&self, upstream: &Upstream) -> bool {
        let has_key = self.settings().is_none_or(|settings| {
            let mut keys = settings.keys.iter();
            let is_for_it = |provider: &str| upstream.answers_to(provider);
            settings.keys.is_empty()
                || settings.takes_keys_from_layer
                || keys.any(|key| is_for_it(&key.provider))
        });
        has_key && allow_provider(Allowance::of(self.context), upstream).is_ok()
    }
}
