//! The room of the page that somebody looks at, over REST.

use parlour::config::{Cap, LimitSettings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    limits::set_settings,
    rest::{Answer, answer, ask, done, expect, invalid, refused, with_query},
};

const POST: &str = "POST /api/v1/rooms/page";
const URL: &str = "https://site.example/posts/night-train";

/// A tenant whose pages can have rooms, and two users of it.
async fn site(app: &TestApp) -> (TestUser, TestUser) {
    let people = (app.user("acme", "alice").await, app.user("acme", "bob").await);
    set_settings(
        app,
        "acme",
        json!({ "page_rooms": true, "allowed_origins": ["https://site.example"] }),
    )
    .await;
    people
}

async fn find(app: &TestApp, user: &TestUser, url: &str) -> Answer {
    let path = with_query("/api/v1/rooms/page", &[("url", url)]);
    answer(app.request_as(user, Method::GET, &path)).await
}

both_engines! {
    async fn a_page_gets_its_room_with_the_first_who_has_something_to_say(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, bob) = site(&app).await;
        let none = find(&app, &alice, URL).await;
        assert_eq!((none.status, none.text.as_str()), (200, r#"{"data":null}"#));
        let (mut phone, own) = (app.connect(&alice).await, format!("user:{}", alice.id()));
        phone.join(&own).await;

        let made = ask(&app, &alice, POST, json!({ "url": format!("{URL}#comments"), "title": " The night train\n" })).await;
        assert_eq!((made.status, made.header("location")), (201, format!("/api/v1/rooms/{}", made.text_of("id")).as_str()));
        let room = made.data();
        assert_eq!(room["page_url"], URL);
        assert_eq!((&room["name"], &room["kind"], &room["role"]), (&json!("The night train"), &json!("public"), &json!("member")));
        assert_eq!((&room["creator_id"], &room["description"]), (&Value::Null, &Value::Null));
        let told = phone.assert_broadcast(&own, "member_added").await;
        assert_eq!((&told["room"]["id"], &told["role"]), (&room["id"], &json!("member")));
        let slug = made.text_of("slug");
        assert!(slug.starts_with("page-") && slug.len() == 37, "{slug}");

        let again = ask(&app, &bob, POST, json!({ "url": URL, "title": "Spam" })).await;
        assert_eq!((again.status, again.header("location")), (200, ""));
        for found in [again, find(&app, &bob, URL).await, find(&app, &bob, &format!("{URL}#top")).await] {
            let mut expected = room.clone();
            expected["role"] = Value::Null;
            assert_eq!(*found.data(), expected);
        }
        // Like any room, by its slug.
        done(&app, &bob, &format!("POST /api/v1/rooms/{slug}/messages"), json!({ "content": "Which seat?" })).await;
        let mut socket = app.connect(&bob).await;
        let (_, joined) = socket.join(&format!("room:{slug}")).await;
        assert_eq!(joined["room"]["page_url"], URL);
    }

    async fn only_where_the_tenant_wants_it(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, _) = site(&app).await;
        done(&app, &alice, POST, json!({ "url": URL })).await;
        set_settings(&app, "acme", json!({ "page_rooms": false })).await;
        let off = "this feature is turned off";
        refused(&app, &alice, POST, json!({ "url": URL }), 403, off).await;
        refused(&app, &alice, &format!("GET /api/v1/rooms/page?url={URL}"), Value::Null, 403, off).await;
        let facts = expect(app.request(Method::GET, "/api/v1/tenant?tenant=acme"), 200).await;
        assert_eq!(facts.data()["page_rooms"], false);
        // What there is stays a room.
        let rooms = done(&app, &alice, "GET /api/v1/rooms", Value::Null).await;
        assert!(rooms.text.contains(URL));
    }

    async fn only_for_pages_of_the_tenants_origins(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, _) = site(&app).await;
        for url in [
            "", "night-train", "/posts", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "https://",
            "https://evil.example/", "http://site.example/", "https://site.example:8443/", "https://site.example.evil/",
            "https://site.example@evil.example/", "https://a.site.example/", "https://evil.example/#https://site.example/",
            "https://evil.example\\@site.example/",
        ] {
            invalid(&app, &alice, POST, json!({ "url": url }), "url").await;
            let found = find(&app, &alice, url).await;
            assert_eq!((found.status, found.invalid_fields()), (422, vec!["url"]), "{url}");
        }
        invalid(&app, &alice, POST, json!({ "url": format!("https://site.example/{}", "a".repeat(2048)) }), "url").await;
        invalid(&app, &alice, POST, json!({ "title": "x" }), "url").await;
        invalid(&app, &alice, "GET /api/v1/rooms/page", Value::Null, "url").await;
        invalid(&app, &alice, POST, json!({ "url": URL, "name": "x" }), "name").await;
        // Without a list, those of the deployment, which are all.
        set_settings(&app, "acme", json!({ "allowed_origins": null })).await;
        done(&app, &alice, POST, json!({ "url": "https://any.example/" })).await;
    }

    async fn a_guest_may_open_a_pages_room_where_guests_make_no_other(db: TestDatabase) {
        let app = TestApp::start(db).await;
        site(&app).await;
        set_settings(&app, "acme", json!({ "guests": true, "room_creation": "server" })).await;
        let guest = app.request(Method::POST, "/api/v1/auth/guest").json(&json!({ "tenant": "acme" }));
        let token = expect(guest, 200).await.text_of("token");
        let post = |path: &str| app.request(Method::POST, path).bearer_auth(&token);
        expect(post("/api/v1/rooms").json(&json!({ "name": "Club" })), 403).await;
        expect(post("/api/v1/rooms/page").json(&json!({ "url": URL })), 201).await;
    }

    async fn the_limits_of_rooms_hold_for_new_ones(db: TestDatabase) {
        let app = TestApp::start_with(db, |settings| {
            settings.limits = LimitSettings {
                rooms_created_per_user: "2/1h".parse().unwrap(),
                // The three rooms that every tenant begins with, and three more.
                rooms_max: Cap::Max(6),
                ..LimitSettings::off()
            };
        })
        .await;
        let (alice, bob) = site(&app).await;
        let open = async |user: &TestUser, number: u8| {
            ask(&app, user, POST, json!({ "url": format!("https://site.example/{number}") })).await.status
        };
        assert_eq!((open(&alice, 1).await, open(&alice, 2).await, open(&alice, 3).await), (201, 201, 429));
        assert_eq!((open(&alice, 1).await, open(&alice, 2).await), (200, 200), "finding one is no creating");
        assert_eq!((open(&bob, 3).await, open(&bob, 4).await), (201, 409));
        assert_eq!(open(&bob, 3).await, 200);
    }

    async fn the_rooms_of_pages_are_their_tenants(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (alice, _) = site(&app).await;
        let mallory = app.user("globex", "mallory").await;
        set_settings(&app, "globex", json!({ "page_rooms": true })).await;
        let ours = done(&app, &alice, POST, json!({ "url": URL })).await;
        assert_eq!(find(&app, &mallory, URL).await.text, r#"{"data":null}"#);
        let slug = ours.text_of("slug");
        for name in [&slug, &ours.text_of("id")] {
            refused(&app, &mallory, &format!("GET /api/v1/rooms/{name}"), Value::Null, 404, "room not found").await;
        }
        let theirs = done(&app, &mallory, POST, json!({ "url": URL })).await;
        assert_eq!((theirs.status, theirs.text_of("slug")), (201, slug));
        assert_ne!(theirs.text_of("id"), ours.text_of("id"));
        for line in [POST, &format!("GET /api/v1/rooms/page?url={URL}")] {
            let (method, path) = line.split_once(' ').unwrap();
            let request = app.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
            expect(request.json(&json!({ "url": URL })), 401).await;
        }
    }
}
