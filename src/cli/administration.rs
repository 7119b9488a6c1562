//! What those who run the server do about users, rooms, keys and the audit log.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::accounts::UserKind;
use crate::api_keys::Permission;

/// `parlour user …`
#[derive(Subcommand)]
pub enum UserCommand {
    /// Create a user; the password is the first line of standard input, or of a file
    Create {
        /// Slug of the tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// 3 to 32 of letters, digits, and _ . -
        username: String,
        /// Read the password from the first line of this file
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// List users: id, username, where they come from, name to show, and whether they are suspended
    List {
        /// Slug of the tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// Only those who come from there
        #[arg(long, value_enum)]
        kind: Option<KindArg>,
        /// Only those whose username, or name to show, begins so
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Lock a user out: tokens are refused, and connections end
    Suspend(UserArgs),
    /// End a suspension
    Resume(UserArgs),
    /// Change what a user is called
    Rename {
        /// Who
        #[command(flatten)]
        user: UserArgs,
        /// The new username
        #[arg(long, value_name = "USERNAME", required_unless_present = "name")]
        username: Option<String>,
        /// The name to show; an empty text takes it away
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// Revoke all tokens of a user, and end the connections by them
    RevokeTokens(UserArgs),
    /// Delete a user: what they said stays, without a trace of who it was
    Delete(UserArgs),
}

/// A user.
#[derive(Args)]
pub struct UserArgs {
    /// Slug of the tenant
    #[arg(long, value_name = "SLUG")]
    pub tenant: String,
    /// The user's name or id
    pub user: String,
}

/// Value of `--kind`.
#[derive(Clone, Copy, ValueEnum)]
pub enum KindArg {
    /// Registered here, with a password.
    Account,
    /// The website's own.
    Host,
    /// Visitors nobody vouches for.
    Guest,
    /// The website's backend.
    Bot,
}

impl From<KindArg> for UserKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Account => Self::Account,
            KindArg::Host => Self::Host,
            KindArg::Guest => Self::Guest,
            KindArg::Bot => Self::Bot,
        }
    }
}

/// `parlour room …`
#[derive(Subcommand)]
pub enum RoomCommand {
    /// List public and private rooms: id, slug, kind, members, name
    List {
        /// Slug of the tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
    },
    /// Delete a room with everything in it
    Delete {
        /// Slug of the tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// Slug or id of the room
        room: String,
    },
}

/// `parlour api-key …`
#[derive(Subcommand)]
pub enum ApiKeyCommand {
    /// Make a key for a website's backend; prints its id and the key, which is not shown again
    Create {
        /// Slug of the tenant
        tenant: String,
        /// What it is called, to tell keys apart
        #[arg(long)]
        name: String,
        /// What it may do, such as users:write. Can be repeated
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<Permission>,
        /// How long it is good, such as "90d" [default: until it is revoked]
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        lifetime: Option<Duration>,
    },
    /// List a tenant's keys: id, hint, state, scopes, name
    List {
        /// Slug of the tenant
        tenant: String,
    },
    /// Revoke a key, at once and for good
    Revoke {
        /// Slug of the tenant
        tenant: String,
        /// The key's id
        id: String,
    },
}

/// `parlour admin-token …`
#[derive(Subcommand)]
pub enum AdminTokenCommand {
    /// Make a token for an administrator of a tenant; prints its id and the token, which is not shown again
    Create {
        /// Slug of the tenant
        tenant: String,
        /// Whose it is
        #[arg(long)]
        name: String,
        /// How long it is good, up to "366d" [default: 90 days]
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        lifetime: Option<Duration>,
    },
    /// List the tokens of a tenant's administrators: id, hint, state, name
    List {
        /// Slug of the tenant
        tenant: String,
    },
    /// Revoke a token, at once and for good
    Revoke {
        /// Slug of the tenant
        tenant: String,
        /// The token's id
        id: String,
    },
}

/// `parlour audit …`
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Print the log, newest first, a JSON object a line
    List {
        /// Only what is about the tenant with this slug
        #[arg(long, value_name = "SLUG")]
        tenant: Option<String>,
        /// Most rows
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
    },
    /// Check that no row was changed, added or removed behind the database's back
    Verify,
}
