//! Templates that run away, each with the bound that it meets. For the program's own tests and for the chain's.

use super::smallest::GOOD;

/// A bound that a template meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Met {
    Memory,
    Cpu,
    /// Bytes of the rendered text.
    Text,
    /// Bytes of what comes of it.
    Answer,
    /// Nodes of what comes of it.
    Nodes,
    /// What aliases bring.
    Aliases,
    /// A bound of the template language, which is said by it.
    Language,
}

impl Met {
    /// What a person reads of it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Memory => "takes more memory than the 96 MiB that it may",
            Self::Cpu => "takes more CPU time than the 2 s that it may",
            Self::Text => "the rendered text is larger than 2 MiB",
            Self::Answer => "gives is larger than 4 MiB",
            Self::Nodes => "gives has more than 100000 nodes",
            Self::Aliases => "aliases multiply what they name",
            Self::Language => "this cannot be rendered",
        }
    }
}

/// A name, the template, and the bounds that it may meet: which of several comes first is a matter of speed.
pub(crate) type Runaway = (&'static str, fn() -> String, &'static [Met]);

/// The good pipeline, and before it what runs away.
fn before(text: &str) -> String {
    format!("{text}\n{GOOD}")
}

/// The good pipeline with one more document.
fn and(document: &str) -> String {
    format!("{GOOD}---\n{document}\n")
}

/// A ConfigMap with this in it.
fn config_map(name: &str, fields: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n{fields}")
}

