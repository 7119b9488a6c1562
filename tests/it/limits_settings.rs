//! Who may create rooms, and whom users find: settings of a tenant.

use parlour::{
    accounts::{self, UserKind},
    entity::{TenantScoped, user},
};
use reqwest::Method;
use sea_orm::{ColumnTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};

use crate::helpers::{
    app::{TestApp, TestUser},
    limits::set_settings,
    rest::{answer, done, expect, refused},
};

/// Makes a user one of another kind.
async fn turn_into(app: &TestApp, user: &TestUser, kind: UserKind) {
    let transaction = app.db.store.begin_write().await.unwrap();
    user::Entity::update_in_tenant(user.user.tenant_id)
        .filter(user::Column::Id.eq(user.user.id))
        .col_expr(user::Column::Kind, Expr::value(kind))
        .exec(&transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

async fn names(app: &TestApp, user: &TestUser) -> Vec<String> {
    let listed = expect(app.request_as(user, Method::GET, "/api/v1/users"), 200).await;
    let users = listed.data().as_array().unwrap().iter();
    users
        .map(|user| user["username"].as_str().unwrap().to_owned())
        .collect()
}

both_engines! {
    async fn who_may_create_rooms_is_a_setting(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, guest, bot) =
            (app.user("acme", "ann").await, app.user("acme", "guest").await, app.user("acme", "bot").await);
        turn_into(&app, &guest, UserKind::Guest).await;
        turn_into(&app, &bot, UserKind::Bot).await;
        for (setting, allowed) in [
            ("everyone", [true, true, true]),
            ("members", [true, false, true]),
            ("server", [false, false, true]),
        ] {
            set_settings(&app, "acme", json!({ "room_creation": setting })).await;
            for (user, allowed) in [&ann, &guest, &bot].into_iter().zip(allowed) {
                let room = json!({ "name": format!("{setting} {}", user.user.username) });
                if allowed {
                    done(&app, user, "POST /api/v1/rooms", room).await;
                } else {
                    refused(&app, user, "POST /api/v1/rooms", room, 403, "you may not create rooms here").await;
                }
            }
        }
    }

    async fn users_find_everybody_or_those_they_share_a_room_with(db: TestDatabase) {
        let app = TestApp::start(db).await;
        let (ann, bob, carol, guest) = (
            app.user("acme", "ann").await,
            app.user("acme", "bob").await,
            app.user("acme", "carol").await,
            app.user("acme", "guest").await,
        );
        let mallory = app.user("globex", "mallory").await;
        turn_into(&app, &guest, UserKind::Guest).await;
        let everybody = ["ann", "bob", "carol", "guest"];
        assert_eq!(names(&app, &ann).await, everybody);
        assert_eq!(names(&app, &guest).await, ["guest"], "anybody can be a guest");

        set_settings(&app, "acme", json!({ "user_directory": "shared_rooms" })).await;
        assert_eq!(names(&app, &ann).await, ["ann"]);
        let room = done(&app, &ann, "POST /api/v1/rooms", json!({ "name": "Ours" })).await.text_of("id");
        for user in [&bob, &guest] {
            done(&app, user, &format!("POST /api/v1/rooms/{room}/join"), json!({})).await;
        }
        for user in [&ann, &bob, &guest] {
            assert_eq!(names(&app, user).await, ["ann", "bob", "guest"]);
        }
        assert_eq!(names(&app, &carol).await, ["carol"]);

        // Whom one does not find is like nobody: shown to nobody, and nobody to talk to.
        let path = |id: &str| format!("/api/v1/users/{id}");
        expect(app.request_as(&ann, Method::GET, &path(&bob.id())), 200).await;
        let unknown = parlour::ids::UserId::generate().to_string();
        let mut texts = Vec::new();
        for id in [carol.id(), mallory.id(), unknown] {
            let shown = expect(app.request_as(&ann, Method::GET, &path(&id)), 404).await;
            let talk = app.request_as(&ann, Method::POST, "/api/v1/dm").json(&json!({ "user_id": id }));
            let talk = expect(talk, 404).await;
            texts.push((shown.text, talk.text));
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");
        let talk: Value = json!({ "user_id": bob.id() });
        assert_eq!(answer(app.request_as(&ann, Method::POST, "/api/v1/dm").json(&talk)).await.status, 201);
        done(&app, &bob, &format!("DELETE /api/v1/rooms/{room}/leave"), json!({})).await;
        assert_eq!(names(&app, &bob).await, ["ann", "bob"], "a conversation is a room, too");
        assert_eq!(names(&app, &guest).await, ["ann", "guest"]);
    }
}

#[test]
fn a_guest_finds_nobody_more_by_any_setting() {
    use parlour::tenants::{TenantSettings, UserDirectory};

    for user_directory in [UserDirectory::Everyone, UserDirectory::SharedRooms] {
        let settings = TenantSettings {
            user_directory,
            ..TenantSettings::default()
        };
        assert_eq!(
            accounts::directory_for(UserKind::Guest, &settings),
            UserDirectory::SharedRooms
        );
        for kind in [UserKind::Account, UserKind::Host, UserKind::Bot] {
            assert_eq!(accounts::directory_for(kind, &settings), user_directory);
        }
    }
}
