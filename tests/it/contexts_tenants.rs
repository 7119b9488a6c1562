//! Tenants.

use futures_util::future::join_all;
use parlour::{
    ids::TenantId,
    tenants::{self, Error, TenantSettings},
};

both_engines! {
    async fn a_tenant_is_found_by_id_and_slug(db: TestDatabase) {
        let tenant = tenants::create_tenant(&db.store, "acme", Some(" Acme & Sons ")).await.unwrap();
        assert_eq!((tenant.slug.as_str(), tenant.name.as_str()), ("acme", "Acme & Sons"));
        assert_eq!(tenants::get_tenant(&db.store, tenant.id).await.unwrap(), tenant);
        assert_eq!(tenants::get_tenant_by_slug(&db.store, "acme").await.unwrap(), tenant);
        let nameless = tenants::create_tenant(&db.store, "aardvark", None).await.unwrap();
        assert_eq!(nameless.name, "aardvark");
        assert_eq!(tenants::list_tenants(&db.store).await.unwrap(), [nameless, tenant]);
    }

    async fn unknown_tenants_are_not_found_whatever_they_are_called(db: TestDatabase) {
        assert!(matches!(tenants::get_tenant(&db.store, TenantId::generate()).await, Err(Error::NotFound)));
        for slug in ["acme", "", "A\0B", "ÄÖÜ", "'; DROP TABLE tenants; --"] {
            assert!(matches!(tenants::get_tenant_by_slug(&db.store, slug).await, Err(Error::NotFound)), "{slug}");
        }
        let settings = tenants::update_settings(&db.store, TenantId::generate(), TenantSettings::default()).await;
        assert!(matches!(settings, Err(Error::NotFound)));
    }

    async fn a_slug_is_given_once_and_has_rules(db: TestDatabase) {
        tenants::create_tenant(&db.store, "acme", None).await.unwrap();
        assert!(matches!(tenants::create_tenant(&db.store, "acme", None).await, Err(Error::SlugTaken)));
        for slug in ["", "Acme", "-acme", "a_b"] {
            assert!(matches!(tenants::create_tenant(&db.store, slug, None).await, Err(Error::Invalid(_))), "{slug}");
            assert!(matches!(tenants::ensure_tenant(&db.store, slug).await, Err(Error::Invalid(_))), "{slug}");
        }
        for name in ["", "  ", "a\0b", &"n".repeat(121)] {
            assert!(matches!(tenants::create_tenant(&db.store, "b", Some(name)).await, Err(Error::Invalid(_))), "{name}");
        }
    }

    async fn settings_are_kept(db: TestDatabase) {
        let tenant = tenants::create_tenant(&db.store, "acme", None).await.unwrap();
        assert_eq!(tenant.settings, TenantSettings::default());
        let settings =
            TenantSettings { allowed_origins: Some(vec!["https://acme.example".to_owned()]), announce_joins: true, edit_window_s: Some(600) };
        let updated = tenants::update_settings(&db.store, tenant.id, settings.clone()).await.unwrap();
        assert_eq!(updated.settings, settings);
        assert_eq!(tenants::get_tenant(&db.store, tenant.id).await.unwrap().settings, settings);

        let wrong = TenantSettings { allowed_origins: Some(vec!["acme.example/chat".to_owned()]), announce_joins: false, edit_window_s: None };
        assert!(matches!(tenants::update_settings(&db.store, tenant.id, wrong).await, Err(Error::Invalid(_))));
    }

    async fn ensuring_a_tenant_many_times_at_once_makes_one(db: TestDatabase) {
        let ensured = join_all((0..16).map(|_| tenants::ensure_tenant(&db.store, "acme"))).await;
        let ids: Vec<TenantId> = ensured.into_iter().map(|tenant| tenant.unwrap().id).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
        assert_eq!(tenants::list_tenants(&db.store).await.unwrap().len(), 1);
    }
}
