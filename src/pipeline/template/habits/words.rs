//! Words of Jinja and Helm, and what Tera has for them.

/// A filter that Tera has, too: by another name, or with other names of its arguments.
pub(super) struct Alike {
    /// Its names elsewhere.
    pub(super) names: &'static [&'static str],
    /// Tera's name.
    pub(super) tera: &'static str,
    /// Its arguments in their order elsewhere: the name there, the name here. Empty: it means nothing here.
    /// [`ABSENT`]: Tera has no such argument.
    pub(super) arguments: &'static [(&'static str, &'static str)],
    /// What Tera needs to be told besides.
    pub(super) besides: &'static str,
}

/// An argument that Tera has no counterpart of.
pub(super) const ABSENT: &str = "!";
/// An argument that, if true, is a filter of its own.
pub(super) const REVERSE: &str = "|reverse";

const fn alike(
    names: &'static [&'static str],
    tera: &'static str,
    arguments: &'static [(&'static str, &'static str)],
) -> Alike {
    Alike { names, tera, arguments, besides: "" }
}

/// Filters that differ in name or arguments only.
pub(super) const ALIKE: [Alike; 36] = [
    alike(&["default", "d"], "default", &[("default_value", "value"), ("boolean", "boolean")]),
    alike(&["join"], "join", &[("d", "sep"), ("attribute", ABSENT)]),
    alike(&["replace"], "replace", &[("old", "from"), ("new", "to"), ("count", ABSENT)]),
    alike(
        &["truncate"],
        "truncate",
        &[("length", "length"), ("killwords", ""), ("end", "end"), ("leeway", "")],
    ),
    Alike { names: &["trunc"], tera: "truncate", arguments: &[("length", "length")], besides: "end=\"\"" },
    alike(&["indent"], "indent", &[("width", "width"), ("first", "first"), ("blank", "blank")]),
    alike(&["nindent"], "nindent", &[("width", "width")]),
    alike(&["round"], "round", &[("precision", "precision"), ("method", "method")]),
    alike(&["trim", "strip", "trimAll"], "trim", &[("chars", "pat")]),
    alike(&["trim_start", "lstrip", "trim_start_matches"], "trim_start", &[("chars", "pat")]),
    alike(&["trim_end", "rstrip", "trim_end_matches"], "trim_end", &[("chars", "pat")]),
    alike(&["trim_prefix", "trimPrefix", "removeprefix"], "trim_prefix", &[("prefix", "pat")]),
    alike(&["trim_suffix", "trimSuffix", "removesuffix"], "trim_suffix", &[("suffix", "pat")]),
    alike(&["split", "splitList"], "split", &[("sep", "pat")]),
    alike(&["nth"], "nth", &[("n", "n")]),
    alike(&["get"], "get", &[("key", "key"), ("default", "default")]),
    alike(
        &["sort", "sortAlpha"],
        "sort",
        &[("reverse", REVERSE), ("case_sensitive", ""), ("attribute", "attribute")],
    ),
    alike(&["unique", "uniq"], "unique", &[]),
    alike(&["group_by", "groupby"], "group_by", &[("attribute", "attribute")]),
    alike(&["int", "int64", "toInt", "atoi"], "int", &[("default", ABSENT), ("base", "base")]),
    alike(&["float", "float64", "toFloat64"], "float", &[]),
    alike(&["str", "string", "toString", "as_str"], "str", &[]),
    alike(&["length", "count", "len"], "length", &[]),
    alike(&["pairs", "items", "dictsort"], "pairs", &[]),
    alike(&["escape", "e", "forceescape"], "escape", &[]),
    alike(&["escape_html"], "escape_html", &[]),
    alike(&["newlines_to_br", "nl2br", "linebreaksbr"], "newlines_to_br", &[]),
    alike(&["b64_encode", "b64encode", "base64encode"], "b64_encode", &[]),
    alike(&["b64_decode", "b64decode", "base64decode"], "b64_decode", &[]),
    alike(
        &["to_json", "tojson", "toJson", "toPrettyJson", "toRawJson", "mustToJson", "to_nice_json"],
        "to_json",
        &[("indent", "")],
    ),
    alike(&["json_encode"], "json_encode", &[("pretty", "")]),
    alike(&["to_yaml", "toyaml", "toYaml", "mustToYaml", "to_nice_yaml"], "to_yaml", &[("indent", "")]),
    alike(&["slug", "slugify"], "slug", &[]),
    alike(&["upper", "toUpper"], "upper", &[]),
    alike(&["lower", "toLower"], "lower", &[]),
    alike(&["reverse", "reversed"], "reverse", &[]),
];