pub(crate) const RUNAWAY: &[Runaway] = &[
    // a variable that grows
    (
        "doubled-variable",
        || {
            before(
                "{% set_global a = 'x' %}{% for i in range(end=60) %}{% set_global a = a ~ a %}{% endfor %}",
            )
        },
        &[Met::Memory],
    ),
    (
        "tripled-variable-in-an-if",
        || {
            before(
                "{% set_global a = 'xyz' %}{% for i in range(end=60) %}{% if i >= 0 %}{% set_global a = a ~ a ~ a %}\
                 {% endif %}{% endfor %}{{ a }}",
            )
        },
        &[Met::Memory],
    ),
    (
        "captured-output-that-grows",
        || {
            before(
                "{% set_global a = 'x' %}{% for i in range(end=60) %}{% set_global a %}{{ a }}{{ a }}{% endset %}\
                 {% endfor %}",
            )
        },
        &[Met::Memory],
    ),
    (
        "a-filter-around-output-that-grows",
        || {
            before(
                "{% filter upper %}{% for i in range(end=9999) %}{% for j in range(end=999) %}xxxxxxxxxxxxxxxxxxxxxxxxx\
                 {% endfor %}{% endfor %}{% endfilter %}",
            )
        },
        &[Met::Memory, Met::Cpu],
    ),
    // arrays that grow
    (
        "doubled-arrays",
        || {
            before(
                "{% set_global a = ['x'] %}{% for i in range(end=60) %}{% set_global a = [...a, ...a] %}{% endfor %}",
            )
        },
        &[Met::Memory],
    ),
    (
        "nested-arrays",
        || {
            before(
                "{% set_global a = ['x'] %}{% for i in range(end=40) %}{% set_global a = [a, a] %}{% endfor %}{{ a }}",
            )
        },
        &[Met::Memory, Met::Text, Met::Cpu],
    ),
    (
        "many-ranges",
        || {
            let sets = (0..200).map(|n| format!("{{% set a{n} = range(end=90000) %}}"));
            before(&sets.collect::<String>())
        },
        &[Met::Memory, Met::Cpu],
    ),
    // much output
    (
        "many-lines",
        || before("{% for i in range(end=100000000) %}# line\n{% endfor %}"),
        &[Met::Text, Met::Language],
    ),
    (
        "many-lines-by-nested-loops",
        || {
            before(
                "{% for i in range(end=10000) %}{% for j in range(end=10000) %}# line\n{% endfor %}{% endfor %}",
            )
        },
        &[Met::Text],
    ),
    (
        "one-long-line",
        || {
            before(
                "# {% for i in range(end=9999) %}{% for j in range(end=9999) %}xxxxxxxxxx{% endfor %}{% endfor %}",
            )
        },
        &[Met::Text],
    ),
    // filters that grow
    (
        "growing-replace",
        || {
            let replace = " | replace(from='x', to='xxxxxxxxxxxxxxxxxxxx')".repeat(8);
            before(&format!("# {{{{ 'x'{replace} }}}}"))
        },
        &[Met::Memory],
    ),
    (
        "replace-of-nothing",
        || {
            let replace = " | replace(from='', to='abcdefghijklmnopqrstuvwxyz')".repeat(7);
            before(&format!("# {{{{ 'x'{replace} }}}}"))
        },
        &[Met::Memory, Met::Language],
    ),
    (
        "growing-encodings",
        || {
            let encode = " | b64_encode".repeat(80);
            before(&format!("# {{{{ 'xxxxxxxxxxxxxxxxxxxxxxxxx'{encode} }}}}"))
        },
        &[Met::Memory, Met::Cpu],
    ),
    (
        "growing-indents",
        || {
            before(
                "{% set_global a = 'x\ny' %}{% for i in range(end=60) %}{% set_global a = (a ~ '\n' ~ a) | indent(width=100) %}\
                 {% endfor %}",
            )
        },
        &[Met::Memory],
    ),
    // aliases
    (
        "alias-bytes",
        || {
            let fields = format!("a: &a \"{}\"\nb: [{}]", "x".repeat(20_000), "*a,".repeat(20_000));
            and(&config_map("a", &fields))
        },
        &[Met::Aliases],
    ),
    (
        "alias-bytes-in-keys",
        || {
            let fields = format!("a: &a {{\"{}\": 1}}\nb: [{}]", "k".repeat(1_000), "*a,".repeat(20_000));
            and(&config_map("a", &fields))
        },
        &[Met::Aliases],
    ),
    (
        "alias-bytes-over-documents",
        || {
            let document = |n: usize| {
                let fields = format!("a: &a \"{}\"\nb: [{}]", "x".repeat(2_000), "*a,".repeat(500));
                format!("---\n{}\n", config_map(&format!("a{n}"), &fields))
            };
            format!("{GOOD}{}", (0..100).map(document).collect::<String>())
        },
        &[Met::Aliases],
    ),
    (
        "merge-keys",
        || {
            let fields =
                format!("a: &a {{x: \"{}\"}}\nb: [{}]", "x".repeat(20_000), "{<<: *a},".repeat(20_000));
            and(&config_map("a", &fields))
        },
        &[Met::Aliases],
    ),
    // turns without an end
    (
        "many-turns",
        || {
            let loops = "{% for a in range(end=10000) %}{% for b in range(end=10000) %}{% for c in range(end=10000) %}";
            before(&format!("{loops}{}", "{% endfor %}".repeat(3)))
        },
        &[Met::Cpu],
    ),
    (
        "many-turns-of-sums",
        || {
            before(
                "{% set_global n = 0 %}{% for i in range(end=90000) %}{% for j in range(end=90000) %}\
                 {% set_global n = n + i * j % 7 %}{% endfor %}{% endfor %}# {{ n }}",
            )
        },
        &[Met::Cpu],
    ),
    (
        "many-turns-over-letters",
        || {
            before(
                "{% set s = 'abcdefghijklmnopqrstuvwxyz' %}{% for a in s %}{% for b in s %}{% for c in s %}{% for d in s %}\
                 {% for e in s %}{% for f in s %}{% if a == b ~ c %}x{% endif %}{% endfor %}{% endfor %}{% endfor %}\
                 {% endfor %}{% endfor %}{% endfor %}",
            )
        },
        &[Met::Cpu],
    ),
    // a text that is large itself
    ("many-tags", || before(&format!("#{}", "{{ 1 }}".repeat(98_000))), &[Met::Memory, Met::Cpu]),
    ("many-small-tags", || before(&format!("#{}", "{{1}}".repeat(135_000))), &[Met::Memory, Met::Cpu]),
    ("many-ifs", || before(&format!("#{}", "{%if 1%}{%endif%}".repeat(40_000))), &[Met::Memory, Met::Cpu]),
    // what comes of it
    (
        "many-nodes",
        || {
            let zeros = "{% for i in range(end=30000) %}0,{% endfor %}";
            let documents =
                (0..4).map(|n| format!("---\n{}\n", config_map(&format!("a{n}"), &format!("a: [{zeros}]"))));
            format!("{GOOD}{}", documents.collect::<String>())
        },
        &[Met::Nodes],
    ),
    (
        "many-documents",
        || {
            format!(
                "{GOOD}{{% for n in range(end=30000) %}}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: \"c{{{{ n }}}}\"}}\n\
                 {{% endfor %}}"
            )
        },
        &[Met::Memory, Met::Nodes, Met::Cpu, Met::Text, Met::Answer],
    ),
    (
        "an-answer-that-grows-by-its-escapes",
        || {
            let bells =
                "{% for i in range(end=15) %}{% for j in range(end=10000) %}\\a{% endfor %}{% endfor %}";
            let documents = (0..6)
                .map(|n| format!("---\n{}\n", config_map(&format!("a{n}"), &format!("a: \"{bells}\""))));
            format!("{GOOD}{}", documents.collect::<String>())
        },
        &[Met::Answer],
    ),
];
