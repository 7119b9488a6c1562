//! Fills a server for a load test, through its API: a website, rooms, and users whose tokens put them there.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::{api::Api, error::BenchError, files};

/// Requests under way at the same time.
const CONCURRENCY: usize = 32;

/// The website's slug.
const TENANT: &str = "bench";

/// How long a website's token is good, in seconds. It is exchanged at once.
const TOKEN_LIFETIME: u64 = 600;

/// Rooms, and who is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What it is called; rooms are called after it.
    pub name: &'static str,
    /// How many rooms.
    pub rooms: usize,
    /// How many users.
    pub members: usize,
    /// Everybody is in every room. Otherwise user `i` is in room `i / (members / rooms)`.
    pub everywhere: bool,
    /// Messages that each room has.
    pub messages: usize,
}

impl Layout {
    /// Rooms of so many, everybody in one of them.
    pub fn rooms_of(name: &'static str, rooms: usize, per_room: usize) -> Self {
        Self {
            name,
            rooms,
            members: rooms * per_room,
            everywhere: false,
            messages: 0,
        }
    }

    /// The slugs of the rooms that a user is in.
    fn rooms_of_user(&self, user: usize) -> Vec<String> {
        if user >= self.members {
            vec![]
        } else if self.everywhere {
            (0..self.rooms).map(|room| self.slug(room)).collect()
        } else {
            vec![self.slug(user * self.rooms / self.members)]
        }
    }

    fn slug(&self, room: usize) -> String {
        format!("{}-{room}", self.name)
    }

    /// The file with the ids of the rooms.
    pub fn rooms_file(&self, folder: &Path) -> PathBuf {
        folder.join(format!("rooms-{}", self.name))
    }
}

/// The file with the tokens of the users.
pub fn tokens_file(folder: &Path) -> PathBuf {
    folder.join("tokens")
}

/// Fills a new server, and writes the files that phxload reads.
pub async fn fill(api: &Api, layouts: &[Layout], folder: &Path) -> Result<(), BenchError> {
    let tenant = format!("/api/v1/admin/tenants/{TENANT}");
    api.post(
        "/api/v1/admin/tenants",
        &api.operator,
        &json!({ "slug": TENANT, "name": "Bench" }),
    )
    .await?;
    let key = api
        .post(
            &format!("{tenant}/keys"),
            &api.operator,
            &json!({ "algorithm": "HS256" }),
        )
        .await?;
    let scopes = json!({ "name": "bench", "scopes": ["rooms:write"] });
    let backend = api.post(&format!("{tenant}/api_keys"), &api.operator, &scopes).await?;
    let backend = text(&backend, "secret")?;

    for layout in layouts {
        let rooms = create_rooms(api, &backend, layout).await?;
        files::write(&layout.rooms_file(folder), &rooms.join("\n"))?;
    }
    let users = layouts.iter().map(|layout| layout.members).max().unwrap_or(0);
    let signer = Signer {
        header: Header {
            kid: Some(text(&key, "kid")?),
            ..Header::new(Algorithm::HS256)
        },
        key: EncodingKey::from_secret(text(&key, "secret")?.as_bytes()),
    };
    let tokens: Vec<String> = stream::iter(0..users)
        .map(|user| sign_in(api, &signer, layouts, user))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    files::write(&tokens_file(folder), &tokens.join("\n"))?;
    for layout in layouts.iter().filter(|layout| layout.messages > 0) {
        say_something(api, layout, &tokens[0]).await?;
    }
    Ok(())
}

async fn create_rooms(api: &Api, backend: &str, layout: &Layout) -> Result<Vec<String>, BenchError> {
    stream::iter(0..layout.rooms)
        .map(|room| async move {
            let slug = layout.slug(room);
            let room = json!({ "name": slug, "slug": slug, "kind": "private" });
            let room = api.post("/api/v1/server/rooms", backend, &room).await?;
            text(&room, "id")
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

/// Signs the tokens of the website.
struct Signer {
    header: Header,
    key: EncodingKey,
}

/// The first visit of a user, whose token names their rooms. Gives the session.
async fn sign_in(api: &Api, signer: &Signer, layouts: &[Layout], user: usize) -> Result<String, BenchError> {
    let rooms = layouts.iter().flat_map(|layout| layout.rooms_of_user(user));
    let grants: Vec<Value> = rooms.map(|room| json!({ "room": room, "role": "member" })).collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let claims = json!({
        "iss": TENANT, "aud": "parlour", "sub": format!("user-{user}"), "name": format!("User {user}"),
        "iat": now, "exp": now + TOKEN_LIFETIME, "rooms": grants,
    });
    let token = jsonwebtoken::encode(&signer.header, &claims, &signer.key)?;
    let session = api
        .post("/api/v1/auth/exchange", "", &json!({ "token": token }))
        .await?;
    text(&session, "token")
}

async fn say_something(api: &Api, layout: &Layout, token: &str) -> Result<(), BenchError> {
    for room in 0..layout.rooms {
        let path = format!("/api/v1/rooms/{}/messages", layout.slug(room));
        for message in 0..layout.messages {
            let content = format!("Message {message} of many, as long as most of what people say to one another.");
            api.post(&path, token, &json!({ "content": content })).await?;
        }
    }
    Ok(())
}

fn text(answer: &Value, field: &'static str) -> Result<String, BenchError> {
    let text = answer[field].as_str().ok_or(BenchError::Answer {
        path: "a request".to_owned(),
        field,
    })?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_where_phxload_sends_them() {
        let layout = Layout::rooms_of("small", 20, 5);
        assert_eq!(layout.members, 100);
        assert!((0..100).all(|user| layout.rooms_of_user(user) == [format!("small-{}", user / 5)]));
        assert!(layout.rooms_of_user(100).is_empty());
        let everywhere = Layout {
            everywhere: true,
            ..layout
        };
        assert_eq!(everywhere.rooms_of_user(7).len(), 20);
    }
}
