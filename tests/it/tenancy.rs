//! Tenants are apart: every route that takes ids, asked with everybody's ids.
//!
//! The cases are made from the route table. A route with an id that has no row in [`expectations`] fails.

use parlour::web::routes::{Caller, Id, ROUTES, Route};
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    limits::set_settings,
    people::PASSWORD,
    rest::{Answer, answer, comparable, expect},
};

/// A thumb, as it is written in a path.
const EMOJI: &str = "%F0%9F%91%8D";

/// The routes for users. Those for administrators and backends are asked in `tenancy_admin`.
fn of_users() -> impl Iterator<Item = &'static Route> {
    ROUTES
        .iter()
        .filter(|route| matches!(route.caller, Caller::Anybody | Caller::User))
}

/// What a route answers to the owner of the thing and to a stranger of the same tenant.
struct Expectation {
    owner: u16,
    stranger: u16,
}

/// By route. Other tenants always get 404.
fn expectations(route: &Route) -> Option<Expectation> {
    let (owner, stranger) = match (route.method, route.path) {
        // Users of a tenant see each other.
        ("GET", "/api/v1/users/{id}") => (200, 200),
        (
            "POST",
            "/api/v1/rooms/{id}/messages"
            | "/api/v1/dm/{id}/messages"
            | "/api/v1/rooms/{id}/uploads"
            | "/api/v1/rooms/{id}/members"
            | "/api/v1/rooms/{id}/invitations",
        ) => (201, 403),
        // Who is not invited has no invitation; a room that is there is not told by that.
        ("DELETE", "/api/v1/invitations/{id}") => (200, 404),
        // The rooms of this test are private.
        ("GET" | "PATCH" | "DELETE", "/api/v1/rooms/{id}")
        | ("POST", "/api/v1/rooms/{id}/join" | "/api/v1/rooms/{id}/read" | "/api/v1/rooms/{id}/unread")
        | ("DELETE", "/api/v1/rooms/{id}/leave")
        | ("GET", "/api/v1/rooms/{id}/messages" | "/api/v1/dm/{id}/messages")
        | ("GET" | "PATCH" | "DELETE", "/api/v1/rooms/{id}/messages/{mid}")
        | ("GET", "/api/v1/rooms/{id}/messages/{mid}/revisions" | "/api/v1/rooms/{id}/messages/{mid}/thread")
        | ("PUT" | "DELETE", "/api/v1/rooms/{id}/messages/{mid}/reactions/{emoji}")
        | ("PUT" | "DELETE", "/api/v1/rooms/{id}/messages/{mid}/pin")
        | ("GET", "/api/v1/rooms/{id}/pins" | "/api/v1/rooms/{id}/changes")
        | ("GET", "/api/v1/rooms/{id}/members" | "/api/v1/rooms/{id}/mutes" | "/api/v1/rooms/{id}/bans")
        | ("GET", "/api/v1/rooms/{id}/invitations")
        | ("PATCH" | "DELETE", "/api/v1/rooms/{id}/members/{uid}")
        | ("PUT" | "DELETE", "/api/v1/rooms/{id}/members/{uid}/mute" | "/api/v1/rooms/{id}/bans/{uid}")
        | ("DELETE", "/api/v1/rooms/{id}/invitations/{uid}") => (200, 403),
        _ => return None,
    };
    Some(Expectation { owner, stranger })
}

