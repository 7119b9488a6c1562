//! Every URL on one screen.
//!
//! [`ROUTES`] is the table: what answers 405 and `OPTIONS`, what the description of the API says about
//! tokens and errors, and what the tests walk through. `api` registers the handlers; a test fails when
//! the two differ.

use actix_web::HttpRequest;

use crate::api_keys::Permission;

mod registration;

pub(super) use self::registration::api;
pub use self::registration::configure;

/// Who a route answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    /// Anybody.
    Anybody,
    /// Users, by their token.
    User,
    /// The operator, by the operator token.
    Operator,
    /// The operator, and the administrators of the tenant of the path, by their keys.
    Administrator,
    /// The backend of a website, by a key with this permission.
    ServerKey(Permission),
}

impl Caller {
    /// Whether only those are answered who run the server or a tenant.
    pub const fn administers(self) -> bool {
        matches!(self, Self::Operator | Self::Administrator)
    }
}

/// What `{id}` in a path is the id of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Id {
    /// A user.
    User,
    /// A room; its slug will do as well.
    Room,
    /// A direct conversation.
    Dm,
    /// An invitation of the user's own, which has the id or slug of its room.
    Invitation,
    /// An API key.
    ApiKey,
    /// An upload.
    Upload,
}

/// A route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path, with names in braces where something is to be filled in: `{id}`, `{mid}` for a message's id,
    /// `{uid}` for a user's, `{emoji}`, `{slug}` for a tenant's, `{kid}` for a signing key's.
    pub path: &'static str,
    /// Who may ask.
    pub caller: Caller,
    /// What `{id}` is.
    pub id: Option<Id>,
    /// Whether it reads a JSON body.
    pub body: bool,
    /// Whether it reads a body of any kind.
    pub raw_body: bool,
    /// Whether a rate limit can refuse it.
    pub limited: bool,
    /// What the audit log calls it; empty for what is in no audit log.
    pub action: &'static str,
}

impl Route {
    const fn new(method: &'static str, path: &'static str, caller: Caller) -> Self {
        Self {
            method,
            path,
            caller,
            id: None,
            body: false,
            raw_body: false,
            limited: false,
            action: "",
        }
    }

    /// A route for those who administer, and what the audit log calls it.
    const fn admin(method: &'static str, path: &'static str, caller: Caller, action: &'static str) -> Self {
        let mut route = Self::new(method, path, caller).limited();
        route.action = action;
        route
    }

    /// A route for those who administer the tenant of the path.
    const fn tenant(method: &'static str, path: &'static str, action: &'static str) -> Self {
        Self::admin(method, path, Caller::Administrator, action)
    }

    /// A route for a website's backend, and what the audit log calls it.
    const fn server(method: &'static str, path: &'static str, needed: Permission, action: &'static str) -> Self {
        Self::admin(method, path, Caller::ServerKey(needed), action)
    }

    const fn of(mut self, id: Id) -> Self {
        self.id = Some(id);
        self
    }

    const fn with_body(mut self) -> Self {
        self.body = true;
        self
    }

    const fn with_raw_body(mut self) -> Self {
        self.raw_body = true;
        self
    }

    const fn limited(mut self) -> Self {
        self.limited = true;
        self
    }

    /// The route that a request was found to be for.
    pub(super) fn of_request(request: &HttpRequest) -> Option<&'static Self> {
        let pattern = request.match_pattern()?;
        ROUTES
            .iter()
            .find(|route| route.path == pattern && route.method == request.method().as_str())
    }

    /// Whether it answers on the operator's own listener only, when there is one.
    fn is_operations(&self) -> bool {
        self.caller.administers() || self.path == "/metrics"
    }

    /// The names in braces of the path, in their order.
    pub fn placeholders(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.split('/').filter_map(placeholder)
    }

    /// Whether a request's path is one of this route.
    fn matches(&self, path: &str) -> bool {
        let (mut pattern, mut path) = (self.path.split('/'), path.split('/'));
        loop {
            match (pattern.next(), path.next()) {
                (None, None) => return true,
                (Some(expected), Some(found)) if placeholder(expected).is_some() && !found.is_empty() => {}
                (Some(expected), Some(found)) if expected == found => {}
                _ => return false,
            }
        }
    }
}

