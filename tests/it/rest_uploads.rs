//! Files sent with messages, from the request that brings one to the page that shows it.

use std::time::Duration;

use image::ImageFormat;
use parlour::config::{Cap, LimitSettings};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::helpers::{
    admin::operate,
    app::{TestApp, TestUser},
    limits::{set_limits, set_settings, usage},
    pictures::{SCRIPT, pages_in_disguise, picture},
    rest::{Answer, answer, ask, comparable, done, expect},
};

const UPLOADS: &str = "/api/v1/rooms/general/uploads";
const MESSAGES: &str = "POST /api/v1/rooms/general/messages";

/// A server whose tenant `acme` takes uploads, and two of its users.
async fn start(db: crate::helpers::database::TestDatabase) -> (TestApp, TestUser, TestUser) {
    let app = TestApp::start_limitless(db).await;
    let users = (app.user("acme", "alice").await, app.user("acme", "bob").await);
    set_settings(&app, "acme", json!({ "upload_bytes_max": 1_000_000 })).await;
    (app, users.0, users.1)
}

async fn send(app: &TestApp, user: &TestUser, path: &str, bytes: Vec<u8>) -> Answer {
    answer(app.request_as(user, Method::POST, path).body(bytes)).await
}

/// An upload to `general`.
async fn upload(app: &TestApp, user: &TestUser, name: &str, bytes: Vec<u8>) -> Value {
    let sent = send(app, user, &format!("{UPLOADS}?name={name}"), bytes).await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    sent.data().clone()
}

