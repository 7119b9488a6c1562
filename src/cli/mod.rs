//! The command line: what can be typed. [`crate::commands`] does it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Flag;

pub use administration::{AdminTokenCommand, ApiKeyCommand, AuditCommand, KindArg, RoomCommand, UserArgs, UserCommand};

mod administration;

/// A chat room for any website: REST and Phoenix Channels, many tenants, one binary.
///
/// Every setting is also a variable: server.port is PARLOUR_SERVER__PORT. `parlour config` prints those in effect.
#[derive(Parser)]
#[command(name = "parlour", version)]
pub struct Cli {
    /// Settings by flag.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that win over every other source of settings. Good before and after the command.
#[derive(Args, Default)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// Settings file [default: ./parlour.toml, when there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub host: Option<IpAddr>,
    /// TCP port to listen on; 0 takes any free one
    #[arg(long, global = true, value_name = "PORT")]
    pub port: Option<u16>,
    /// sqlite://… or postgres://…; better by DATABASE_URL when it holds a password
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// What kind of deployment this is
    #[arg(long, global = true, value_enum)]
    pub environment: Option<EnvironmentArg>,
    /// Short for --environment development
    #[arg(long, global = true, conflicts_with = "environment")]
    pub dev: bool,
    /// Turn all rate limits off
    #[arg(long, global = true)]
    pub no_limits: bool,
}

/// Value of `--environment`.
#[derive(Clone, Copy, ValueEnum)]
pub enum EnvironmentArg {
    /// Secrets may be weak or generated.
    Development,
    /// Nothing is lax.
    Production,
}