/// A body that the route takes.
fn body(route: &Route, peer: &str) -> Option<Value> {
    route.body.then(|| match (route.method, route.path) {
        (_, "/api/v1/auth/register") => json!({ "username": "newcomer", "password": PASSWORD }),
        (_, "/api/v1/auth/login") => json!({ "username": "alice", "password": PASSWORD }),
        (_, "/api/v1/auth/exchange") => json!({ "token": "a website's" }),
        (_, "/api/v1/auth/guest") => json!({ "name": "Visitor" }),
        (_, "/api/v1/auth/claim") => json!({ "guest_key": "gk_nobody" }),
        (_, "/api/v1/auth/password") => json!({ "current_password": PASSWORD, "new_password": PASSWORD }),
        (_, "/api/v1/rooms") => json!({ "name": "New" }),
        (_, "/api/v1/rooms/page") => json!({ "url": "https://site.example/post", "title": "Post" }),
        ("POST", path)
            if ["/dm", "/members", "/invitations"]
                .iter()
                .any(|end| path.ends_with(end)) =>
        {
            json!({ "user_id": peer })
        }
        ("POST", path) if path.ends_with("/messages") => json!({ "content": "hello" }),
        ("POST", path) if path.ends_with("/read") || path.ends_with("/unread") => json!({ "seq": 1 }),
        ("PATCH", "/api/v1/rooms/{id}/messages/{mid}") => json!({ "content": "hello again" }),
        ("PATCH", "/api/v1/rooms/{id}/members/{uid}") => json!({ "role": "moderator" }),
        (_, path) if route.caller == Caller::User && (path.contains("{id}") || path.ends_with("/logout")) => json!({}),
        (method, path) => panic!("no body for {method} {path}"),
    })
}

/// Fields that a route takes beside those of [`body`], of those that answers have.
fn other_inputs(route: &Route) -> &'static [&'static str] {
    match (route.method, route.path) {
        ("POST", "/api/v1/auth/guest") => &["guest_key"],
        ("POST", "/api/v1/rooms") => &["slug", "kind"],
        ("PATCH", "/api/v1/rooms/{id}") => &["name", "slow_mode_s", "frozen"],
        ("POST", path) if path.ends_with("/messages") => &["thread_root"],
        ("POST", path) if path.ends_with("/members") || path.ends_with("/invitations") => &["role"],
        ("PUT", path) if path.ends_with("/mute") || path.ends_with("/bans/{uid}") => &["until", "reason"],
        _ => &[],
    }
}

/// Fields of answers, and others that only the server sets. No route takes one of these beside its own fields.
pub const OUTPUTS: &[&str] = &[
    "id",
    "tenant_id",
    "user",
    "user_id",
    "username",
    "password_hash",
    "token",
    "expires_at",
    "inserted_at",
    "slug",
    "page_url",
    "kind",
    "creator_id",
    "head_seq",
    "role",
    "members",
    "member_count",
    "room_id",
    "seq",
    "changed_seq",
    "type",
    "reactions",
    "edited_at",
    "deleted_at",
    "message_id",
    "epoch",
    "settings",
    "thread_root",
    "in_room",
    "thread",
    "mentions",
    "pinned_at",
    "pinned_by",
    "emoji",
    "me",
    "count",
    "read_seq",
    "unread",
    "total",
    "slow_mode_s",
    "frozen",
    "until",
    "reason",
    "imposed_by",
    "invited_by",
    "replaced_by",
    "replaced_seq",
    "recovered",
    "room",
    "name",
    "avatar_url",
    "email_hash",
    "attrs",
    "external_id",
    "guest_key",
    "guest_id",
    "suspended_at",
    "public_key",
    "limits",
    "scopes",
    "secret",
    "hint",
    "claimed_by",
    "tokens_not_before",
];

/// Parameters that a route cannot do without.
fn query(route: &Route) -> &'static str {
    if route.path.ends_with("/changes") {
        "?epoch=x&since=0"
    } else {
        ""
    }
}

/// What somebody owns, or what is in it.
#[derive(Clone)]
struct Things {
    user: String,
    room: String,
    dm: String,
    /// A room the owner is invited to.
    invitation: String,
    message: String,
    member: String,
    invited: String,
}

impl Things {
    /// Ids of nothing.
    fn unknown() -> Self {
        let id = || uuid::Uuid::now_v7().to_string();
        Self {
            user: id(),
            room: id(),
            dm: id(),
            invitation: id(),
            message: id(),
            member: id(),
            invited: id(),
        }
    }

