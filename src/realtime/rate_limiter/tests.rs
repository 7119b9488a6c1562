//! What limits let pass, for whom, and what is left of it.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    config::{Settings, Sources, TenantLimits},
    ids::UserId,
    realtime::live_tenants,
    tenants::TenantSettings,
};

/// A tenant with limits of its own.
pub(in crate::realtime) fn tenant(limits: TenantLimits) -> Tenant {
    let without = live_tenants::tests::tenant(TenantId::generate(), TenantSettings::default());
    Tenant {
        limits,
        ..(*without).clone()
    }
}

fn limits(change: impl FnOnce(&mut LimitSettings)) -> RateLimits {
    let settings = Settings::load(&Sources::default()).unwrap().settings;
    let mut limits = LimitSettings::off();
    change(&mut limits);
    RateLimits::new(&limits, Metrics::new(&settings))
}

fn rate(text: &str) -> RateLimit {
    text.parse().unwrap()
}

fn own(limits: serde_json::Value) -> Tenant {
    tenant(serde_json::from_value(limits).unwrap())
}

fn user() -> Subject {
    Subject::User(UserId::generate())
}

/// How many of ten pass.
fn passes(limits: &RateLimits, tenant: &Tenant, limit: Limit, subject: &Subject) -> usize {
    (0..10)
        .filter(|_| limits.check(tenant, limit, subject.clone()).is_ok())
        .count()
}

/// There are some for each socket, until the sweep after its last join.
#[test]
fn what_is_counted_has_a_small_name() {
    assert!(size_of::<Key>() <= 48, "{}", size_of::<Key>());
}

#[test]
fn a_limit_counts_each_subject_of_each_tenant_by_itself() {
    let limits = limits(|limits| limits.messages_per_user = rate("3/1h"));
    let (one, other) = (own(serde_json::json!({})), own(serde_json::json!({})));
    let (ann, bob) = (user(), user());
    for (tenant, subject) in [(&one, &ann), (&one, &bob), (&other, &ann)] {
        assert_eq!(passes(&limits, tenant, Limit::MessagesPerUser, subject), 3);
    }
    let refused = limits.check(&one, Limit::MessagesPerUser, ann).unwrap_err();
    assert_eq!(refused.limit, "messages_per_user");
    assert!(refused.retry_after <= Duration::from_secs(20 * 60));
    let counted = limits
        .refusals()
        .into_iter()
        .find(|(name, _)| *name == "messages_per_user");
    assert_eq!(counted, Some(("messages_per_user", 3 * 7 + 1)));
    assert_eq!(
        limits.usage(other.id),
        [LimitUsage {
            limit: "messages_per_user",
            refused: 7,
            would_refuse: 0
        }]
    );
}

#[test]
fn what_is_left_is_told() {
    let limits = limits(|limits| limits.requests_per_user = rate("3/30s"));
    let (tenant, ann) = (own(serde_json::json!({})), user());
    let left = limits
        .check(&tenant, Limit::RequestsPerUser, ann.clone())
        .unwrap()
        .unwrap();
    assert_eq!(
        (left.limit, left.remaining, left.reset),
        (3, 2, Duration::from_secs(10))
    );
    let left = limits
        .check(&tenant, Limit::RequestsPerUser, ann.clone())
        .unwrap()
        .unwrap();
    assert_eq!((left.remaining, left.reset), (1, Duration::from_secs(20)));
    assert_eq!(
        limits.check(&tenant, Limit::MessagesPerUser, ann),
        Ok(None),
        "there is no limit"
    );
}

