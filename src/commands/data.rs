//! Commands that read or write the database: users, tokens, load.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::CommandError;
use crate::accounts::{self, NewUser, PASSWORD_BYTES_MAX, PasswordHasher, Tokens, User};
use crate::chat::seed::{self, SeedPlan};
use crate::cli::SeedArgs;
use crate::config::AuthSettings;
use crate::store::Store;
use crate::tenants::{self, Tenant};

pub(super) async fn create_user(
    store: &Store,
    auth: &AuthSettings,
    tenant: &str,
    username: String,
    password: SecretString,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let tenant = tenant_by_slug(store, tenant).await?;
    let new = NewUser {
        username: username.clone(),
        password,
    };
    let user = accounts::register(store, &hasher(auth), tenant.id, new).await;
    let user = user.map_err(|source| user_error(username, source))?;
    Ok(writeln!(out, "{}\t{}", user.id, user.username)?)
}

/// The first line of a file, or of what is typed.
pub(super) fn read_password(file: Option<&Path>, stdin: impl BufRead) -> Result<SecretString, CommandError> {
    let line = match file {
        Some(path) => {
            let file = File::open(path).and_then(|file| first_line(BufReader::new(file)));
            file.map_err(|source| CommandError::File {
                path: path.to_owned(),
                source,
            })?
        }
        None => first_line(stdin)?,
    };
    if line.expose_secret().is_empty() {
        Err(CommandError::NoPassword)
    } else {
        Ok(line)
    }
}

fn first_line(input: impl BufRead) -> io::Result<SecretString> {
    let mut line = String::new();
    // One byte more than any password: too long stays too long.
    let bytes_max = PASSWORD_BYTES_MAX as u64 + 3;
    io::Read::take(input, bytes_max).read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    Ok(SecretString::from(password.strip_suffix('\r').unwrap_or(password)))
}

pub(super) async fn token(
    store: &Store,
    auth: &AuthSettings,
    tenant: &str,
    username: &str,
    lifetime: Option<Duration>,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let tenant = tenant_by_slug(store, tenant).await?;
    let user = accounts::get_user_by_name(store, tenant.id, username).await;
    let user = user.map_err(|source| user_error(username.to_owned(), source))?;
    let tokens = tokens(auth, lifetime.unwrap_or(auth.token_lifetime))?;
    Ok(writeln!(out, "{}", tokens.issue(&user).token.expose_secret())?)
}

/// Fills a tenant with users, rooms and memberships, and writes what a load generator needs. The users have one
/// random password that nobody is told: they sign in by token.
pub(super) async fn seed(
    store: &Store,
    auth: &AuthSettings,
    args: &SeedArgs,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let tokens = tokens(auth, auth.token_lifetime)?;
    let tenant = tenants::ensure_tenant(store, &args.tenant).await;
    let tenant = tenant.map_err(|source| tenant_error(&args.tenant, source))?;
    seed::ensure_default_rooms(store, tenant.id).await?;
    let password = uuid::Uuid::new_v4().to_string();
    let plan = SeedPlan {
        tenant_id: tenant.id,
        users: args.users,
        rooms: args.rooms,
        per_room: args.per_room,
        password_hash: hasher(auth).hash(&password).await.map_err(CommandError::Password)?,
    };
    let seeded = seed::seed(store, &plan).await?;

    let tokens = seeded.users.iter().map(|(id, username)| {
        let user = User {
            id: *id,
            ..User::new(tenant.id, username.clone())
        };
        tokens.issue(&user).token
    });
    write_lines(&args.tokens, tokens.map(|token| token.expose_secret().to_owned()))?;
    write_lines(&args.room_ids, seeded.rooms.iter().map(ToString::to_string))?;
    Ok(writeln!(
        out,
        "{} users, {} rooms in tenant {}",
        seeded.users.len(),
        seeded.rooms.len(),
        tenant.slug
    )?)
}

/// Writes a file that only its owner may read.
fn write_lines(path: &Path, lines: impl Iterator<Item = String>) -> Result<(), CommandError> {
    let write = || {
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        let mut file = BufWriter::new(file);
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.flush()
    };
    write().map_err(|source| CommandError::File {
        path: path.to_owned(),
        source,
    })
}

fn hasher(auth: &AuthSettings) -> PasswordHasher {
    PasswordHasher::new(
        auth.password_rounds,
        auth.hash_concurrency,
        auth.hash_queue_max.or_max(),
    )
}

fn tokens(auth: &AuthSettings, lifetime: Duration) -> Result<Tokens, CommandError> {
    let secret = auth
        .secret_key
        .as_ref()
        .ok_or(CommandError::NoSecret("auth.secret_key"))?;
    Ok(Tokens::new(secret, lifetime))
}

