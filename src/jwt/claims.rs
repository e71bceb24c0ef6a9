//! Maps the claims of a token to an identity.

use serde_json::{Map, Value};

use super::error::JwtError;
use crate::util::identity::{Identity, IdentityError};

/// Which claims make up an identity.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    /// The first one present counts.
    pub(super) subject: Vec<String>,
    pub(super) groups: Option<String>,
    /// The only groups to use, if restricted.
    pub(super) known_groups: Option<Vec<String>>,
    pub(super) labels: Vec<Label>,
}

/// A label and its claim.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) name: String,
    pub(super) claim: String,
    pub(super) is_for_metrics: bool,
}

impl Default for Mapping {
    fn default() -> Self {
        let subject = vec!["sub".to_owned()];
        Self { subject, groups: None, known_groups: None, labels: Vec::new() }
    }
}

impl Mapping {
    pub(super) fn label(&mut self, name: String, claim: String, is_for_metrics: bool) {
        self.labels.push(Label { name, claim, is_for_metrics });
    }

    /// Checks that an identity can have these labels.
    pub(super) fn check_labels(&self) -> Result<(), IdentityError> {
        let names = self.labels.iter().map(|label| label.name.as_str());
        names.fold(Identity::builder("x"), |identity, name| identity.label(name, "x")).build()?;
        Ok(())
    }

    /// Nothing is cut: what does not fit is an error, because a dropped group or label might be one
    /// that restricts.
    pub(super) fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, JwtError> {
        let mut identity = Identity::builder(self.subject(claims)?);
        if let Some(claim) = &self.groups {
            let known = self.known_groups.as_ref();
            let groups = groups(claims, claim)?.into_iter();
            let groups = groups.filter(|group| known.is_none_or(|known| known.contains(group)));
            identity = identity.groups(groups);
        }
        for Label { name, claim, is_for_metrics } in &self.labels {
            let Some(value) = label(claims, claim)? else { continue };
            identity = match is_for_metrics {
                true => identity.metric_label(name, value),
                false => identity.label(name, value),
            };
        }
        identity.build().map_err(JwtError::Identity)
    }

    fn subject(&self, claims: &Map<String, Value>) -> Result<String, JwtError> {
        for claim in &self.subject {
            match find(claims, claim) {
                None => {}
                // Service tokens of Cloudflare Access have an empty `sub`.
                Some(Value::String(text)) if text.is_empty() => {}
                Some(Value::String(text)) => return Ok(text.clone()),
                Some(_) => return Err(unusable(claim)),
            }
        }
        let claim = self.subject.first().map(String::as_str).unwrap_or_default();
        Err(JwtError::MissingClaim { claim: claim.into() })
    }
}

/// A list of texts, or one text with words, as in `scope`.
fn groups(claims: &Map<String, Value>, claim: &str) -> Result<Vec<String>, JwtError> {
    match find(claims, claim) {
        None => Ok(Vec::new()),
        Some(Value::String(words)) => {
            Ok(words.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect())
        }
        Some(Value::Array(groups)) => {
            let group = |group: &Value| group.as_str().map(str::to_owned);
            groups.iter().map(|one| group(one).ok_or_else(|| unusable(claim))).collect()
        }
        Some(_) => Err(unusable(claim)),
    }
}

fn label(claims: &Map<String, Value>, claim: &str) -> Result<Option<String>, JwtError> {
    match find(claims, claim) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(unusable(claim)),
    }
}

/// The claim with this name or at this JSON pointer (RFC 6901). `null` counts as missing.
fn find<'c>(claims: &'c Map<String, Value>, claim: &str) -> Option<&'c Value> {
    let found = match claim.strip_prefix('/') {
        None => claims.get(claim),
        Some(path) => {
            let (first, rest) = match path.split_once('/') {
                Some((first, _)) => (first, &path[first.len()..]),
                None => (path, ""),
            };
            claims.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(rest)
        }
    };
    found.filter(|value| !value.is_null())
}

fn unusable(claim: &str) -> JwtError {
    JwtError::Claim { claim: claim.into() }
}
