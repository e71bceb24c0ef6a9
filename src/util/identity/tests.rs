//! Identities are bounded, compared by their content, and not shown.

use super::*;

#[test]
fn an_identity_does_not_depend_on_the_order_of_its_parts() {
    let one = Identity::builder("u").groups(["b", "a", "b"]).label("x", "1").metric_label("a", "2");
    let other = Identity::builder("u").groups(["a", "b"]).metric_label("a", "2").label("x", "1");
    let (one, other) = (one.build().unwrap(), other.build().unwrap());
    assert_eq!(one, other);
    assert_eq!(one.groups().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(one.labels().collect::<Vec<_>>(), [("a", "2"), ("x", "1")]);
    assert_eq!(one.metric_labels().collect::<Vec<_>>(), [("a", "2")]);
    assert_eq!((one.label("x"), one.label("X"), one.is_in("b")), (Some("1"), None, true));
    assert_ne!(one, Identity::new("u").unwrap());
}

#[test]
fn oversized_parts_are_refused_and_never_cut() {
    let long = |length: usize| "x".repeat(length);
    let many = |count: usize| (0..count).map(|number| format!("n{number}"));
    let labels = |count| many(count).fold(Identity::builder("u"), |all, name| all.label(name, "v"));
    for (builder, expected) in [
        (Identity::builder(long(256)), None),
        (
            Identity::builder(long(257)),
            Some(IdentityError::TooLong { what: "subject", longest: 256 }),
        ),
        (Identity::builder(""), Some(IdentityError::Empty { what: "subject" })),
        (Identity::builder("u").groups(many(16)), None),
        (Identity::builder("u").groups(many(17)), Some(IdentityError::TooManyGroups { most: 16 })),
        (Identity::builder("u").group(""), Some(IdentityError::Empty { what: "group" })),
        (
            Identity::builder("u").group(long(257)),
            Some(IdentityError::TooLong { what: "group", longest: 256 }),
        ),
        (labels(8), None),
        (labels(9), Some(IdentityError::TooManyLabels { most: 8 })),
        (
            Identity::builder("u").metric_label("a", long(257)),
            Some(IdentityError::TooLong { what: "label", longest: 256 }),
        ),
        (Identity::builder("u").label("a", ""), Some(IdentityError::Empty { what: "label" })),
        (Identity::builder("u").label(long(64), "v"), None),
        (
            Identity::builder("u").label("a", "1").label("a", "2"),
            Some(IdentityError::RepeatedLabel { name: "a".into() }),
        ),
    ] {
        assert_eq!(builder.build().err(), expected);
    }
    for name in ["", "a b", "é", "a=b", "a-b", "a.b", "a\0", &long(65)] {
        let refused = Identity::builder("u").label(name, "v").build();
        assert_eq!(refused.err(), Some(IdentityError::LabelName { longest: 64 }), "{name}");
    }
}

#[test]
fn keys_are_not_shown() {
    let identity = Identity::builder("sk-abcdef012345").label("a", "sk-abcdef012345").build();
    let shown = format!("{:?}", identity.unwrap());
    assert!(!shown.contains("abcdef"), "{shown}");
    let builder = format!("{:?}", Identity::builder("sk-abcdef012345"));
    assert!(!builder.contains("abcdef"), "{builder}");
}
