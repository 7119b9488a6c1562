//! The binary as a process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread::{self, JoinHandle},
};

/// The key the processes sign tokens with.
pub const SECRET: &str = "0f6cdbe2-secret-key-of-the-process-tests-9d1a";

/// The key the processes seal secrets with.
pub const MASTER_KEY: &str = "5b1d9f04-master-key-of-the-process-tests-77c2";

/// The binary with a data folder of its own and nothing of this process's settings.
pub fn parlour(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command
        .env_clear()
        .current_dir(folder)
        .env("PARLOUR_DATA_DIR", folder.join("data"));
    command
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("the binary starts")
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it printed, when it ended well.
pub fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What it complained about, when it did not.
pub fn fail(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        !output.status.success(),
        "{command:?} should fail: {}",
        text(&output.stdout)
    );
    text(&output.stderr)
}

/// A serving process; killed when dropped.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
    output: Option<JoinHandle<String>>,
    errors: Option<JoinHandle<String>>,
}

impl Server {
    pub fn start(command: &mut Command) -> Self {
        let mut process = command
            .args(["serve", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut errors = process.stderr.take().expect("a pipe");
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            errors.read_to_end(&mut text).expect("standard error is readable");
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut ready = String::new();
        output.read_line(&mut ready).expect("standard output is readable");
        let Some(address) = ready.trim_end().strip_prefix("parlour is ready on http://") else {
            panic!("not ready: {ready}{}", errors.join().expect("the reader ends"));
        };
        let address = address.parse().expect("an address");
        let output = thread::spawn(move || {
            let mut text = ready;
            output.read_to_string(&mut text).expect("standard output is readable");
            text
        });
        Self {
            process,
            address,
            output: Some(output),
            errors: Some(errors),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How much memory the process holds.
    #[cfg(target_os = "linux")]
    pub fn resident_bytes(&self) -> u64 {
        let counts =
            std::fs::read_to_string(format!("/proc/{}/statm", self.process.id())).expect("the process is there");
        let pages: u64 = counts
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse().ok())
            .expect("a number of pages");
        pages * 4096
    }

    /// SIGKILL: the process ends where it stands.
    pub fn kill(mut self) {
        self.process.kill().expect("the process is there");
        self.process.wait().expect("the process ends");
    }

    /// SIGTERM; everything it ever said, once it has ended well.
    pub fn stop(mut self) -> String {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .expect("kill runs")
                .success()
        );
        let status = self.process.wait().expect("the process ends");
        let mut said = self.output.take().expect("once").join().expect("the reader ends");
        said.push_str(&self.errors.take().expect("once").join().expect("the reader ends"));
        assert!(status.success(), "{status}: {said}");
        said
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already in the good case.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The binary with a key, two tenants and a database.
pub fn secured(folder: &Path, url: &str) -> Command {
    let mut command = parlour(folder);
    command
        .env("PARLOUR_AUTH__SECRET_KEY", SECRET)
        .env("PARLOUR_AUTH__MASTER_KEY", MASTER_KEY)
        .env("PARLOUR_TENANTS__ENSURE", "default,acme")
        .env("PARLOUR_DATABASE__ALLOW_UNSAFE_DURABILITY", "true")
        .env("DATABASE_URL", url);
    command
}