/// Words that are no filter here: how many arguments each has, and what is written instead. `$v` and `$0` stand for the
/// value and its arguments, `%v` and `%0` for the same between signs, where they may need parentheses.
pub(super) const RESHAPED: [(&str, usize, &str); 35] = [
    ("list", 0, "$v"),
    ("min", 0, "%v | sort | first"),
    ("max", 0, "%v | sort | last"),
    ("attr", 1, "%v[$0]"),
    ("combine", 1, "{...%v, ...%0}"),
    ("union", 1, "[...%v, ...%0]"),
    ("ternary", 2, "%0 if %v else %1"),
    ("mandatory", 0, "$v"),
    ("required", 0, "$v"),
    ("required", 1, "%v if %v is defined and %v != \"\" else throw(message=$0)"),
    ("tpl", 0, "$v"),
    ("tpl", 1, "$0"),
    ("splitlines", 0, "%v | split(pat=\"\\n\")"),
    ("contains", 1, "%v is containing(pat=$0)"),
    ("hasPrefix", 1, "%v is starting_with(pat=$0)"),
    ("hasSuffix", 1, "%v is ending_with(pat=$0)"),
    ("startswith", 1, "%v is starting_with(pat=$0)"),
    ("endswith", 1, "%v is ending_with(pat=$0)"),
    ("empty", 0, "%v is empty"),
    ("has", 1, "%0 in %v"),
    ("nospace", 0, "%v | replace(from=\" \", to=\"\")"),
    ("add1", 0, "%v + 1"),
    ("until", 0, "range(end=$v)"),
    ("fail", 0, "throw(message=$v)"),
    ("not", 0, "not %v"),
    ("substr", 2, "%v[$0:$1]"),
    ("ne", 1, "%0 != %v"),
    ("lt", 1, "%0 < %v"),
    ("le", 1, "%0 <= %v"),
    ("gt", 1, "%0 > %v"),
    ("ge", 1, "%0 >= %v"),
    ("sub", 1, "%0 - %v"),
    ("div", 1, "%0 // %v"),
    ("mod", 1, "%0 % %v"),
    ("hasKey", 1, "%0[$v] is defined"),
];

/// Functions of Go's templates that take any number of arguments, and the sign between them.
pub(super) const JOINED: [(&str, &str); 7] = [
    ("and", "and"),
    ("or", "or"),
    ("coalesce", "or"),
    ("add", "+"),
    ("mul", "*"),
    ("print", "~"),
    ("cat", "~ \" \" ~"),
];

/// Go's functions that are also called with parentheses, as elsewhere: the order of their arguments is the same.
pub(super) const IN_GOS_ORDER: [&str; 26] = [
    "and",
    "or",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "ternary",
    "required",
    "coalesce",
    "printf",
    "list",
    "dict",
    "index",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "hasKey",
    "include",
    "tpl",
    "trunc",
    "nindent",
    "indent",
    "trimSuffix",
    "trimPrefix",
];

/// Kinds of Go's, and the test for each.
pub(super) const KINDS: [(&str, &str); 11] = [
    ("string", "string"),
    ("bool", "bool"),
    ("map", "map"),
    ("map[string]interface {}", "map"),
    ("slice", "array"),
    ("[]interface {}", "array"),
    ("int", "number"),
    ("int64", "number"),
    ("float64", "number"),
    ("invalid", "undefined"),
    ("nil", "undefined"),
];

/// Tests: how many arguments each has, and what is written instead.
pub(super) const TESTS: [(&str, usize, &str); 25] = [
    ("equalto", 1, "%v == %0"),
    ("eq", 1, "%v == %0"),
    ("sameas", 1, "%v == %0"),
    ("ne", 1, "%v != %0"),
    ("lt", 1, "%v < %0"),
    ("lessthan", 1, "%v < %0"),
    ("le", 1, "%v <= %0"),
    ("gt", 1, "%v > %0"),
    ("greaterthan", 1, "%v > %0"),
    ("ge", 1, "%v >= %0"),
    ("in", 1, "%v in %0"),
    ("true", 0, "%v == true"),
    ("false", 0, "%v == false"),
    ("mapping", 0, "%v is map"),
    ("object", 0, "%v is map"),
    ("sequence", 0, "%v is array"),
    ("list", 0, "%v is array"),
    ("boolean", 0, "%v is bool"),
    ("divisibleby", 1, "%v is divisible_by(divisor=$0)"),
    ("divisible_by", 1, "%v is divisible_by(divisor=$0)"),
    ("starting_with", 1, "%v is starting_with(pat=$0)"),
    ("ending_with", 1, "%v is ending_with(pat=$0)"),
    ("containing", 1, "%v is containing(pat=$0)"),
    ("contains", 1, "%v is containing(pat=$0)"),
    ("startswith", 1, "%v is starting_with(pat=$0)"),
];

/// Words of which there is no counterpart here.
pub(super) const ABSENT_WORDS: [&str; 45] = [
    "bcrypt",
    "batch",
    "b32enc",
    "camelcase",
    "center",
    "date",
    "dateInZone",
    "derivePassword",
    "fileglob",
    "filesizeformat",
    "format_date",
    "fromJson",
    "fromYaml",
    "from_json",
    "from_yaml",
    "genCA",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSignedCert",
    "hash",
    "htmlDate",
    "htpasswd",
    "kindOf",
    "md5",
    "mustRegexReplaceAll",
    "now",
    "password_hash",
    "randAlpha",
    "randAlphaNum",
    "randNumeric",
    "random",
    "regexFind",
    "regexMatch",
    "regexReplaceAll",
    "regex_findall",
    "regex_replace",
    "regex_search",
    "semver",
    "semverCompare",
    "sha1sum",
    "sha256sum",
    "strftime",
    "sum",
    "urlencode",
    "uuidv4",
];

/// Begins and ends of what Tera has no tag for, since a pipeline is one template.
pub(super) const OTHER_FILES: [&str; 8] =
    ["import", "from", "call", "endcall", "load", "extends", "autoescape", "endautoescape"];
