//! Flags of guards are an attribute.

use opentelemetry_proto::tonic::common::v1::any_value;
use tower_ai_gateway::Guard;
use tower_ai_gateway::guard::{GuardRequest, Verdict};
use tower_ai_gateway::otel::SpanHook;

use crate::otel::scene::{CHAT, json_response};
use crate::support::collector::{Collector, flush};
use crate::support::ends::Ends;
use crate::support::gateway::Setup;
use crate::support::message::request;
use crate::support::raw_upstream::Recorder;

struct Flags(&'static str);

impl Guard for Flags {
    async fn check(&self, _: GuardRequest<'_>) -> Verdict {
        Verdict::flag(self.0)
    }
}

#[tokio::test]
async fn flags_are_an_attribute() {
    let provider = Recorder::answering(|_| json_response("200 OK", "{}")).await;
    let collector = Collector::start().await;
    let tracing = collector.provider(|provider| provider);
    let (reported, mut ends) = Ends::by(|_| ());
    let (hook, base) = (SpanHook::from_provider(&tracing), provider.base("/v1"));
    let setup = Setup::new(base).layer(|layer| layer.guard(Flags("pii")).guard(Flags("odd")));
    let gateway =
        setup.layer(|layer| layer.metrics_hook(hook).metrics_hook(reported)).start().await;
    gateway.answer(request(CHAT, &[], b"{}")).await;
    ends.next().await;
    flush(&tracing).await;
    let (_, span) = collector.spans().remove(0);
    let flags = span.attributes.iter().find(|attribute| attribute.key == "ai_gateway.flags");
    let value = flags.unwrap().value.clone().unwrap().value.unwrap();
    let any_value::Value::ArrayValue(flags) = value else { panic!("a list: {value:?}") };
    let flags = flags.values.into_iter().map(|flag| flag.value.unwrap());
    let text = |flag: &str| any_value::Value::StringValue(flag.to_owned());
    assert_eq!(flags.collect::<Vec<_>>(), [text("pii"), text("odd")]);
}