/// The name of a segment of a route's path that is to be filled in.
fn placeholder(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// All routes that answer in JSON or text. (The sockets' are in [`super::socket`], the pages' below.)
pub const ROUTES: &[Route] = &[
    Route::new("POST", "/api/v1/auth/register", Caller::Anybody)
        .with_body()
        .limited(),
    Route::new("POST", "/api/v1/auth/login", Caller::Anybody)
        .with_body()
        .limited(),
    Route::new("POST", "/api/v1/auth/exchange", Caller::Anybody).with_body(),
    Route::new("POST", "/api/v1/auth/guest", Caller::Anybody)
        .with_body()
        .limited(),
    Route::new("POST", "/api/v1/auth/claim", Caller::User).with_body(),
    Route::new("PUT", "/api/v1/auth/password", Caller::User)
        .with_body()
        .limited(),
    Route::new("DELETE", "/api/v1/auth/logout", Caller::User).with_body(),
    Route::new("GET", "/api/v1/auth/me", Caller::User),
    Route::new("GET", "/api/v1/tenant", Caller::Anybody),
    Route::new("GET", "/api/v1/tenant/origin", Caller::Anybody),
    Route::new("GET", "/api/v1/users", Caller::User),
    Route::new("GET", "/api/v1/users/{id}", Caller::User).of(Id::User),
    Route::new("GET", "/api/v1/rooms", Caller::User),
    Route::new("POST", "/api/v1/rooms", Caller::User).with_body(),
    Route::new("GET", "/api/v1/rooms/page", Caller::User),
    Route::new("POST", "/api/v1/rooms/page", Caller::User).with_body(),
    Route::new("GET", "/api/v1/rooms/{id}", Caller::User).of(Id::Room),
    Route::new("PATCH", "/api/v1/rooms/{id}", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("DELETE", "/api/v1/rooms/{id}", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("POST", "/api/v1/rooms/{id}/join", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("DELETE", "/api/v1/rooms/{id}/leave", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("GET", "/api/v1/rooms/{id}/messages", Caller::User).of(Id::Room),
    Route::new("POST", "/api/v1/rooms/{id}/messages", Caller::User)
        .of(Id::Room)
        .with_body()
        .limited(),
    Route::new("POST", "/api/v1/rooms/{id}/uploads", Caller::User)
        .of(Id::Room)
        .with_raw_body()
        .limited(),
    Route::new("GET", "/api/v1/uploads/{id}", Caller::Anybody).of(Id::Upload),
    Route::new("GET", "/api/v1/rooms/{id}/messages/{mid}", Caller::User).of(Id::Room),
    Route::new("PATCH", "/api/v1/rooms/{id}/messages/{mid}", Caller::User)
        .of(Id::Room)
        .with_body()
        .limited(),
    Route::new("DELETE", "/api/v1/rooms/{id}/messages/{mid}", Caller::User)
        .of(Id::Room)
        .with_body()
        .limited(),
    Route::new("GET", "/api/v1/rooms/{id}/messages/{mid}/revisions", Caller::User).of(Id::Room),
    Route::new("GET", "/api/v1/rooms/{id}/messages/{mid}/thread", Caller::User).of(Id::Room),
    Route::new(
        "PUT",
        "/api/v1/rooms/{id}/messages/{mid}/reactions/{emoji}",
        Caller::User,
    )
    .of(Id::Room)
    .with_body()
    .limited(),
    Route::new(
        "DELETE",
        "/api/v1/rooms/{id}/messages/{mid}/reactions/{emoji}",
        Caller::User,
    )
    .of(Id::Room)
    .with_body()
    .limited(),
    Route::new("PUT", "/api/v1/rooms/{id}/messages/{mid}/pin", Caller::User)
        .of(Id::Room)
        .with_body()
        .limited(),
    Route::new("DELETE", "/api/v1/rooms/{id}/messages/{mid}/pin", Caller::User)
        .of(Id::Room)
        .with_body()
        .limited(),
    Route::new("GET", "/api/v1/rooms/{id}/pins", Caller::User).of(Id::Room),
    Route::new("GET", "/api/v1/rooms/{id}/changes", Caller::User).of(Id::Room),
    Route::new("POST", "/api/v1/rooms/{id}/read", Caller::User)
        .of(Id::Room)
        .with_body()
        .limited(),
    Route::new("POST", "/api/v1/rooms/{id}/unread", Caller::User)
        .of(Id::Room)
        .with_body()
        .limited(),
    Route::new("GET", "/api/v1/unread", Caller::User),
    Route::new("GET", "/api/v1/rooms/{id}/members", Caller::User).of(Id::Room),
    Route::new("POST", "/api/v1/rooms/{id}/members", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("PATCH", "/api/v1/rooms/{id}/members/{uid}", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("DELETE", "/api/v1/rooms/{id}/members/{uid}", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("PUT", "/api/v1/rooms/{id}/members/{uid}/mute", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("DELETE", "/api/v1/rooms/{id}/members/{uid}/mute", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("GET", "/api/v1/rooms/{id}/mutes", Caller::User).of(Id::Room),
    Route::new("GET", "/api/v1/rooms/{id}/bans", Caller::User).of(Id::Room),
    Route::new("PUT", "/api/v1/rooms/{id}/bans/{uid}", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("DELETE", "/api/v1/rooms/{id}/bans/{uid}", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("GET", "/api/v1/rooms/{id}/invitations", Caller::User).of(Id::Room),
    Route::new("POST", "/api/v1/rooms/{id}/invitations", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("DELETE", "/api/v1/rooms/{id}/invitations/{uid}", Caller::User)
        .of(Id::Room)
        .with_body(),
    Route::new("GET", "/api/v1/invitations", Caller::User),
    Route::new("DELETE", "/api/v1/invitations/{id}", Caller::User)
        .of(Id::Invitation)
        .with_body(),
    Route::new("GET", "/api/v1/dm", Caller::User),
    Route::new("POST", "/api/v1/dm", Caller::User).with_body(),
    Route::new("GET", "/api/v1/dm/{id}/messages", Caller::User).of(Id::Dm),
    Route::new("POST", "/api/v1/dm/{id}/messages", Caller::User)
        .of(Id::Dm)
        .with_body()
        .limited(),
    Route::admin("GET", "/api/v1/admin/stats", Caller::Operator, "stats.show"),
    Route::admin("GET", "/api/v1/admin/audit", Caller::Operator, "audit.list"),
    Route::admin("GET", "/api/v1/admin/tenants", Caller::Operator, "tenant.list"),
    Route::admin("POST", "/api/v1/admin/tenants", Caller::Operator, "tenant.create").with_body(),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}", "tenant.show"),
    Route::tenant("PATCH", "/api/v1/admin/tenants/{slug}", "tenant.update").with_body(),
    Route::admin(
        "DELETE",
        "/api/v1/admin/tenants/{slug}",
        Caller::Operator,
        "tenant.delete",
    )
    .with_body(),
    Route::admin(
        "PUT",
        "/api/v1/admin/tenants/{slug}/suspension",
        Caller::Operator,
        "tenant.suspend",
    ),
    Route::admin(
        "DELETE",
        "/api/v1/admin/tenants/{slug}/suspension",
        Caller::Operator,
        "tenant.resume",
    ),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/limits", "limits.show"),
    Route::admin(
        "PUT",
        "/api/v1/admin/tenants/{slug}/limits",
        Caller::Operator,
        "tenant.limits",
    )
    .with_body(),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/usage", "usage.show"),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/audit", "audit.list"),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/keys", "key.list"),
    Route::tenant("POST", "/api/v1/admin/tenants/{slug}/keys", "key.create").with_body(),
    Route::tenant("DELETE", "/api/v1/admin/tenants/{slug}/keys/{kid}", "key.revoke"),
    Route::tenant("POST", "/api/v1/admin/tenants/{slug}/keys/{kid}/rotation", "key.rotate").with_body(),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/api_keys", "api_key.list"),
    Route::tenant("POST", "/api/v1/admin/tenants/{slug}/api_keys", "api_key.create").with_body(),
    Route::tenant("DELETE", "/api/v1/admin/tenants/{slug}/api_keys/{id}", "api_key.revoke").of(Id::ApiKey),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/admins", "admin.list"),
    Route::admin(
        "POST",
        "/api/v1/admin/tenants/{slug}/admins",
        Caller::Operator,
        "admin.create",
    )
    .with_body(),
    Route::admin(
        "DELETE",
        "/api/v1/admin/tenants/{slug}/admins/{id}",
        Caller::Operator,
        "admin.revoke",
    )
    .of(Id::ApiKey),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/users", "user.list"),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/users/{id}", "user.show").of(Id::User),
    Route::tenant("PATCH", "/api/v1/admin/tenants/{slug}/users/{id}", "user.update")
        .of(Id::User)
        .with_body(),
    Route::tenant("DELETE", "/api/v1/admin/tenants/{slug}/users/{id}", "user.delete").of(Id::User),
    Route::tenant(
        "PUT",
        "/api/v1/admin/tenants/{slug}/users/{id}/suspension",
        "user.suspend",
    )
    .of(Id::User),
    Route::tenant(
        "DELETE",
        "/api/v1/admin/tenants/{slug}/users/{id}/suspension",
        "user.unsuspend",
    )
    .of(Id::User),
    Route::tenant(
        "DELETE",
        "/api/v1/admin/tenants/{slug}/users/{id}/tokens",
        "user.revoke_tokens",
    )
    .of(Id::User),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/rooms", "room.list"),
    Route::tenant("GET", "/api/v1/admin/tenants/{slug}/rooms/{id}", "room.show").of(Id::Room),
    Route::tenant("DELETE", "/api/v1/admin/tenants/{slug}/rooms/{id}", "room.delete").of(Id::Room),
    Route::server("GET", "/api/v1/server/users", Permission::UsersRead, "user.list"),
    Route::server("POST", "/api/v1/server/users", Permission::UsersWrite, "user.put").with_body(),
    Route::server("GET", "/api/v1/server/users/{id}", Permission::UsersRead, "user.show").of(Id::User),
    Route::server(
        "POST",
        "/api/v1/server/users/{id}/tokens",
        Permission::TokensWrite,
        "user.issue_token",
    )
    .of(Id::User),
    Route::server(
        "DELETE",
        "/api/v1/server/users/{id}/tokens",
        Permission::TokensWrite,
        "user.revoke_tokens",
    )
    .of(Id::User),
    Route::server("GET", "/api/v1/server/rooms", Permission::RoomsRead, "room.list"),
    Route::server("POST", "/api/v1/server/rooms", Permission::RoomsWrite, "room.create").with_body(),
    Route::server(
        "POST",
        "/api/v1/server/rooms/{id}/members",
        Permission::MembersWrite,
        "member.set",
    )
    .of(Id::Room)
    .with_body(),
    Route::server(
        "DELETE",
        "/api/v1/server/rooms/{id}/members/{uid}",
        Permission::MembersWrite,
        "member.remove",
    )
    .of(Id::Room),
    Route::server(
        "POST",
        "/api/v1/server/rooms/{id}/messages",
        Permission::MessagesWrite,
        "message.send",
    )
    .of(Id::Room)
    .with_body(),
    Route::new("GET", "/api/v1/openapi.json", Caller::Anybody),
    Route::new("GET", "/health/live", Caller::Anybody),
    Route::new("GET", "/health/ready", Caller::Anybody),
    Route::new("GET", "/metrics", Caller::Anybody),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_matched_segment_by_segment() {
        let route = Route::new("GET", "/api/v1/rooms/{id}/messages", Caller::User);
        assert!(route.matches("/api/v1/rooms/general/messages"));
        for path in [
            "/api/v1/rooms//messages",
            "/api/v1/rooms/general",
            "/api/v1/rooms/a/b/messages",
            "/",
            "",
        ] {
            assert!(!route.matches(path), "{path}");
        }
        let route = Route::new(
            "PUT",
            "/api/v1/rooms/{id}/messages/{mid}/reactions/{emoji}",
            Caller::User,
        );
        assert!(route.matches("/api/v1/rooms/general/messages/1/reactions/%F0%9F%91%8D"));
        assert!(!route.matches("/api/v1/rooms/general/messages//reactions/x"));
        assert_eq!(route.placeholders().collect::<Vec<_>>(), ["id", "mid", "emoji"]);
    }
}
