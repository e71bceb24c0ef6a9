//! Tests of changes to limits.

use tower_ai_gateway::control::ControlLayer;
use tower_ai_gateway::settings::limits::LimitRule;
use tower_ai_gateway::settings::{GatewaySettings, SettingsTable};

use super::*;
use crate::failing_store::FailingStore;
use crate::written::Written;

#[tokio::test]
async fn a_change_that_may_have_been_made_is_logged() {
    let (written, _guard) = Written::capture();
    let rule = LimitRule::requests("r", 5, Window::Fixed(Period::Day));
    let settings = GatewaySettings::builder().authenticated_elsewhere().limit(rule);
    let table = SettingsTable::new().gateway_of_any_account("g", settings.build().unwrap());
    // The store does not say whether it has changed a counter.
    let store = FailingStore { is_failing: true.into(), ..Default::default() };
    let limits = Limits {
        handle: ControlLayer::new().limits(store).limits_handle(),
        settings: Some(Settings::new(table)),
        by: "a test",
    };
    for (extra, what) in [(None, "reset"), (Some(3), "raised")] {
        let (gateway, rule) = ("g".to_owned(), "r".to_owned());
        let change = Change { account: None, gateway, rule, values: Vec::new(), extra };
        let failed = limits.change(None, change).await.unwrap_err();
        assert!(failed.message().contains("in time"));
        let lines = written.take();
        let line = lines.lines().find(|line| line.contains("a limit"));
        let line = line.unwrap_or_else(|| panic!("it is logged: {lines}"));
        assert!(line.contains(&format!("a limit may have been {what}")), "{line}");
        assert!(line.contains("by=\"a test\"") && line.contains("in time"), "{line}");
        assert!(line.contains("before=0") && !line.contains("after="), "{line}");
    }
}

#[test]
fn a_change_is_read_strictly() {
    let read = |text: &str, raises| Change::read(text.as_bytes(), raises).map_err(Failed::message);
    let change = read(r#"{"account":"a","gateway":"g","rule":"r","values":["x",""]}"#, false);
    let change = change.map_err(|error| panic!("{error}")).unwrap();
    assert_eq!((change.account.as_deref(), &*change.gateway), (Some("a"), "g"));
    assert_eq!((&*change.rule, &change.values[..]), ("r", &["x".to_owned(), String::new()][..]));
    assert_eq!(change.extra, None);
    for (text, raises, words) in [
        ("", false, "EOF"),
        ("[]", false, "object"),
        (r#"{"rule":"r"}"#, false, "`gateway`"),
        (r#"{"gateway":"g"}"#, false, "`rule`"),
        (r#"{"gateway":"g","rule":"r","account":1}"#, false, "`account`"),
        (r#"{"gateway":"g","rule":"r","values":"x"}"#, false, "`values`"),
        (r#"{"gateway":"g","rule":"r","values":[1]}"#, false, "`values`"),
        (r#"{"gateway":"g","rule":"r","extra":1}"#, false, "raise alone"),
        (r#"{"gateway":"g","rule":"r"}"#, true, "`extra`"),
        (r#"{"gateway":"g","rule":"r","extra":-1}"#, true, "`extra`"),
        (r#"{"gateway":"g","rule":"r","more":1}"#, false, "alone"),
    ] {
        let error = read(text, raises).err().unwrap_or_default();
        assert!(error.contains(words), "{text}: {error}");
    }
}
