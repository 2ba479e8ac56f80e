//! stub
use super::build::Map;
use serde_json::Value;
/// stub
pub struct There<'a> {
    /// s
    pub chain: &'a str,
    /// s
    pub namespace: &'a str,
    /// s
    pub uid: &'a str,
}
/// stub
pub fn bind_person(_there: &There, _user: &str) -> Value {
    Value::Null
}
/// stub
pub fn bind_predecessor(_there: &There, _ns: &str, _uid: &str, _trusted: bool) -> Vec<Value> {
    vec![]
}
/// stub
pub fn of_agent(_there: &There, _trusted: bool) -> Vec<Value> {
    vec![]
}
/// stub
pub fn chain_role(_chain: &str, _trusted: bool, _ps: &Map) -> Value {
    Value::Null
}
