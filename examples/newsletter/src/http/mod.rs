//! What the web server answers. A request checks what it was given, puts on record what is to be done, and answers.

mod admin;
mod health;
mod issues;
mod refusal;
mod subscriptions;

use actix_web::web::{self, JsonConfig, PathConfig, ServiceConfig};

pub use self::refusal::Refusal;
use crate::Newsletter;

/// What the handlers work on.
pub type Shared = web::Data<Newsletter>;

/// All routes. They want a `web::Data<Newsletter>` in the application.
pub fn routes(app: &mut ServiceConfig) {
    app.app_data(JsonConfig::default().error_handler(|error, _| Refusal::bad_request(error).into()))
        .app_data(PathConfig::default().error_handler(|error, _| Refusal::bad_request(error).into()))
        .configure(subscriptions::routes)
        .configure(issues::routes)
        .configure(admin::routes)
        .configure(health::routes);
}
