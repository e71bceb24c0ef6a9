//! `cf-aig-warning`: the parts of a request that were ignored.

use http::HeaderValue;

/// The maximum number of names of each kind.
const MOST: usize = 16;

/// The parts of a request that were ignored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Warning {
    /// Headers, and settings in the `config` of an entry, that the host has locked.
    locked: Vec<&'static str>,
    /// Keys of metadata.
    pub(super) left_out: Vec<String>,
}

impl Warning {
    /// Adds the name of something locked.
    pub(crate) fn ignored(warning: &mut Option<Box<Self>>, name: &'static str) {
        let locked = &mut warning.get_or_insert_default().locked;
        if !locked.contains(&name) {
            locked.push(name);
        }
    }

    /// Combines both. The metadata of the stronger replaces that of the weaker, with its dropped keys.
    pub(super) fn or(stronger: Option<Box<Self>>, weaker: Option<&Self>) -> Option<Box<Self>> {
        let (mut all, weaker) = match (stronger, weaker) {
            (Some(stronger), Some(weaker)) => (stronger, weaker),
            (stronger, weaker) => return stronger.or_else(|| weaker.cloned().map(Box::new)),
        };
        for name in &weaker.locked {
            if !all.locked.contains(name) {
                all.locked.push(name);
            }
        }
        if all.left_out.is_empty() {
            all.left_out.clone_from(&weaker.left_out);
        }
        Some(all)
    }

    /// The value of the header. The names in it are visible ASCII.
    pub(crate) fn value(&self) -> Option<HeaderValue> {
        let locked = listed("locked, passed over: ", &self.locked);
        let left_out = listed("cf-aig-metadata: left out ", &self.left_out);
        let separator = if locked.is_empty() || left_out.is_empty() { "" } else { "; " };
        HeaderValue::try_from(format!("{locked}{separator}{left_out}")).ok()
    }
}

/// Empty if there are no names.
fn listed<S: AsRef<str>>(what: &str, names: &[S]) -> String {
    let shown: Vec<_> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(MOST) {
        0 if names.is_empty() => String::new(),
        0 => format!("{what}{}", shown.join(", ")),
        more => format!("{what}{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(warning: Option<Box<Warning>>) -> Option<String> {
        Some(warning?.value()?.to_str().unwrap().to_owned())
    }

    #[test]
    fn all_warnings_share_one_value() {
        let of = |locked: &[&'static str], left_out: &[&str]| {
            let left_out = left_out.iter().map(ToString::to_string).collect();
            let warning = Warning { locked: locked.to_vec(), left_out };
            (warning != Warning::default()).then(|| Box::new(warning))
        };
        assert_eq!(of(&[], &[]), None);
        assert_eq!(text(of(&["a", "b"], &[])).unwrap(), "locked, passed over: a, b");
        assert_eq!(text(of(&[], &["k"])).unwrap(), "cf-aig-metadata: left out k");
        let both = "locked, passed over: a; cf-aig-metadata: left out k";
        assert_eq!(text(of(&["a"], &["k"])).unwrap(), both);
        let combined = Warning::or(of(&["a"], &[]), of(&["b", "a"], &["k"]).as_deref());
        assert_eq!(
            text(combined).unwrap(),
            "locked, passed over: a, b; cf-aig-metadata: left out k"
        );
        let own = Warning::or(of(&[], &["own"]), of(&[], &["k"]).as_deref());
        assert_eq!(text(own).unwrap(), "cf-aig-metadata: left out own");
        assert_eq!(Warning::or(None, None), None);
    }

    #[test]
    fn only_the_first_of_many_names_are_listed() {
        let keys = (0..20).map(|at| format!("k{at}")).collect();
        let warning = Warning { locked: Vec::new(), left_out: keys };
        let told = text(Some(Box::new(warning))).unwrap();
        assert!(told.ends_with("k14, k15 and 4 more"), "{told}");
    }
}
