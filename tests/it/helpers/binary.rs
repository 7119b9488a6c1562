//! The binary as a process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::socket::PATIENCE;

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
    /// `http` or `https`.
    pub scheme: String,
    output: Option<JoinHandle<String>>,
    errors: Option<JoinHandle<()>>,
    /// What came from standard error up to now.
    said: Arc<Mutex<String>>,
}

impl Server {
    /// Listens on any free port.
    pub fn start(command: &mut Command) -> Self {
        Self::start_on(0, command)
    }

    pub fn start_on(port: u16, command: &mut Command) -> Self {
        let mut process = command
            .args(["serve", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let said = Arc::new(Mutex::new(String::new()));
        let (errors, heard) = (process.stderr.take().expect("a pipe"), Arc::clone(&said));
        let errors = thread::spawn(move || {
            for line in BufReader::new(errors).split(b'\n') {
                let line = line.expect("standard error is readable");
                let mut heard = heard.lock().expect("nobody panics while writing");
                heard.push_str(&String::from_utf8_lossy(&line));
                heard.push('\n');
            }
        });
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut ready = String::new();
        output.read_line(&mut ready).expect("standard output is readable");
        let url = ready.trim_end().strip_prefix("parlour is ready on ");
        let Some((scheme, address)) = url.and_then(|url| url.split_once("://")) else {
            errors.join().expect("the reader ends");
            panic!("not ready: {ready}{}", said.lock().expect("the reader has ended"));
        };
        let (scheme, address) = (scheme.to_owned(), address.parse().expect("an address"));
        let output = thread::spawn(move || {
            let mut text = ready;
            output.read_to_string(&mut text).expect("standard output is readable");
            text
        });
        Self {
            process,
            address,
            scheme,
            output: Some(output),
            errors: Some(errors),
            said,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Waits for a log line with this in it.
    pub async fn wait_until_said(&self, text: &str) {
        let said = async {
            while !self.said.lock().expect("nobody panics while writing").contains(text) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, said).await.is_ok(), "{text:?} is said");
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
        self.errors.take().expect("once").join().expect("the reader ends");
        said.push_str(&self.said.lock().expect("the reader has ended"));
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
