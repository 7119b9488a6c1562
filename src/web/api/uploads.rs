//! Files that are sent with messages: received here before, and handed out to those who read them.

use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    get,
    http::{
        StatusCode,
        header::{
            self, Charset, ContentDisposition, DispositionParam, DispositionType, ETag, EntityTag, ExtendedValue,
            Header, HeaderValue, IfNoneMatch,
        },
    },
    post,
    web::{Bytes, Data, Path},
};
use futures_util::stream;
use sea_orm::ActiveEnum;

use crate::{
    app::App,
    chat::{self, Attachment, NewUpload, RoomRef, UPLOAD_LINK_LIFETIME, UploadLink, UploadName},
    ids::{TenantId, UploadId},
    media::MediaType,
    tenants,
    timestamp::Timestamp,
    validation::Violations,
    web::{
        error::ApiError,
        extract::{Authenticated, Pairs, Parameters, Query, RawBody, RequestTenant},
        identity,
        reply::{Envelope, Reply},
    },
    wire::AttachmentOut,
};

/// What a browser may do with an upload that it shows by itself: nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Pages of all sites may show it, if they know its address.
const RESOURCE_POLICY: HeaderValue = HeaderValue::from_static("cross-origin");

/// What an upload is called.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadParams {
    /// The file's name, up to 255 characters. Folders, controls and marks of direction are left out of it.
    #[param(example = "photo.jpg")]
    pub name: Option<String>,
}

impl Parameters for UploadParams {
    fn take(pairs: &mut Pairs) -> Self {
        Self {
            name: pairs.text("name"),
        }
    }
}

/// What opens an upload.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadLinkParams {
    /// Until when the address is good, in seconds since 1970.
    #[param(minimum = 0)]
    pub expires: i64,
    /// The server's signature.
    pub signature: String,
}

impl Parameters for UploadLinkParams {
    fn take(pairs: &mut Pairs) -> Self {
        Self {
            expires: pairs.required_number("expires"),
            signature: pairs.required_text("signature"),
        }
    }
}

/// Uploads a file, for a message to this room
///
/// The body is the file as it is; its `Content-Type` means nothing, the server looks for itself. An upload that no
/// message has within an hour is deleted.
#[utoipa::path(
    tag = "messages",
    params(UploadParams),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file"),
    responses((status = 201, description = "The upload", body = Envelope<AttachmentOut>))
)]
#[post("/rooms/{id}/uploads")]
pub async fn upload(
    app: Data<App>,
    Authenticated(identity): Authenticated,
    id: Path<String>,
    query: Query<UploadParams>,
    body: RawBody,
) -> Result<Reply<Envelope<AttachmentOut>>, ApiError> {
    let name = UploadName::parse(query.read()?.name.as_deref().unwrap_or_default())?;
    let sender = identity.sender();
    let room_id = app.realtime.admit_upload(&sender, &RoomRef::parse(&id)).await?;
    let _admission = app
        .media
        .admit()
        .ok_or(ApiError::Unavailable("too many uploads at once"))?;
    let bytes_max = identity.tenant.settings.upload_bytes(app.settings.uploads.bytes_max);
    let bytes = body.read(bytes_max, app.settings.uploads.timeout).await?;
    if bytes.is_empty() {
        return Err(Violations::of("body", "must not be empty").into());
    }
    let inspected = app.media.inspect(bytes).await;
    let new = NewUpload { name, inspected };
    let stored = app.realtime.store_upload(&sender, room_id, new).await?;
    Ok(Reply::created_here(stored.into()))
}

/// Hands out a file by an address that a message has
///
/// There is no token: the address is what opens it, for a day at least and two at most. Pictures that the server has
/// decoded come with their type; everything else is to be saved, and never shown.
#[utoipa::path(
    tag = "messages",
    params(UploadLinkParams),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The browser has it already")
    )
)]
#[get("/uploads/{id}")]
pub async fn download(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    query: Query<UploadLinkParams>,
) -> Result<HttpResponse, ApiError> {
    let UploadLinkParams { expires, signature } = query.read()?;
    let id: UploadId = id.parse().map_err(|_| chat::Error::UploadNotFound)?;
    let (tenant_id, attachment) = chat::open_upload(&app.store, id, &UploadLink { expires, signature }).await?;
    let tenant = tenants::get_tenant(&app.store, tenant_id).await?;
    let tenant = identity::open_tenant(tenant)?;
    RequestTenant::settle(&app, &request, &tenant)?;

    let mut response = HttpResponse::Ok();
    let tag = EntityTag::new_strong(id.to_string());
    let left = expires.saturating_sub(Timestamp::now().seconds()).unsigned_abs();
    let kept = left.min(UPLOAD_LINK_LIFETIME.as_secs());
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, RESOURCE_POLICY))
        .insert_header((header::CACHE_CONTROL, format!("private, max-age={kept}, immutable")))
        .insert_header(ETag(tag.clone()));
    if is_known(&request, &tag) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    Ok(response
        .content_type(attachment.media_type.to_value())
        .insert_header(disposition(&attachment))
        .body(SizedStream::new(attachment.bytes, parts(&app, tenant_id, id))))
}

/// Whether the browser has what this tag names.
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

/// Whether a browser may show it, and the name to save it under.
fn disposition(attachment: &Attachment) -> ContentDisposition {
    let disposition = match attachment.media_type {
        MediaType::Jpeg | MediaType::Png | MediaType::Webp | MediaType::Gif => DispositionType::Inline,
        MediaType::Other => DispositionType::Attachment,
    };
    let name = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: attachment.name.clone().into_bytes(),
    };
    ContentDisposition {
        disposition,
        parameters: vec![DispositionParam::FilenameExt(name)],
    }
}

/// The file, read as fast as it is taken, a part at a time.
fn parts(
    app: &Data<App>,
    tenant_id: TenantId,
    id: UploadId,
) -> impl futures_util::Stream<Item = Result<Bytes, chat::Error>> + use<> {
    let store = app.store.clone();
    stream::try_unfold(0, move |part| {
        let store = store.clone();
        async move {
            let bytes = chat::read_part(&store, tenant_id, id, part).await?;
            Ok(bytes.map(|bytes| (bytes, part + 1)))
        }
    })
}