pub(super) async fn tenant_by_slug(store: &Store, slug: &str) -> Result<Tenant, CommandError> {
    tenants::get_tenant_by_slug(store, slug)
        .await
        .map_err(|source| tenant_error(slug, source))
}

pub(super) fn tenant_error(slug: &str, source: tenants::Error) -> CommandError {
    match source {
        tenants::Error::Invalid(violations) => CommandError::Invalid(violations),
        source => CommandError::Tenant {
            slug: slug.to_owned(),
            source,
        },
    }
}

pub(super) fn user_error(username: String, source: accounts::Error) -> CommandError {
    match source {
        accounts::Error::Invalid(violations) => CommandError::Invalid(violations),
        source => CommandError::User { username, source },
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{Settings, Sources};
    use crate::store::DatabaseOptions;

    async fn store(folder: &Path) -> Store {
        let url = format!("sqlite://{}/test.db", folder.display());
        let options = DatabaseOptions::new(url.into());
        Store::migrate(&options).await.unwrap();
        Store::connect(&options).await.unwrap()
    }

    fn auth() -> AuthSettings {
        let mut auth = Settings::load(&Sources::default()).unwrap().settings.auth;
        auth.secret_key = Some("9f86d081884c7d659a2feaa0c55ad015".into());
        auth
    }

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        let read = |text: &str| read_password(None, text.as_bytes()).map(|secret| secret.expose_secret().to_owned());
        assert_eq!(read("pass word \nmore\n").unwrap(), "pass word ");
        assert_eq!(read("password\r\n").unwrap(), "password");
        assert_eq!(read("password").unwrap(), "password");
        assert!(matches!(read("\n"), Err(CommandError::NoPassword)));
        let long = "x".repeat(PASSWORD_BYTES_MAX + 100);
        assert!(
            read(&long).unwrap().len() > PASSWORD_BYTES_MAX,
            "too long stays too long"
        );

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        assert!(matches!(
            read_password(Some(&path), io::empty()),
            Err(CommandError::File { .. })
        ));
        fs::write(&path, "from a file\n").unwrap();
        assert_eq!(
            read_password(Some(&path), io::empty()).unwrap().expose_secret(),
            "from a file"
        );
    }

    #[actix_web::test]
    async fn a_created_user_gets_a_token_that_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let (store, auth) = (store(folder.path()).await, auth());
        tenants::ensure_tenant(&store, "blog").await.unwrap();

        let create = |name: &'static str| {
            let (store, auth) = (&store, &auth);
            async move {
                create_user(
                    store,
                    auth,
                    "blog",
                    name.to_owned(),
                    "long enough".into(),
                    &mut io::sink(),
                )
                .await
            }
        };
        create("Ada").await.unwrap();
        let taken = create("ada").await.unwrap_err().to_string();
        assert!(taken.contains("username") && taken.contains("taken"), "{taken}");

        let mut printed = Vec::new();
        token(
            &store,
            &auth,
            "blog",
            "ADA",
            Some(Duration::from_secs(60)),
            &mut printed,
        )
        .await
        .unwrap();
        let claims = tokens(&auth, auth.token_lifetime).unwrap();
        let claims = claims.verify(String::from_utf8(printed).unwrap().trim()).unwrap();
        let ada = accounts::get_user_by_name(&store, claims.tenant_id, "ada")
            .await
            .unwrap();
        assert_eq!((claims.user_id, &*ada.username), (ada.id, "Ada"));

        let missing = token(&store, &auth, "blog", "bob", None, &mut io::sink())
            .await
            .unwrap_err();
        assert_eq!(missing.to_string(), "user bob: user not found");
        let missing = token(&store, &auth, "shop", "ada", None, &mut io::sink())
            .await
            .unwrap_err();
        assert_eq!(missing.to_string(), "tenant shop: tenant not found");
    }

    #[actix_web::test]
    async fn seeding_writes_a_token_for_each_user_and_an_id_for_each_room() {
        let folder = tempfile::tempdir().unwrap();
        let (store, auth) = (store(folder.path()).await, auth());
        let args = SeedArgs {
            tenant: "load".to_owned(),
            users: 5,
            rooms: 3,
            per_room: 2,
            tokens: folder.path().join("tokens"),
            room_ids: folder.path().join("rooms"),
        };
        seed(&store, &auth, &args, &mut io::sink()).await.unwrap();
        let tokens_file = fs::read_to_string(&args.tokens).unwrap();
        assert_eq!(tokens_file.lines().count(), 5);
        assert_eq!(fs::metadata(&args.tokens).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&args.room_ids).unwrap().lines().count(), 3);
        let verifier = tokens(&auth, auth.token_lifetime).unwrap();
        for token in tokens_file.lines() {
            let claims = verifier.verify(token).unwrap();
            let user = accounts::admin::get_user(&store, claims.tenant_id, claims.user_id).await;
            user.unwrap();
        }
    }
}
