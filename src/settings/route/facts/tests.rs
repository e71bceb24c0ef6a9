//! Conditions on the identity, metadata, headers and members of a request.

use super::*;
use crate::json::object::ObjectScanner;
use crate::json::scalars::BodyField;
use http::HeaderValue;

const METADATA: &str = r#"{"plan":"paid","seats":5,"beta":true,"number":"7","empty":""}"#;
const BODY: &str = r#"{"model":"dynamic/a","stream":true,"max_tokens":4096,"user":["x"]}"#;

fn identity() -> Identity {
    let identity = Identity::builder("user-17").groups(["staff", "beta-testers"]);
    identity.label("plan", "paid").build().unwrap()
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("x-tier", "gold"), ("x-tier", "tin"), ("x-size", "12.5"), ("x-beta", "true")]
    {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers.insert("x-bytes", HeaderValue::from_bytes(b"\xff").unwrap());
    let mut secret = HeaderValue::from_static("gold");
    secret.set_sensitive(true);
    headers.insert("x-secret", secret);
    headers
}

#[track_caller]
fn assert_holds(expected: bool, condition: &Condition) {
    let mut scanner = ObjectScanner::capturing();
    scanner.push(BODY.as_bytes()).unwrap();
    let (metadata, _) = Metadata::parse(METADATA.as_bytes(), |_| false).unwrap();
    let identity = identity();
    let facts = Facts {
        identity: Some(&identity),
        metadata: &metadata,
        headers: &headers(),
        body: scanner.scalars().unwrap(),
    };
    assert_eq!(condition.check(), Ok(()), "{condition:?}");
    assert_eq!(condition.holds(&facts), expected, "{condition:?}");
    assert_eq!(Condition::not(condition.clone()).holds(&facts), !expected, "{condition:?}");
}

#[test]
fn every_operator_on_every_kind_of_field() {
    let metadata = Field::metadata;
    let header = |name| Field::header(name);
    let body = Field::body;
    use BodyField::{MaxTokens, Model, Stream, User};
    for (expected, condition) in [
        (true, metadata("plan").equals("paid")),
        (false, metadata("plan").equals("Paid")),
        (false, metadata("plan").not_equals("paid")),
        (true, metadata("plan").not_equals("free")),
        (true, metadata("plan").one_of(["free", "paid"])),
        (false, metadata("plan").one_of(["free"])),
        (true, metadata("plan").exists(true)),
        (false, metadata("plan").exists(false)),
        (true, metadata("empty").exists(true)),
        (true, metadata("plan").starts_with("pa")),
        (false, metadata("plan").starts_with("aid")),
        (true, metadata("seats").equals(5)),
        (true, metadata("seats").equals(5.0)),
        (false, metadata("seats").less(5)),
        (true, metadata("seats").less(5.5)),
        (true, metadata("seats").less_or_equal(5)),
        (false, metadata("seats").less_or_equal(4)),
        (false, metadata("seats").greater(5)),
        (true, metadata("seats").greater(-1)),
        (true, metadata("seats").greater_or_equal(5)),
        (false, metadata("seats").greater_or_equal(6)),
        (true, metadata("beta").equals(true)),
        (false, metadata("beta").equals(false)),
        (true, header("X-Tier").equals("gold")),
        (false, header("x-tier").equals("tin")),
        (true, header("x-tier").starts_with("g")),
        (true, header("x-size").equals("12.5")),
        (true, header("x-size").equals(12.5)),
        (true, header("x-size").greater(12)),
        (false, header("x-tier").greater(0)),
        (true, header("x-beta").equals(true)),
        (false, header("x-beta").equals(false)),
        (true, header("x-beta").not_equals(false)),
        (true, body(Model).starts_with("dynamic/")),
        (true, body(Stream).equals(true)),
        (false, body(Stream).not_equals(true)),
        (true, body(MaxTokens).less_or_equal(4096)),
        (true, body(MaxTokens).one_of([1, 4096])),
        (true, body(User).exists(true)),
    ] {
        assert_holds(expected, &condition);
    }
}