    /// What goes in the place of a name in braces.
    fn get(&self, route: &Route, name: &str) -> &str {
        match (name, route.id) {
            ("id", Some(Id::User)) => &self.user,
            ("id", Some(Id::Room)) => &self.room,
            ("id", Some(Id::Dm)) => &self.dm,
            ("id", Some(Id::Invitation)) => &self.invitation,
            ("mid", _) => &self.message,
            ("uid", _) if route.path.contains("/invitations/") => &self.invited,
            ("uid", _) => &self.member,
            ("emoji", _) => EMOJI,
            _ => panic!("{} has no {name}", route.path),
        }
    }
}

/// The path of a route about these things.
fn fill(route: &Route, things: &Things) -> String {
    let mut path = route.path.to_owned();
    for name in route.placeholders() {
        path = path.replace(&format!("{{{name}}}"), things.get(route, name));
    }
    path + query(route)
}

/// A private room of `owner` with one message, a member and somebody who is invited; a room of `peer` that
/// `owner` is invited to; and a conversation of the two.
async fn things(app: &TestApp, owner: &TestUser, peer: &TestUser, others: [&TestUser; 2]) -> Things {
    let room = json!({ "name": "Hideout", "kind": "private" });
    let post = async |user: &TestUser, path: &str, body: Value| {
        let made = answer(app.request_as(user, Method::POST, path).json(&body)).await;
        assert!([200, 201].contains(&made.status), "{path}: {}", made.text);
        made
    };
    let id = post(owner, "/api/v1/rooms", room.clone()).await.text_of("id");
    let invitation = post(peer, "/api/v1/rooms", room).await.text_of("id");
    let invite = format!("/api/v1/rooms/{invitation}/invitations");
    post(peer, &invite, json!({ "user_id": owner.id() })).await;
    let in_room = |rest: &str| format!("/api/v1/rooms/{id}/{rest}");
    let message = post(owner, &in_room("messages"), json!({ "content": "ours" }))
        .await
        .text_of("id");
    let [member, invited] = others.map(TestUser::id);
    post(owner, &in_room("members"), json!({ "user_id": member })).await;
    post(owner, &in_room("invitations"), json!({ "user_id": invited })).await;
    let dm = post(owner, "/api/v1/dm", json!({ "user_id": peer.id() }))
        .await
        .text_of("id");
    Things {
        user: owner.id(),
        room: id,
        dm,
        invitation,
        message,
        member,
        invited,
    }
}

async fn ask(app: &TestApp, user: &TestUser, route: &Route, things: &Things, peer: &str) -> Answer {
    let request = app.request_as(user, method(route), &fill(route, things));
    answer(match body(route, peer) {
        Some(body) => request.json(&body),
        None if route.raw_body => request.body("a file"),
        None => request,
    })
    .await
}

fn method(route: &Route) -> Method {
    Method::from_bytes(route.method.as_bytes()).unwrap()
}

