//! Refusals, in the provider's formats.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

pub(super) enum Failure {
    NoCredentials,
    NoRoute,
    NoModel(String),
    Unreadable(String),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, error) = match self {
            Self::NoCredentials => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "No API key in the request: send `Authorization: Bearer test-key`.".to_owned(),
            ),
            Self::NoRoute => {
                (StatusCode::NOT_FOUND, "not-found", "No handler found on route.".to_owned())
            }
            Self::NoModel(model) => (
                StatusCode::NOT_FOUND,
                "not-found",
                format!("The model {model} does not exist: try grok-4.3."),
            ),
            // The only refusal that is not JSON.
            Self::Unreadable(why) => {
                let text =
                    format!("Failed to deserialize the JSON body into the target type: {why}");
                return (StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
            }
        };
        (status, Json(json!({ "code": code, "error": error }))).into_response()
    }
}
