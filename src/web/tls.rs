//! TLS in the process: a certificate with its key, and how the next one takes its place while the server runs.

use std::{
    error::Error,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
    time::Duration,
};

use actix_web::rt;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::{self, MissedTickBehavior};
use tracing::{error, info, warn};

use crate::{config::ServerSettings, digest::sha256_hex};

/// Why there is no TLS with the files of the settings.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting}: {} cannot be read", path.display())]
    Read {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing of the kind in a file, or it is broken.
    #[error("{setting}: {} holds no {what} in PEM", path.display())]
    Pem {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
        /// What was found instead.
        source: pem::Error,
    },
    /// The key is not the certificate's, or of a kind that cannot be used.
    #[error("server.tls_key: {} cannot be used with the certificate in {}", key.display(), certificate.display())]
    Pair {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The library cannot offer its own defaults.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// What a server needs to speak TLS. Clones are of the same certificate.
#[derive(Clone, Debug)]
pub struct Tls {
    config: ServerConfig,
    served: Arc<Served>,
}

impl Tls {
    /// Reads the files that the settings name; `None` when they name none.
    ///
    /// # Errors
    /// [`TlsError`] when they are no good.
    pub fn from_settings(settings: &ServerSettings) -> Result<Option<Self>, TlsError> {
        let (Some(certificate), Some(key)) = (settings.tls_cert.clone(), settings.tls_key.clone()) else {
            return Ok(None);
        };
        let provider = Arc::new(ring::default_provider());
        let files = Files { certificate, key };
        files.warn_about_access();
        let contents = files.read()?;
        let served = Arc::new(Served {
            current: RwLock::new(Arc::new(files.parse(&contents, &provider)?)),
            seen: Mutex::new(Some(contents.digest())),
            files,
            provider: Arc::clone(&provider),
        });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&served) as _);
        // A client that comes back, as all do after a restart of what is between, costs no signature then.
        config.ticketer = ring::Ticketer::new()?;
        Ok(Some(Self { config, served }))
    }

    /// How to answer handshakes.
    pub fn config(&self) -> ServerConfig {
        self.config.clone()
    }

    /// Looks at the files again and again, and serves what is in them when that has changed and is good; ends when
    /// nobody serves any more. Must be called inside an actix system.
    pub fn watch(&self, interval: Duration) {
        rt::spawn(watch(Arc::downgrade(&self.served), interval));
    }
}

async fn watch(served: Weak<Served>, interval: Duration) {
    let mut due = time::interval(interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let Some(served) = served.upgrade() else { break };
        // Files are read on a thread that may wait for them.
        if let Err(error) = rt::task::spawn_blocking(move || served.look()).await {
            return error!(%error, "certificates are looked at no more");
        }
    }
}

/// The certificate that is served.
#[derive(Debug)]
struct Served {
    current: RwLock<Arc<CertifiedKey>>,
    /// The digest of what was in the files when they were looked at last, `None` when they could not be read; only a
    /// change is worth a word.
    seen: Mutex<Option<String>>,
    files: Files,
    provider: Arc<CryptoProvider>,
}

impl Served {
    /// Takes what is in the files when it is not what was seen there last.
    fn look(&self) {
        let contents = self.files.read();
        let now = contents.as_ref().ok().map(Contents::digest);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return;
        }
        *seen = now;
        match contents.and_then(|contents| self.files.parse(&contents, &self.provider)) {
            Ok(certified) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                self.files.warn_about_access();
                info!(file = %self.files.certificate.display(), "a new certificate is served from now on");
            }
            Err(error) => error!(
                error = &error as &dyn Error,
                "the new certificate is no good, the one before stays"
            ),
        }
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// Where the certificate is, and its key.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn read(&self) -> Result<Contents, TlsError> {
        let read = |setting, path: &Path| {
            fs::read(path).map_err(|source| TlsError::Read {
                setting,
                path: path.to_owned(),
                source,
            })
        };
        Ok(Contents {
            certificate: read("server.tls_cert", &self.certificate)?,
            key: read("server.tls_key", &self.key)?,
        })
    }

    fn parse(&self, contents: &Contents, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&contents.certificate).collect();
        let chain = chain
            .and_then(|chain| {
                if chain.is_empty() {
                    Err(pem::Error::NoItemsFound)
                } else {
                    Ok(chain)
                }
            })
            .map_err(|source| TlsError::Pem {
                setting: "server.tls_cert",
                path: self.certificate.clone(),
                what: "certificate",
                source,
            })?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|source| TlsError::Pem {
            setting: "server.tls_key",
            path: self.key.clone(),
            what: "private key",
            source,
        })?;
        CertifiedKey::from_der(chain, key, provider).map_err(|source| TlsError::Pair {
            key: self.key.clone(),
            certificate: self.certificate.clone(),
            source,
        })
    }

    /// A key that anybody on the machine can read is nobody's secret.
    fn warn_about_access(&self) {
        const OTHERS: u32 = 0o007;
        match fs::metadata(&self.key) {
            Ok(metadata) if metadata.permissions().mode() & OTHERS != 0 => {
                warn!(file = %self.key.display(), "every user of this machine has access to server.tls_key");
            }
            // What cannot be read is told of where it is read.
            _ => {}
        }
    }
}

/// What the files hold.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Contents {
    fn digest(&self) -> String {
        sha256_hex(&[&self.certificate, &self.key])
    }
}
