//! Whose socket it is.

use std::sync::Arc;

use crate::{
    accounts::Claims,
    chat::UserRef,
    realtime::{Sender, revocations::Credential},
    scope::Scope,
    tenants::Tenant,
    web::identity::Identity,
};

/// Of an [`Identity`] what is needed for as long as a socket is open, and no more: there are many sockets.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The user's tenant.
    pub tenant: Arc<Tenant>,
    /// The user, as others see them; shared with those who show who is present.
    pub user: Arc<UserRef>,
    /// What the socket stands on; its registry's too.
    pub credential: Arc<Credential>,
    /// When the token expires, in seconds since 1970 UTC.
    pub expires_at: i64,
}

impl Holder {
    /// The scope that context functions take.
    pub fn scope(&self) -> Scope {
        Scope {
            tenant_id: self.tenant.id,
            user_id: self.user.id,
        }
    }

    /// What the token says.
    pub fn claims(&self) -> Claims {
        let Credential {
            user_id,
            token_id,
            key_id,
            issued_at,
            verified_at: _,
        } = *self.credential;
        Claims {
            tenant_id: self.tenant.id,
            user_id,
            token_id,
            issued_at,
            expires_at: self.expires_at,
            key_id,
        }
    }

    /// The author of messages.
    pub fn sender(&self) -> Sender {
        Sender {
            scope: self.scope(),
            user: UserRef::clone(&self.user),
            tenant: Arc::clone(&self.tenant),
        }
    }
}

impl From<Identity> for Holder {
    fn from(identity: Identity) -> Self {
        Self {
            user: Arc::new((&*identity.user).into()),
            credential: Arc::new(identity.credential()),
            expires_at: identity.claims.expires_at,
            tenant: identity.tenant,
        }
    }
}