/// What `parlour` does.
#[derive(Subcommand)]
pub enum Command {
    /// Run the server (the default)
    Serve,
    /// Bring the database to this version's schema
    Migrate {
        /// Only list what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Websites
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Limits of a website, where they are other than the deployment's
    #[command(subcommand)]
    Limits(LimitsCommand),
    /// Keys that a website signs its users' tokens with
    #[command(subcommand)]
    Key(KeyCommand),
    /// What the database keeps secret
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// People
    #[command(subcommand)]
    User(UserCommand),
    /// Rooms
    #[command(subcommand)]
    Room(RoomCommand),
    /// Keys of websites' backends
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Tokens of tenants' administrators
    #[command(subcommand)]
    AdminToken(AdminTokenCommand),
    /// What administrators did, and tried to
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print what a tenant uses, as JSON
    Usage {
        /// Slug of the tenant
        tenant: String,
    },
    /// Print a token for an existing user
    Token {
        /// Slug of the user's tenant
        #[arg(long, value_name = "SLUG")]
        tenant: String,
        /// The user's name
        username: String,
        /// How long it is good, such as "10m" or "12h" [default: auth.token_lifetime]
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        lifetime: Option<Duration>,
    },
    /// Print the OpenAPI description of the REST interface
    Openapi,
    /// Print the settings in effect, secrets hidden, and where each came from
    Config,
    /// Fill the database for a load test
    Seed(SeedArgs),
    /// Ask a running server whether it is alive; the exit code tells
    Health {
        /// What to ask [default: /health/live on server.host and server.port]
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Print a page of the documentation that is made from the code
    #[command(hide = true)]
    Reference {
        /// Which page
        #[arg(value_enum)]
        page: ReferencePage,
    },
}

/// `parlour tenant …`
#[derive(Subcommand)]
pub enum TenantCommand {
    /// Create a tenant with the default rooms
    Create {
        /// 1 to 63 of a-z, 0-9 and -, the first not a -
        slug: String,
        /// Name for people [default: the slug]
        #[arg(long)]
        name: Option<String>,
    },
    /// List all tenants
    List,
    /// Print all there is to know of a tenant, as JSON
    Show {
        /// The tenant
        slug: String,
    },
    /// Change a tenant's name and settings, and print the settings as JSON
    Update {
        /// The tenant
        slug: String,
        /// Name for people
        #[arg(long)]
        name: Option<String>,
        /// A setting by its name, such as guests=true or features.typing=false; null takes a value away. Can be
        /// repeated
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// File with settings as a JSON object; those it does not have stay
        #[arg(long, value_name = "FILE")]
        settings_file: Option<PathBuf>,
        /// Origins that pages may use the chat from, with commas between; "any" for all
        #[arg(long, value_name = "LIST")]
        allowed_origins: Option<String>,
        /// Whether rooms are told who comes and goes, besides presence
        #[arg(long, value_name = "BOOL")]
        announce_joins: Option<bool>,
        /// How long authors may edit and delete their messages, such as "10m"; "off" for ever
        #[arg(long, value_name = "DURATION")]
        edit_window: Option<String>,
    },
    /// Lock everybody out of a tenant, those who are connected too
    Suspend {
        /// The tenant
        slug: String,
    },
    /// End a suspension
    Resume {
        /// The tenant
        slug: String,
    },
    /// Delete a tenant with all its users, rooms, messages and keys
    Delete {
        /// The tenant
        slug: String,
        /// The slug once more: there is no way back
        #[arg(long, value_name = "SLUG")]
        confirm: String,
    },
}

/// `parlour limits …`
#[derive(Subcommand)]
pub enum LimitsCommand {
    /// Print the limits that a tenant has of its own, as JSON
    Show {
        /// Slug of the tenant
        tenant: String,
    },
    /// Change the limits that a tenant has of its own, and print them
    Set {
        /// Slug of the tenant
        tenant: String,
        /// A limit by its name, such as messages_per_user=20/5s, rooms_max=off or dry_run=true; "default" takes it
        /// away. Can be repeated
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// File with limits as a JSON object, in place of all that were set before
        #[arg(long, value_name = "FILE")]
        limits_file: Option<PathBuf>,
    },
}

/// `parlour key …`
#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key; prints its name, its algorithm and, of HS256, the secret, which is not shown again
    Create {
        /// Slug of the tenant
        tenant: String,
        /// How the website signs
        #[arg(long, value_enum, ignore_case = true, default_value = "HS256")]
        algorithm: AlgorithmArg,
        /// What it is to be like
        #[command(flatten)]
        key: KeyArgs,
    },
    /// List a tenant's keys
    List {
        /// Slug of the tenant
        tenant: String,
    },
    /// Make a key that takes another's place; when two are live, the older one is revoked
    Rotate {
        /// Slug of the tenant
        tenant: String,
        /// Name of the key whose place it takes
        kid: String,
        /// What it is to be like
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Revoke a key: its tokens are refused, and whoever is connected by one is not any more
    Revoke {
        /// Slug of the tenant
        tenant: String,
        /// Name of the key
        kid: String,
    },
}

/// What a new key is to be like.
#[derive(Args)]
pub struct KeyArgs {
    /// Name of the new key in the headers of tokens [default: one is made up]
    #[arg(long = "kid", value_name = "KID")]
    pub new_kid: Option<String>,
    /// File with the public key as PEM, for EdDSA and ES256
    #[arg(long, value_name = "FILE")]
    pub public_key_file: Option<PathBuf>,
}

/// Value of `--algorithm`.
#[derive(Clone, Copy, ValueEnum)]
pub enum AlgorithmArg {
    /// A secret that both sides know.
    #[value(name = "HS256")]
    Hs256,
    /// An Ed25519 key pair of the website.
    #[value(name = "EdDSA")]
    EdDsa,
    /// A P-256 key pair of the website.
    #[value(name = "ES256")]
    Es256,
}

/// `parlour secrets …`
#[derive(Subcommand)]
pub enum SecretsCommand {
    /// Seal everything anew with auth.master_key, after the one before went to auth.retired_master_keys
    Rotate,
}

/// `parlour seed`
#[derive(Args)]
pub struct SeedArgs {
    /// Slug of the tenant, created when missing
    #[arg(long, value_name = "SLUG")]
    pub tenant: String,
    /// How many users
    #[arg(long, value_name = "N")]
    pub users: usize,
    /// How many rooms
    #[arg(long, value_name = "M")]
    pub rooms: usize,
    /// Members of each room: user i is in room i / K
    #[arg(long, value_name = "K")]
    pub per_room: usize,
    /// Where to write one token a line, user by user
    #[arg(long, value_name = "FILE")]
    pub tokens: PathBuf,
    /// Where to write one room id a line, room by room
    #[arg(long, value_name = "FILE")]
    pub room_ids: PathBuf,
}

/// Pages of the documentation that are made from the code.
#[derive(Clone, Copy, ValueEnum)]
pub enum ReferencePage {
    /// docs/settings.md
    Settings,
    /// docs/metrics.md
    Metrics,
}

impl Command {
    /// The secrets that it cannot do without.
    pub fn secrets_required(&self) -> &'static [&'static str] {
        match self {
            Self::Serve => &["auth.secret_key", "auth.master_key"],
            Self::Token { .. } | Self::Seed(_) => &["auth.secret_key"],
            Self::Key(KeyCommand::Create { .. } | KeyCommand::Rotate { .. }) | Self::Secrets(_) => &["auth.master_key"],
            Self::Migrate { .. }
            | Self::Tenant(_)
            | Self::Limits(_)
            | Self::Key(KeyCommand::List { .. } | KeyCommand::Revoke { .. })
            | Self::User(_)
            | Self::Room(_)
            | Self::ApiKey(_)
            | Self::AdminToken(_)
            | Self::Audit(_)
            | Self::Usage { .. }
            | Self::Openapi
            | Self::Config
            | Self::Health { .. }
            | Self::Reference { .. } => &[],
        }
    }
}

impl SettingsArgs {
    /// The flags given, as settings.
    pub fn flags(&self) -> Vec<Flag> {
        let environment = match self.environment {
            Some(EnvironmentArg::Production) => Some(("--environment", "production")),
            Some(EnvironmentArg::Development) => Some(("--environment", "development")),
            None => self.dev.then_some(("--dev", "development")),
        };
        let (environment_flag, environment) = environment.unzip();
        [
            ("--host", "server.host", self.host.map(|host| host.to_string())),
            ("--port", "server.port", self.port.map(|port| port.to_string())),
            ("--database-url", "database.url", self.database_url.clone()),
            (
                environment_flag.unwrap_or_default(),
                "environment",
                environment.map(str::to_owned),
            ),
            ("--no-limits", "no_limits", self.no_limits.then(|| "true".to_owned())),
        ]
        .into_iter()
        .filter_map(|(name, key, value)| value.map(|value| Flag { name, key, value }))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_are_good_before_and_after_the_command_and_without_one() {
        for line in [
            "parlour --port 0 --dev",
            "parlour --port 0 --dev serve",
            "parlour serve --port 0 --dev",
        ] {
            let flags = parse(line).unwrap().settings.flags();
            let flags: Vec<_> = flags
                .iter()
                .map(|flag| (flag.name, flag.key, flag.value.as_str()))
                .collect();
            assert_eq!(
                flags,
                [("--port", "server.port", "0"), ("--dev", "environment", "development")],
                "{line}"
            );
        }
    }

    #[test]
    fn a_password_cannot_be_typed_as_an_argument() {
        assert!(parse("parlour user create --tenant default ada hunter2").is_err());
        assert!(parse("parlour user create --tenant default ada --password hunter2").is_err());
        assert!(parse("parlour user create --tenant default ada").is_ok());
    }

    #[test]
    fn a_tenant_is_deleted_by_nobody_who_did_not_name_it_twice() {
        assert!(parse("parlour tenant delete acme").is_err());
        assert!(parse("parlour tenant delete acme --confirm acme").is_ok());
    }

    #[test]
    fn commands_need_the_secrets_that_they_use() {
        let needs = |line: &str| parse(line).unwrap().command.unwrap().secrets_required();
        assert_eq!(needs("parlour serve"), ["auth.secret_key", "auth.master_key"]);
        assert_eq!(
            needs("parlour token --tenant default ada --lifetime 10m"),
            ["auth.secret_key"]
        );
        assert_eq!(needs("parlour key rotate default key-1"), ["auth.master_key"]);
        assert_eq!(needs("parlour secrets rotate"), ["auth.master_key"]);
        assert!(needs("parlour key revoke default key-1").is_empty());
        assert!(needs("parlour migrate --dry-run").is_empty());
        assert!(needs("parlour config").is_empty());
    }
}
