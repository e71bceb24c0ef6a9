//! `client_certificate` of a provider without TLS: refused.

use serde::de::IgnoredAny;

use super::error::{ConfigFileError, ConfigFileErrorKind as Kind};
use super::place::{Located as _, Mistake, Source, Table};
use crate::provider::Provider;

pub(super) type RawCertificate = IgnoredAny;

#[derive(Clone, Debug, Default)]
pub(super) struct Certificates;

impl Certificates {
    pub(super) fn add(
        &mut self,
        raw: &Table<RawCertificate>,
        _: &Provider,
        _: &Source<'_>,
    ) -> Result<(), Mistake> {
        let message = "client certificates need `tls-aws-lc-rs` or `tls-ring`, and this program was \
                       built without them";
        Err(raw.refuse(Kind::UnknownKey, message))
    }

    pub(super) fn at(&self, _: &[Provider]) -> Result<(), ConfigFileError> {
        Ok(())
    }
}
