//! Functions that have no counterpart here, and why.

/// Why a function has none.
pub(super) fn reason(name: &str) -> String {
    known(name).unwrap_or_else(|| {
        format!("nothing here does what `{name}` does there; write what comes of it, or give it as a value")
    })
}

/// Why a function has none, of those of which something is known.
pub(super) fn known(name: &str) -> Option<String> {
    let why = match name {
        "now" | "date" | "dateInZone" | "date_in_zone" | "dateModify" | "date_modify" | "mustDateModify"
        | "must_date_modify" | "ago" | "toDate" | "mustToDate" | "duration" | "durationRound"
        | "htmlDate" | "htmlDateInZone" | "unixEpoch" => {
            "it goes by the clock, and each build would be made of other objects; give the time as a value"
        }
        "uuidv4" | "shuffle" | "randInt" | "randBytes" | "randAlpha" | "randAlphaNum" | "randAscii"
        | "randNumeric" | "bcrypt" | "htpasswd" | "encryptAES" => {
            "it gives something else each time, and each build would be made of other objects; make it once, and \
             give it as a value"
        }
        "derivePassword" | "decryptAES" | "buildCustomCert" => {
            "what is secret comes from the environment: write `env.NAME`"
        }
        name if name.starts_with("gen") => {
            "it makes another key each time; make it once, and give it with `--set-file`, or by the environment"
        }
        "getHostByName" => "no template asks the network; give the address as a value",
        "include" | "tpl" | "lookup" => "it is Helm's, and neither Go nor stencil knows it",
        "set" | "unset" | "merge" | "mergeOverwrite" | "mustMerge" | "mustMergeOverwrite" => {
            "it changes a mapping that others read; write down the mapping that comes of it"
        }
        "keys" | "values" | "pluck" => "Go gives what a mapping holds in another order each time",
        "html" | "js" | "urlquery" => "no document of Kubernetes is a page",
        "sortAlpha" => "it takes what it sorts for texts, and that they are is not known here",
        "title" | "untitle" | "camelcase" | "snakecase" | "kebabcase" | "swapcase" | "initials" => {
            "letters become what they do by rules of Go's own; write the word that comes of it, or give it as a value"
        }
        _ => return None,
    };
    Some(format!("`{name}`: {why}"))
}
