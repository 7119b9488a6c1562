//! Which address a request came to. With `server.admin_listen` there are two: one for everybody, and one for whoever
//! runs the server. What is the operator's answers on the second only; on the first it looks like what does not exist.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use actix_web::{
    HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{Extensions, ServiceRequest, ServiceResponse},
    middleware::Next,
    rt::net::TcpStream,
    web::Data,
};

use super::error::ApiError;

/// What the operator's listener answers: paths that begin like this.
const OPERATIONS: &[&str] = &["/api/v1/admin/", "/metrics", "/health/"];

/// The operator's own listener, when there is one; known once it listens.
#[derive(Clone, Debug, Default)]
pub struct AdminListener(Arc<OnceLock<SocketAddr>>);

/// Mark of a connection to the operator's listener.
struct ThroughAdminListener;

impl AdminListener {
    /// From now on the operator's routes answer on this address only.
    pub fn set(&self, address: SocketAddr) {
        // Set once, before the server takes its first connection.
        let _ = self.0.set(address);
    }

    /// Notes with a connection which listener it came to.
    pub fn mark(&self, connection: &TcpStream, extensions: &mut Extensions) {
        let (Some(listener), Ok(local)) = (self.0.get(), connection.local_addr()) else {
            return;
        };
        let (listener_ip, local_ip) = (listener.ip().to_canonical(), local.ip().to_canonical());
        if local.port() == listener.port() && (listener_ip.is_unspecified() || listener_ip == local_ip) {
            extensions.insert(ThroughAdminListener);
        }
    }

    fn exists(&self) -> bool {
        self.0.get().is_some()
    }
}

/// Whether the operator's routes answer this request.
pub fn serves_operations(request: &HttpRequest) -> bool {
    let separate = request
        .app_data::<Data<AdminListener>>()
        .is_some_and(|listener| listener.exists());
    !separate || request.conn_data::<ThroughAdminListener>().is_some()
}

/// # Errors
/// `not found` when they do not.
pub fn require_operations(request: &HttpRequest) -> Result<(), ApiError> {
    if serves_operations(request) {
        Ok(())
    } else {
        Err(ApiError::NotFound)
    }
}

/// Middleware: on the operator's listener there is nothing else.
///
/// # Errors
/// Those of the handler; `not found`.
pub async fn operations_only<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let through_it = request.conn_data::<ThroughAdminListener>().is_some();
    if through_it && !OPERATIONS.iter().any(|path| request.path().starts_with(path)) {
        return Ok(request.error_response(ApiError::NotFound));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}
