//! Who acts on what an audit row tells.

/// Who did something, or tried to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// Which one: the id of an API key or a user; for the others a word. Never a secret.
    pub id: String,
    /// The client's address, where there is a client.
    pub address: Option<String>,
    /// The request's id, as in the server's log.
    pub request_id: Option<String>,
}

/// The kinds of callers that change what the audit log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// Whoever holds the deployment's operator token.
    Operator,
    /// An API key that administers one tenant.
    TenantAdmin,
    /// An API key of a website's backend.
    ApiKey,
    /// A user of a tenant.
    User,
    /// A person at the command line.
    Cli,
    /// The server by itself.
    System,
    /// Somebody without a token that is good for anything.
    Nobody,
}

impl ActorKind {
    /// The word for it in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::TenantAdmin => "tenant_admin",
            Self::ApiKey => "api_key",
            Self::User => "user",
            Self::Cli => "cli",
            Self::System => "system",
            Self::Nobody => "nobody",
        }
    }
}

impl Actor {
    /// A person at the command line.
    pub fn cli() -> Self {
        Self::of(ActorKind::Cli)
    }

    /// The server by itself.
    pub fn system() -> Self {
        Self::of(ActorKind::System)
    }

    /// Somebody of a kind of which there is only one.
    pub fn of(kind: ActorKind) -> Self {
        Self {
            kind,
            id: kind.as_str().to_owned(),
            address: None,
            request_id: None,
        }
    }
}
