//! What is administered from the command line: users, rooms, keys of backends, tokens of administrators, the audit log.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::helpers::{
    audit::tamper,
    binary::{Server, run, secured, succeed, text},
    database::TestDatabase,
};

/// The binary with a tenant `acme` in its database.
struct Operator<'a> {
    folder: TempDir,
    db: &'a TestDatabase,
}

impl<'a> Operator<'a> {
    fn new(db: &'a TestDatabase) -> Self {
        let folder = TempDir::new().unwrap();
        let operator = Self { folder, db };
        operator.done("tenant create acme");
        operator
    }

    fn command(&self) -> Command {
        secured(self.folder.path(), &self.db.url)
    }

    fn with(&self, line: &str) -> Command {
        let mut command = self.command();
        command.args(line.split(' '));
        command
    }

    /// What a command prints that has to succeed.
    fn done(&self, line: &str) -> String {
        succeed(&mut self.with(line))
    }

    /// Its lines, cut at the tabs.
    fn rows(&self, line: &str) -> Vec<Vec<String>> {
        let printed = self.done(line);
        let cells = |line: &str| line.split('\t').map(str::to_owned).collect();
        printed.lines().map(cells).collect()
    }

    /// The one line of a command that prints one.
    fn row(&self, line: &str) -> Vec<String> {
        let mut rows = self.rows(line);
        assert_eq!(rows.len(), 1, "{line}: {rows:?}");
        rows.remove(0)
    }

    /// A command fails, says why, and prints nothing that could be taken for a result.
    fn refused(&self, line: &str, says: &str) {
        let output = run(&mut self.with(line));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}: {said}");
        assert!(said.contains(says), "{line}: {said}");
        assert!(output.stdout.is_empty(), "{line}: {}", text(&output.stdout));
    }

    /// What is typed is no command.
    fn misunderstood(&self, line: &str, says: &str) {
        let output = run(&mut self.with(line));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains(says), "{line}: {said}");
    }

    /// Makes a user of `acme` and returns the id.
    fn user(&self, name: &str) -> String {
        fs::write(self.folder.path().join("password"), "correct horse\n").unwrap();
        let made = self.row(&format!("user create --tenant acme {name} --password-file password"));
        made[0].clone()
    }
}

async fn status(server: &Server, path: &str, token: &str) -> StatusCode {
    let request = reqwest::Client::new().get(server.url(path)).bearer_auth(token);
    request.send().await.unwrap().status()
}

/// Waits until a token no longer opens a path, which may take the two seconds that are promised.
async fn refused_soon(server: &Server, path: &str, token: &str) {
    let told = Instant::now();
    while status(server, path, token).await != StatusCode::UNAUTHORIZED {
        assert!(told.elapsed() < Duration::from_secs(2), "{path} is still open");
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
    }
}