async fn get(app: &TestApp, url: &str) -> Response {
    app.request(Method::GET, url).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

both_engines! {
    async fn a_picture_goes_from_one_to_the_other(db: TestDatabase) {
        let (app, alice, bob) = start(db).await;
        let png = picture(ImageFormat::Png);
        let sent = upload(&app, &alice, "C%3A%5Choliday%20%E2%98%80.png", [png.clone(), SCRIPT.to_vec()].concat()).await;
        let expected = json!({
            "id": sent["id"], "name": "holiday ☀.png", "media_type": "image/png", "bytes": png.len(),
            "width": 4, "height": 3, "url": sent["url"],
        });
        assert_eq!(sent, expected);
        let mut socket = app.connect(&bob).await;
        socket.join_quietly("room:general").await;
        let mut own = app.connect(&alice).await;
        let of_alice = own.join_quietly("room:general").await;
        let payload = json!({ "content": "", "attachments": [sent["id"]], "client_id": "1" });
        let reply = own.ask(&of_alice, "new_message", payload).await;
        let heard = socket.assert_broadcast("room:general", "new_message").await;
        assert_eq!((&heard["attachments"], &heard["id"]), (&json!([sent]), &reply["id"]));
        let listed = ask(&app, &bob, "GET /api/v1/rooms/general/messages", Value::Null).await;
        assert_eq!(listed.data().as_array().unwrap().last().unwrap()["attachments"], json!([sent]));

        let got = get(&app, sent["url"].as_str().unwrap()).await;
        assert_eq!(got.status(), 200);
        for (name, value) in [
            ("content-type", "image/png"),
            ("content-length", png.len().to_string().as_str()),
            ("content-disposition", "inline; filename*=UTF-8''holiday%20%E2%98%80.png"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "private, max-age=86400, immutable"),
        ] {
            assert_eq!(header(&got, name), value);
        }
        let tag = header(&got, "etag").to_owned();
        assert_eq!(got.bytes().await.unwrap(), png);
        let known = app.request(Method::GET, sent["url"].as_str().unwrap()).header("if-none-match", tag);
        assert_eq!(known.send().await.unwrap().status(), 304);
        let head = app.request(Method::HEAD, sent["url"].as_str().unwrap()).send().await.unwrap();
        assert_eq!((head.status().as_u16(), header(&head, "content-type")), (200, "image/png"));
    }

    async fn the_four_formats_are_pictures_whatever_they_are_called(db: TestDatabase) {
        let (app, alice, _) = start(db).await;
        for (format, media_type) in [
            (ImageFormat::Jpeg, "image/jpeg"),
            (ImageFormat::Png, "image/png"),
            (ImageFormat::WebP, "image/webp"),
            (ImageFormat::Gif, "image/gif"),
        ] {
            let sent = upload(&app, &alice, "page.html", picture(format)).await;
            assert_eq!((&sent["media_type"], &sent["width"], &sent["height"]), (&json!(media_type), &json!(4), &json!(3)));
            let got = get(&app, sent["url"].as_str().unwrap()).await;
            assert_eq!((header(&got, "content-type"), header(&got, "x-content-type-options")), (media_type, "nosniff"));
        }
    }

    async fn everything_else_is_to_be_saved_and_never_shown(db: TestDatabase) {
        let (app, alice, _) = start(db).await;
        for (name, bytes) in pages_in_disguise() {
            let request = app.request_as(&alice, Method::POST, &format!("{UPLOADS}?name={name}"));
            let sent = expect(request.header("content-type", "image/png").body(bytes.clone()), 201).await;
            assert_eq!(sent.data()["media_type"], "application/octet-stream", "{name}");
            assert_eq!((&sent.data()["width"], &sent.data()["height"]), (&Value::Null, &Value::Null));
            let got = get(&app, &sent.text_of("url")).await;
            assert_eq!(header(&got, "content-type"), "application/octet-stream", "{name}");
            assert_eq!(header(&got, "content-disposition"), format!("attachment; filename*=UTF-8''{name}"));
            assert_eq!(header(&got, "content-security-policy"), "default-src 'none'; sandbox");
            assert_eq!(got.bytes().await.unwrap(), bytes, "{name}");
        }
    }

    async fn a_long_file_arrives_whole(db: TestDatabase) {
        let (app, alice, _) = start(db).await;
        let bytes: Vec<u8> = (0..1_000_000_usize).map(|at| at.to_le_bytes()[1]).collect();
        let sent = upload(&app, &alice, "long.bin", bytes.clone()).await;
        let got = get(&app, sent["url"].as_str().unwrap()).await;
        assert_eq!(header(&got, "content-length"), "1000000");
        assert_eq!(got.bytes().await.unwrap(), bytes);
    }

    async fn an_address_opens_what_it_was_made_for_and_for_as_long(db: TestDatabase) {
        let (app, alice, _) = start(db).await;
        let one = upload(&app, &alice, "one", vec![1]).await;
        let two = upload(&app, &alice, "two", vec![2]).await;
        let (url, other) = (one["url"].as_str().unwrap(), two["url"].as_str().unwrap());
        let (path, query) = url.split_once('?').unwrap();
        let (other_path, other_query) = other.split_once('?').unwrap();
        let expires: i64 = query.strip_prefix("expires=").unwrap().split('&').next().unwrap().parse().unwrap();
        let later = query.replace(&expires.to_string(), &(expires + 1).to_string());
        let random = format!("/api/v1/uploads/{}?{query}", uuid::Uuid::now_v7());
        let nothing = answer(app.request(Method::GET, &random)).await;
        assert_eq!((nothing.status, nothing.error()), (404, "upload not found"));
        for forged in [
            format!("{path}?{other_query}"),
            format!("{other_path}?{query}"),
            format!("{path}?{later}"),
            format!("{path}?expires=0&signature="),
            format!("{path}?expires={expires}&signature=AAAA"),
            format!("/api/v1/uploads/nope?{query}"),
        ] {
            let refused = answer(app.request(Method::GET, &forged)).await;
            assert_eq!(comparable(&refused), comparable(&nothing), "{forged}");
        }
        for wrong in ["", "?expires=5", "?signature=x", "?expires=-5&signature=x", &format!("?{query}&x=1")] {
            expect(app.request(Method::GET, &format!("{path}{wrong}")), 422).await;
        }
        // A token makes no difference.
        expect(app.request_as(&alice, Method::GET, &format!("{path}?expires={expires}&signature=x")), 404).await;
    }

    async fn a_deleted_message_has_no_files_any_more(db: TestDatabase) {
        let (app, alice, bob) = start(db).await;
        let sent = upload(&app, &alice, "a", vec![1]).await;
        let message = done(&app, &alice, MESSAGES, json!({ "content": "look", "attachments": [sent["id"]] })).await;
        let mut socket = app.connect(&bob).await;
        socket.join_quietly("room:general").await;
        let line = format!("DELETE /api/v1/rooms/general/messages/{}", message.text_of("id"));
        let deleted = done(&app, &alice, &line, Value::Null).await;
        assert_eq!(deleted.data()["attachments"], json!([]));
        assert_eq!(socket.assert_broadcast("room:general", "message_deleted").await["attachments"], json!([]));
        assert_eq!(get(&app, sent["url"].as_str().unwrap()).await.status(), 404);
    }

    async fn who_may_not_write_may_not_upload_and_nothing_is_read(db: TestDatabase) {
        let (app, alice, bob) = start(db).await;
        let mallory = app.user("globex", "mallory").await;
        set_settings(&app, "globex", json!({ "upload_bytes_max": 1000 })).await;
        let den = done(&app, &alice, "POST /api/v1/rooms", json!({ "name": "Den", "kind": "private" })).await.text_of("id");
        let path = format!("/api/v1/rooms/{den}/uploads");
        let too_long = vec![0; 2_000_000];
        expect(app.request(Method::POST, &path).body("x"), 401).await;
        let refused = send(&app, &bob, &path, vec![1]).await;
        assert_eq!((refused.status, refused.error()), (403, "not a member of this room"));
        assert_eq!(send(&app, &mallory, &path, vec![1]).await.status, 404);
        // What is wrong with the body is told to those only who may send one.
        assert_eq!(send(&app, &bob, &path, Vec::new()).await.status, 403);
        let refused = send(&app, &alice, &path, too_long).await;
        assert_eq!((refused.status, refused.error()), (413, "the body is longer than 1000000 bytes"));
        let refused = send(&app, &alice, &path, Vec::new()).await;
        assert_eq!((refused.status, refused.invalid_fields()), (422, vec!["body"]));
        let long = send(&app, &alice, &format!("{path}?name={}", "n".repeat(256)), vec![1]).await;
        assert_eq!((long.status, long.invalid_fields()), (422, vec!["name"]));
        assert_eq!(send(&app, &alice, &format!("{path}?type=image"), vec![1]).await.invalid_fields(), ["type"]);

        // Rights are asked again when it is sent.
        let upload = send(&app, &bob, UPLOADS, vec![1]).await;
        let ban = format!("PUT /api/v1/rooms/{den}/bans/{}", bob.id());
        done(&app, &alice, &ban, json!({})).await;
        let line = format!("POST /api/v1/rooms/{den}/messages");
        let refused = ask(&app, &bob, &line, json!({ "content": "", "attachments": [upload.data()["id"]] })).await;
        assert_eq!(refused.status, 403);
    }

    async fn uploads_are_for_their_author_and_room(db: TestDatabase) {
        let (app, alice, bob) = start(db).await;
        let mallory = app.user("globex", "mallory").await;
        let own = upload(&app, &alice, "a", vec![1]).await;
        let body = |ids: Value| json!({ "content": "", "attachments": ids });
        let stolen = ask(&app, &bob, MESSAGES, body(json!([own["id"]]))).await;
        let nothing = ask(&app, &bob, MESSAGES, body(json!([uuid::Uuid::now_v7()]))).await;
        assert_eq!((stolen.status, stolen.invalid_fields()), (422, vec!["attachments"]));
        assert_eq!(comparable(&stolen), comparable(&nothing));
        let foreign = ask(&app, &mallory, MESSAGES, body(json!([own["id"]]))).await;
        assert_eq!(comparable(&foreign), comparable(&nothing));
        let random = ask(&app, &alice, "POST /api/v1/rooms/random/messages", body(json!([own["id"]]))).await;
        assert_eq!(random.invalid_fields(), ["attachments"]);
        for wrong in [json!(["x"]), json!("x"), json!([1]), json!([own["id"], own["id"]])] {
            assert_eq!(ask(&app, &alice, MESSAGES, body(wrong.clone())).await.status, 422, "{wrong}");
        }
        let mut socket = app.connect(&bob).await;
        let channel = socket.join_quietly("room:general").await;
        let refused = socket.refused(&channel, "new_message", body(json!([own["id"]]))).await;
        assert_eq!((&refused["reason"], refused["errors"]["attachments"].is_array()), (&json!("invalid"), true));
        done(&app, &alice, MESSAGES, body(json!([own["id"]]))).await;
    }

    async fn a_repeat_with_attachments_is_sent_once(db: TestDatabase) {
        let (app, alice, _) = start(db).await;
        let sent = upload(&app, &alice, "a", vec![1]).await;
        let body = json!({ "content": "", "attachments": [sent["id"]], "client_id": "1" });
        let first = ask(&app, &alice, MESSAGES, body.clone()).await;
        let again = ask(&app, &alice, MESSAGES, body.clone()).await;
        assert_eq!((first.status, again.status), (201, 200));
        assert_eq!(again.data(), first.data());
        let other = ask(&app, &alice, MESSAGES, json!({ "content": "x", "client_id": "1" })).await;
        assert_eq!(other.status, 409);
    }

    async fn uploads_are_off_until_a_tenant_takes_them(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| settings.uploads.bytes_max = Cap::Max(2000)).await;
        let alice = app.user("acme", "alice").await;
        let max = async || {
            let shown = expect(app.request(Method::GET, "/api/v1/tenant?tenant=acme"), 200).await;
            shown.data()["upload_bytes_max"].clone()
        };
        assert_eq!(max().await, 0);
        let refused = send(&app, &alice, UPLOADS, vec![1]).await;
        assert_eq!((refused.status, refused.error()), (403, "this feature is turned off"));
        set_settings(&app, "acme", json!({ "upload_bytes_max": 1000 })).await;
        assert_eq!(max().await, 1000);
        assert_eq!(send(&app, &alice, UPLOADS, vec![1; 1000]).await.status, 201);
        assert_eq!(send(&app, &alice, UPLOADS, vec![1; 1001]).await.status, 413);
        // The deployment's bound is above every tenant's.
        set_settings(&app, "acme", json!({ "upload_bytes_max": 5000 })).await;
        assert_eq!(max().await, 2000);
        assert_eq!(send(&app, &alice, UPLOADS, vec![1; 2001]).await.status, 413);
    }

    async fn uploads_are_counted_and_measured(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings { upload_bytes_per_tenant_max: Cap::Max(5), ..LimitSettings::off() };
        }).await;
        let alice = app.user("acme", "alice").await;
        set_settings(&app, "acme", json!({ "upload_bytes_max": 1000 })).await;
        assert_eq!(send(&app, &alice, UPLOADS, vec![1; 3]).await.status, 201);
        let full = send(&app, &alice, UPLOADS, vec![1; 3]).await;
        assert_eq!((full.status, full.error()), (409, "there is no space for more uploads"));
        assert_eq!(usage(&app, "acme", "upload_bytes_per_tenant_max").await, (1, 0));
        set_limits(&app, "acme", json!({ "dry_run": true })).await;
        assert_eq!(send(&app, &alice, UPLOADS, vec![1; 3]).await.status, 201);
        let shown = operate(&app, "GET /admin/tenants/acme/usage", Value::Null).await;
        assert_eq!(shown.data()["uploads"], json!({ "total": 2, "bytes": 6, "bytes_max": 5 }));
        set_limits(&app, "acme", json!({ "uploads_per_user": "1/1m", "upload_bytes_per_tenant_max": "off" })).await;
        assert_eq!(send(&app, &alice, UPLOADS, vec![1]).await.status, 201);
        let limited = send(&app, &alice, UPLOADS, vec![1]).await;
        assert_eq!((limited.status, &limited.body["limit"]), (429, &json!("uploads_per_user")));
    }

    async fn bodies_are_received_in_time_and_a_few_at_once(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings::off();
            settings.uploads.receiving_max = Cap::Max(1);
            settings.uploads.timeout = Duration::from_secs(1);
        }).await;
        let alice = app.user("acme", "alice").await;
        set_settings(&app, "acme", json!({ "upload_bytes_max": 1000 })).await;
        let another = app.app.media.admit().unwrap();
        let busy = send(&app, &alice, UPLOADS, vec![1]).await;
        assert_eq!((busy.status, busy.error(), busy.header("retry-after")), (503, "too many uploads at once", "1"));
        drop(another);
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let slow = app.request_as(&alice, Method::POST, UPLOADS).body(reqwest::Body::wrap_stream(never));
        assert_eq!(answer(slow).await.status, 408);
        assert_eq!(send(&app, &alice, UPLOADS, vec![1]).await.status, 201);
    }

    async fn pages_of_foreign_sites_read_no_uploads(db: TestDatabase) {
        let (app, alice, _) = start(db).await;
        set_settings(&app, "acme", json!({ "allowed_origins": ["https://site.com"] })).await;
        let sent = upload(&app, &alice, "a", vec![1]).await;
        let fetch = |origin: &str| app.request(Method::GET, sent["url"].as_str().unwrap()).header("origin", origin.to_owned());
        let own = expect(fetch("https://site.com"), 200).await;
        assert_eq!(own.header("access-control-allow-origin"), "https://site.com");
        let foreign = expect(fetch("https://evil.com"), 403).await;
        assert_eq!(foreign.header("access-control-allow-origin"), "");
    }

    async fn a_suspended_tenant_hands_nothing_out(db: TestDatabase) {
        let (app, alice, _) = start(db).await;
        let sent = upload(&app, &alice, "a", vec![1]).await;
        operate(&app, "PUT /admin/tenants/acme/suspension", Value::Null).await;
        assert_eq!(get(&app, sent["url"].as_str().unwrap()).await.status(), 403);
        operate(&app, "DELETE /admin/tenants/acme/suspension", Value::Null).await;
        assert_eq!(get(&app, sent["url"].as_str().unwrap()).await.status(), 200);
    }

    async fn conversations_have_attachments_and_guests_send_some(db: TestDatabase) {
        let (app, alice, bob) = start(db).await;
        set_settings(&app, "acme", json!({ "guests": true })).await;
        let dm = done(&app, &alice, "POST /api/v1/dm", json!({ "user_id": bob.id() })).await.text_of("id");
        let sent = send(&app, &alice, &format!("/api/v1/rooms/{dm}/uploads"), picture(ImageFormat::Gif)).await;
        let body = json!({ "content": "", "attachments": [sent.data()["id"]] });
        let message = done(&app, &alice, &format!("POST /api/v1/dm/{dm}/messages"), body).await;
        assert_eq!(message.data()["attachments"], json!([sent.data()]));
        let guest = expect(app.request(Method::POST, "/api/v1/auth/guest?tenant=acme").json(&json!({})), 200).await;
        let upload = app.request(Method::POST, UPLOADS).bearer_auth(guest.text_of("token")).body("hello");
        let upload = expect(upload, 201).await;
        assert_eq!(upload.data()["name"], "file");
        let line = "/api/v1/rooms/general/messages";
        let send = app.request(Method::POST, line).bearer_auth(guest.text_of("token"));
        expect(send.json(&json!({ "content": "", "attachments": [upload.data()["id"]] })), 201).await;
    }
}
