//! The top-level members of a request body that matter here.

use crate::json::scalars::BodyField;
use crate::json::string;
use crate::json::words::has_escape;
use crate::util::macros::match_bytes;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Member {
    Field(BodyField),
    StreamOptions,
    /// Azure's extension, with which Azure accepts no `stream_options`.
    DataSources,
    /// A request with this member is stateful: a cache must not repeat it.
    Stateful,
    /// It may ask for a stream, or say of which kind.
    LikeStream,
    #[default]
    Other,
}

pub(super) const MODEL: Member = Member::Field(BodyField::Model);
pub(super) const STREAM: Member = Member::Field(BodyField::Stream);

/// `captures`: also recognise the fields that only conditions read.
pub(super) fn member(key: &[u8], captures: bool) -> Member {
    match_bytes!(key, {
        b"model" => return MODEL,
        b"stream" => return STREAM,
        b"stream_options" => return Member::StreamOptions,
        b"data_sources" => return Member::DataSources,
        _ => {}
    });
    if !captures && !has_escape(key) {
        return Member::Other;
    }
    let fields =
        if captures { &BodyField::ALL[..] } else { &[BodyField::Model, BodyField::Stream] };
    match fields.iter().find(|field| string::reads(key, field.name())) {
        Some(field) => Member::Field(*field),
        None if string::reads(key, "stream_options") => Member::StreamOptions,
        None => Member::Other,
    }
}
