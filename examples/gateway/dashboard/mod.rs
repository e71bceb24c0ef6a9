//! The page that shows the gateway's activity, and its data.

mod live;

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::header, response::Redirect, routing::get};
use serde_json::{Value, json};
use tower_ai_gateway::log::LogHook;

pub(crate) use self::live::Live;
use super::admin::Guard;
use super::guarded::guarded;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The files of the page: path, content type and text.
const FILES: [(&str, &str, &str); 15] = [
    ("/dashboard", HTML, include_str!("page.html")),
    ("/dashboard/style.css", CSS, include_str!("style.css")),
    ("/dashboard/app.js", SCRIPT, include_str!("app.js")),
    ("/dashboard/api.js", SCRIPT, include_str!("api.js")),
    ("/dashboard/cache.js", SCRIPT, include_str!("cache.js")),
    ("/dashboard/chart.js", SCRIPT, include_str!("chart.js")),
    ("/dashboard/detail.js", SCRIPT, include_str!("detail.js")),
    ("/dashboard/dom.js", SCRIPT, include_str!("dom.js")),
    ("/dashboard/filters.js", SCRIPT, include_str!("filters.js")),
    ("/dashboard/format.js", SCRIPT, include_str!("format.js")),
    ("/dashboard/limits.js", SCRIPT, include_str!("limits.js")),
    ("/dashboard/log.js", SCRIPT, include_str!("log.js")),
    ("/dashboard/operations.js", SCRIPT, include_str!("operations.js")),
    ("/dashboard/overview.js", SCRIPT, include_str!("overview.js")),
    ("/dashboard/sums.js", SCRIPT, include_str!("sums.js")),
];

/// Whatever text is on the page, the browser runs only our scripts and contacts no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, its files, and the log's own interface below `/dashboard/api`, behind the guard.
pub(crate) fn router(log: Router, hook: LogHook, live: Arc<Live>, guard: Guard) -> Router {
    let mut router = Router::new()
        .route("/dashboard/api/live", get(now).with_state((live, hook)))
        .route("/dashboard/", get(async || Redirect::permanent("/dashboard")))
        .nest("/dashboard/api", log);
    for (path, kind, text) in FILES {
        router =
            router.route(path, get(move || async move { ([(header::CONTENT_TYPE, kind)], text) }));
    }
    guarded(router, guard, POLICY)
}

async fn now(State((live, log)): State<(Arc<Live>, LogHook)>) -> Json<Value> {
    let (in_flight, streams) = (live.in_flight(), live.streams());
    // Records that were lost, so they are missing in the sums of the page.
    let lost = log.counts().lost();
    let gateway = live.gateway();
    Json(json!({ "in_flight": in_flight, "streams": streams, "lost": lost, "gateway": gateway }))
}