both_engines! {
    async fn users_are_administered_from_the_command_line(db: TestDatabase) {
        let operator = Operator::new(&db);
        let ann = operator.user("ann");
        operator.user("bob");
        let shown = |name: &str, called: &str, state: &str| -> Vec<String> {
            [ann.as_str(), name, "account", called, state].map(str::to_owned).to_vec()
        };
        let names = |line: &str| -> Vec<String> {
            operator.rows(line).into_iter().map(|mut row| row.swap_remove(1)).collect()
        };
        assert_eq!(names("user list --tenant acme"), ["ann", "bob"]);
        assert_eq!(names("user list --tenant acme --kind account --search B"), ["bob"]);
        assert!(operator.rows("user list --tenant acme --kind guest").is_empty());
        operator.refused("user list --tenant globex", "tenant globex: tenant not found");
        operator.misunderstood("user list --tenant acme --kind robot", "robot");

        assert_eq!(operator.row("user suspend --tenant acme ann"), shown("ann", "", "suspended"));
        assert_eq!(operator.row(&format!("user resume --tenant acme {ann}")), shown("ann", "", "active"));
        let renamed = operator.row("user rename --tenant acme ann --username anna --name Ann");
        assert_eq!(renamed, shown("anna", "Ann", "active"));
        operator.refused("user rename --tenant acme anna --username bob", "username");
        operator.misunderstood("user rename --tenant acme anna", "--username");
        assert_eq!(operator.row("user revoke-tokens --tenant acme anna"), shown("anna", "Ann", "active"));
        assert_eq!(operator.done("user delete --tenant acme anna"), "");
        assert_eq!(names("user list --tenant acme"), ["bob"]);

        for command in ["suspend", "resume", "rename --name X", "revoke-tokens", "delete"] {
            operator.refused(&format!("user {command} --tenant acme anna"), "user anna: user not found");
            operator.refused(&format!("user {command} --tenant acme {ann}"), "user not found");
            operator.refused(&format!("user {command} --tenant globex bob"), "tenant globex: tenant not found");
        }
    }

    async fn tokens_of_a_user_end_on_a_running_server(db: TestDatabase) {
        let operator = Operator::new(&db);
        operator.user("ann");
        let server = Server::start(&mut operator.command());
        let me = "/api/v1/auth/me";
        let token = || operator.done("token --tenant acme ann").trim().to_owned();
        let revoked = token();
        assert_eq!(status(&server, me, &revoked).await, StatusCode::OK);
        operator.done("user revoke-tokens --tenant acme ann");
        refused_soon(&server, me, &revoked).await;
        operator.done("user suspend --tenant acme ann");
        assert_eq!(status(&server, me, &token()).await, StatusCode::UNAUTHORIZED);
        operator.done("user resume --tenant acme ann");
        assert_eq!(status(&server, me, &revoked).await, StatusCode::UNAUTHORIZED, "it stays revoked");
    }

    async fn rooms_are_administered_from_the_command_line(db: TestDatabase) {
        let operator = Operator::new(&db);
        let rooms = operator.rows("room list --tenant acme");
        let slugs: Vec<_> = rooms.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(slugs, ["general", "tech-talk", "random"]);
        assert_eq!(rooms[1][2..], ["public", "0", "Tech Talk"]);
        assert_eq!(operator.row("room delete --tenant acme random"), [rooms[2][0].as_str()]);
        assert_eq!(operator.row(&format!("room delete --tenant acme {}", rooms[1][0])), [rooms[1][0].as_str()]);
        assert_eq!(operator.rows("room list --tenant acme"), rooms[..1]);
        operator.refused("room delete --tenant acme random", "room not found");
        for wrong in ["room list --tenant globex", "room delete --tenant globex general"] {
            operator.refused(wrong, "tenant globex: tenant not found");
        }
    }

    async fn a_key_of_a_backend_is_made_and_revoked_from_the_command_line(db: TestDatabase) {
        let operator = Operator::new(&db);
        let made = operator.row("api-key create acme --name shop --scope users:read --scope rooms:read --lifetime 90d");
        let [id, secret] = made.try_into().unwrap();
        let server = Server::start(&mut operator.command());
        let users = "/api/v1/server/users";
        assert_eq!(status(&server, users, &secret).await, StatusCode::OK);

        let hint = format!("…{}", &secret[secret.len() - 4..]);
        let shown = |state: &str| [&id, &hint, state, "users:read rooms:read", "shop"].map(str::to_owned).to_vec();
        assert_eq!(operator.rows("api-key list acme"), [shown("good")]);
        assert!(operator.rows("admin-token list acme").is_empty());
        operator.refused(&format!("admin-token revoke acme {id}"), "key not found");
        assert_eq!(operator.row(&format!("api-key revoke acme {id}")), shown("revoked"));
        assert_eq!(status(&server, users, &secret).await, StatusCode::UNAUTHORIZED);
        let listed = operator.done("api-key list acme");
        assert!(listed.contains("revoked") && !listed.contains(&secret), "{listed}");
        assert!(!operator.done("audit list").contains(&secret));
        assert!(!server.stop().contains(&secret));

        operator.refused(&format!("api-key revoke acme {}", Uuid::new_v4()), "key not found");
        operator.refused("api-key revoke acme shop", "key not found");
        operator.misunderstood("api-key create acme --name shop", "--scope");
        operator.misunderstood("api-key create acme --name shop --scope users", "users:read");
        let create = "api-key create globex --name shop --scope users:read".to_owned();
        for wrong in [create, "api-key list globex".to_owned(), format!("api-key revoke globex {id}")] {
            operator.refused(&wrong, "tenant globex: tenant not found");
        }
    }

    async fn a_token_of_an_administrator_is_made_and_revoked_from_the_command_line(db: TestDatabase) {
        let operator = Operator::new(&db);
        operator.done("tenant create other");
        let [id, secret] = operator.row("admin-token create acme --name boss").try_into().unwrap();
        let server = Server::start(&mut operator.command());
        let users = "/api/v1/admin/tenants/acme/users";
        assert_eq!(status(&server, users, &secret).await, StatusCode::OK);

        let listed = operator.row("admin-token list acme");
        assert_eq!((&listed[0], listed[2].as_str(), listed[4].as_str()), (&id, "good", "boss"));
        assert!(operator.rows("api-key list acme").is_empty());
        operator.refused(&format!("admin-token revoke other {id}"), "key not found");
        assert_eq!(operator.row(&format!("admin-token revoke acme {id}"))[2], "revoked");
        assert_eq!(status(&server, users, &secret).await, StatusCode::UNAUTHORIZED);
        for line in ["admin-token list acme", "audit list"] {
            assert!(!operator.done(line).contains(&secret), "{line}");
        }

        operator.refused("admin-token create acme --name boss --lifetime 367d", "expires_at");
        operator.misunderstood("admin-token create acme", "--name");
        for wrong in ["create globex --name boss", "list globex", &format!("revoke globex {id}")] {
            operator.refused(&format!("admin-token {wrong}"), "tenant globex: tenant not found");
        }
    }

    async fn the_audit_log_is_read_and_checked_from_the_command_line(db: TestDatabase) {
        let operator = Operator::new(&db);
        operator.done("tenant create other");
        let ann = operator.user("ann");
        operator.done("user suspend --tenant acme ann");
        operator.done("room delete --tenant acme random");
        let listed = |line: &str| -> Vec<Value> {
            operator.done(line).lines().map(|row| serde_json::from_str(row).unwrap()).collect()
        };
        let log = listed("audit list");
        let actions: Vec<_> = log.iter().map(|row| row["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["room.delete", "user.suspend", "tenant.create", "tenant.create"]);
        assert!(log.iter().all(|row| row["actor_kind"] == "cli" && row["outcome"] == "ok"), "{log:?}");
        assert_eq!((&log[1]["tenant"], &log[1]["target"]), (&json!("acme"), &json!(ann)));
        assert_eq!(listed("audit list --tenant acme --limit 2"), log[..2]);
        assert_eq!(listed("audit list --tenant other"), log[2..3]);
        operator.refused("audit list --tenant globex", "tenant globex: tenant not found");

        assert_eq!(operator.done("audit verify"), "4 rows, as they were written\n");
        tamper(&db.store, "UPDATE audit_log SET target = 'somebody else' WHERE seq = 3").await;
        operator.refused("audit verify", "the audit log is broken at row 3: it was changed");
    }

    async fn what_a_tenant_uses_is_told_on_the_command_line(db: TestDatabase) {
        let operator = Operator::new(&db);
        operator.user("ann");
        let usage: Value = serde_json::from_str(&operator.done("usage acme")).unwrap();
        let expected = json!({
            "users": { "account": 1, "host": 0, "guest": 0, "bot": 0 },
            "rooms": 3,
            "direct_conversations": 0,
            "members": 0,
            "messages": { "total": 0, "last_24h": 0 },
            "uploads": { "total": 0, "bytes": 0 },
        });
        assert_eq!(usage, expected);
        operator.refused("usage globex", "tenant globex: tenant not found");
    }
}
