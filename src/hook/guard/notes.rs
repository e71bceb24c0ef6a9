//! The guards' labels and response limits of one exchange.

/// The maximum number of labels per exchange.
const MOST_FLAGS: usize = 8;
/// The maximum number of characters of a label.
const LONGEST_FLAG: usize = 64;

/// The labels of the request, and the response limit of each guard.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    flags: Vec<Box<str>>,
    pub(crate) limits: Box<[usize]>,
}

impl Notes {
    /// Adds a label if it is new and there is room.
    pub(crate) fn flag(&mut self, label: &str) {
        let end = label.char_indices().nth(LONGEST_FLAG).map_or(label.len(), |(end, _)| end);
        let label = &label[..end];
        let is_known = self.flags.iter().any(|known| **known == *label);
        if !label.is_empty() && !is_known && self.flags.len() < MOST_FLAGS {
            self.flags.push(label.into());
        }
    }

    pub(crate) fn flags(&self) -> &[Box<str>] {
        &self.flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_bounded_and_kept_once() {
        let mut notes = Notes::default();
        for label in ["a", "", "a", &"\u{e9}".repeat(65)] {
            notes.flag(label);
        }
        assert_eq!(notes.flags(), ["a".into(), "\u{e9}".repeat(64).into()] as [Box<str>; 2]);
        (0..20).for_each(|number| notes.flag(&number.to_string()));
        assert_eq!(notes.flags().len(), 8);
    }
}
