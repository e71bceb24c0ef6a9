//! [`Reported`]: the figures of one `usage` object.

mod parse;

use super::figure::Figure;

pub(super) use self::parse::Notes;

const FIGURES: usize = Figure::BilledOutput as usize + 1;

/// The figures of one `usage` object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported {
    figures: [u64; FIGURES],
    /// A bit for each figure that is present.
    known: u64,
}

impl Default for Reported {
    fn default() -> Self {
        Self { figures: [0; FIGURES], known: 0 }
    }
}

impl Reported {
    /// `None` if the object has no such figure.
    pub(super) fn get(&self, figure: Figure) -> Option<u64> {
        (self.known & 1 << figure as u64 != 0).then_some(self.figures[figure as usize])
    }

    pub(super) fn set(&mut self, figure: Figure, value: u64) {
        self.figures[figure as usize] = value;
        self.known |= 1 << figure as u64;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known == 0
    }

    /// Returns true if it has figures that few providers report.
    pub(super) fn has_rare(&self) -> bool {
        self.known >> Figure::CacheWriteInside as u64 != 0
    }

    /// Raises figures to those of `newer`: each event of Messages reports some of the figures, and
    /// they are cumulative.
    pub(super) fn raise(&mut self, newer: &Self) {
        for (own, newer) in self.figures.iter_mut().zip(newer.figures) {
            *own = newer.max(*own);
        }
        self.known |= newer.known;
    }

    /// Adds missing figures from `other`.
    pub(super) fn supply(&mut self, other: &Self) {
        for (place, own) in self.figures.iter_mut().enumerate() {
            if self.known & 1 << place == 0 {
                *own = other.figures[place];
            }
        }
        self.known |= other.known;
    }

    /// Adds figures that were counted separately.
    pub(super) fn add(&mut self, other: &Self) {
        for (own, other) in self.figures.iter_mut().zip(other.figures) {
            *own = own.saturating_add(other);
        }
        self.known |= other.known;
    }

    /// Replaces its figures by those of `newer`, except by zeros: counts do not fall back to zero.
    pub(super) fn replace(&mut self, newer: &Self) {
        if newer.figures.iter().all(|figure| *figure == 0) && !self.is_empty() {
            self.known |= newer.known;
            return;
        }
        for (place, own) in self.figures.iter_mut().enumerate() {
            let (newer, is_known) = (newer.figures[place], newer.known & 1 << place != 0);
            if newer != 0 || !is_known {
                *own = newer;
            }
        }
        self.known = newer.known;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Reported {
        Reported::read(json.as_bytes()).unwrap()
    }

    #[test]
    fn later_zeros_change_nothing() {
        let mut usage = read(r#"{"prompt_tokens":7,"completion_tokens":2,"cost_in_usd_ticks":5}"#);
        usage.replace(&read(r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#));
        assert_eq!(usage.get(Figure::Input), Some(7));
        assert_eq!(usage.get(Figure::CostTicks), Some(5));
        usage.replace(&read(r#"{"prompt_tokens":0,"completion_tokens":9}"#));
        assert_eq!((usage.get(Figure::Input), usage.get(Figure::Output)), (Some(7), Some(9)));
        assert_eq!(usage.get(Figure::CostTicks), None);
    }
}
