//! stub
use super::error::{Error, Result};
use super::home::Data;
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::cluster::resource as kind;
/// stub
#[derive(Debug, Clone)]
pub struct Home {
    /// stub
    pub agent_image: String,
}
/// stub
pub async fn home(cluster: &Cluster) -> Result<Home> {
    let found = cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), wire::HOME_CONFIG).await?;
    let found = found.ok_or_else(|| Error::unready("setup is not done", "run kubectl studioci setup"))?;
    Ok(Home { agent_image: found.data.get(wire::HOME_KEY_AGENT_IMAGE).cloned().unwrap_or_default() })
}
/// stub
#[derive(Debug)]
pub struct Confinement;
impl Confinement {
    /// stub
    pub fn said_aloud(&self) -> Vec<String> {
        Vec::new()
    }
}
/// stub
pub async fn check(_cluster: &Cluster) -> Result<Confinement> {
    Ok(Confinement)
}
impl Home {
    /// stub
    pub fn unasked() -> Self {
        Self { agent_image: String::new() }
    }
}
