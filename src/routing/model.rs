//! Model names with a provider prefix, and how to remove the prefix from a body.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use crate::json::object::ModelString;
use crate::json::string::{self, Decoder};

/// A frame that loses bytes in its middle is copied up to this size, and split beyond it.
const COPY_UP_TO: usize = 16 * 1024;

/// A change of a body: the bytes to leave out, and what replaces them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) cut: Range<u64>,
    pub(crate) insert: Bytes,
}

impl Edit {
    /// By how many bytes the body grows; negative if it shrinks.
    pub(crate) fn growth(&self) -> i64 {
        let inserted = i64::try_from(self.insert.len()).unwrap_or(i64::MAX);
        inserted.saturating_sub(i64::try_from(self.cut.end - self.cut.start).unwrap_or(i64::MAX))
    }

    /// The changed body in one piece; `None` if it is too large to be copied.
    pub(crate) fn copied(&self, body: &Bytes) -> Option<Bytes> {
        if self.cut.is_empty() && self.insert.is_empty() {
            return Some(body.clone());
        }
        let small = Some(body).filter(|body| body.len() <= COPY_UP_TO)?;
        let head = small.get(..usize::try_from(self.cut.start).ok()?)?;
        let tail = small.get(usize::try_from(self.cut.end).ok()?..)?;
        Some(Bytes::from([head, &self.insert, tail].concat()))
    }
}

/// `grok/grok-4`, split at its slash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RoutedModel {
    name: String,
    /// Where the prefix ends; `None` if there is none.
    slash: Option<usize>,
    /// Leaves out the bytes that spell the prefix and its slash.
    pub(crate) edit: Edit,
    /// The whole name in the body.
    span: Range<u64>,
}

impl RoutedModel {
    /// What precedes the first `/`.
    pub(crate) fn prefix(&self) -> Option<&str> {
        self.slash.map(|slash| &self.name[..slash])
    }

    /// The model as the provider knows it, slashes included.
    pub(crate) fn model(&self) -> &str {
        &self.name[self.slash.map_or(0, |slash| slash + 1)..]
    }

    /// Treats the whole name as the model: its prefix is not a provider.
    pub(crate) fn keep_prefix(&mut self) {
        self.slash = None;
        self.edit = Edit { cut: self.span.start..self.span.start, insert: Bytes::new() };
    }

    /// Replaces the whole name by another model.
    pub(crate) fn replace(&mut self, model: &str) {
        self.edit = Edit { cut: self.span.clone(), insert: escaped(model) };
        self.name = model.to_owned();
        self.slash = None;
    }
}

/// Splits a model name at its first slash, escaped or not.
///
/// `None` if the string is malformed or empty, or nothing precedes or follows its first slash.
pub(crate) fn split(model: &ModelString) -> Option<RoutedModel> {
    let name = string::decode(&model.raw)?;
    let slash = name.find('/');
    let is_whole = match slash {
        Some(slash) => slash > 0 && slash + 1 < name.len(),
        None => !name.is_empty(),
    };
    let end = match slash {
        None => 0,
        // An escape is longer than its character, so there is none.
        Some(slash) if name.len() == model.raw.len() => slash + 1,
        Some(_) => Decoder::new(&model.raw).find(|(character, _)| *character == '/')?.1,
    };
    let edit = Edit { cut: model.offset..model.offset + end as u64, insert: Bytes::new() };
    let routed = RoutedModel { name, slash, edit, span: model.span() };
    is_whole.then_some(routed)
}

/// A name, escaped for a JSON string.
pub(crate) fn escaped(name: &str) -> Bytes {
    let mut quoted = String::with_capacity(name.len() + 2);
    string::write(name, &mut quoted);
    let inside = quoted.len().saturating_sub(1).max(1);
    Bytes::from(quoted).slice(1..inside)
}

/// Applies a change to a body's first frames.
pub(crate) fn splice(frames: &mut VecDeque<Bytes>, Edit { cut, insert }: &Edit) {
    cut_out(frames, cut);
    if insert.is_empty() {
        return;
    }
    let mut offset = 0;
    let mut at = 0;
    while let Some(frame) = frames.get_mut(at)
        && offset + frame.len() as u64 <= cut.start
    {
        offset += frame.len() as u64;
        at += 1;
    }
    let Some(frame) = frames.get_mut(at) else {
        frames.push_back(insert.clone());
        return;
    };
    let head = frame.split_to((cut.start - offset) as usize);
    frames.insert(at, insert.clone());
    if !head.is_empty() {
        frames.insert(at, head);
    }
}

