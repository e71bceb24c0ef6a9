use super::*;

fn params(pairs: &[(&str, &str)]) -> Params {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    Params::new(pairs.iter().map(owned).collect())
}

#[test]
fn empty_values_are_ignored() {
    let query = params(&[("provider", ""), ("limit", "")]).logs().unwrap();
    assert_eq!(query, LogQuery::default());
}

#[test]
fn values_are_read_in_their_units() {
    let query = params(&[
        ("from", "1700000000123"),
        ("to", "2023-11-14T22:13:20.5Z"),
        ("status", "4xx"),
        ("min_cost", "0.1"),
        ("max_cost", "1e30"),
        ("min_duration", "1.5"),
        ("order", "asc"),
    ]);
    let query = query.logs().unwrap();
    assert_eq!(query.from.unwrap().as_millisecond(), 1_700_000_000_123);
    assert_eq!(query.to.unwrap().as_millisecond(), 1_700_000_000_500);
    assert_eq!(query.status, Some(400..=499));
    assert_eq!(query.min_cost_ticks, Some(1_000_000_000));
    assert_eq!(query.max_cost_ticks, Some(u64::MAX));
    assert_eq!(query.min_duration, Some(Duration::from_micros(1500)));
    assert!(query.oldest_first);
}

#[test]
fn metadata_comes_in_pairs() {
    let query = params(&[
        ("metadata.key", "a"),
        ("metadata.value", "1"),
        ("metadata.user", "u"),
        ("metadata.key", "b"),
        ("metadata.value", "2"),
    ]);
    let pairs = query.logs().unwrap().metadata;
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(pairs, ["a=1", "user=u", "b=2"]);
    for bad in [
        &[("metadata.key", "a")][..],
        &[("metadata.value", "a")],
        &[("metadata.value", "1"), ("metadata.key", "a")],
        &[("metadata.key", "a"), ("metadata.key", "b"), ("metadata.value", "1")],
        &[("metadata.key", "a"), ("metadata.user", "u"), ("metadata.value", "1")],
        &[("metadata.a", "1"); 9],
    ] {
        assert!(params(bad).logs().is_err(), "{bad:?}");
    }
}

#[test]
fn the_error_names_an_invalid_parameter() {
    for (name, value) in [
        ("from", "yesterday"),
        ("from", "99999999999999999"),
        ("to", "1.5"),
        ("status", "4x"),
        ("status", "99"),
        ("status", "+4xx "),
        ("status", "70000xx"),
        ("success", "1"),
        ("min_cost", "-1"),
        ("min_cost", "NaN"),
        ("max_cost", "inf"),
        ("min_tokens_in", "-1"),
        ("min_duration", "1e300"),
        ("feedback", "0"),
        ("order", "random"),
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "' OR 1=1 --"),
        ("cursor", "1"),
    ] {
        let problem = params(&[(name, value)]).logs().unwrap_err();
        assert!(problem.starts_with(&format!("`{name}` must be ")), "{problem}");
    }
    assert!(params(&[("id", "a"), ("id", "b")]).logs().is_err());
    assert!(params(&[("from", "1"), ("bucket", "x")]).summary().is_err());
    let long = "x".repeat(10_000);
    assert!(params(&[(&long, "1")]).summary().unwrap_err().len() < 100);
}

#[test]
fn a_summary_covers_the_last_day_in_hours_by_default() {
    let query = params(&[]).summary().unwrap();
    assert_eq!(query.to.duration_since(query.from).as_secs(), 24 * 60 * 60);
    assert_eq!(query.bucket, Duration::from_secs(60 * 60));
    assert!(params(&[("to", "-377705023201000")]).summary().is_ok());
}
