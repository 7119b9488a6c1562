//! The handlers of the routes, and what answers where there is none.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    middleware::from_fn,
    web::{self, Data, ServiceConfig},
};
use utoipa_actix_web::{scope, service_config::ServiceConfig as DescribedConfig};

use super::ROUTES;
use crate::{
    app::App,
    web::{
        administration::administration,
        api::{
            admin, auth, changes, dm, health, invitations, members, messages, moderation, page_rooms, pages, pins,
            reactions, read_state, rooms, server, tenant, threads, uploads, users, visitors,
        },
        assets,
        bundle::Bundle,
        cors::cors,
        error::ApiError,
        listeners,
        origin_policy::TenantOrigins,
        rate_limit::rate_limit,
    },
};

/// Registers everything.
pub fn configure(app: Data<App>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(Data::new(Bundle::from_settings(&app.settings.server)))
            .app_data(app)
            .app_data(Data::new(TenantOrigins::default()));
        api(&mut DescribedConfig::new(config));
        config
            .service(assets::built_file)
            .service(pages::app_page)
            .service(pages::room_page)
            .service(pages::doctor_page)
            .service(pages::docs_folder)
            .service(pages::docs)
            .default_service(web::to(fallback));
    }
}

/// Registers what the description of the API describes.
pub(in crate::web) fn api(config: &mut DescribedConfig<'_>) {
    // First, so that it is not part of the scope with CORS: no page of another site has business here.
    config.service(
        scope("/api/v1/admin")
            .service(admin::stats::stats)
            .service(admin::audit::list_audit)
            .service(admin::tenants::list_tenants)
            .service(admin::tenants::create_tenant)
            .service(admin::tenants::get_tenant)
            .service(admin::tenants::update_tenant)
            .service(admin::tenants::delete_tenant)
            .service(admin::tenants::suspend_tenant)
            .service(admin::tenants::resume_tenant)
            .service(admin::tenants::get_limits)
            .service(admin::tenants::set_limits)
            .service(admin::usage::get_usage)
            .service(admin::audit::list_tenant_audit)
            .service(admin::keys::list_signing_keys)
            .service(admin::keys::create_signing_key)
            .service(admin::keys::revoke_signing_key)
            .service(admin::keys::rotate_signing_key)
            .service(admin::api_keys::list_api_keys)
            .service(admin::api_keys::create_api_key)
            .service(admin::api_keys::revoke_api_key)
            .service(admin::api_keys::list_admins)
            .service(admin::api_keys::create_admin)
            .service(admin::api_keys::revoke_admin)
            .service(admin::users::list_tenant_users)
            .service(admin::users::get_tenant_user)
            .service(admin::users::update_tenant_user)
            .service(admin::users::delete_tenant_user)
            .service(admin::users::suspend_tenant_user)
            .service(admin::users::resume_tenant_user)
            .service(admin::users::revoke_tenant_user_tokens)
            .service(admin::rooms::list_tenant_rooms)
            .service(admin::rooms::get_tenant_room)
            .service(admin::rooms::delete_tenant_room)
            .map(|scope| scope.wrap(from_fn(administration)).wrap(from_fn(rate_limit))),
    );
    config.service(
        scope("/api/v1/server")
            .service(server::users::list_site_users)
            .service(server::users::put_site_user)
            .service(server::users::get_site_user)
            .service(server::users::issue_token)
            .service(server::users::revoke_tokens)
            .service(server::rooms::list_site_rooms)
            .service(server::rooms::create_site_room)
            .service(server::rooms::set_site_member)
            .service(server::rooms::remove_site_member)
            .service(server::rooms::send_bot_message)
            .map(|scope| scope.wrap(from_fn(rate_limit))),
    );
    config.service(
        scope("/api/v1")
            // Patterns are tried one after the other: first what is asked for most.
            .service(messages::list_messages)
            .service(messages::send_message)
            .service(auth::register)
            .service(auth::login)
            .service(visitors::exchange)
            .service(visitors::guest)
            .service(visitors::claim)
            .service(auth::change_password)
            .service(auth::logout)
            .service(auth::me)
            .service(tenant::show)
            .service(tenant::show_origin)
            .service(users::list_users)
            .service(users::get_user)
            .service(rooms::list_rooms)
            .service(rooms::create_room)
            // Before those that take any word in the place of `page`.
            .service(page_rooms::find_page_room)
            .service(page_rooms::open_page_room)
            .service(rooms::get_room)
            .service(rooms::update_room)
            .service(rooms::delete_room)
            .service(rooms::join_room)
            .service(rooms::leave_room)
            .service(uploads::upload)
            .service(uploads::download)
            .service(messages::get_message)
            .service(messages::edit_message)
            .service(messages::delete_message)
            .service(messages::list_revisions)
            .service(threads::get_thread)
            .service(reactions::add_reaction)
            .service(reactions::remove_reaction)
            .service(pins::pin_message)
            .service(pins::unpin_message)
            .service(pins::list_pins)
            .service(changes::list_changes)
            .service(read_state::mark_read)
            .service(read_state::mark_unread)
            .service(read_state::list_unread)
            .service(members::list_members)
            .service(members::add_member)
            .service(members::change_role)
            .service(members::remove_member)
            .service(moderation::mute_user)
            .service(moderation::unmute_user)
            .service(moderation::list_mutes)
            .service(moderation::list_bans)
            .service(moderation::ban_user)
            .service(moderation::unban_user)
            .service(invitations::list_room_invitations)
            .service(invitations::invite_user)
            .service(invitations::withdraw_invitation)
            .service(invitations::list_invitations)
            .service(invitations::decline_invitation)
            .service(dm::list_dms)
            .service(dm::start_dm)
            .service(dm::list_messages)
            .service(dm::send_message)
            .service(health::openapi_json)
            // The last is the outermost: answers to those who ask too often can be read by pages, too.
            .map(|scope| scope.wrap(from_fn(rate_limit)).wrap(from_fn(cors))),
    );
    config
        .service(health::live)
        .service(health::ready)
        .service(health::metrics);
}

/// What no handler is registered for: another method of a known path, or no path at all.
async fn fallback(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let operations = listeners::serves_operations(&request);
    let mut methods: Vec<&str> = ROUTES
        .iter()
        .filter(|route| route.matches(request.path()) && (operations || !route.is_operations()))
        .map(|route| route.method)
        .collect();
    if methods.is_empty() {
        return Err(ApiError::NotFound);
    }
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    let allow = methods.join(", ");
    if request.method() == Method::OPTIONS {
        Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish())
    } else {
        Err(ApiError::MethodNotAllowed { allow })
    }
}
