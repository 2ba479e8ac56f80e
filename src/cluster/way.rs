//! The way to a server: where it is, how it is known, what stands in between, and whom to trust there.

use std::sync::Arc;

use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use kube::Config;
use kube::client::ConfigExt as _;

use super::identity::ClientCertificate;
use super::proxy::ChosenProxy;
use super::trust::Trust;
use crate::chain::base64::base64;

/// Where the server is and how it is known, and what stands in between.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) config: Config,
    pub(super) proxy: Option<ChosenProxy>,
    /// Whom to trust; this machine's authorities where it is none.
    pub(super) trust: Option<Arc<Trust>>,
}

impl Way {
    /// The same with a client certificate that a plugin gave.
    pub(super) fn with_certificate(&self, identity: &ClientCertificate) -> Self {
        let mut way = self.clone();
        way.config.auth_info.client_certificate_data = Some(base64(&identity.certificate));
        way.config.auth_info.client_key_data = Some(base64(&identity.key).into());
        way
    }

    /// TLS over these connections, to the server or to a proxy.
    pub(super) fn tls<C>(&self, connector: C) -> Result<HttpsConnector<C>, kube::Error> {
        let mut tls = self.config.rustls_client_config()?;
        if let Some(trust) = &self.trust {
            tls.dangerous().set_certificate_verifier(Arc::clone(trust) as _);
        }
        let mut builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let name = self.config.tls_server_name.as_ref().and_then(|name| name.clone().try_into().ok());
        if let Some(name) = name {
            builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
        }
        Ok(builder.enable_http1().wrap_connector(connector))
    }
}
