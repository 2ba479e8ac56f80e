//! The view of several clusters: the rows of each behind the context that it was reached by.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::listing::{Listed, Rows};

/// What each context's cluster has, in the order in which they were named.
#[derive(Debug)]
pub struct ContextsView<'a, V> {
    views: Vec<(&'a str, V)>,
    unanswered: Vec<&'a str>,
}

impl<'a, V: Rows> ContextsView<'a, V> {
    /// `unanswered`: the contexts whose clusters have said nothing.
    pub fn new(views: Vec<(&'a str, V)>, unanswered: Vec<&'a str>) -> Self {
        Self { views, unanswered }
    }

    /// The view that a row is of, with its context and the row's place there.
    fn at(&self, place: usize) -> (&str, &V, usize) {
        let mut place = place;
        for (context, view) in &self.views {
            if place < view.count() {
                return (context, view, place);
            }
            place -= view.count();
        }
        unreachable!("a place beyond the last row");
    }
}

impl<V: Rows> Rows for ContextsView<'_, V> {
    fn count(&self) -> usize {
        self.views.iter().map(|(_, view)| view.count()).sum()
    }

    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let of = self.views.first().map(|(_, view)| view.headers(wide)).unwrap_or_default();
        std::iter::once("Context").chain(of).collect()
    }

    fn cells(&self, place: usize, wide: bool) -> Vec<String> {
        let (context, view, place) = self.at(place);
        std::iter::once(context.to_owned()).chain(view.cells(place, wide)).collect()
    }

    fn labels(&self, place: usize) -> Option<&BTreeMap<String, String>> {
        let (_, view, place) = self.at(place);
        view.labels(place)
    }
}

impl<V: Listed> Listed for ContextsView<'_, V> {
    fn kind(&self) -> &'static str {
        self.views.first().map_or("Build", |(_, view)| view.kind())
    }

    /// As kubectl's of all namespaces: what it is in is said elsewhere.
    fn name(&self, place: usize) -> String {
        let (_, view, place) = self.at(place);
        view.name(place)
    }

    fn object(&self, place: usize) -> Value {
        let (context, view, place) = self.at(place);
        let mut object = view.object(place);
        object["status"]["context"] = json!(context);
        object
    }

    /// A program sees no stderr: which clusters have not answered stands in the list.
    fn list(&self, places: &[usize]) -> Value {
        let mut list = self.items(places);
        if !self.unanswered.is_empty() {
            list["unanswered"] = json!(self.unanswered);
        }
        list
    }
}

#[cfg(test)]
#[path = "contexts_tests.rs"]
mod tests;
