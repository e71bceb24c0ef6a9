//! The warning about a gateway without tokens of its own whose settings do not say what happens to
//! clients' credentials.

use tower_ai_gateway::settings::{
    ClientCredentials, GatewaySettings, GatewaySettingsBuilder, GatewayToken, Secret,
};

use crate::support::written::Written;

#[test]
fn a_missing_choice_about_client_keys_is_reported() {
    let (lines, _guard) = Written::capture();
    let logged = |builder: GatewaySettingsBuilder| {
        builder.build().unwrap();
        lines.take()
    };
    let keys = || {
        let of = GatewaySettings::builder().authenticated_elsewhere();
        of.key("grok", Secret::new("sk-LEAK").unwrap())
    };
    let said = logged(keys());
    assert!(said.contains("WARN") && said.contains("client_credentials"), "{said}");
    assert!(said.contains("in place of the stored key") && !said.contains("LEAK"), "{said}");
    use ClientCredentials::{Ignore, Pass, Refuse};
    for choice in [Pass, Ignore, Refuse] {
        assert_eq!(logged(keys().client_credentials(choice)), "", "{choice:?}");
    }
    assert_eq!(logged(keys().refuse_client_credentials()), "");
    assert_ne!(logged(keys().client_credentials_for("grok", Ignore)), "", "others are open");
    assert_eq!(logged(GatewaySettings::builder().authenticated_elsewhere()), "", "no keys");
    let locked = GatewaySettings::builder().token(GatewayToken::new("test-token"));
    assert_eq!(logged(locked.key("grok", Secret::new("sk-LEAK").unwrap())), "");
}
