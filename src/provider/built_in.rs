//! The names of the built-in providers.

use super::{regional, table};

/// Returns true if a built-in provider has this slug or alias, even if it was not added.
pub(crate) fn is_built_in(name: &str) -> bool {
    table::NAMES.iter().chain(regional::NAMES).any(|known| *known == name)
}
