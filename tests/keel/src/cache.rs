//! What Keel knows of the cluster: the workloads that its watches showed last.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;
use studioci::keel::names::Map;

use crate::world::{Kind, Name};

/// One workload as it was seen last.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Which one.
    pub name: Name,
    /// The whole object.
    pub object: Rc<Value>,
}

impl Workload {
    /// Reads an object; `None` without a name.
    pub fn read(kind: Kind, object: Value) -> Option<Self> {
        let text = |field: &str| object.pointer(&format!("/metadata/{field}"))?.as_str().map(str::to_owned);
        let name = Name { kind, namespace: text("namespace").unwrap_or_default(), name: text("name")? };
        Some(Self { name, object: Rc::new(object) })
    }

    /// Its own labels.
    pub fn labels(&self) -> Map {
        strings(self.object.pointer("/metadata/labels"))
    }

    /// Its own annotations.
    pub fn annotations(&self) -> Map {
        strings(self.object.pointer("/metadata/annotations"))
    }

    /// `(name, image)` of each container in `containers` or `initContainers`.
    pub(crate) fn containers(&self, field: &str) -> Vec<(String, String)> {
        let list = self.object.pointer(&format!("{}/{field}", self.name.kind.pod_spec()));
        let text = |container: &Value, field: &str| container[field].as_str().unwrap_or_default().to_owned();
        let list = list.and_then(Value::as_array).into_iter().flatten();
        list.map(|container| (text(container, "name"), text(container, "image"))).collect()
    }
}

pub(crate) fn strings(value: Option<&Value>) -> Map {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// All workloads, in Keel's order: `kind/namespace/name`.
#[derive(Debug, Default)]
pub struct Cache(RefCell<BTreeMap<String, Workload>>);

impl Cache {
    /// Adds or replaces one.
    pub fn set(&self, workload: Workload) {
        self.0.borrow_mut().insert(key(&workload.name), workload);
    }

    /// Forgets one.
    pub fn remove(&self, name: &Name) {
        self.0.borrow_mut().remove(&key(name));
    }

    /// Replaces all of a kind.
    pub fn reset(&self, kind: Kind, workloads: Vec<Workload>) {
        self.0.borrow_mut().retain(|_, workload| workload.name.kind != kind);
        for workload in workloads {
            self.set(workload);
        }
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// A snapshot.
    pub fn values(&self) -> Vec<Workload> {
        self.0.borrow().values().cloned().collect()
    }
}

fn key(name: &Name) -> String {
    format!("{}/{}/{}", name.kind.as_str().to_lowercase(), name.namespace, name.name)
}