fn cut_out(frames: &mut VecDeque<Bytes>, cut: &Range<u64>) {
    let mut offset = 0;
    let mut at = 0;
    while at < frames.len() && offset < cut.end {
        let frame = &mut frames[at];
        let length = frame.len() as u64;
        let start = (cut.start.clamp(offset, offset + length) - offset) as usize;
        let end = (cut.end.clamp(offset, offset + length) - offset) as usize;
        offset += length;
        if start == 0 {
            *frame = frame.slice(end..);
        } else if end == frame.len() {
            frame.truncate(start);
        } else if start < end && frame.len() <= COPY_UP_TO {
            *frame = Bytes::from([&frame[..start], &frame[end..]].concat());
        } else if start < end {
            let tail = frame.slice(end..);
            frame.truncate(start);
            at += 1;
            frames.insert(at, tail);
        }
        at += 1;
    }
    frames.retain(|frame| !frame.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn routed(raw: &str) -> Option<(String, String, Range<u64>)> {
        let model = ModelString { raw: raw.as_bytes().to_vec(), offset: 10 };
        let prefix = |model: &RoutedModel| model.prefix().unwrap_or("-").to_owned();
        split(&model).map(|model| (prefix(&model), model.model().to_owned(), model.edit.cut))
    }

    #[test]
    fn the_prefix_ends_at_the_first_slash_even_if_escaped() {
        for (raw, prefix, model, cut) in [
            ("grok/grok-4", "grok", "grok-4", 10..15),
            (r"grok\/grok-4", "grok", "grok-4", 10..16),
            (r"grok\u002Fgrok-4", "grok", "grok-4", 10..20),
            (r"gr\u006fk/grok-4", "grok", "grok-4", 10..20),
            ("openrouter/meta/llama-4", "openrouter", "meta/llama-4", 10..21),
            ("grok-4", "-", "grok-4", 10..10),
        ] {
            assert_eq!(routed(raw), Some((prefix.to_owned(), model.to_owned(), cut)), "{raw}");
        }
        for raw in ["", "/grok-4", "grok/", r"grok/\x", r"grok\", r"grok/\ud800"] {
            assert_eq!(routed(raw), None, "{raw}");
        }
    }

    #[test]
    fn another_model_replaces_the_whole_name() {
        let body = br#"{"model":"dynamic\/x","n":1}"#;
        let raw = br"dynamic\/x".to_vec();
        let mut routed = split(&ModelString { raw, offset: 10 }).unwrap();
        assert_eq!((routed.prefix(), routed.edit.growth()), (Some("dynamic"), -9));
        routed.keep_prefix();
        assert_eq!((routed.prefix(), routed.model()), (None, "dynamic/x"));
        assert_eq!(routed.edit.growth(), 0);
        routed.replace("a\"b/cd");
        assert_eq!((routed.prefix(), routed.model()), (None, "a\"b/cd"));
        assert_eq!(routed.edit.growth(), 7 - 10);
        let mut frames = VecDeque::from([Bytes::from_static(body)]);
        splice(&mut frames, &routed.edit);
        let spliced: Vec<u8> = frames.into_iter().flatten().collect();
        assert_eq!(spliced, br#"{"model":"a\"b/cd","n":1}"#);
    }

    proptest! {
        #[test]
        fn only_the_edited_bytes_change_in_any_split(
            body in prop::collection::vec(any::<u8>(), 1..200),
            ends in prop::array::uniform2(any::<prop::sample::Index>()),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
            large in any::<bool>(),
            insert in "[a-z]{0,9}",
        ) {
            let body = if large { body.repeat(COPY_UP_TO) } else { body };
            let mut ends = ends.map(|end| end.index(body.len() + 1));
            ends.sort_unstable();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let whole = Bytes::from(body.clone());
            let mut frames: VecDeque<_> = cuts.windows(2).map(|ends| whole.slice(ends[0]..ends[1])).collect();
            let edit = Edit { cut: ends[0] as u64..ends[1] as u64, insert: Bytes::from(insert.clone()) };
            splice(&mut frames, &edit);
            let spliced: Vec<u8> = frames.iter().flatten().copied().collect();
            let expected = [&body[..ends[0]], insert.as_bytes(), &body[ends[1]..]].concat();
            prop_assert!(spliced == expected);
            let copied = edit.copied(&whole);
            let is_nothing = ends[0] == ends[1] && insert.is_empty();
            prop_assert_eq!(copied.is_some(), is_nothing || body.len() <= COPY_UP_TO);
            prop_assert!(copied.is_none_or(|copied| copied == expected));
        }
    }
}
