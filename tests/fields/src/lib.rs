//! The table of field types, `src/pipeline/weave/fields.txt`, made of the API's own schema.
//!
//! A crate of its own, so that the product and its tests are built without schemas. A line is a type: its name, then for each
//! kind of value the fields that take it. A document's type is named by its `apiVersion` and `kind`. The table is linked into
//! the product, so it is kept short: what servers fill in (`status`, `managedFields`) and fields that take anything are left
//! out, types of the same fields are one, and a type is called as a field that takes it, where no other is (`*`).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::Resource;
use k8s_openapi::api::{apps, autoscaling, batch, core, events, networking, policy, rbac};
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};

/// Where the definitions stand in a schema, and how one refers to them.
const REFERENCE: &str = "#/$defs/";

/// Collects the schemas of all kinds that a pipeline may hold.
struct Collected {
    schemas: SchemaGenerator,
    /// A schema's name, and the document's as the table calls it.
    documents: BTreeMap<String, String>,
}

impl Collected {
    fn add<T: JsonSchema + Resource>(&mut self) {
        self.schemas.subschema_for::<T>();
        self.documents.insert(T::schema_name().into_owned(), format!("{} {}", T::API_VERSION, T::KIND));
    }
}

/// The table.
pub fn table() -> String {
    let mut of =
        Collected { schemas: SchemaSettings::draft2020_12().into_generator(), documents: BTreeMap::new() };
    of.add::<core::v1::ConfigMap>();
    of.add::<core::v1::Event>();
    of.add::<core::v1::LimitRange>();
    of.add::<core::v1::Namespace>();
    of.add::<core::v1::PersistentVolumeClaim>();
    of.add::<core::v1::Pod>();
    of.add::<core::v1::ReplicationController>();
    of.add::<core::v1::ResourceQuota>();
    of.add::<core::v1::Secret>();
    of.add::<core::v1::Service>();
    of.add::<core::v1::ServiceAccount>();
    of.add::<apps::v1::DaemonSet>();
    of.add::<apps::v1::Deployment>();
    of.add::<apps::v1::ReplicaSet>();
    of.add::<apps::v1::StatefulSet>();
    of.add::<autoscaling::v1::HorizontalPodAutoscaler>();
    of.add::<autoscaling::v2::HorizontalPodAutoscaler>();
    of.add::<batch::v1::CronJob>();
    of.add::<batch::v1::Job>();
    of.add::<events::v1::Event>();
    of.add::<networking::v1::Ingress>();
    of.add::<networking::v1::NetworkPolicy>();
    of.add::<policy::v1::PodDisruptionBudget>();
    of.add::<rbac::v1::Role>();
    of.add::<rbac::v1::RoleBinding>();
    written(of.schemas.definitions(), &of.documents)
}

/// The fields of a type, and what each takes: before it `[]` for a list, `{}` for a map.
type Fields = BTreeMap<String, (&'static str, String)>;

fn written(schemas: &Map<String, Value>, documents: &BTreeMap<String, String>) -> String {
    let names = Names { schemas, documents };
    let mut types: BTreeMap<String, Fields> = BTreeMap::new();
    let mut open: Vec<&str> = documents.keys().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        let shown = names.shown(name);
        if types.contains_key(&shown) {
            continue;
        }
        let properties = schemas[name]["properties"].as_object().into_iter().flatten();
        let document = documents.contains_key(name);
        let left_out = |field: &str| match field {
            "managedFields" => true,
            // `apiVersion` and `kind` are read before the table is asked
            "status" | "apiVersion" | "kind" => document,
            _ => false,
        };
        let fields = properties
            .filter(|(field, _)| !left_out(field))
            .filter_map(|(field, schema)| Some((field.clone(), names.takes(schema, &mut open)?)));
        types.insert(shown, fields.collect());
    }
    while let Some(twins) = twins(&types) {
        rename(&mut types, &twins);
    }
    let by_field = named_by_field(&types);
    rename(&mut types, &by_field);
    types.iter().map(|(name, fields)| line(name, fields)).collect()
}

/// Types that have the same fields as one before them, and what that one is called.
fn twins(types: &BTreeMap<String, Fields>) -> Option<BTreeMap<String, String>> {
    let mut first: BTreeMap<&Fields, &String> = BTreeMap::new();
    let mut again = BTreeMap::new();
    for (name, fields) in types.iter().filter(|(name, _)| !is_document(name)) {
        let twin = *first.entry(fields).or_insert(name);
        if twin != name {
            again.insert(name.clone(), twin.clone());
        }
    }
    (!again.is_empty()).then_some(again)
}

