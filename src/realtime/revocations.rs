//! What a socket was opened with, and what ends it.
//!
//! A socket that authenticated before a revocation may register after it was carried out, when nobody looks for it
//! any more. So the revocations of the last minute are kept beside the directory of registries: they are noted first
//! and carried out then, and a registry that has taken a socket in looks at them. Whichever comes first, the socket
//! ends.

use std::time::{Duration, Instant};

use dashmap::DashMap;
use uuid::Uuid;

use super::socket_handle::Disconnect;
use crate::{
    accounts::Claims,
    ids::{SigningKeyId, TenantId, UserId},
    timestamp::Timestamp,
};

/// The longest from the moment a token is verified until its socket is registered.
pub const REGISTERED_WITHIN: Duration = Duration::from_secs(60);

/// What an open socket stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The user.
    pub user_id: UserId,
    /// The id of the token.
    pub token_id: Uuid,
    /// The website's key that the token stands and falls with.
    pub key_id: Option<SigningKeyId>,
    /// When the token was issued.
    pub issued_at: Timestamp,
    /// When its verification began, before anything was read from the database.
    pub verified_at: Instant,
}

impl Credential {
    /// What a token says that was verified at that moment.
    pub fn new(claims: &Claims, verified_at: Instant) -> Self {
        Self {
            user_id: claims.user_id,
            token_id: claims.token_id,
            key_id: claims.key_id,
            issued_at: claims.issued_at,
            verified_at,
        }
    }
}

/// What is no longer good in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// One token.
    Token {
        /// Its user.
        user_id: UserId,
        /// Its id.
        token_id: Uuid,
    },
    /// A user's tokens from before a moment.
    UserBefore {
        /// The user.
        user_id: UserId,
        /// The moment.
        before: Timestamp,
    },
    /// Tokens that stand on a signing key of the tenant.
    Key(SigningKeyId),
    /// All tokens of the tenant.
    Everything,
}

impl Revocation {
    /// Whose sockets it may be about; `None` for anybody's.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Token { user_id, .. } | Self::UserBefore { user_id, .. } => Some(*user_id),
            Self::Key(_) | Self::Everything => None,
        }
    }

    /// Whether a socket with this credential ends.
    pub fn covers(&self, credential: &Credential) -> bool {
        match *self {
            Self::Token { user_id, token_id } => (credential.user_id, credential.token_id) == (user_id, token_id),
            Self::UserBefore { user_id, before } => credential.user_id == user_id && credential.issued_at < before,
            Self::Key(key_id) => credential.key_id == Some(key_id),
            Self::Everything => true,
        }
    }

    /// Why it ends. Who has signed out may have another token to come back with; in the other cases a new one has to
    /// be fetched.
    pub fn reason(&self) -> Disconnect {
        match self {
            Self::Token { .. } => Disconnect::SignedOut,
            Self::UserBefore { .. } | Self::Key(_) | Self::Everything => Disconnect::Revoked,
        }
    }
}

/// The revocations of the last [`REGISTERED_WITHIN`], and some older ones.
#[derive(Default)]
pub struct Revocations {
    recent: DashMap<TenantId, Vec<(Instant, Revocation)>>,
}

impl Revocations {
    /// Keeps a revocation; to be called before it is carried out.
    pub fn note(&self, tenant_id: TenantId, revocation: Revocation) {
        let mut recent = self.recent.entry(tenant_id).or_default();
        recent.push((Instant::now(), revocation));
    }

    /// Why a socket must end that was verified before something was revoked. What was verified after that has been
    /// asked for in a database that knew of it.
    pub fn ends(&self, tenant_id: TenantId, credential: &Credential) -> Option<Disconnect> {
        let recent = self.recent.get(&tenant_id)?;
        recent
            .iter()
            .find(|(noted_at, revocation)| *noted_at >= credential.verified_at && revocation.covers(credential))
            .map(|(_, revocation)| revocation.reason())
    }

    /// Forgets what is too old to matter.
    pub fn sweep(&self) {
        self.recent.retain(|_, recent| {
            recent.retain(|(noted_at, _)| noted_at.elapsed() <= REGISTERED_WITHIN);
            !recent.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Credential {
        Credential {
            user_id: UserId::generate(),
            token_id: Uuid::now_v7(),
            key_id: Some(SigningKeyId::generate()),
            issued_at: Timestamp(1_000),
            verified_at: Instant::now(),
        }
    }

    #[test]
    fn a_revocation_covers_what_it_names_and_nothing_else() {
        let (own, other) = (credential(), credential());
        let Credential { user_id, token_id, .. } = own;
        for (revocation, covers_own, covers_other) in [
            (Revocation::Token { user_id, token_id }, true, false),
            (
                Revocation::Token {
                    user_id,
                    token_id: other.token_id,
                },
                false,
                false,
            ),
            (
                Revocation::UserBefore {
                    user_id,
                    before: Timestamp(1_001),
                },
                true,
                false,
            ),
            // A token of that very moment was made after it.
            (
                Revocation::UserBefore {
                    user_id,
                    before: Timestamp(1_000),
                },
                false,
                false,
            ),
            (Revocation::Everything, true, true),
        ] {
            assert_eq!(revocation.covers(&own), covers_own, "{revocation:?}");
            assert_eq!(revocation.covers(&other), covers_other, "{revocation:?}");
        }
        let of_key = other.key_id.map(Revocation::Key);
        assert!(of_key.is_some_and(|of_key| of_key.covers(&other) && !of_key.covers(&own)));
        let keyless = Credential { key_id: None, ..own };
        assert!(of_key.is_some_and(|of_key| !of_key.covers(&keyless)));
    }

    #[test]
    fn who_was_verified_before_a_revocation_ends_and_who_was_verified_after_it_does_not() {
        let revocations = Revocations::default();
        let tenant_id = TenantId::generate();
        let before = credential();
        revocations.note(tenant_id, Revocation::Everything);
        let after = Credential {
            verified_at: Instant::now() + Duration::from_nanos(1),
            ..before
        };
        assert_eq!(revocations.ends(tenant_id, &before), Some(Disconnect::Revoked));
        assert_eq!(revocations.ends(tenant_id, &after), None);
        assert_eq!(revocations.ends(TenantId::generate(), &before), None, "another tenant");
    }
}