both_engines! {
    async fn another_tenants_ids_are_like_ids_that_do_not_exist(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let user = async |name: &str| app.user("acme", name).await;
        let (alice, bob, eve) = (user("alice").await, user("bob").await, user("eve").await);
        let others = [&user("carol").await, &user("dave").await];
        let (mallory, trudy) = (app.user("globex", "mallory").await, app.user("globex", "trudy").await);
        let theirs = things(&app, &mallory, &trudy, [&trudy, &app.user("globex", "oscar").await]).await;
        let elsewhere = things(&app, &alice, &bob, others).await;
        for tenant in ["acme", "globex"] {
            set_settings(&app, tenant, json!({ "upload_bytes_max": 1000 })).await;
        }
        let peer = bob.id();
        for route in of_users() {
            // Opened by an address that nobody else can make, which `rest_uploads` tries.
            if route.id == Some(Id::Upload) {
                continue;
            }
            if route.id.is_none() {
                assert!(!route.path.contains('{'), "{} {} has an id that the table does not tell", route.method, route.path);
                continue;
            }
            let what = format!("{} {}", route.method, route.path);
            let expected = expectations(route).unwrap_or_else(|| panic!("no row for {what}"));
            let things = things(&app, &alice, &bob, others).await;
            let nothing = Things::unknown();

            let random = ask(&app, &mallory, route, &nothing, &peer).await;
            let foreign = ask(&app, &mallory, route, &things, &peer).await;
            assert_eq!(foreign.status, 404, "{what}");
            assert_eq!(comparable(&foreign), comparable(&random), "{what}");
            let unknown = ask(&app, &alice, route, &nothing, &peer).await;
            assert_eq!(comparable(&foreign), comparable(&unknown), "{what}");
            expect(app.request(method(route), &fill(route, &things)), 401).await;

            // In one's own room: a message of another tenant, or of another room; a user of another tenant.
            let with = |message: &str, user: &str| Things {
                message: message.to_owned(),
                member: user.to_owned(),
                invited: user.to_owned(),
                ..things.clone()
            };
            let named: Vec<_> = route.placeholders().collect();
            if named.contains(&"mid") || named.contains(&"uid") {
                let random = ask(&app, &alice, route, &with(&nothing.message, &nothing.user), &peer).await;
                assert_eq!(random.status, 404, "{what}: {}", random.text);
                let foreign = ask(&app, &alice, route, &with(&theirs.message, &mallory.id()), &peer).await;
                assert_eq!(comparable(&foreign), comparable(&random), "{what}");
                let none = ask(&app, &alice, route, &with("nope", "nope"), &peer).await;
                assert_eq!(none.status, 404, "{what}: {}", none.text);
            }
            if named.contains(&"mid") {
                let foreign = ask(&app, &alice, route, &with(&elsewhere.message, ""), &peer).await;
                assert_eq!(foreign.text, r#"{"error":"message not found"}"#, "{what}");
            }

            let stranger = ask(&app, &eve, route, &things, &peer).await;
            assert_eq!(stranger.status, expected.stranger, "{what}: {}", stranger.text);
            let owner = ask(&app, &alice, route, &things, &peer).await;
            assert_eq!(owner.status, expected.owner, "{what}: {}", owner.text);
        }
        // Nothing of it reached the other side.
        let room = expect(app.request_as(&mallory, Method::GET, &format!("/api/v1/rooms/{}", theirs.room)), 200).await;
        assert_eq!((&room.data()["head_seq"], &room.data()["member_count"]), (&json!(1), &json!(2)));
    }

    async fn another_tenants_users_cannot_be_named_in_bodies(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let (carol, dave) = (app.user("acme", "carol").await, app.user("acme", "dave").await);
        let mallory = app.user("globex", "mallory").await;
        let things = things(&app, &alice, &bob, [&carol, &dave]).await;
        let mut asked = 0;
        for route in of_users().filter(|route| body(route, "x").is_some_and(|body| body["user_id"] == "x")) {
            let random = ask(&app, &alice, route, &things, &uuid::Uuid::now_v7().to_string()).await;
            let foreign = ask(&app, &alice, route, &things, &mallory.id()).await;
            assert_eq!(foreign.text, r#"{"error":"user not found"}"#, "{} {}", route.method, route.path);
            assert_eq!(comparable(&foreign), comparable(&random), "{} {}", route.method, route.path);
            asked += 1;
        }
        assert_eq!(asked, 3);
    }

    async fn a_token_opens_nothing_under_another_tenants_name(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let alice = app.user("acme", "alice").await;
        app.user("globex", "mallory").await;
        let own = app.request_as(&alice, Method::GET, "/api/v1/auth/me").header("x-tenant", &alice.tenant);
        assert_eq!(expect(own, 200).await.text_of("tenant"), alice.tenant);
        for route in ROUTES.iter().filter(|route| route.caller == Caller::User) {
            let method = || method(route);
            let path = route.placeholders().fold(route.path.to_owned(), |path, name| {
                path.replace(&format!("{{{name}}}"), "general")
            });
            let header = app.request_as(&alice, method(), &path).header("x-tenant", "globex");
            let query = app.request_as(&alice, method(), &format!("{path}?tenant=globex"));
            let mut requests = vec![header, query];
            if let Some(mut body) = body(route, &alice.id()) {
                body["tenant"] = json!("globex");
                requests.push(app.request_as(&alice, method(), &path).json(&body));
            }
            for request in requests {
                let refused = expect(request, 401).await;
                assert_eq!(refused.text, r#"{"error":"unauthorized"}"#, "{} {}", route.method, route.path);
            }
        }
    }

    async fn another_tenants_people_and_messages_cannot_be_used(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (alice, mallory) = (app.user("acme", "alice").await, app.user("globex", "mallory").await);
        let dm = app.request_as(&mallory, Method::POST, "/api/v1/dm").json(&json!({ "user_id": alice.id() }));
        assert_eq!(expect(dm, 404).await.text, r#"{"error":"user not found"}"#);
        let messages = "/api/v1/rooms/general/messages";
        let said = app.request_as(&alice, Method::POST, messages).json(&json!({ "content": "ours" }));
        let id = expect(said, 201).await.text_of("id");
        let reply = app.request_as(&mallory, Method::POST, messages).json(&json!({ "content": "hi", "reply_to": id }));
        assert_eq!(expect(reply, 422).await.invalid_fields(), ["reply_to"]);
        let page = app.request_as(&mallory, Method::GET, &format!("{messages}?before_id={id}"));
        assert_eq!(expect(page, 422).await.invalid_fields(), ["before_id"]);
        for path in [messages, "/api/v1/users", "/api/v1/rooms"] {
            let listed = expect(app.request_as(&mallory, Method::GET, path), 200).await;
            assert!(!listed.text.contains("ours") && !listed.text.contains("alice") && !listed.text.contains(&id));
        }
    }

    async fn what_the_server_sets_cannot_be_sent(db: TestDatabase) {
        let app = TestApp::start_limitless(db).await;
        let (alice, bob) = (app.user("acme", "alice").await, app.user("acme", "bob").await);
        let others = [&app.user("acme", "carol").await, &app.user("acme", "dave").await];
        let things = things(&app, &alice, &bob, others).await;
        let mut asked = 0;
        for route in of_users().filter(|route| route.body) {
            let path = fill(route, &things);
            let fine = body(route, &bob.id()).unwrap();
            let known = |field: &str| fine.get(field).is_some() || other_inputs(route).contains(&field);
            for field in OUTPUTS.iter().filter(|field| !known(field)) {
                let mut body = fine.clone();
                body[*field] = json!(bob.id());
                let request = match route.caller {
                    Caller::Anybody => app.request(method(route), &path).header("x-tenant", "acme"),
                    _ => app.request_as(&alice, method(route), &path),
                };
                let refused = expect(request.json(&body), 422).await;
                assert_eq!(refused.invalid_fields(), [*field], "{} {path}", route.method);
                asked += 1;
            }
        }
        assert!(asked > 1000, "{asked}");
        // And nothing happened.
        let rooms = expect(app.request_as(&alice, Method::GET, "/api/v1/rooms"), 200).await;
        assert_eq!(rooms.data().as_array().unwrap().len(), 4);
        let room = expect(app.request_as(&alice, Method::GET, &format!("/api/v1/rooms/{}", things.room)), 200).await;
        assert_eq!((&room.data()["role"], &room.data()["head_seq"]), (&json!("admin"), &json!(1)));
        assert_eq!(room.data()["member_count"], 2);
        let users = expect(app.request_as(&alice, Method::GET, "/api/v1/users"), 200).await;
        assert_eq!(users.data().as_array().unwrap().len(), 4);
    }
}
