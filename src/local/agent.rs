//! Where an agent runs, by the downward API and its manifest.

/// Where an agent is.
#[derive(Debug, Clone)]
pub struct AgentPlace {
    /// Host of the API server.
    pub host: String,
    /// Port of the API server.
    pub port: u16,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The listener Deployment's name.
    pub deployment: String,
    /// The CI container's name.
    pub container: String,
}

/// Reads where this agent is.
///
/// # Errors
/// The name of the variable that is missing.
#[expect(clippy::disallowed_methods, reason = "this room reads the environment")]
pub fn place() -> Result<AgentPlace, &'static str> {
    let told = |name: &'static str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let must = |name: &'static str| told(name).ok_or(name);
    Ok(AgentPlace {
        host: must("KUBERNETES_SERVICE_HOST")?,
        port: must("KUBERNETES_SERVICE_PORT")?.parse().map_err(|_| "KUBERNETES_SERVICE_PORT")?,
        namespace: must("STUDIOCI_NAMESPACE")?,
        pod: must("STUDIOCI_POD")?,
        deployment: must("STUDIOCI_DEPLOYMENT")?,
        container: must("STUDIOCI_CONTAINER")?,
    })
}
