//! The description of the API, OpenAPI 3.1, collected from the handlers.
//!
//! Handlers describe what is theirs: parameters, body, success. What is the same for all — tokens, the
//! tenant, errors — follows from the row in [`ROUTES`] and is described once.

use utoipa::{
    OpenApi as _, ToSchema,
    openapi::{
        ContentBuilder, Header, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Type,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
        schema::{KnownFormat, SchemaFormat},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_actix_web::AppExt;

use super::routes::{self, Caller, ROUTES, Route};
use crate::{timestamp::Timestamp, validation::Violations};

/// One thing went wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ErrorOut {
    /// What went wrong, for people.
    #[schema(example = "room not found")]
    error: String,
}

/// Fields or parameters break rules.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ViolationsOut {
    /// By field, what is wrong with it.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<String>>, example = json!({"username": ["has already been taken"]}))]
    errors: Violations,
}

/// The rules say no.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ForbiddenOut {
    /// What went wrong, for people.
    #[schema(example = "muted in this room")]
    error: String,
    /// For a mute: when it ends, `null` for never.
    #[schema(value_type = Option<Timestamp>)]
    until: Option<Timestamp>,
}

/// Too many in too short a time.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct RateLimitedOut {
    /// What went wrong, for people.
    #[schema(example = "rate limited")]
    error: String,
    /// When to come back, in milliseconds.
    retry_after_ms: u64,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Parlour",
        description = "A chat room for any website. Answers are `{\"data\": …}`, `{\"error\": \"…\"}` or \
            `{\"errors\": {field: […]}}`; lists have `meta` beside `data`.\n\nA request without a token names its \
            tenant in the header `X-Tenant`, the query parameter `tenant` or the body field `tenant`; else it is for \
            the default tenant. A token carries its tenant; naming another one beside it is answered 401.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(ErrorOut, ForbiddenOut, ViolationsOut, RateLimitedOut)),
    tags(
        (name = "auth", description = "Accounts and tokens"),
        (name = "users", description = "The users of the tenant"),
        (name = "rooms", description = "Rooms and who is in them"),
        (name = "members", description = "Members of rooms, their roles, and invitations"),
        (name = "moderation", description = "Bans and mutes"),
        (name = "messages", description = "What is said in rooms, and what becomes of it"),
        (name = "read state", description = "What was read, and how much was not"),
        (name = "dm", description = "Conversations of two"),
        (name = "administration", description = "For whoever runs the server, and for administrators of a tenant"),
        (name = "backend", description = "For the website's backend, with a key of its own"),
        (name = "operations", description = "For whoever runs the server")
    )
)]
struct Base;

const USER_TOKEN: &str = "user_token";
const OPERATOR_TOKEN: &str = "operator_token";
const ADMIN_KEY: &str = "admin_key";
const SERVER_KEY: &str = "server_key";

/// An error that several routes answer.
struct ErrorResponse {
    status: &'static str,
    name: &'static str,
    schema: &'static str,
    description: &'static str,
    header: Option<(&'static str, &'static str)>,
    applies: fn(&Route) -> bool,
}

