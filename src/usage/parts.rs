//! Usage that is billed in addition to the usage object of a response, or in its place.

use super::figure::Figure;
use super::reported::Reported;
use super::shape::Shape;
use super::tokens::{Usage, UsagePart};
use crate::json::cursor::{self, Cursor};

/// The maximum length of a model's name.
const LONGEST_MODEL: usize = 1024;
/// The maximum number of parts; more are merged into one. No real answer has as many.
const MOST: usize = 64;
/// A name for the model of OpenAI's image tool, which responses do not name.
const IMAGE_TOOL: &str = "image_generation";

#[derive(Debug)]
pub(super) struct Part {
    model: Option<Box<str>>,
    reported: Reported,
}

#[derive(Debug, Default)]
pub(super) struct Shares {
    /// `usage.iterations` (Messages): billed in place of the usage.
    pub(super) iterations: Vec<Part>,
    /// `usage_breakdown` (Groq): billed in place of the usage.
    models: Vec<Part>,
    /// `tool_usage` (Responses): billed in addition to the usage.
    images: Vec<Part>,
    web_searches: Option<u64>,
}

impl Shares {
    pub(super) fn clear(&mut self) {
        self.iterations.clear();
        self.models.clear();
        self.images.clear();
        self.web_searches = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        let lists = [&self.iterations, &self.models, &self.images];
        lists.iter().all(|list| list.is_empty()) && self.web_searches.is_none()
    }

    /// Reads `[{"type":"message","model":…,"input_tokens":…},…]`.
    pub(super) fn read_iterations(&mut self, array: &[u8]) {
        self.iterations.clear();
        let mut declined = None;
        let read = Cursor::new(array).objects(|cursor| {
            let entry = cursor.raw()?;
            let (part, is_message) = iteration(entry)?;
            // A model that declined, so that another one answered, is not billed unless it is the
            // only one.
            if is_message && part.reported.get(Figure::Output) == Some(0) {
                declined.get_or_insert(part);
            } else {
                add(&mut self.iterations, part);
            }
            Some(())
        });
        if read.is_none() {
            self.iterations.clear();
        } else if self.iterations.is_empty() {
            self.iterations.extend(declined);
        }
    }

    /// Reads `{"models":[{"model":…,"usage":{…}},…]}`; `None` if it is malformed.
    pub(super) fn read_breakdown(&mut self, object: &[u8]) -> Option<usize> {
        self.models.clear();
        let mut cursor = Cursor::new(object);
        cursor.members(|key, value| {
            if key != b"models" || !value.is_at_array() {
                return value.skip();
            }
            value.objects(|element| {
                let mut part = Part { model: None, reported: Reported::default() };
                element.members(|key, value| {
                    match key {
                        b"model" => part.model = model(value.raw()?),
                        b"usage" if value.is_at_object() => {
                            part.reported.parse_at(value)?;
                        }
                        _ => value.skip()?,
                    }
                    Some(())
                })?;
                if !part.reported.is_empty() {
                    add(&mut self.models, part);
                }
                Some(())
            })
        })?;
        Some(object.len() - cursor.rest().len())
    }

    /// Reads `{"web_search":{"num_requests":…},"image_gen":{…}}`; `None` if it is malformed.
    pub(super) fn read_tools(&mut self, object: &[u8]) -> Option<usize> {
        self.images.clear();
        self.web_searches = None;
        let mut cursor = Cursor::new(object);
        cursor.members(|key, value| match key {
            b"web_search" if value.is_at_object() => value.members(|key, value| {
                if key == b"num_requests" {
                    self.web_searches = value.number()?;
                    return Some(());
                }
                value.skip()
            }),
            b"image_gen" if value.is_at_object() => {
                let mut reported = Reported::default();
                reported.parse_at(value)?;
                let has_tokens = |figure| reported.get(figure).is_some_and(|tokens| tokens > 0);
                if has_tokens(Figure::Input) || has_tokens(Figure::Output) {
                    self.images.push(Part { model: Some(IMAGE_TOOL.into()), reported });
                }
                Some(())
            }
            _ => value.skip(),
        })?;
        Some(object.len() - cursor.rest().len())
    }

    /// Sets `parts` to the usage of each model, if there are several. `reported`: the usage object
    /// itself.
    pub(super) fn apply(&self, reported: &mut Reported, shape: Shape, parts: &mut Vec<UsagePart>) {
        if let Some(searches) = self.web_searches
            && reported.get(Figure::WebSearch).is_none()
        {
            reported.set(Figure::WebSearch, searches);
        }
        let part = |part: &Part| UsagePart {
            model: part.model.clone(),
            usage: Usage::new(&part.reported, shape),
        };
        let instead = if self.iterations.is_empty() { &self.models } else { &self.iterations };
        parts.extend(instead.iter().map(part));
        if !self.images.is_empty() && parts.is_empty() {
            parts.push(UsagePart { model: None, usage: Usage::new(reported, shape) });
        }
        parts.extend(self.images.iter().map(part));
        // Tool calls are reported in total only.
        if let Some(first) = parts.first_mut()
            && first.usage.tool_calls.is_none()
        {
            let whole = Usage::new(reported, shape);
            (first.usage.tool_calls, first.usage.tools) = (whole.tool_calls, whole.tools);
        }
    }
}

fn add(parts: &mut Vec<Part>, part: Part) {
    if parts.len() < MOST {
        parts.push(part);
    } else if let Some(last) = parts.last_mut() {
        // The merged part is of several models, so it has no price.
        last.model = Some(Box::from(""));
        last.reported.add(&part.reported);
    }
}

/// An entry, and whether it is a `message`.
fn iteration(entry: &[u8]) -> Option<(Part, bool)> {
    let mut reported = Reported::default();
    reported.parse(entry)?;
    let mut part = Part { model: None, reported };
    let mut is_message = false;
    Cursor::new(entry).members(|key, value| {
        match key {
            b"model" => part.model = model(value.raw()?),
            b"type" => is_message = value.raw()? == b"\"message\"",
            _ => value.skip()?,
        }
        Some(())
    })?;
    Some((part, is_message))
}

fn model(raw: &[u8]) -> Option<Box<str>> {
    let is_short = raw.len() <= LONGEST_MODEL + 2;
    let model = cursor::text(raw).filter(|model| is_short && !model.is_empty())?;
    Some(model.into())
}