#[test]
fn a_tenant_with_a_limit_of_its_own_is_not_counted_with_the_others() {
    let limits = limits(|limits| limits.registrations_per_address = rate("2/1h"));
    let wide = own(serde_json::json!({ "registrations_per_address": "5/1h" }));
    let off = own(serde_json::json!({ "registrations_per_address": "off" }));
    let (one, other) = (own(serde_json::json!({})), own(serde_json::json!({})));
    let address = Subject::address([192, 0, 2, 1].into());
    assert_eq!(passes(&limits, &wide, Limit::RegistrationsPerAddress, &address), 5);
    assert_eq!(passes(&limits, &off, Limit::RegistrationsPerAddress, &address), 10);
    assert_eq!(passes(&limits, &one, Limit::RegistrationsPerAddress, &address), 2);
    assert_eq!(
        passes(&limits, &other, Limit::RegistrationsPerAddress, &address),
        0,
        "one address, all tenants"
    );
    assert_eq!(limits.own.len(), 1);
}

#[test]
fn limits_that_are_only_tried_refuse_nothing_but_guesses_at_passwords() {
    let limits = limits(|limits| {
        limits.messages_per_user = rate("3/1h");
        limits.logins_per_account = rate("3/1h");
    });
    let (tenant, ann) = (own(serde_json::json!({ "dry_run": true })), user());
    assert_eq!(passes(&limits, &tenant, Limit::MessagesPerUser, &ann), 10);
    assert_eq!(passes(&limits, &tenant, Limit::LoginsPerAccount, &ann), 3);
    assert_eq!(
        limits.usage(tenant.id),
        [
            LimitUsage {
                limit: "logins_per_account",
                refused: 7,
                would_refuse: 0
            },
            LimitUsage {
                limit: "messages_per_user",
                refused: 0,
                would_refuse: 7
            },
        ]
    );
    let counted: u64 = limits.refusals().into_iter().map(|(_, count)| count).sum();
    assert_eq!(counted, 7);
}

#[test]
fn a_room_is_filled_by_what_it_took_and_by_nothing_else() {
    let limits = limits(|limits| limits.messages_per_room = rate("3/1h"));
    let (tenant, room) = (own(serde_json::json!({})), RoomId::generate());
    for _ in 0..10 {
        assert_eq!(limits.room_takes(&tenant, room), Ok(3), "asking takes nothing");
    }
    for left in [3, 2, 1] {
        assert_eq!(limits.room_takes(&tenant, room), Ok(left));
        limits.room_took(&tenant, room);
    }
    let refused = limits.room_takes(&tenant, room).unwrap_err();
    assert_eq!(refused.limit, "messages_per_room");
    assert!(refused.retry_after > Duration::from_secs(19 * 60) && refused.retry_after <= Duration::from_secs(20 * 60));
    assert_eq!(limits.room_takes(&tenant, RoomId::generate()), Ok(3));
}

#[test]
fn a_room_takes_messages_again_after_a_while() {
    let limits = limits(|limits| limits.messages_per_room = rate("1/20ms"));
    let (tenant, room) = (own(serde_json::json!({})), RoomId::generate());
    limits.room_took(&tenant, room);
    let wait = limits.room_takes(&tenant, room).unwrap_err().retry_after;
    std::thread::sleep(wait);
    assert_eq!(limits.room_takes(&tenant, room), Ok(1));
}

#[test]
fn accounts_are_told_apart_by_what_a_name_may_be() {
    assert_eq!(Subject::account("Alice"), Subject::account("aLICE"));
    let long = "x".repeat(100_000);
    assert_eq!(Subject::account(&long), Subject::account(&format!("{long}y")));
    assert_ne!(Subject::account(&"x".repeat(32)), Subject::account(&"x".repeat(33)));
    let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    assert_ne!(
        Subject::account_from("alice", one),
        Subject::account_from("alice", other)
    );
}

#[test]
fn the_sweep_forgets_what_is_as_good_as_new() {
    let limits = limits(|limits| limits.messages_per_user = rate("1/1ms"));
    let tenant = own(serde_json::json!({ "typing_per_user": "1/1ms", "messages_per_room": "1/1ms" }));
    limits.check(&tenant, Limit::MessagesPerUser, user()).unwrap();
    limits.check(&tenant, Limit::TypingPerUser, user()).unwrap();
    limits.room_took(&tenant, RoomId::generate());
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(limits.sweep(), 0);
    assert!(limits.own.is_empty() && limits.rooms.is_empty());
}
