//! The gateway's layer around an HTTP/2 client, so that many streams need few descriptors.
//!
//! `around port=P upstream=P`. Everything else has the crate's defaults.

use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tower::Layer;
use tower_ai_gateway::{GatewayLayer, HttpClient, Mount, Provider};

use crate::BoxError;
use crate::fields;
use crate::process;
use crate::serve::serve;

pub(crate) fn main(args: &[String]) -> Result<(), BoxError> {
    let fields = fields::of_args(args);
    process::block_on(run(fields.number("port")?, fields.number("upstream")?))
}

async fn run(port: u16, upstream: u16) -> Result<(), BoxError> {
    let provider = Provider::xai().base_url(format!("http://127.0.0.1:{upstream}/v1"));
    let layer = GatewayLayer::builder().provider(provider).mount(Mount::hosted()).build()?;
    let client = HttpClient::builder().http2_prior_knowledge().build()?;
    let service = TowerToHyperService::new(layer.client_layer().layer(client));
    serve(port, None, Builder::new(TokioExecutor::new()), service).await
}