/// For each type the first field that takes it, where no other type has that name already.
fn named_by_field(types: &BTreeMap<String, Fields>) -> BTreeMap<String, String> {
    let mut named = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (field, (_, of)) in types.values().flatten() {
        if types.contains_key(of) && !is_document(of) && !named.contains_key(of) && taken.insert(field) {
            named.insert(of.clone(), field.clone());
        }
    }
    named
}

fn rename(types: &mut BTreeMap<String, Fields>, names: &BTreeMap<String, String>) {
    let renamed = std::mem::take(types).into_iter().map(|(name, mut fields)| {
        for (_, of) in fields.values_mut() {
            *of = names.get(of).cloned().unwrap_or(std::mem::take(of));
        }
        (names.get(&name).cloned().unwrap_or(name), fields)
    });
    types.extend(renamed);
}

fn is_document(name: &str) -> bool {
    name.contains(':')
}

fn line(name: &str, fields: &Fields) -> String {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (field, (shape, of)) in fields {
        let of = if of == field { "*" } else { of };
        groups.entry(format!("{shape}{of}")).or_default().push(field);
    }
    let groups = groups.iter().map(|(takes, fields)| format!("; {takes} {}", fields.join(" ")));
    format!("{name}{}\n", groups.collect::<String>())
}

struct Names<'a> {
    schemas: &'a Map<String, Value>,
    documents: &'a BTreeMap<String, String>,
}

impl<'a> Names<'a> {
    /// How the table calls a schema: by its last word, and by the version before it where two share that.
    fn shown(&self, name: &str) -> String {
        if let Some(document) = self.documents.get(name) {
            return document.replace(' ', ":");
        }
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let shared = self.schemas.keys().any(|other| other != name && last(other) == last(name));
        let words: Vec<&str> = name.rsplitn(4, '.').collect();
        if shared { format!("{}.{}.{}", words[2], words[1], words[0]) } else { last(name) }
    }

    /// What a field takes; none where it takes anything. Types that are met on the way are added to `open`.
    fn takes(&self, schema: &'a Value, open: &mut Vec<&'a str>) -> Option<(&'static str, String)> {
        let scalar = |word: &str| Some(("", word.to_owned()));
        if let Some(name) = schema["$ref"].as_str().and_then(|it| it.strip_prefix(REFERENCE)) {
            return match name {
                "io.k8s.apimachinery.pkg.api.resource.Quantity" => scalar("quantity"),
                "io.k8s.apimachinery.pkg.util.intstr.IntOrString" => scalar("int-or-string"),
                _ if self.schemas[name]["properties"].is_object() => {
                    open.push(name);
                    scalar(&self.shown(name))
                }
                _ => self.takes(&self.schemas[name], open),
            };
        }
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), Some("byte")) => scalar("base64"),
            (Some("string"), _) => scalar("string"),
            (Some("boolean"), _) => scalar("bool"),
            (Some("integer"), Some(size @ ("int32" | "int64"))) => scalar(size),
            (Some("array"), _) => self.many("[]", &schema["items"], open),
            (Some("object"), _) if schema["additionalProperties"].is_object() => {
                self.many("{}", &schema["additionalProperties"], open)
            }
            (Some("object") | None, _) => None,
            other => panic!("the table has no word for {other:?}"),
        }
    }

    fn many(
        &self,
        shape: &'static str,
        of: &'a Value,
        open: &mut Vec<&'a str>,
    ) -> Option<(&'static str, String)> {
        match self.takes(of, open)? {
            ("", of) => Some((shape, of)),
            (inner, of) => panic!("the table has no word for {shape}{inner}{of}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_what_the_schema_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/pipeline/weave/fields.txt");
        let table = super::table();
        if std::env::var_os("STUDIOCI_WRITE_DOCS").is_some() {
            std::fs::write(path, table).unwrap();
            return;
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        let differs = written.lines().zip(table.lines()).find(|(written, table)| written != table);
        assert!(
            written == table,
            "{path} is not what the schema says: {differs:#?}\ncargo xtask docs writes it anew"
        );
    }
}
