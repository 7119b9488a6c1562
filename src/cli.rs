//! The command line: what can be typed. [`crate::commands`] does it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Flag;

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
    /// People
    #[command(subcommand)]
    User(UserCommand),
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
    /// Change what a tenant's operator can choose
    Update {
        /// The tenant
        slug: String,
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
}

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
    /// Whether it signs or verifies tokens, so that `auth.secret_key` has to be there.
    pub fn needs_secret(&self) -> bool {
        matches!(self, Self::Serve | Self::Token { .. } | Self::Seed(_))
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
    fn commands_that_handle_tokens_need_the_secret() {
        let needs = |line: &str| parse(line).unwrap().command.unwrap().needs_secret();
        assert!(needs("parlour serve"));
        assert!(needs("parlour token --tenant default ada --lifetime 10m"));
        assert!(!needs("parlour migrate --dry-run"));
        assert!(!needs("parlour config"));
    }
}
