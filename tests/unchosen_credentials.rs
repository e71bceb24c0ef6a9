//! A gateway that something else authenticates is warned of where nobody has said what becomes of
//! the credentials that its clients bring. Alone in its process, for the subscriber is everybody's.
#![allow(clippy::unwrap_used)]

use std::io;
use std::sync::{Arc, Mutex};

use tower_ai_gateway::settings::{
    ClientCredentials, GatewaySettings, GatewaySettingsBuilder, GatewayToken, Secret,
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn a_choice_that_nobody_has_made_is_warned_of_with_the_reason() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let logged = |builder: GatewaySettingsBuilder| {
        builder.build().unwrap();
        String::from_utf8(std::mem::take(&mut *lines.0.lock().unwrap())).unwrap()
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
