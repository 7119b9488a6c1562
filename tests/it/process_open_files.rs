//! The limit of open files: raised by the process itself, and told.

use std::process::Command;

use tempfile::TempDir;

use crate::helpers::{
    binary::{Server, secured},
    database::{Engine, TestDatabase},
};

#[actix_web::test]
async fn the_limit_of_open_files_is_raised_and_what_does_not_fit_in_is_told() {
    let folder = TempDir::new().unwrap();
    let db = TestDatabase::create(Engine::Sqlite).await;
    let said = |connections_max: &str| {
        let bare = secured(folder.path(), &db.url);
        // As shells and service managers start it, and then some.
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -S -n 256 && exec \"$0\" \"$@\""])
            .arg(bare.get_program())
            .env_clear()
            .envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("PARLOUR_SOCKET__CONNECTIONS_MAX", connections_max)
            .current_dir(folder.path());
        Server::start(&mut command).stop()
    };
    let (_, hard) = rlimit::Resource::NOFILE.get().unwrap();
    let (few, many) = (said("10"), said("4000000000"));
    for said in [&few, &many] {
        assert!(said.contains(&format!("limit={hard}")), "{said}");
    }
    let warning = "fewer than socket.connections_max";
    assert!(!few.contains(warning) && many.contains(warning), "{few}{many}");
}
