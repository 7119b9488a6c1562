//! Several processes on one address and one database: `server.reuse_port`.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use parlour::phoenix::close_code;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time;

use crate::helpers::{
    binary::{Server, fail, secured},
    socket::{QUIET, TestSocket},
};

/// Connections that the kernel shares out: one process gets all of them less than once in a billion times.
const SOCKETS: usize = 32;

both_engines! {
    async fn two_processes_share_a_port_and_one_goes_on_when_the_other_ends(db: TestDatabase) {
        let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let shared = |folder: &TempDir| {
            let mut command = secured(folder.path(), &db.url);
            command.env("PARLOUR_SERVER__REUSE_PORT", "true").env("PARLOUR_NO_LIMITS", "true");
            command
        };
        let first = Server::start(&mut shared(&here));
        let port = first.address.port();
        let taken = fail(secured(there.path(), &db.url).args(["serve", "--port", &port.to_string()]));
        assert!(taken.contains("cannot listen on"), "{taken}");
        let second = Server::start_on(port, &mut shared(&there));
        assert_eq!(first.address, second.address);

        let url = |path: &str| second.url(path);
        let body = json!({ "username": "ann", "password": "correct horse" });
        let http = reqwest::Client::new();
        let registered: Value = http.post(url("/api/v1/auth/register")).json(&body).send().await.unwrap().json().await.unwrap();
        let token = registered["data"]["token"].as_str().unwrap().to_owned();
        let query = format!("token={token}&vsn=2.0.0");
        let sockets = join_all((0..SOCKETS).map(|_| TestSocket::connect(second.address, &query))).await;
        let send = async |text: &str| {
            // A connection of its own, so that either process may get it.
            let http = reqwest::Client::new();
            let sent = http.post(url("/api/v1/rooms/general/messages")).bearer_auth(&token).json(&json!({ "content": text }));
            assert_eq!(sent.send().await.unwrap().status(), StatusCode::CREATED);
        };
        for number in 0..8 {
            send(&format!("before {number}")).await;
        }

        let said = first.stop();
        assert!(said.contains("request done"), "the first served too: {said}");
        // What the first had to say has come by now, and the second says nothing.
        let ended = join_all(sockets.into_iter().map(async |mut socket| time::timeout(QUIET, socket.read()).await.ok())).await;
        let codes: BTreeSet<_> = ended.iter().flatten().map(|read| read.clone().unwrap_err()).collect();
        assert_eq!(codes, BTreeSet::from([Some(close_code::RESTART)]));
        assert!(ended.contains(&None), "some are the other's");
        send("after").await;
        let page = http.get(url("/api/v1/rooms/general/messages")).bearer_auth(&token).send().await.unwrap();
        let page: Value = page.json().await.unwrap();
        assert_eq!(page["data"].as_array().unwrap().len(), 9, "one database: {page}");
        let mut socket = TestSocket::connect(second.address, &query).await;
        socket.join_quietly("room:general").await;
    }
}