const ERRORS: &[ErrorResponse] = &[
    ErrorResponse {
        status: "400",
        name: "Malformed",
        schema: "ErrorOut",
        description: "The body is no JSON",
        header: None,
        applies: |route| route.body,
    },
    ErrorResponse {
        status: "401",
        name: "Unauthorized",
        schema: "ErrorOut",
        description: "No token, or one that is not genuine, has expired, was revoked or is of another tenant; \
            for a login: another username or password; for a guest: a key that is nobody's",
        header: Some(("WWW-Authenticate", "`Bearer`")),
        applies: |route| {
            let takes_secret = ["/auth/login", "/auth/exchange", "/auth/guest"];
            route.caller != Caller::Anybody || takes_secret.iter().any(|path| route.path.ends_with(path))
        },
    },
    ErrorResponse {
        status: "403",
        name: "Forbidden",
        schema: "ForbiddenOut",
        description: "Not a member, a role that is not high enough, not the author, too late, banned, muted, frozen, \
            or a page of an origin that the tenant does not list; for a key one that may not do this",
        header: None,
        applies: |route| match route.caller {
            Caller::User | Caller::ServerKey(_) => true,
            Caller::Anybody => route.limited,
            Caller::Operator | Caller::Administrator => false,
        },
    },
    ErrorResponse {
        status: "404",
        name: "NotFound",
        schema: "ErrorOut",
        description: "No such thing in this tenant, or no such tenant",
        header: None,
        applies: |route| route.id.is_some() || route.limited || (route.body && route.path.ends_with("/dm")),
    },
    ErrorResponse {
        status: "408",
        name: "BodyTimeout",
        schema: "ErrorOut",
        description: "The body took too long to arrive",
        header: None,
        applies: |route| route.body || route.raw_body,
    },
    ErrorResponse {
        status: "409",
        name: "Conflict",
        schema: "ErrorOut",
        description: "The `client_id` was used for another message; the slug is taken; or there are as many pinned \
            messages, keys, or bytes of uploads, as there can be",
        header: None,
        applies: |route| {
            (route.method == "POST"
                && [
                    "/messages",
                    "/uploads",
                    "/api_keys",
                    "/admins",
                    "/keys",
                    "/admin/tenants",
                ]
                .iter()
                .any(|end| route.path.ends_with(end)))
                || (route.method == "PUT" && route.path.ends_with("/pin"))
        },
    },
    ErrorResponse {
        status: "413",
        name: "BodyTooLarge",
        schema: "ErrorOut",
        description: "The body is longer than allowed",
        header: None,
        applies: |route| route.body || route.raw_body,
    },
    ErrorResponse {
        status: "415",
        name: "UnsupportedMediaType",
        schema: "ErrorOut",
        description: "The content type is not `application/json`",
        header: None,
        applies: |route| route.body,
    },
    ErrorResponse {
        status: "422",
        name: "Invalid",
        schema: "ViolationsOut",
        description: "Fields or parameters break rules, are unknown or of another type",
        header: None,
        applies: |route| {
            route.caller != Caller::Anybody
                || route.body
                || route.path.ends_with("/origin")
                || route.id == Some(routes::Id::Upload)
        },
    },
    ErrorResponse {
        status: "429",
        name: "RateLimited",
        schema: "RateLimitedOut",
        description: "Too many in too short a time; or the room is in slow mode",
        header: Some(("Retry-After", "Whole seconds until one more would pass")),
        applies: |route| route.limited,
    },
    ErrorResponse {
        status: "500",
        name: "Internal",
        schema: "ErrorOut",
        description: "A fault of the server; its log has the cause under the request id",
        header: None,
        applies: |route| route.path.starts_with("/api/") && !route.path.ends_with("/openapi.json"),
    },
    ErrorResponse {
        status: "503",
        name: "Unavailable",
        schema: "ErrorOut",
        description: "Too busy, shutting down, or without its database; trying again later will do",
        header: Some(("Retry-After", "Whole seconds to wait")),
        applies: |route| route.limited || route.path.ends_with("/ready"),
    },
];

/// The description of the whole API.
pub fn openapi() -> OpenApi {
    let app = actix_web::App::new().into_utoipa_app().openapi(Base::openapi());
    let (_, mut api) = app.configure(routes::api).split_for_parts();

    let components = api.components.get_or_insert_default();
    let bearer = |description: &str| {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(description))
            .build();
        SecurityScheme::Http(scheme)
    };
    components.add_security_scheme(USER_TOKEN, bearer("The token of register or login"));
    components.add_security_scheme(OPERATOR_TOKEN, bearer("The setting `auth.operator_token`"));
    components.add_security_scheme(
        ADMIN_KEY,
        bearer("A key of an administrator of the tenant (`ta_…`); other tenants are answered 404"),
    );
    components.add_security_scheme(
        SERVER_KEY,
        bearer("A key of the website's backend (`sk_…`), which needs the scope that the route names"),
    );
    for error in ERRORS {
        components
            .responses
            .insert(error.name.to_owned(), RefOr::T(error.response()));
    }
    for route in ROUTES {
        if let Some(operation) = api
            .paths
            .paths
            .get_mut(route.path)
            .and_then(|item| operation(item, route.method))
        {
            complete(operation, route);
        }
    }
    api
}

