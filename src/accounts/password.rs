//! Password hashing: PBKDF2-HMAC-SHA256 off the event loop, a few at a time, with a bounded queue. A hash
//! costs about a tenth of a second of a core; without bounds a burst of sign-ins would take the machine.

use std::{fmt, sync::Arc};

use pbkdf2::{
    Params, Pbkdf2,
    password_hash::{self, CustomizedPasswordHasher, PasswordHasher as _, PasswordVerifier, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task};

use super::Error;

/// Fewest rounds a server may be configured with.
pub const PASSWORD_ROUNDS_MIN: u32 = 600_000;

/// Hashes and verifies passwords. Clones share the bounds.
#[derive(Clone)]
pub struct PasswordHasher {
    params: Params,
    /// Whoever waits or runs holds one of these.
    admitted: Arc<Semaphore>,
    /// Whoever runs holds one of these.
    running: Arc<Semaphore>,
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("rounds", &self.params.rounds())
            .finish_non_exhaustive()
    }
}

/// What verifying a password found.
pub(super) struct Verified {
    /// Whether it is the right one.
    pub matches: bool,
    /// The hash to keep from now on, when the one verified has too few rounds.
    pub renewed: Option<String>,
}

impl PasswordHasher {
    /// A hasher of `rounds` (at least [`PASSWORD_ROUNDS_MIN`]; fewer are raised to that) that runs at most
    /// `concurrency` at once (at least 1) and lets at most `queue_max` more wait.
    pub fn new(rounds: u32, concurrency: usize, queue_max: usize) -> Self {
        Self::with_rounds(rounds.max(PASSWORD_ROUNDS_MIN), concurrency, queue_max)
    }

    /// A hasher of weak hashes, for tests that make many users: 1,000 rounds.
    #[doc(hidden)]
    pub fn weak_for_tests() -> Self {
        Self::with_rounds(Params::MIN_ROUNDS, 4, 10_000)
    }

    /// As [`PasswordHasher::new`] with any number of rounds from 1,000 on, for tests.
    #[doc(hidden)]
    pub fn with_rounds(rounds: u32, concurrency: usize, queue_max: usize) -> Self {
        // The library refuses fewer rounds than its own minimum, and that is the only refusal.
        let params = Params::new(rounds.max(Params::MIN_ROUNDS)).unwrap_or(Params::RECOMMENDED);
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS / 2);
        let queue_max = queue_max.min(Semaphore::MAX_PERMITS / 2);
        Self {
            params,
            admitted: Arc::new(Semaphore::new(concurrency + queue_max)),
            running: Arc::new(Semaphore::new(concurrency)),
        }
    }

    /// The PHC string of a password, with a salt of its own.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full.
    pub async fn hash(&self, password: &str) -> Result<String, Error> {
        let hasher = Pbkdf2::from(self.params);
        let password = password.to_owned();
        self.run(move || hasher.hash_password(password.as_bytes()).map(|hash| hash.to_string()))
            .await
    }

    /// Verifies a password against a PHC string; without one it takes the same time and never matches.
    pub(super) async fn verify(&self, password: &str, stored: Option<String>) -> Result<Verified, Error> {
        let params = self.params;
        let password = password.to_owned();
        self.run(move || {
            let hasher = Pbkdf2::from(params);
            let stored = stored.map(|stored| stored.parse::<PasswordHash>()).transpose()?;
            let matches = match &stored {
                Some(stored) => hasher.verify_password(password.as_bytes(), stored).is_ok(),
                None => {
                    // The result is thrown away; the work is what counts.
                    let work = hasher.hash_password_customized(password.as_bytes(), &[0; 16], None, None, params)?;
                    std::hint::black_box(work);
                    false
                }
            };
            let renewed = match stored {
                Some(stored) if matches && Params::try_from(&stored)?.rounds() < params.rounds() => {
                    Some(hasher.hash_password(password.as_bytes())?.to_string())
                }
                _ => None,
            };
            Ok(Verified { matches, renewed })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> password_hash::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| Error::Busy)?;
        let running = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| Error::Busy)?;
        task::spawn_blocking(move || {
            let result = work();
            // Held until the work is done, also when the caller went away meanwhile.
            drop((running, admitted));
            result
        })
        .await
        .map_err(|error| Error::Hashing(error.to_string()))?
        .map_err(|error| Error::Hashing(error.to_string()))
    }
}
