//! What the command line does, one function for each command. Results go to `out`, logs and errors to standard error.

mod api_keys;
mod audit;
mod data;
mod health;
mod keys;
mod listing;
mod rooms;
mod tenants;
mod tls_client;
mod users;

use std::io::{self, Write};
use std::path::PathBuf;

use crate::cli::{Cli, Command, ReferencePage, SecretsCommand};
use crate::config::{self, KeepSecretError, Loaded, Settings, SettingsError, Sources};
use crate::startup::{self, StartupError};
use crate::store::{DatabaseOptions, Store, StoreError};
use crate::validation::Violations;
use crate::{accounts, chat, metrics};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The settings cannot be printed.
    #[error("cannot print the settings")]
    Print(#[from] toml::ser::Error),
    /// The description of the REST interface cannot be printed.
    #[error("cannot print the description")]
    Describe(#[from] serde_json::Error),
    /// A generated secret cannot be kept.
    #[error(transparent)]
    KeepSecret(#[from] KeepSecretError),
    /// The server did not start.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database has not been brought to this version's schema.
    #[error("the database is not migrated; run `parlour migrate` first")]
    NotMigrated,
    /// A tenant could not be found or made.
    #[error("tenant {slug}: {source}")]
    Tenant {
        /// Its slug.
        slug: String,
        /// What went wrong.
        source: crate::tenants::Error,
    },
    /// The tenants could not be listed.
    #[error(transparent)]
    Tenants(crate::tenants::Error),
    /// A user could not be found or made.
    #[error("user {username}: {source}")]
    User {
        /// The name.
        username: String,
        /// What went wrong.
        source: accounts::Error,
    },
    /// A password could not be hashed.
    #[error(transparent)]
    Password(accounts::Error),
    /// Rooms could not be made, found or deleted.
    #[error(transparent)]
    Chat(#[from] chat::Error),
    /// An API key could not be made or found.
    #[error(transparent)]
    ApiKeys(crate::api_keys::Error),
    /// The audit log could not be listed.
    #[error(transparent)]
    Audit(crate::audit::Error),
    /// The audit log is not as it was written.
    #[error(transparent)]
    Verify(#[from] crate::audit::VerifyError),
    /// The input breaks rules.
    #[error("invalid input: {}", serde_json::to_string(.0).unwrap_or_default())]
    Invalid(Violations),
    /// No password was given.
    #[error("no password: give it as the first line of standard input or of --password-file")]
    NoPassword,
    /// A setting is missing.
    #[error("{0} is missing")]
    NoSecret(&'static str),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The result cannot be written, or the password not read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server is not healthy.
    #[error(transparent)]
    Unhealthy(#[from] health::HealthError),
}

impl From<crate::api_keys::Error> for CommandError {
    fn from(error: crate::api_keys::Error) -> Self {
        match error {
            crate::api_keys::Error::Invalid(violations) => Self::Invalid(violations),
            error => Self::ApiKeys(error),
        }
    }
}

impl From<crate::audit::Error> for CommandError {
    fn from(error: crate::audit::Error) -> Self {
        match error {
            crate::audit::Error::Invalid(violations) => Self::Invalid(violations),
            error @ crate::audit::Error::Db(_) => Self::Audit(error),
        }
    }
}

impl From<Violations> for CommandError {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

/// Does what the command line says. `environment` are the variables that may be settings.
///
/// # Errors
///
/// Whatever went wrong; its message is for people.
pub fn run(cli: Cli, environment: Vec<(String, String)>, out: &mut impl Write) -> Result<(), CommandError> {
    let command = cli.command.unwrap_or(Command::Serve);
    let load = || {
        Settings::load(&Sources {
            folder: PathBuf::new(),
            config: cli.settings.config.clone(),
            environment,
            flags: cli.settings.flags(),
            secrets_required: command.secrets_required(),
        })
    };
    match &command {
        // These say the same whatever the settings are.
        Command::Openapi => return Ok(writeln!(out, "{}", crate::web::openapi::openapi_json()?.trim_end())?),
        Command::Reference { page } => {
            let text = match page {
                ReferencePage::Settings => config::reference(),
                ReferencePage::Metrics => metrics::reference(),
            };
            return Ok(out.write_all(text.as_bytes())?);
        }
        _ => {}
    }
    let loaded = load()?;
    match command {
        Command::Config => Ok(out.write_all(loaded.to_toml()?.as_bytes())?),
        Command::Health { url } => Ok(health::check(&loaded.settings.server, url.as_deref())?),
        command => actix_web::rt::System::new().block_on(with_database(command, loaded, out)),
    }
}

/// The commands that need the database, and so a runtime.
async fn with_database(command: Command, loaded: Loaded, out: &mut impl Write) -> Result<(), CommandError> {
    let mut settings = loaded.settings;
    if !command.secrets_required().is_empty() {
        settings.keep_secrets()?;
    }
    let options = DatabaseOptions::from(&settings.database);
    match command {
        Command::Serve => return Ok(startup::run(settings).await?),
        Command::Migrate { dry_run } => return migrate(&options, dry_run, out).await,
        _ => {}
    }

    if !Store::pending_migrations(&options).await?.is_empty() {
        if !settings.environment.is_development() {
            return Err(CommandError::NotMigrated);
        }
        Store::migrate(&options).await?;
    }
    let store = Store::connect(&options).await?;
    let done = match command {
        Command::Tenant(command) => tenants::tenant(&store, command, out).await,
        Command::Limits(command) => tenants::limits(&store, &settings, command, out).await,
        Command::Key(command) => keys::key(&store, &settings.auth, command, out).await,
        Command::Secrets(SecretsCommand::Rotate) => keys::rotate_secrets(&store, &settings.auth, out).await,
        Command::User(command) => users::user(&store, &settings.auth, command, out).await,
        Command::Room(command) => rooms::room(&store, command, out).await,
        Command::ApiKey(command) => api_keys::api_key(&store, command, out).await,
        Command::AdminToken(command) => api_keys::admin_token(&store, command, out).await,
        Command::Audit(command) => audit::audit(&store, command, out).await,
        Command::Usage { tenant } => audit::usage(&store, &tenant, out).await,
        Command::Token {
            tenant,
            username,
            lifetime,
        } => data::token(&store, &settings.auth, &tenant, &username, lifetime, out).await,
        Command::Seed(args) => data::seed(&store, &settings.auth, &args, out).await,
        // Done above, without a connection.
        Command::Serve
        | Command::Migrate { .. }
        | Command::Openapi
        | Command::Config
        | Command::Health { .. }
        | Command::Reference { .. } => Ok(()),
    };
    store.close().await;
    done
}

async fn migrate(options: &DatabaseOptions, dry_run: bool, out: &mut impl Write) -> Result<(), CommandError> {
    let pending = Store::pending_migrations(options).await?;
    if !dry_run {
        Store::migrate(options).await?;
    }
    let verb = if dry_run { "would apply" } else { "applied" };
    for name in &pending {
        writeln!(out, "{verb} {name}")?;
    }
    if pending.is_empty() {
        writeln!(out, "nothing to do")?;
    }
    Ok(())
}
