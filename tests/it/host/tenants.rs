//! Two tenants of a host, distinguished by its sessions and an issuer's tokens, with settings from
//! a database: whatever a tenant sends, it cannot read, spend, hide or be billed as the other.

mod scene;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower_ai_gateway::guard::{GuardRequest, Verdict};
use tower_ai_gateway::jwt::{Jwks, JwtLayer, JwtVerifier};
use tower_ai_gateway::log::{LogHook, LogQuery, LogRecord, LogStore};
use tower_ai_gateway::settings::{
    ClientCredentials, GatewaySettings, GatewayToken, OwnedSettingsQuery, Secret, SettingsSource,
};
use tower_ai_gateway::{GatewayLayer, Guard, HttpClient, Identity, Mount, Provider, Refusal};

use self::scene::*;
use crate::host::locks::EVERY_HEADER;
use crate::host::scene::HOSTILE;
use crate::support::issuer::{AUDIENCE, ISSUER, Issuer, Key, Reply, now};
use crate::support::message::{Message, request, response};
use crate::support::raw_upstream::Recorder;
use crate::support::wire::Wire;

#[tokio::test]
async fn a_tenant_is_served_as_itself_on_any_path() {
    let host = Host::start().await;
    let (mut served, mut refused) = (0, 0);
    for (team, other) in TENANTS {
        let own = format!("cf-aig-authorization: token-of-{team}");
        for (way, (identity, _)) in
            WAYS.into_iter().flat_map(|way| host.identities(team).map(|of| (way, of)))
        {
            let shown = [identity.as_str(), &own];
            for header in EVERY_HEADER.iter().chain(&HOSTILE) {
                let header =
                    header.replace("other", other).replace("red/alice", &format!("{other}/x"));
                if matches!(way, Way::Rest) && header.starts_with("cf-aig-gateway-id") {
                    continue; // There the header selects the gateway.
                }
                // Its own gateway has no key with the other's name.
                if header.starts_with("cf-aig-byok-alias") {
                    host.is_refused(way, team, &shown, &header, (400, 2040)).await;
                    refused += 1;
                } else {
                    host.is_served(way, team, other, &shown, &header).await;
                    served += 1;
                }
            }
            // A client's key is ignored in any place, and the other tenant's key is never used.
            for slot in &SLOTS[..5] {
                host.is_served(way, team, other, &shown, &slot.replace("{}", "sk-LEAK-own")).await;
                served += 1;
            }
        }
    }
    host.is_recorded(served, refused, 0).await;
}

#[tokio::test]
async fn a_tenants_token_is_valid_only_for_its_own_gateway() {
    let host = Host::start().await;
    let (mut served, mut refused) = (0, 0);
    for (team, other) in TENANTS {
        for (way, (identity, _)) in
            WAYS.into_iter().flat_map(|way| host.identities(team).map(|of| (way, of)))
        {
            let shown = [identity.as_str()];
            for slot in SLOTS {
                let own = slot.replace("{}", &format!("token-of-{team}"));
                let theirs = slot.replace("{}", &format!("token-of-{other}"));
                if slot.starts_with("proxy-") {
                    host.is_refused(way, team, &shown, &own, (401, 2009)).await;
                    refused += 1;
                } else {
                    host.is_served(way, team, other, &[&identity, &own], "").await;
                    served += 1;
                }
                // Neither token opens the other's gateway, and the other's token does not open its
                // own.
                host.is_refused(way, other, &shown, &own, (403, 2403)).await;
                host.is_refused(way, other, &shown, &theirs, (403, 2403)).await;
                host.is_refused(way, team, &shown, &theirs, (401, 2009)).await;
                refused += 3;
            }
            host.is_refused(way, team, &shown, "", (401, 2009)).await;
            host.is_refused(way, "over", &shown, "", (429, 2041)).await;
            refused += 2;
        }
        for (identity, _) in host.identities(team) {
            let own = format!("cf-aig-authorization: token-of-{team}");
            assert_eq!(host.list(team, &[&identity, &own]).await.status(), 200);
            host.list(team, &[&identity]).await.gateway_error(401, 2009);
            host.list(other, &[&identity, &own]).await.gateway_error(403, 2403);
        }
    }
    // Without an identity, no token gives access.
    let mut anonymous = 0;
    for way in WAYS {
        for slot in SLOTS {
            host.is_refused(way, "red", &[], &slot.replace("{}", "token-of-red"), (401, 2009))
                .await;
            anonymous += 1;
        }
    }
    host.is_recorded(served, refused + anonymous, anonymous).await;
}

#[tokio::test]
async fn a_forged_or_foreign_token_is_refused() {
    let host = Host::start().await;
    let own = "cf-aig-authorization: token-of-red";
    let forger = Key::ed("a");
    let exp = now() + 300;
    let good =
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "red/token", "exp": exp, "team": "red"});
    let mut foreign = good.clone();
    foreign["iss"] = "https://other.test".into();
    let mut stale = good.clone();
    stale["exp"] = (now() - 3600).into();
    for token in [forger.token(&good), host.key.token(&foreign), host.key.token(&stale)] {
        let shown = format!("cf-access-jwt-assertion: {token}");
        // Not even with a session: an invalid token is always refused.
        for headers in [&[shown.as_str(), own][..], &[&shown, own, "x-session: red-1"]] {
            let answer = host.ask(Way::Native, "red", headers, "").await;
            assert_eq!(answer.status(), 401, "{}", answer.text());
        }
    }
    host.provider.assert_untouched("nobody was let in");
}
