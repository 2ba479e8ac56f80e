//! Which login Keel asks a registry with. It is read anew for every look: nothing of it is remembered.
//!
//! Keel asks the Secret that `keel.sh/imagePullSecret` names, then those that the pod's template names; a ServiceAccount's it
//! never sees. The first that knows the image's host is taken; with none Keel asks all the same, as nobody.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use studioci::chain::base64::of_base64;
use studioci::keel::image::ImageRef;
use studioci::keel::names::{self, Map};

use crate::cache::Workload;
use crate::world::ApiServer;

/// Who asks a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

/// One registry of a pull Secret. What is no text counts as not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    username: String,
    password: String,
    auth: String,
}

#[derive(Debug, Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

/// The names of a workload's pull Secrets, in the order in which they are asked.
pub(crate) fn pull_secrets(workload: &Workload, labels: &Map, annotations: &Map) -> Vec<String> {
    let named = |map: &Map| {
        map.iter().find(|(key, _)| key.eq_ignore_ascii_case(names::IMAGE_PULL_SECRET)).map(|(_, v)| v.clone())
    };
    // an empty label hides the annotation
    let named = named(labels).or_else(|| named(annotations)).filter(|name| !name.is_empty());
    let of_pod = workload.object.pointer(&format!("{}/imagePullSecrets", workload.name.kind.pod_spec()));
    let of_pod = of_pod.and_then(Value::as_array).into_iter().flatten();
    named.into_iter().chain(of_pod.filter_map(|one| one["name"].as_str().map(str::to_owned))).collect()
}

/// The login for an image; none where no Secret knows its registry.
pub(crate) async fn login(
    api: &impl ApiServer,
    namespace: &str,
    secrets: &[String],
    image: &ImageRef,
) -> Option<Login> {
    for name in secrets {
        // one that is not there is passed over
        let Ok(secret) = api.secret(namespace, name).await else { continue };
        if let Some(login) = of_secret(&secret, image) {
            return Some(login);
        }
    }
    None
}

fn of_secret(secret: &Value, image: &ImageRef) -> Option<Login> {
    let bytes = |key: &str| of_base64(secret["data"][key].as_str()?);
    let auths = match secret["type"].as_str()? {
        "kubernetes.io/dockercfg" => serde_json::from_slice(&bytes(".dockercfg")?).ok()?,
        "kubernetes.io/dockerconfigjson" => {
            serde_json::from_slice::<DockerConfig>(&bytes(".dockerconfigjson")?).ok()?.auths
        }
        _ => return None,
    };
    let key = image.repository_key();
    let host = match key.split_once('/')?.0 {
        "docker.io" => "index.docker.io",
        other => other,
    };
    auths.iter().filter(|(registry, _)| host_of(registry) == host_of(host)).find_map(|(_, auth)| auth.login())
}

/// A registry without scheme, port and path: no more is compared.
fn host_of(registry: &str) -> &str {
    let rest = ["http://", "https://"].iter().find_map(|scheme| registry.strip_prefix(scheme));
    rest.unwrap_or(registry).split([':', '/']).next().unwrap_or_default()
}

impl Auth {
    fn login(&self) -> Option<Login> {
        if !self.username.is_empty() && !self.password.is_empty() {
            return Some(Login { username: self.username.clone(), password: self.password.clone() });
        }
        let text = String::from_utf8(of_base64(&self.auth)?).ok()?;
        let (username, password) = text.split_once(':')?;
        Some(Login { username: username.to_owned(), password: password.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use studioci::chain::base64::base64;

    use super::*;
    use crate::world::Kind;

    fn found(kind: &str, key: &str, config: &Value, image: &str) -> Option<String> {
        let secret = json!({"type": kind, "data": {key: base64(config.to_string())}});
        let login = of_secret(&secret, &ImageRef::parse(image).unwrap())?;
        Some(format!("{}/{}", login.username, login.password))
    }

    #[test]
    fn a_secret_knows_a_registry_by_its_host_alone() {
        let auth = json!({"username": "u", "password": "p"});
        for (registry, image, knows) in [
            ("registry.test:5000", "registry.test:5000/app:1", true),
            ("registry.test", "registry.test:5000/app:1", true),
            ("registry.test:1", "registry.test:5000/app:1", true),
            ("https://registry.test/v2/", "registry.test/team/app:1", true),
            ("http://registry.test:5000", "registry.test/app:1", true),
            ("other.test", "registry.test/app:1", false),
            ("registry.test.example", "registry.test/app:1", false),
            ("https://index.docker.io/v1/", "team/app:1", true),
            ("index.docker.io", "app:1", true),
            ("docker.io", "app:1", false),
        ] {
            let auths = json!({ registry: auth });
            let wanted = knows.then(|| "u/p".to_owned());
            let json = json!({ "auths": auths });
            let of = |kind: &str, key: &str, config: &Value| found(kind, key, config, image);
            assert_eq!(
                of("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &json),
                wanted,
                "{registry}"
            );
            assert_eq!(of("kubernetes.io/dockercfg", ".dockercfg", &auths), wanted, "{registry}");
            assert_eq!(of("Opaque", ".dockerconfigjson", &json), None);
            assert_eq!(of("kubernetes.io/dockercfg", ".dockerconfigjson", &json), None);
        }
    }

    #[test]
    fn a_login_stands_as_two_words_or_as_one() {
        for (auth, wanted) in [
            (json!({"username": "u", "password": "p", "auth": base64("x:y")}), Some("u/p")),
            (json!({"username": "u", "auth": base64("x:y:z")}), Some("x/y:z")),
            (json!({"auth": base64("x:")}), Some("x/")),
            (json!({"auth": base64("x")}), None),
            (json!({"auth": "%"}), None),
            (json!({"username": "u"}), None),
            (json!({}), None),
        ] {
            let config = json!({"auths": {"registry.test": auth}});
            let found =
                found("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &config, "registry.test/app:1");
            assert_eq!(found.as_deref(), wanted, "{auth}");
        }
    }

    #[test]
    fn the_secret_that_the_keys_name_is_asked_before_the_pods() {
        let workload = |labels: Value, annotations: Value| {
            let object = json!({"metadata": {"name": "web", "labels": labels, "annotations": annotations},
                "spec": {"template": {"spec": {"imagePullSecrets": [{"name": "a"}, {}, {"name": "b"}]}}}});
            let workload = Workload::read(Kind::Deployment, object).unwrap();
            pull_secrets(&workload, &workload.labels(), &workload.annotations()).join(" ")
        };
        assert_eq!(workload(json!({}), json!({})), "a b");
        assert_eq!(workload(json!({}), json!({"keel.sh/imagePullSecret": "n"})), "n a b");
        assert_eq!(
            workload(json!({"KEEL.sh/imagepullsecret": "l"}), json!({"keel.sh/imagePullSecret": "n"})),
            "l a b"
        );
        assert_eq!(
            workload(json!({"keel.sh/imagePullSecret": ""}), json!({"keel.sh/imagePullSecret": "n"})),
            "a b"
        );
    }
}