/// The description as it is served and committed.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    openapi().to_pretty_json().map(|json| json + "\n")
}

impl ErrorResponse {
    fn response(&self) -> Response {
        let schema = Ref::from_schema_name(self.schema);
        let mut response = ResponseBuilder::new()
            .description(self.description)
            .content("application/json", ContentBuilder::new().schema(Some(schema)).build())
            .header("x-request-id", text_header("The id of this request in the log"));
        if let Some((name, description)) = self.header {
            response = response.header(name, text_header(description));
        }
        response.build()
    }
}

fn text_header(description: &str) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String).build());
    header.description = Some(description.to_owned());
    header
}

fn operation<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}

/// Adds what follows from the route's row.
fn complete(operation: &mut Operation, route: &Route) {
    let scopes: [&str; 0] = [];
    match route.caller {
        Caller::Anybody => {}
        Caller::User => operation.security = Some(vec![SecurityRequirement::new(USER_TOKEN, scopes)]),
        Caller::Operator => operation.security = Some(vec![SecurityRequirement::new(OPERATOR_TOKEN, scopes)]),
        Caller::Administrator => {
            let either = [OPERATOR_TOKEN, ADMIN_KEY].map(|scheme| SecurityRequirement::new(scheme, scopes));
            operation.security = Some(either.into());
        }
        Caller::ServerKey(needed) => {
            operation.security = Some(vec![SecurityRequirement::new(SERVER_KEY, [needed.as_str()])]);
        }
    }
    for error in ERRORS.iter().filter(|error| (error.applies)(route)) {
        let response = RefOr::Ref(Ref::from_response_name(error.name));
        operation
            .responses
            .responses
            .entry(error.status.to_owned())
            .or_insert(response);
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        let optional = body.content.values().any(|content| match content {
            RefOr::T(content) => matches!(
                &content.schema,
                Some(RefOr::Ref(schema))
                    if ["/NoFieldsIn", "/SanctionIn"]
                        .iter()
                        .any(|name| schema.ref_location.ends_with(name))
            ),
            RefOr::Ref(_) => false,
        });
        body.required = Some(if optional { Required::False } else { Required::True });
    }
    let parameters = operation.parameters.get_or_insert_default();
    parameters
        .retain(|parameter| !matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path));
    let described = route.placeholders().map(|name| path_parameter(route, name));
    parameters.splice(0..0, described);
    let names_tenant = match route.caller {
        Caller::User => true,
        Caller::Anybody => route.limited,
        Caller::Operator | Caller::Administrator | Caller::ServerKey(_) => false,
    };
    if names_tenant {
        let schema = ObjectBuilder::new().schema_type(Type::String).build();
        parameters.push(RefOr::T(
            ParameterBuilder::new()
                .name("X-Tenant")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some("The tenant's slug"))
                .schema(Some(schema))
                .build(),
        ));
    }
    if parameters.is_empty() {
        operation.parameters = None;
    }
}

/// Describes what a name in braces of a route's path stands for.
fn path_parameter(route: &Route, name: &str) -> RefOr<Parameter> {
    let uuid = Some(SchemaFormat::KnownFormat(KnownFormat::Uuid));
    let (description, format) = match (name, route.id) {
        ("mid", _) => ("The message's id", uuid),
        ("slug", _) => ("The tenant's slug", None),
        ("kid", _) => ("The signing key's name", None),
        ("uid", _) | (_, Some(routes::Id::User)) => ("The user's id", uuid),
        (_, Some(routes::Id::Upload)) => ("The upload's id", uuid),
        (_, Some(routes::Id::ApiKey)) => ("The key's id", uuid),
        ("emoji", _) => ("One emoji, percent-encoded", None),
        (_, Some(routes::Id::Dm)) => ("The conversation's id", uuid),
        (_, Some(routes::Id::Room | routes::Id::Invitation) | None) => ("The room's id or slug", None),
    };
    let schema = ObjectBuilder::new().schema_type(Type::String).format(format).build();
    RefOr::T(
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(description))
            .schema(Some(schema))
            .build(),
    )
}
