//! What the command line does, one function for each command. Results go to `out`, logs and errors to standard error.

mod data;
mod health;

use std::io::{self, Write};
use std::path::PathBuf;

use crate::cli::{Cli, Command, ReferencePage, TenantCommand, UserCommand};
use crate::config::{self, KeepSecretError, Loaded, Settings, SettingsError, Sources};
use crate::startup::{self, StartupError};
use crate::store::{DatabaseOptions, Store, StoreError};
use crate::validation::Violations;
use crate::{accounts, chat, metrics, tenants};

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
        source: tenants::Error,
    },
    /// The tenants could not be listed.
    #[error(transparent)]
    Tenants(tenants::Error),
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
    /// Rooms could not be made.
    #[error(transparent)]
    Chat(#[from] chat::Error),
    /// The input breaks rules.
    #[error("invalid input: {}", serde_json::to_string(.0).unwrap_or_default())]
    Invalid(Violations),
    /// No password was given.
    #[error("no password: give it as the first line of standard input or of --password-file")]
    NoPassword,
    /// A setting is missing.
    #[error("auth.secret_key is missing")]
    NoSecret,
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
            secret_required: command.needs_secret(),
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
    if command.needs_secret() {
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
        Command::Tenant(TenantCommand::Create { slug, name }) => {
            data::create_tenant(&store, &slug, name.as_deref(), out).await
        }
        Command::Tenant(TenantCommand::List) => data::list_tenants(&store, out).await,
        Command::Tenant(TenantCommand::Update {
            slug,
            allowed_origins,
            announce_joins,
            edit_window,
        }) => {
            let update = data::TenantUpdate {
                allowed_origins,
                announce_joins,
                edit_window,
            };
            data::update_tenant(&store, &slug, update, out).await
        }
        Command::User(UserCommand::Create {
            tenant,
            username,
            password_file,
        }) => {
            let password = data::read_password(password_file.as_deref(), io::stdin().lock());
            match password {
                Ok(password) => data::create_user(&store, &settings.auth, &tenant, username, password, out).await,
                Err(error) => Err(error),
            }
        }
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
