//! `name=value` words: the arguments of the processes and the output of the load.

use std::str::FromStr;

use crate::BoxError;

/// The words of a command line or of a line of output.
pub(crate) struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    pub(crate) fn of(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self(words.into_iter().filter_map(|word| word.split_once('=')).collect())
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, BoxError> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value).ok_or_else(|| format!("`{name}=` is missing").into())
    }

    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<T, BoxError> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("`{name}={text}` is no number").into())
    }
}

pub(crate) fn of_args(args: &[String]) -> Fields<'_> {
    Fields::of(args.iter().map(String::as_str))
}
