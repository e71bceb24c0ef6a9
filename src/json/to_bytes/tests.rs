//! What is written is what `serde_json` writes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    OfTwoWords,
}

#[derive(Serialize)]
struct All {
    #[serde(rename = "quoted \"name\"")]
    text: String,
    texts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    none: Option<bool>,
    map: BTreeMap<String, Option<f64>>,
    whole: (),
    kind: Kind,
    character: char,
    inner: Vec<Inner>,
    shown: Shown,
}

/// Written in parts, as a time is.
struct Shown(Vec<String>);

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| f.write_str(part))
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
struct Inner {
    signed: i64,
    unsigned: u64,
    float: f64,
    flag: bool,
}

proptest! {
    #[test]
    fn values_are_written_as_by_serde_json(
        text in ".*",
        texts in prop::collection::vec("[\u{0}-\u{2f}\\\\a\u{7f}é]{0,20}", 0..4),
        map in prop::collection::btree_map("[\"\\\\a-f]{0,12}", prop::option::of(any::<f64>()), 0..3),
        none in prop::option::of(any::<bool>()),
        character in any::<char>(),
        inner in prop::collection::vec(any::<(i64, u64, f64, bool)>(), 0..3),
    ) {
        let inner = inner
            .into_iter()
            .map(|(signed, unsigned, float, flag)| Inner { signed, unsigned, float, flag })
            .collect();
        let shown = Shown(texts.clone());
        let all = All { text, texts, shown, none, map, whole: (), kind: Kind::OfTwoWords, character, inner };
        let mut ours = b"before".to_vec();
        append(&all, &mut ours).unwrap();
        let theirs = serde_json::to_string(&all).unwrap();
        prop_assert_eq!(str::from_utf8(&ours).unwrap(), format!("before{theirs}"));
    }
}

#[test]
fn unsupported_values_are_errors() {
    assert!(append(&(1, 2), &mut Vec::new()).is_err());
}
