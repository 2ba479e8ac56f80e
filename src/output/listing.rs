//! What `kubectl get` makes of what is listed: a table with the columns of labels, names, columns of one's own, or objects; at
//! once, or as it changes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::form::{ObjectForm, WholeForm};
use super::jsonpath::JsonPath;
use super::order::order;
use super::printer;
use super::table::{Table, Widths, said};
use crate::chain::build::Happening;
use crate::chain::build_object::API_VERSION;

/// What has a row each in a table, in the order in which it is shown.
pub trait Rows {
    /// How many there are.
    fn count(&self) -> usize;
    /// The table's headers.
    fn headers(&self, wide: bool) -> Vec<&'static str>;
    /// One's cells.
    fn cells(&self, place: usize, wide: bool) -> Vec<String>;
    /// One's labels, where they are known.
    fn labels(&self, place: usize) -> Option<&BTreeMap<String, String>>;
}

/// Things that can be listed in other forms, too.
pub trait Listed: Rows {
    /// The kind of each.
    fn kind(&self) -> &'static str;
    /// What `-o name` says of one.
    fn name(&self, place: usize) -> String;
    /// One as an object.
    fn object(&self, place: usize) -> Value;

    /// All as one list object, in this order.
    fn list(&self, places: &[usize]) -> Value {
        self.items(places)
    }

    /// The list object without what is particular about it.
    fn items(&self, places: &[usize]) -> Value {
        let items: Vec<Value> = places.iter().map(|place| self.object(*place)).collect();
        json!({ "apiVersion": API_VERSION, "kind": format!("{}List", self.kind()), "metadata": {}, "items": items })
    }
}

/// How things are listed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The form; none is the table.
    pub form: Option<ObjectForm>,
    /// Whether headers are left out.
    pub no_headers: bool,
    /// Labels that have a column each.
    pub label_columns: Vec<String>,
    /// Whether all labels have one.
    pub show_labels: bool,
    /// What the things are ordered by.
    pub sort_by: Option<JsonPath>,
    /// Whether what is seen of a change is said.
    pub events: bool,
}

/// What was printed before, while somebody watches.
#[derive(Debug, Default)]
pub struct Feed {
    widths: Widths,
    printed: bool,
}

impl Listing {
    /// Whether people read it, who are told where there is nothing.
    pub fn is_for_people(&self) -> bool {
        matches!(self.form, None | Some(ObjectForm::Wide | ObjectForm::Name))
    }

    /// Whether it shows labels, or may be asked for them.
    pub fn needs_labels(&self) -> bool {
        self.show_labels
            || !self.label_columns.is_empty()
            || self.sort_by.is_some()
            || matches!(self.form, Some(ObjectForm::Whole(_) | ObjectForm::Columns(_)))
    }

    /// All of them. `alone`: whether the one that there is was asked for by its name, and is no list.
    ///
    /// # Errors
    /// A path that cannot be followed, an order that there is none of: in kubectl's words.
    pub fn print(&self, listed: &dyn Listed, alone: bool) -> Result<String, String> {
        let places = self.places(listed)?;
        match &self.form {
            Some(ObjectForm::Whole(form)) if alone && places.len() == 1 => form.print(&listed.object(0)),
            Some(ObjectForm::Whole(form)) => form.print(&listed.list(&places)),
            Some(ObjectForm::Name) => Ok(places.iter().map(|place| listed.name(*place) + "\n").collect()),
            Some(ObjectForm::Columns(columns)) => {
                let objects: Vec<Value> = places.iter().map(|place| listed.object(*place)).collect();
                Ok(columns.table(&objects)?.lines_on(!self.no_headers, &mut Widths::default()))
            }
            None | Some(ObjectForm::Wide) => Ok(self.table(listed, &places, None).render(!self.no_headers)),
        }
    }

    /// All of them as a table, in their own order, whatever the form.
    pub fn rows(&self, rows: &dyn Rows) -> String {
        let places: Vec<usize> = (0..rows.count()).collect();
        self.table(rows, &places, None).render(!self.no_headers)
    }

    /// What has happened to all of these, below what was printed before.
    ///
    /// # Errors
    /// As [`Listing::print`].
    pub fn print_on(
        &self,
        feed: &mut Feed,
        happening: Happening,
        listed: &dyn Listed,
    ) -> Result<String, String> {
        let places = if feed.printed { (0..listed.count()).collect() } else { self.places(listed)? };
        if places.is_empty() {
            return Ok(String::new());
        }
        let fresh = !std::mem::replace(&mut feed.printed, true);
        let headers = fresh && !self.no_headers;
        let word = happening.as_str();
        let objects = || {
            places.iter().map(|place| match listed.object(*place) {
                object if self.events => json!({ "type": word, "object": object }),
                object => object,
            })
        };
        match &self.form {
            Some(ObjectForm::Whole(WholeForm::Json)) if self.events => Ok(places
                .iter()
                .map(|place| listed.object(*place))
                .map(|object| {
                    ["{\"type\":\"", word, "\",\"object\":", &printer::compact(&object), "}\n"].concat()
                })
                .collect()),
            Some(ObjectForm::Whole(form)) => objects()
                .enumerate()
                .map(|(index, object)| form.print_next(&object, fresh && index == 0))
                .collect(),
            Some(ObjectForm::Name) => Ok(places.iter().map(|place| listed.name(*place) + "\n").collect()),
            Some(ObjectForm::Columns(columns)) => {
                let objects: Vec<Value> = objects().collect();
                Ok(columns.table(&objects)?.lines_on(headers, &mut feed.widths))
            }
            None | Some(ObjectForm::Wide) => {
                let word = self.events.then(|| format!("{word:8}"));
                Ok(self.table(listed, &places, word.as_deref()).lines_on(headers, &mut feed.widths))
            }
        }
    }

    fn places(&self, listed: &dyn Listed) -> Result<Vec<usize>, String> {
        let all = 0..listed.count();
        let Some(by) = &self.sort_by else { return Ok(all.collect()) };
        // as a server lists them, so that kubectl's order among equals is ours
        let mut places: Vec<usize> = all.collect();
        places.sort_by_cached_key(|place| listed.name(*place));
        let objects: Vec<Value> = places.iter().map(|place| listed.object(*place)).collect();
        Ok(order(by, &objects)?.into_iter().map(|at| places[at]).collect())
    }

    fn table(&self, listed: &dyn Rows, places: &[usize], event: Option<&str>) -> Table {
        let wide = self.form == Some(ObjectForm::Wide);
        let last = |key: &String| key.rsplit('/').next().unwrap_or_default().to_owned();
        let labels: Vec<String> = self.label_columns.iter().map(last).collect();
        let headers = event.map(|_| "Event").into_iter().chain(listed.headers(wide));
        let labels = labels.iter().map(String::as_str).chain(self.show_labels.then_some("Labels"));
        let mut table = Table::new(headers.chain(labels));
        for place in places {
            let own = event.map(str::to_owned).into_iter().chain(listed.cells(*place, wide)).map(said);
            let labels = listed.labels(*place);
            let column =
                |key: &String| labels.and_then(|labels| labels.get(key)).cloned().unwrap_or_default();
            let all = self.show_labels.then(|| {
                let pairs = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}"));
                said(pairs.collect::<Vec<_>>().join(","))
            });
            table.row(own.chain(self.label_columns.iter().map(column)).chain(all));
        }
        table
    }
}
