//! Objects written straight into etcd: ten thousand within seconds, where the API server's clients would take half an
//! hour. Nobody admits, defaults or validates them, so they have to be as the API server would have stored them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::error::{At, Error};
use crate::settings::ETCD;

/// etcd refuses a transaction of more.
const AT_ONCE: usize = 128;

/// Writes objects under their keys: `/registry/namespaces/NAME`. From within the cluster's network.
pub fn put(objects: &[(String, Value)]) -> Result<(), Error> {
    for some in objects.chunks(AT_ONCE) {
        let puts: Vec<Value> = some
            .iter()
            .map(|(key, value)| {
                json!({"requestPut": {"key": BASE64.encode(key), "value": BASE64.encode(value.to_string())}})
            })
            .collect();
        ask("/v3/kv/txn", &json!({ "success": puts }))?;
    }
    Ok(())
}

/// Removes every object whose key begins so.
pub fn remove(prefix: &str) -> Result<(), Error> {
    // etcd's own way to say it: up to the next key that does not begin so
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    ask("/v3/kv/deleterange", &json!({"key": BASE64.encode(prefix), "range_end": BASE64.encode(&end)}))
}

/// A request to etcd's gateway; what it answers is no matter as long as it is a yes.
fn ask(path: &str, body: &Value) -> Result<(), Error> {
    let host = ETCD.trim_start_matches("http://");
    let body = body.to_string();
    let mut stream = TcpStream::connect(host).at("connect to", host)?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body.as_bytes()))
        .at("write to", host)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).at("read from", host)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    Err(Error::Api {
        request: format!("POST {path} of etcd"),
        why: String::from_utf8_lossy(&answer).into_owned(),
    })
}