/// Every operator on a field.
fn all_operators(field: fn() -> Field) -> [(&'static str, Condition); 10] {
    [
        ("equals", field().equals("x")),
        ("not_equals", field().not_equals("x")),
        ("one_of", field().one_of(["x", "y"])),
        ("exists", field().exists(true)),
        ("not_exists", field().exists(false)),
        ("less", field().less(1e9)),
        ("less_or_equal", field().less_or_equal(1e9)),
        ("greater", field().greater(-1e9)),
        ("greater_or_equal", field().greater_or_equal(-1e9)),
        ("starts_with", field().starts_with("x")),
    ]
}

#[test]
fn of_a_missing_field_only_two_tests_hold() {
    for field in
        [|| Field::metadata("absent"), || Field::header("x-absent"), || Field::header("x-secret")]
    {
        for (name, condition) in all_operators(field) {
            assert_holds(matches!(name, "not_equals" | "not_exists"), &condition);
        }
    }
    let tier = || Field::body(BodyField::ServiceTier);
    assert_holds(true, &tier().exists(false));
    assert_holds(true, &tier().not_equals("priority"));
    assert_holds(false, &tier().equals("priority"));
}

#[test]
fn what_cannot_be_compared_is_there_and_equal_to_nothing() {
    for (name, condition) in all_operators(|| Field::header("x-bytes")) {
        assert_holds(matches!(name, "not_equals" | "exists"), &condition);
    }
    let user = || Field::body(BodyField::User);
    assert_holds(false, &user().equals("x"));
    assert_holds(true, &user().not_equals("x"));
    assert_holds(false, &user().starts_with("x"));
}

#[test]
fn values_of_different_types_are_not_equal() {
    for (expected, condition) in [
        (false, Field::metadata("number").equals(7)),
        (true, Field::metadata("number").not_equals(7)),
        (false, Field::metadata("number").less(8)),
        (false, Field::metadata("seats").equals("5")),
        (false, Field::metadata("seats").starts_with("5")),
        (false, Field::metadata("beta").equals("true")),
        (false, Field::metadata("beta").equals(1)),
    ] {
        assert_holds(expected, &condition);
    }
}

#[test]
fn conditions_are_put_together() {
    let yes = || Field::metadata("plan").equals("paid");
    let no = || Field::metadata("plan").equals("free");
    assert_holds(true, &Condition::all([yes(), yes()]));
    assert_holds(false, &Condition::all([yes(), no()]));
    assert_holds(true, &Condition::any([no(), yes()]));
    assert_holds(false, &Condition::any([no(), no()]));
    assert_holds(true, &Condition::any([Condition::all([yes(), Condition::not(no())]), no()]));
}

#[test]
fn several_tests_of_one_field_must_all_hold() {
    let seats = |gte, lt| {
        let test = Test { gte: Some(gte), lt: Some(lt), ..Test::default() };
        Condition { fields: vec![(Field::metadata("seats"), test)], ..Condition::empty() }
    };
    assert_holds(true, &seats(5.0, 6.0));
    assert_holds(false, &seats(5.0, 5.0));
    assert_holds(false, &seats(6.0, 9.0));
}

#[test]
fn an_identity_is_read_and_never_the_clients_metadata_in_its_place() {
    let (subject, group) = (Field::identity_subject, Field::identity_group);
    let label = |name| Field::identity_label(name);
    for (expected, condition) in [
        (true, subject().equals("user-17")),
        (false, subject().equals("user-1")),
        (true, subject().starts_with("user-")),
        (true, subject().exists(true)),
        (true, group().equals("staff")),
        (true, group().equals("beta-testers")),
        (false, group().equals("beta")),
        (false, group().not_equals("staff")),
        (true, group().not_equals("admins")),
        (true, group().one_of(["admins", "staff"])),
        (true, group().starts_with("beta")),
        (false, group().starts_with("admin")),
        (true, group().exists(true)),
        (true, label("plan").equals("paid")),
        (false, label("plan").one_of(["free"])),
        (false, label("seats").exists(true)),
        (true, label("seats").not_equals("5")),
    ] {
        assert_holds(expected, &condition);
    }
    // All of these are in the metadata, under names that look like the identity's.
    let json = r#"{"identity.subject":"user-17","identity.group":"staff","plan":"paid"}"#;
    let (metadata, _) = Metadata::parse(json.as_bytes(), |_| false).unwrap();
    let body = BodyScalars::default();
    let facts =
        Facts { identity: None, metadata: &metadata, headers: &HeaderMap::new(), body: &body };
    for condition in [
        subject().exists(true),
        group().exists(true),
        label("plan").exists(true),
        group().equals("staff"),
    ] {
        assert!(!condition.holds(&facts), "{condition:?}");
    }
    for never in [subject().less(5), group().equals(true), label("a b").exists(true)] {
        assert!(never.check().is_err(), "{never:?}");
    }
}
