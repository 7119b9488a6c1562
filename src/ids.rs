//! Identifiers. Every id is a UUIDv7, so ids sort by the time they were made; a newtype per thing keeps
//! a room's id from being passed where a user's belongs.

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::timestamp::Timestamp;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, DeriveValueType, ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, greater than every id this process made before.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id!(
    /// A tenant: one customer website.
    TenantId
);
id!(
    /// A user of one tenant.
    UserId
);
id!(
    /// A room: public, private, or a direct conversation of two.
    RoomId
);
id!(
    /// A message in a room.
    MessageId
);

impl MessageId {
    /// Not greater than any id that was made from this moment on, nor less than those made before.
    pub fn first_at(moment: Timestamp) -> Self {
        // The first 48 bits of a UUIDv7 are milliseconds.
        Self(Uuid::from_u128(
            u128::from(moment.milliseconds().max(0).unsigned_abs()) << 80,
        ))
    }
}
id!(
    /// A key that a tenant's website signs tokens with.
    SigningKeyId
);
id!(
    /// A key of a tenant's backend or administrators.
    ApiKeyId
);
id!(
    /// A file that somebody sent, or is about to send, with a message.
    UploadId
);
