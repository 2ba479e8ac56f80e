//! What a person reads who gives bad input: every message says what, where, why and what to do.
//!
//! Hermetic, as `cli.rs` is. Each row: what is wrong, the exit code, the exact words on stderr, and nothing on stdout.
//! What the program says of a cluster that answers is proved by `chain_06`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[path = "support/smallest.rs"]
mod smallest;

use smallest::GOOD;

/// A folder of its own, outside any checkout; it ends with the test.
struct Folder(PathBuf);

impl Folder {
    /// A folder with the pipeline in it.
    fn new(test: &str, pipeline: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("studioci-bad-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("pipeline.yaml"), pipeline).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// stdout, stderr and exit code of a run in that folder.
fn run(folder: &Folder, args: &[&str], env: &[(&str, &str)]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-studioci"))
        .args(args)
        .env_clear()
        .env("HOME", &folder.0)
        .envs(env.iter().copied())
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let home = folder.0.display().to_string();
    (text(output.stdout), text(output.stderr).replace(&home, "HOME"), output.status.code().unwrap())
}

/// Every way to look at a pipeline refuses it alike, exit code 2; the words on stderr.
#[track_caller]
fn refused(pipeline: &str) -> String {
    let test = std::thread::current().name().unwrap().to_owned();
    let folder = Folder::new(&test, pipeline);
    let (out, said, code) = run(&folder, &["render", "-f", "pipeline.yaml", "--woven"], &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    let start = ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client"];
    assert_eq!(run(&folder, &start, &[]), (String::new(), said.clone(), 2), "start says the same");
    said
}

/// The good pipeline with one thing changed.
#[track_caller]
fn but(from: &str, to: &str) -> String {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "{from}");
    text
}

/// The good pipeline with one more document.
fn and(document: &str) -> String {
    format!("{GOOD}---\n{document}")
}

/// `start` with these flags before any cluster is asked: the words on stderr.
#[track_caller]
fn start(flags: &[&str]) -> String {
    let test = std::thread::current().name().unwrap().to_owned();
    let folder = Folder::new(&test, GOOD);
    let args = [&["start", "-f", "pipeline.yaml", "--dry-run=client"], flags].concat();
    let (out, said, code) = run(&folder, &args, &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    said
}

#[test]
fn the_good_pipeline_is_good() {
    let folder = Folder::new("good", GOOD);
    let (out, said, code) = run(&folder, &["render", "-f", "pipeline.yaml"], &[]);
    assert_eq!((said.as_str(), code), ("", 0));
    assert!(out.contains("name: build"), "{out}");
    let start = ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client"];
    assert_eq!(run(&folder, &start, &[]).2, 0);
}

#[test]
fn a_pipeline_that_cannot_be_found_or_read() {
    let folder = Folder::new("unreadable", GOOD);
    folder.write("bytes", [0xff, 0xfe]);
    let said = |args: &[&str]| {
        let (out, said, code) = run(&folder, args, &[]);
        assert_eq!((out.as_str(), code), ("", 2), "{said}");
        said
    };
    insta::assert_snapshot!(said(&["start", "--chain", "c"]), @"
        error: there is no file .studioci/pipeline.yaml
          remedy: name the pipeline with -f FILE; `-` is stdin
        ");
    insta::assert_snapshot!(said(&["render", "-f", "."]), @"
        error: . cannot be read: Is a directory (os error 21)
          remedy: name a file that you may read
        ");
    insta::assert_snapshot!(said(&["render", "-f", "bytes"]), @"
        error: bytes is not UTF-8 text
          remedy: save it as UTF-8
        ");
    // stdin is empty here
    insta::assert_snapshot!(said(&["render", "-f", "-"]), @"
        error: stdin renders to no documents
          remedy: write the pipeline's documents into it, or check the condition that leaves them all out
        ");
    insta::assert_snapshot!(said(&["render", "-f", "pipeline.yaml", "--values", "none.yaml"]), @"
        error: there is no file none.yaml
          remedy: name a file of values with --values FILE
        ");
    insta::assert_snapshot!(said(&["render", "-f", "pipeline.yaml", "--set-file", "A=none"]), @"
        error: there is no file none
          remedy: name the file whose text is the value with --set-file KEY=FILE
        ");
}

/// stdout, stderr and exit code with a text on stdin, and arguments of any bytes.
fn piped(folder: &Folder, args: &[&OsStr], stdin: &str) -> (String, String, i32) {
    folder.write("stdin", stdin);
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-studioci"))
        .arg("render")
        .args(args)
        .env_clear()
        .current_dir(&folder.0)
        .stdin(fs::File::open(folder.0.join("stdin")).unwrap())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// A pipeline that shows the values `V` and `A`.
const SHOWS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n\
    data: {v: {{ V | default(value=\"none\") | quote }}, a: {{ A | default(value=\"none\") | quote }}}\n";

#[test]
fn stdin_is_read_once_whoever_asks_for_it() {
    let folder = Folder::new("stdin", SHOWS);
    folder.write("v.yaml", "V: file\n");
    let run =
        |line: &str, stdin: &str| piped(&folder, &line.split(' ').map(OsStr::new).collect::<Vec<_>>(), stdin);
    for (line, stdin, shows) in [
        ("-f - --set V=1", SHOWS, "{v: \"1\", a: \"none\"}"),
        ("-f pipeline.yaml --values -", "V: \"1\"\n", "{v: \"1\", a: \"none\"}"),
        ("-f pipeline.yaml --values v.yaml --set-file A=-", "x", "{v: \"file\", a: \"x\"}"),
        ("-f pipeline.yaml --values /dev/stdin --values v.yaml", "A: y\n", "{v: \"file\", a: \"y\"}"),
    ] {
        let (out, said, code) = run(line, stdin);
        assert!(out.contains(shows) && (said.as_str(), code) == ("", 0), "{line}: {out}{said}");
    }
    for (line, first, second) in [
        ("-f - --values -", "-f", "--values"),
        ("-f pipeline.yaml --values - --set-file A=-", "--values", "--set-file"),
        ("-f pipeline.yaml --values - --values -", "--values", "--values"),
        ("-f pipeline.yaml --set-file V=- --set-file A=-", "--set-file", "--set-file"),
        ("-f /dev/stdin --set-file A=/dev/fd/0", "-f", "--set-file"),
    ] {
        let (out, said, code) = run(line, "V: \"1\"\n");
        let words = format!(
            "error: stdin can be read once, and both {first} and {second} ask for it\n  \
             remedy: write what one of them reads into a file, and name that\n"
        );
        assert_eq!((out.as_str(), said.as_str(), code), ("", words.as_str(), 2), "{line}");
    }
}

#[test]
fn a_file_is_read_whatever_bytes_its_name_has() {
    let folder = Folder::new("bytes-in-names", SHOWS);
    let name = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    let odd = name(b"p\xfe.yaml");
    for (path, content) in [(&odd, SHOWS), (&name(b"v\xff"), "V: read\n")] {
        fs::write(folder.0.join(path), content).unwrap();
    }
    for (args, shows) in [
        (vec![name(b"-f"), odd.clone()], "{v: \"none\", a: \"none\"}"),
        (vec![name(b"-fp\xfe.yaml"), name(b"--values"), name(b"v\xff")], "{v: \"read\", a: \"none\"}"),
        (vec![name(b"-f"), odd.clone(), name(b"--set-file"), name(b"A=v\xff")], "a: \"V: read\\n\"}"),
    ] {
        let (out, said, code) = piped(&folder, &args.iter().map(AsRef::as_ref).collect::<Vec<_>>(), "");
        assert!(out.contains(shows) && (said.as_str(), code) == ("", 0), "{args:?}: {out}{said}");
    }
    let (out, said, code) = piped(&folder, &[OsStr::new("-f"), &name(b"q\xfe")], "");
    assert!(out.is_empty() && said.starts_with("error: there is no file q\u{fffd}\n") && code == 2, "{said}");
}

#[test]
fn values_that_come_to_nothing_are_said_and_render_all_the_same() {
    let folder =
        Folder::new("unread", &but("build-0001", "{% if debug %}build-{% else %}b-{% endif %}{{ Tag }}"));
    folder.write("v.yaml", "Tag: 0001\nother: {a: 1}\n");
    let flags = ["-f", "pipeline.yaml", "--values", "v.yaml", "--set", "debug=false", "--set-json", "Tagg=2"];
    let said = |verb: &[&str]| {
        let (out, said, code) = run(&folder, &[verb, &flags].concat(), &[]);
        assert_eq!(code, 0, "{said}");
        (out, said)
    };
    let (out, plain) = said(&["render"]);
    assert!(out.contains("image: registry.example/team/ci:build-0001\n"), "{out}");
    insta::assert_snapshot!(plain, @"
        Warning: v.yaml: the template does not read `other`
        Warning: --set-json Tagg: the template does not read it; did you mean `Tag`?
        Warning: --set debug=false: it is text, and true as a condition, as all text is that is not empty (pipeline.yaml, line 15); for a boolean write --set-json debug=false
        ");
    assert_eq!(said(&["render", "--woven"]).1, plain);
    assert_eq!(said(&["start", "--chain", "c", "--dry-run=client"]).1, plain);
}

#[test]
fn template_faults() {
    insta::assert_snapshot!(refused(&but("build-0001", "{{ Tagg }}")), @"
        error: `Tagg` is not defined
          at pipeline.yaml, line 15, column 44
            15 |         image: registry.example/team/ci:{{ Tagg }}
               |                                            ^
          why: no value, fact or `set` has that name
          hint: give it with `--set Tagg=…` or in a values file, or write `Tagg | default(value=…)`
        ");
    insta::assert_snapshot!(refused(&but("build-0001", "{{ git.brnch }}")), @"
        error: there is no fact `git.brnch`
          at pipeline.yaml, line 15, column 48
            15 |         image: registry.example/team/ci:{{ git.brnch }}
               |                                                ^
          hint: did you mean `branch`?
        ");
    insta::assert_snapshot!(refused(&but("build-0001", "{{ env.NO_SUCH_VARIABLE }}")), @"
        error: `env.NO_SUCH_VARIABLE` is not defined
          at pipeline.yaml, line 15, column 48
            15 |         image: registry.example/team/ci:{{ env.NO_SUCH_VARIABLE }}
               |                                                ^
          why: the environment has no `NO_SUCH_VARIABLE`
          hint: set it before you run this, or write `env.NO_SUCH_VARIABLE | default(value=…)` if it may be missing
        ");
    insta::assert_snapshot!(refused(&but("build-0001", "{{ git.hash | qoute }}")), @"
        error: there is no filter `qoute`
          at pipeline.yaml, line 15, column 55
            15 |         image: registry.example/team/ci:{{ git.hash | qoute }}
               |                                                       ^
          hint: did you mean `quote`?
        ");
    insta::assert_snapshot!(refused(&but("build-0001", "{{ nwo() }}")), @"
        error: there is no function `nwo`
          at pipeline.yaml, line 15, column 44
            15 |         image: registry.example/team/ci:{{ nwo() }}
               |                                            ^
          hint: there are: range, throw, go_printf, go_print
        ");
    insta::assert_snapshot!(refused(&but("build-0001", "{{ Tag }")), @"
        error: the template cannot be read
          at pipeline.yaml, line 15, column 48
            15 |         image: registry.example/team/ci:{{ Tag }
               |                                                ^
          why: Found `}` but expected }}.
          hint: text that holds `{{`, `{%` or `{#` for something else goes between {% raw %} and {% endraw %}
        ");
}

#[test]
fn a_variable_that_nothing_reads_or_that_is_not_set_is_said() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {tag: \"{{ env.TAG | default(value='x') }}\"}\n";
    let folder = Folder::new("env", &and(secret));
    let said = |verb: &[&str], name: &str, env: &[(&str, &str)]| {
        let flags = ["-f", "pipeline.yaml", "--env", name];
        let (out, said, code) = run(&folder, &[verb, &flags].concat(), env);
        assert!(code == 0 && !out.is_empty(), "{said}");
        said
    };
    let start = ["start", "--chain", "c", "--dry-run=client"];
    for verb in [&["render"][..], &["render", "--woven"], &start] {
        let set = [("TAG", "build-0002"), ("NOSUCH", "x")];
        assert_eq!(said(verb, "TAG", &set), "");
        assert_eq!(said(verb, "TAG", &[]), "Warning: --env TAG: the environment has no such variable\n");
        for env in [&set[..], &[]] {
            let unread = "Warning: --env NOSUCH: the template does not read env.NOSUCH\n";
            assert_eq!(said(verb, "NOSUCH", env), unread);
        }
        assert!(said(verb, "TAGS", &[]).ends_with("does not read env.TAGS; did you mean `TAG`?\n"));
    }
    folder.write("pipeline.yaml", GOOD);
    assert_eq!(
        said(&["render"], "HOME", &[]),
        "Warning: --env HOME: the template does not read env.HOME\n",
        "nor does a template that reads nothing"
    );
    insta::assert_snapshot!(usage("render --env TAG=x"), @r#"
        error: invalid argument "TAG=x" for --env: expected NAME alone: the value comes from the environment; for one of your own give --set TAG=VALUE
        See 'kubectl studioci render --help' for usage.
        "#);
}

#[test]
fn what_render_cannot_know_has_a_name_that_is_said() {
    let pipeline = but(
        "build-0001",
        "build-0001\n        env:\n        - {name: HOST, value: 'db.{{ build.namespace }}.svc'}",
    );
    let folder = Folder::new("unknown", &pipeline);
    let more = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: '{{ build.namespace }}'}\n\
                data: {chain: '{{ build.chain }}', first: '{{ build.generation }}'}\n";
    folder.write("pipeline.yaml", format!("{pipeline}{more}"));
    for verb in [&["render"][..], &["render", "--woven"]] {
        let (out, said, code) = run(&folder, &[verb, &["-f", "pipeline.yaml"]].concat(), &[]);
        assert_eq!(code, 0, "{said}");
        assert!(
            out.contains("db.NAMESPACE.svc") && out.contains("CHAIN") && out.contains("first: "),
            "{out}"
        );
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @"
                Warning: build.chain: CHAIN stands in for it: `start` names the chain
                Warning: build.namespace: NAMESPACE stands in for it: a namespace gets its name when it is claimed
                ");
        }
    }
    let (_, said, code) =
        run(&folder, &["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client"], &[]);
    assert_eq!((said.as_str(), code), ("", 0), "`start` names them");
    folder.write("pipeline.yaml", format!("{pipeline}---\nx: '{{{{ build.parent }}}}'\n"));
    let (_, said, code) = run(&folder, &["render", "-f", "pipeline.yaml"], &[]);
    assert!(code == 2 && said.contains("why: this is the first build of its chain"), "{said}");
}

#[test]
fn a_repository_that_git_cannot_read_is_told_by_start_as_by_render() {
    let folder = Folder::new("broken", &but("build-0001", "{{ git.short | default(value='build-0001') }}"));
    for part in ["objects", "refs"] {
        fs::create_dir_all(folder.0.join(".git").join(part)).unwrap();
    }
    folder.write(".git/config", "[core\n");
    folder.write(".git/HEAD", "ref: refs/heads/main\n");
    let start = |flags: &[&str]| {
        run(&folder, &[&["start", "-f", "pipeline.yaml", "--dry-run=client"], flags].concat(), &[])
    };
    let why = "bad config line 1 in file .git/config";
    let (out, said, code) = start(&[]);
    assert!(out.is_empty() && code == 2 && said.contains(why), "{said}");
    assert!(
        said.starts_with("error: the chain has no name, since that is derived from the git repository"),
        "{said}"
    );
    let (_, said, code) = start(&["--chain", "c"]);
    assert!(
        code == 0 && said.starts_with("Warning: git cannot read this repository (") && said.contains(why),
        "{said}"
    );
    // where there is none, nobody misses it
    fs::remove_dir_all(folder.0.join(".git")).unwrap();
    let (_, said, code) = start(&["--chain", "c"]);
    assert_eq!((said.as_str(), code), ("", 0));
}

#[test]
fn habits_of_jinja_and_helm() {
    insta::assert_snapshot!(refused(&but("build-0001", r#"{{ Tag | default("main") }}"#)), @r#"
        error: the filter `default` takes its arguments by name
          at pipeline.yaml, line 15, column 58
            15 |         image: registry.example/team/ci:{{ Tag | default("main") }}
               |                                                          ^
          why: Tera reads none by their place
          hint: write `{{ Tag | default(value="main") }}`
        "#);
    insta::assert_snapshot!(refused(&but("build-0001", r#"{{ .Values.image.tag | default "main" | quote }}"#)), @r#"
        error: a name does not begin with a dot
          at pipeline.yaml, line 15, column 44
            15 |         image: registry.example/team/ci:{{ .Values.image.tag | default "main" | quote }}
               |                                            ^
          why: `image` alone means something else in a template
          hint: write `{{ values.image.tag | default(value="main", boolean=true) | quote }}`
        "#);
    insta::assert_snapshot!(refused(&but("    spec:\n", "    spec:\n      {{- range .Values.list }}\n      {{- end }}\n")), @"
        error: `range` stands between {% and %}
          at pipeline.yaml, line 13, column 11
            13 |       {{- range .Values.list }}
               |           ^
          why: what stands between {{ and }} is shown
          hint: write `{%- for it in list %}`, `it` for the `.` within, and `{% endfor %}` for its `{{ end }}`
        ");
    insta::assert_snapshot!(refused(&but("build-0001", "{{ Tag | replace(old='a', new='b') }}")), @"
        error: the filter `replace` has no argument `old`
          at pipeline.yaml, line 15, column 58
            15 |         image: registry.example/team/ci:{{ Tag | replace(old='a', new='b') }}
               |                                                          ^
          hint: write `{{ Tag | replace(from='a', to='b') }}`
        ");
    insta::assert_snapshot!(refused(&but("build-0001", "{{ git.branch | sha256sum | trunc 8 }}")), @"
        error: there is no counterpart of `sha256sum`
          at pipeline.yaml, line 15, column 57
            15 |         image: registry.example/team/ci:{{ git.branch | sha256sum | trunc 8 }}
               |                                                         ^
          hint: work it out beforehand and give the outcome with `--set NAME=…`, or leave it to the build
        ");
    insta::assert_snapshot!(refused(&but("build-0001", "{{ 'é' | slug }}")), @"
        error: this cannot be rendered
          at pipeline.yaml, line 15, column 50
            15 |         image: registry.example/team/ci:{{ 'é' | slug }}
               |                                                  ^
          why: the filter `slug` keeps letters a to z and digits, and was given a text without any
          hint: correct the expression, or what it gets
        ");
}

#[test]
fn templates_of_other_programs() {
    let go = but("build-0001", "{{ .Tag | default \"main\" }}")
        .replace("metadata:", "metadata:\n  namespace: {{ default \"ci\" .Namespace }}");
    insta::assert_snapshot!(refused(&go), @r#"
        error: this is a template of Go, as stencil reads it
          at pipeline.yaml, line 4, column 14
            4 |   namespace: {{ default "ci" .Namespace }}
              |              ^
          why: a pipeline is a template of Tera
          hint: have it converted: `kubectl studioci init --from pipeline.yaml`
        "#);
    let chart = but("build-0001", "{{ .Values.tag }}")
        .replace("name: build\n", "name: {{ include \"app.name\" . }}\n");
    insta::assert_snapshot!(refused(&chart), @r#"
        error: this is a template of a Helm chart
          at pipeline.yaml, line 4, column 9
            4 |   name: {{ include "app.name" . }}
              |         ^
          why: a pipeline is a template of Tera
          hint: let Helm render it, `helm template NAME CHART > pipeline.yaml`, and make a pipeline of that
        "#);
    insta::assert_snapshot!(refused(&and(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"
    )), @r#"
        error: document 2 (Kustomization): this is for kustomize, not for a cluster
          at pipeline.yaml, line 18, column 1
            18 | kind: Kustomization
               | ^
          why: it says what kustomize makes of other files, and no server has the kind
          hint: let kustomize build it, `kubectl kustomize FOLDER > pipeline.yaml`, and make a pipeline of that
        "#);
    insta::assert_snapshot!(refused(&but(
        "build-0001",
        "{{ unconverted(line=3, was=\"{{ now }}\", why=\"it goes by the clock\") }}"
    )), @r#"
        error: line 3 of the old template is not converted: `{{ now }}`
          at pipeline.yaml, line 15, column 44
            15 |         image: registry.example/team/ci:{{ unconverted(line=3, was="{{ now }}", why="it goes by the clock") }}
               |                                            ^
          why: it goes by the clock
          hint: put in place of `unconverted(…)` what it should give
        "#);
}

#[test]
fn yaml_faults() {
    insta::assert_snapshot!(refused(&but("name: build", "name: [build")), @"
        error: document 1 (Deployment [build): this is not YAML
          at pipeline.yaml, line 5, column 14
            5 |   annotations:
              |              ^
          why: illegal placement of ':' indicator
        ");
    insta::assert_snapshot!(refused(&but("  name: build\n", "  name: build\n  name: test\n")), @"
        error: document 1 (Deployment build): the key `name` is there twice: lines 4 and 5
          at pipeline.yaml, line 5, column 3
            5 |   name: test
              |   ^
          why: kubectl would silently take the last one
          hint: remove or rename one of them
        ");
    insta::assert_snapshot!(refused(&and("kind: ConfigMap\n")), @"
        error: document 2 (ConfigMap): `apiVersion` is missing
          at pipeline.yaml, line 17, column 1
            17 | kind: ConfigMap
               | ^
          hint: every Kubernetes object says its `apiVersion`; add it
        ");
    insta::assert_snapshot!(refused("just a text\n"), @"
        error: document 1: this is not a Kubernetes object, which is a mapping with `apiVersion` and `kind`
          at pipeline.yaml, line 1, column 1
            1 | just a text
              | ^
          hint: write an object, or take this document out
        ");
    insta::assert_snapshot!(refused("# nothing\n"), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; there is no Deployment at all
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
}

#[test]
fn no_build_workload_or_several() {
    insta::assert_snapshot!(refused("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; there is no Deployment at all
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
    insta::assert_snapshot!(refused(&but("    keel.sh/policy: \"glob:build-*\"\n", "")), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; found Deployment/build (no policy)
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "never")), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; found Deployment/build (policy never, or an empty one)
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
    let other = GOOD.replace("name: build\n", "name: test\n").replace("app: build", "app: test");
    insta::assert_snapshot!(refused(&and(&other)), @r#"
        error: 2 Deployments have a Keel policy: Deployment/build and Deployment/test
          why: only one of them can be the build workload
          hint: annotate it with studioci.dev/build: "true"
        "#);
}

#[test]
fn policies_that_keel_would_silently_ignore() {
    insta::assert_snapshot!(refused(&but("glob:build-*", "Force")), @r#"
        error: document 1 (Deployment build): Keel does not know the policy `Force`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "Force"
              |     ^
          why: Keel silently does not follow this workload: it compares the value exactly, case and spaces included
          hint: write `keel.sh/policy: force`
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "newest")), @r#"
        error: document 1 (Deployment build): Keel does not know the policy `newest`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "newest"
              |     ^
          why: Keel silently does not follow this workload: it compares the value exactly, case and spaces included
          hint: write one of all, major, minor, patch, force, glob:PATTERN, regexp:PATTERN
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "glob:a:b")), @r#"
        error: document 1 (Deployment build): the glob policy `glob:a:b` has more than one colon
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "glob:a:b"
              |     ^
          why: Keel takes exactly one and silently does not follow this workload
          hint: take the other colons out; no tag has one
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "regexp:build-[")), @r#"
        error: document 1 (Deployment build): the pattern of `regexp:build-[` does not compile: unclosed character class
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "regexp:build-["
              |     ^
          why: Keel silently does not follow this workload
          hint: fix the pattern (the syntax is RE2's), or use a glob policy
        "#);
    insta::assert_snapshot!(refused(&but("keel.sh/policy", "keel.sh/Policy")), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; found Deployment/build (no policy: Keel spells it keel.sh/policy, not keel.sh/Policy)
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "minor")), @r#"
        error: document 1 (Deployment build): the policy `minor` cannot move from the tag `build-0001`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "minor"
              |     ^
          why: Keel never updates this workload: the tag `build-0001` is no version, and the policy `minor` compares versions
          hint: start from a tag that the policy can move from, or change the policy
        "#);
    let label = GOOD.replace("  annotations:\n", "  labels:\n");
    insta::assert_snapshot!(refused(&label), @r#"
        error: document 1 (Deployment build): a glob or regexp policy stands in a label
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "glob:build-*"
              |     ^
          why: a label's value may not hold `:` or `*`; the API server refuses the workload
          hint: make `keel.sh/policy` an annotation
        "#);
    let template = but("labels: {app: build}", "annotations: {keel.sh/policy: \"glob:build-*\"}");
    insta::assert_snapshot!(refused(&template), @r#"
        error: document 1 (Deployment build): `keel.sh/policy` stands on the pod template
          at pipeline.yaml, line 11, column 30
            11 |     metadata: {annotations: {keel.sh/policy: "glob:build-*"}}
               |                              ^
          why: Keel reads only the workload's own metadata and ignores this key
          hint: move `keel.sh/policy` to metadata.annotations of the workload
        "#);
    insta::assert_snapshot!(refused(&but("build-*", "build-0001")), @r#"
        error: document 1 (Deployment build): the pattern `build-0001` has no `*`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "glob:build-0001"
              |     ^
          why: it matches one tag at most, so that Keel updates once and never again
          hint: put a `*` where the tags differ; for new content under one tag use force with match-tag
        "#);
}

#[test]
fn keys_with_which_keel_does_something_else_than_meant() {
    insta::assert_snapshot!(refused(&but("\"glob:build-*\"", "force")), @r#"
        error: document 1 (Deployment build): the policy is `force` without match-tag
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: force
              |     ^
          why: Keel then jumps to any tag of the repository, branches and old ones included; up to 0.22.1 it takes the first that the registry lists, often none ever
          hint: add `keel.sh/matchTag: "true"` to the same map, or annotate `keel.sh/policy: glob:build-*` and push tags such as build-20260131235959-abc1234
        "#);
    let match_tag = "force\n    keel.sh/matchTag: \"True\"";
    insta::assert_snapshot!(refused(&but("\"glob:build-*\"", match_tag)), @r#"
        error: document 1 (Deployment build): `keel.sh/matchTag` is `True`
          at pipeline.yaml, line 7, column 5
            7 |     keel.sh/matchTag: "True"
              |     ^
          why: Keel knows the exact word `true`; anything else is false
          hint: write `keel.sh/matchTag: "true"` or `"false"`
        "#);
    let other_map = but("\"glob:build-*\"", "force")
        .replace("  annotations:", "  labels: {keel.sh/matchTag: \"true\"}\n  annotations:");
    insta::assert_snapshot!(refused(&other_map), @r#"
        error: document 1 (Deployment build): `keel.sh/matchTag` stands in the labels, the policy in the annotations
          at pipeline.yaml, line 5, column 12
            5 |   labels: {keel.sh/matchTag: "true"}
              |            ^
          why: Keel reads it only from the map that holds the policy, and ignores it here
          hint: move `keel.sh/matchTag` to the annotations
        "#);
    let bare = "force\n    keel.sh/matchTag: true";
    insta::assert_snapshot!(refused(&but("\"glob:build-*\"", bare)), @r#"
        error: document 1 (Deployment build): metadata.annotations: keel.sh/matchTag is true, not a string
          at pipeline.yaml, line 7, column 5
            7 |     keel.sh/matchTag: true
              |     ^
          why: the API server takes strings only
          hint: write keel.sh/matchTag: "true"
        "#);
    let poll = |schedule: &str| {
        but("trigger: poll", &format!("trigger: poll\n    keel.sh/pollSchedule: {schedule}"))
    };
    insta::assert_snapshot!(refused(&poll("\"\"")), @r#"
        error: document 1 (Deployment build): `keel.sh/pollSchedule` is empty
          at pipeline.yaml, line 8, column 5
            8 |     keel.sh/pollSchedule: ""
              |     ^
          why: an empty schedule crashes Keel, for the whole cluster, again after every restart
          hint: write a schedule such as `@every 1m`, or remove the key
        "#);
    insta::assert_snapshot!(refused(&poll("\"@every 1d\"")), @r#"
        error: document 1 (Deployment build): `keel.sh/pollSchedule: @every 1d` is not a schedule: Failed to parse duration @every 1d: time: unknown unit "d" in duration "1d"
          at pipeline.yaml, line 8, column 5
            8 |     keel.sh/pollSchedule: "@every 1d"
              |     ^
          why: Keel falls back to its own default, usually a minute
          hint: write `@every` with h, m and s, such as `@every 1m`, or six fields that begin with the seconds; case and spaces count
        "#);
    insta::assert_snapshot!(refused(&but("trigger: poll", "trigger: poll\n    keel.sh/approvals: \"1\"")), @r#"
        error: document 1 (Deployment build): `keel.sh/approvals` is `1`
          at pipeline.yaml, line 8, column 5
            8 |     keel.sh/approvals: "1"
              |     ^
          why: Keel waits for votes before every update; a vote counts for one namespace and tag, and each build has a namespace of its own
          hint: remove `keel.sh/approvals`
        "#);
}

#[test]
fn what_works_but_hardly_as_meant_is_a_warning() {
    let warned = |pipeline: &str| {
        let folder = Folder::new("warned", pipeline);
        let start = ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client"];
        let (out, said, code) = run(&folder, &start, &[]);
        assert_eq!(code, 0, "{said}");
        assert!(out.contains("deployment.apps/build created (dry run)"), "{out}");
        said
    };
    insta::assert_snapshot!(warned(&but("build-0001", "build-9")), @"Warning: Deployment/build (line 6): the numbers in tags such as `build-9` are not padded: Keel compares tags of a glob policy as text, where 10 comes before 9, and stops at 9; pad them with zeros (build-0009, build-0010), or put a time such as 20260131235959 first");
    insta::assert_snapshot!(warned(&but("    keel.sh/trigger: poll\n", "")), @"Warning: Deployment/build (line 6): `keel.sh/trigger` is missing: Keel then never asks the registry itself; only a webhook moves this workload; annotate `keel.sh/trigger: poll`");
    insta::assert_snapshot!(warned(&but("\"glob:build-*\"", "\"regexp:^build-\"")), @"Warning: Deployment/build (line 6): the policy is a regular expression: Keel accepts every tag that matches, older ones too, and restarts a workload that is up to date when another one of the same image moves; rather annotate `keel.sh/policy: glob:build-*` and push tags such as build-20260131235959-abc1234");
    insta::assert_snapshot!(warned(&but("trigger: poll", "trigger: poll\n    keel.sh/pollSchedule: \"*/5 * * * *\"")), @"Warning: Deployment/build (line 8): `keel.sh/pollSchedule: */5 * * * *` has five fields: the first field is the seconds, not the minutes, so that `*/5 * * * *` is every five seconds; write all six fields, the seconds first, or `@every 5m`");
}

#[test]
fn keys_of_ours_that_no_pipeline_writes() {
    insta::assert_snapshot!(refused(&but("trigger: poll", "trigger: poll\n    studioci.dev/dedline: 2h")), @"
        error: document 1 (Deployment build): metadata.annotations: studioci.dev/dedline is not for a pipeline to write
          at pipeline.yaml, line 8, column 5
            8 |     studioci.dev/dedline: 2h
              |     ^
          why: by such keys it is told what is whose in a build's namespace; a pipeline writes the settings only, as annotations of the build workload, and those of the chain as annotations of its Namespace
          hint: did you mean `studioci.dev/deadline`?
        ");
    insta::assert_snapshot!(refused(&but("labels: {app", "labels: {studioci.dev/role: listener, app")), @"
        error: document 1 (Deployment build): spec.template.metadata.labels: studioci.dev/role is not for a pipeline to write
          at pipeline.yaml, line 11, column 25
            11 |     metadata: {labels: {studioci.dev/role: listener, app: build}}
               |                         ^
          why: by such keys it is told what is whose in a build's namespace; a pipeline writes the settings only, as annotations of the build workload, and those of the chain as annotations of its Namespace
          hint: take it out, or give it a prefix of your own
        ");
}

#[test]
fn documents_that_no_build_may_bring() {
    let document = |api: &str, kind: &str, metadata: &str| {
        refused(&and(&format!("apiVersion: {api}\nkind: {kind}\nmetadata: {metadata}\n")))
    };
    insta::assert_snapshot!(document("v1", "PersistentVolume", "{name: disk}"), @"
        error: document 2 (PersistentVolume disk): PersistentVolume is cluster-scoped
          at pipeline.yaml, line 18, column 1
            18 | kind: PersistentVolume
               | ^
          why: it belongs to no namespace: builds would overwrite each other's, and it would outlive them
          hint: take it out of the pipeline and let an admin create it once
        ");
    insta::assert_snapshot!(document("rbac.authorization.k8s.io/v1", "ClusterRole", "{name: all}"), @"
        error: document 2 (ClusterRole all): ClusterRole is cluster-scoped
          at pipeline.yaml, line 18, column 1
            18 | kind: ClusterRole
               | ^
          why: it belongs to no namespace: builds would overwrite each other's, and an agent may not create it
          hint: write a Role with the same rules: in the build's own namespace that is all a build needs
        ");
    insta::assert_snapshot!(document("v1", "ConfigMap", "{name: a, namespace: kube-system}"), @"
        error: document 2 (ConfigMap a): it is in namespace kube-system
          at pipeline.yaml, line 19, column 21
            19 | metadata: {name: a, namespace: kube-system}
               |                     ^
          why: every build has a namespace of its own, and nothing of a pipeline goes elsewhere
          hint: leave metadata.namespace out
        ");
    insta::assert_snapshot!(document("cert-manager.io/v1", "Certificate", "{name: tls}"), @"
        error: document 2 (Certificate tls): cert-manager.io/v1 Certificate is not a kind that a pipeline may hold
          at pipeline.yaml, line 18, column 1
            18 | kind: Certificate
               | ^
          why: studioci-workspace does not cover it, so that an agent could not create it
          hint: take it out of the pipeline; what builds can share, an admin creates once elsewhere
        ");
    insta::assert_snapshot!(document("extensions/v1beta1", "Ingress", "{name: web}"), @"
        error: document 2 (Ingress web): extensions/v1beta1 Ingress is not served
          at pipeline.yaml, line 17, column 1
            17 | apiVersion: extensions/v1beta1
               | ^
          why: since Kubernetes 1.30, and most of them long before, servers know Ingress as networking.k8s.io/v1
          hint: write apiVersion: networking.k8s.io/v1, and check its fields
        ");
    insta::assert_snapshot!(document("v1", "ConfigMap", "{}"), @"
        error: document 2 (ConfigMap): it has no name
          at pipeline.yaml, line 19, column 1
            19 | metadata: {}
               | ^
          why: nothing can be applied without one
          hint: give it a metadata.name
        ");
    insta::assert_snapshot!(document("v1", "ConfigMap", &format!("{{name: {}}}", "a".repeat(64))), @"
        error: document 2 (ConfigMap aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa): its name has 64 characters
          at pipeline.yaml, line 19, column 12
            19 | metadata: {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
               |            ^
          why: names longer than 63 do not fit into labels and host names
          hint: shorten it
        ");
    insta::assert_snapshot!(document("v1", "ConfigMap", "{name: studioci-mine}"), @"
        error: document 2 (ConfigMap studioci-mine): its name begins with studioci-
          at pipeline.yaml, line 19, column 12
            19 | metadata: {name: studioci-mine}
               |            ^
          why: studioci keeps its own objects under such names in the same namespace
          hint: rename it
        ");
}

#[test]
fn whatever_reaches_for_the_agent() {
    let account = "    spec:\n      serviceAccountName: studioci-agent.app\n";
    insta::assert_snapshot!(refused(&but("    spec:\n", account)), @"
        error: document 1 (Deployment build): its pods would run as ServiceAccount studioci-agent.app
          at pipeline.yaml, line 13, column 7
            13 |       serviceAccountName: studioci-agent.app
               |       ^
          why: that is the agent's own: whoever runs as it can write into the chain's other namespaces
          hint: name a ServiceAccount of the pipeline, or none
        ");
    let token = "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata:\n  name: token\n  \
                 annotations: {kubernetes.io/service-account.name: studioci-agent.app}\n";
    insta::assert_snapshot!(refused(&and(token)), @"
        error: document 2 (Secret token): it asks for a token of ServiceAccount studioci-agent.app
          at pipeline.yaml, line 22, column 17
            22 |   annotations: {kubernetes.io/service-account.name: studioci-agent.app}
               |                 ^
          why: that is the agent's own: whoever holds its token can write into the chain's other namespaces
          hint: ask for a token of a ServiceAccount of the pipeline
        ");
}

#[test]
fn names_that_are_none() {
    insta::assert_snapshot!(refused(&but("name: build\n", &format!("name: {}\n", "b".repeat(64)))), @"
        error: document 1 (Deployment bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb): its name has 64 characters
          at pipeline.yaml, line 4, column 3
            4 |   name: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
              |   ^
          why: names longer than 63 do not fit into labels and host names
          hint: shorten it
        ");
    insta::assert_snapshot!(start(&["--chain", &"c".repeat(64)]), @r#"
        error: chain name "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" has 64 characters; at most 50 fit
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(start(&["--chain", "Main"]), @r#"
        error: chain name "Main" has 'M'; only a-z, 0-9 and '-' are allowed
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(start(&["--chain", "claim"]), @r#"
        error: a chain cannot be called "claim": that is the chain label of bare claims
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(start(&["--chain", "c", "--prefix", "a_b"]), @r#"
        error: prefix "a_b" has '_'; only a-z, 0-9 and '-' are allowed
          remedy: namespaces are called PREFIX-ADJECTIVE-SURNAME; give --prefix a short DNS label
        "#);
    insta::assert_snapshot!(start(&[]), @"
        error: the chain has no name, since that is derived from the git repository and branch: not a git repository (or any of the parent directories): .git
          remedy: name it with --chain NAME, or run this in a checkout that is on a branch
        ");
    insta::assert_snapshot!(start(&["--chain", "c", "--tag", "v1"]), @r#"
        error: document 1 (Deployment build): the policy `glob:build-*` cannot move from the tag `v1`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "glob:build-*"
              |     ^
          why: Keel never updates this workload: no tag that matches `build-*` sorts above `v1`, and a glob policy moves upwards only
          hint: start from a tag that the policy can move from, or change the policy
        "#);
}

#[test]
fn more_than_an_object_may_hold() {
    let large = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: {}}}\n",
        "x".repeat(1 << 20)
    );
    insta::assert_snapshot!(refused(&and(&large)), @"
        error: document 2 (ConfigMap a): it has 1048654 bytes
          at pipeline.yaml, line 17, column 1
            17 | apiVersion: v1
               | ^
          why: the API server stores no object of more than 1048576
          hint: split it, or put the data into the CI image
        ");
    let folder = Folder::new("record", GOOD);
    folder.write("large", "x".repeat(1_000_000));
    let flags =
        ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client", "--set-file", "Large=large"];
    let (out, said, code) = run(&folder, &flags, &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    insta::assert_snapshot!(said, @"
        error: template, values and files of chain c are 1002295 bytes; its record in home holds 921600
          remedy: put large files into the image, or into a ConfigMap or Secret of their own
        ");
}

#[test]
fn secrets_where_everybody_reads_them() {
    let text = but("keel.sh/trigger: poll", "keel.sh/trigger: poll\n    note: \"{{ env.TOKEN }}\"");
    let folder = Folder::new("secret", &text);
    let (out, said, code) =
        run(&folder, &["render", "-f", "pipeline.yaml", "--woven"], &[("TOKEN", "hunter2")]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    insta::assert_snapshot!(said, @r#"
        error: `env.TOKEN` is secret, and may stand only under `data` or `stringData` of a Secret
          at pipeline.yaml, line 8
            8 |     note: "{{ env.TOKEN }}"
          why: every variable of the environment is secret unless given as plain
          hint: give `--env TOKEN` for what may be seen; put the rest into a Secret and refer to that
        "#);
}

/// A command line that is refused before any cluster is asked: the words on stderr.
#[track_caller]
fn usage(line: &str) -> String {
    let folder = Folder::new(std::thread::current().name().unwrap(), GOOD);
    let (out, said, code) = run(&folder, &line.split(' ').collect::<Vec<_>>(), &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    said
}

/// A `start` that is refused before any cluster is asked: the words on stderr.
#[track_caller]
fn told(flags: &[&str], env: &[(&str, &str)]) -> String {
    let folder = Folder::new("told", GOOD);
    folder.write("ca.pem", "SECRET");
    folder.write("hook.json", "{}");
    let line = ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client"];
    let (out, said, code) = run(&folder, &[&line[..], flags].concat(), env);
    assert_eq!((out.as_str(), code), ("", 2), "{flags:?}: {said}");
    assert!(!said.contains("SECRET"), "{said}");
    said
}

#[test]
fn results_that_could_go_nowhere() {
    const TOKEN: &[(&str, &str)] = &[("GITHUB_TOKEN", "SECRET"), ("EMPTY", "")];
    for (flags, env, says) in [
        (&["--github"][..], TOKEN, "no remote says which repository on GitHub this is"),
        (&["--github=runner"], TOKEN, "\"runner\" is no repository on GitHub"),
        (&["--github=https://me:SECRET@github.com/o/r"], TOKEN, "is no repository on GitHub"),
        (&["--github=o/r"], &[], "the environment variable GITHUB_TOKEN is not set"),
        (&["--github=o/r", "--github-token-env=OTHER"], TOKEN, "the environment variable OTHER is not set"),
        (&["--github=o/r", "--github-token-env=EMPTY"], TOKEN, "the token for GitHub is empty"),
        (&["--github=o/r", "--github-url=http://ghe.example"], TOKEN, "would be spoken to without TLS"),
        (&["--github=o/r", "--github-url=ghe.example"], TOKEN, "it has no scheme"),
        (&["--github=o/r", "--github-ca=ca.pem"], TOKEN, "there is no certificate in it"),
        (&["--github=o/r", "--github-ca=nowhere.pem"], TOKEN, "nowhere.pem"),
        (&["--link=https://h/{branch}"], &[], "a build has no {branch}"),
        (&["--link=https://me:SECRET@h/"], &[], "it holds a user or a password"),
        (&["--webhook=http://h/SECRET"], &[], "would be spoken to without TLS"),
        (&["--webhook=https://me:SECRET@h/"], &[], "holds a user or a password"),
        (&["--webhook=https://h/", "--webhook-secret-env=NONE"], &[], "variable NONE is not set"),
        (&["--webhook-template=hook.json"], &[], "hook.json is the template of a webhook, and there is none"),
        (&["--webhook=https://h/", "--webhook-template=nowhere.json"], &[], "nowhere.json"),
        (
            &["--webhook=https://h/", "--webhook-secret-env=EMPTY"],
            TOKEN,
            "the secret of the webhook is empty",
        ),
    ] {
        let said = told(flags, env);
        assert!(said.contains(says), "{flags:?}: {said}");
    }
}

/// A `start` with this template for a webhook, which is refused: the words on stderr.
#[track_caller]
fn hooked(template: &str) -> String {
    let folder = Folder::new("hooked", GOOD);
    folder.write("hook.json", template);
    let line =
        "start -f pipeline.yaml --chain c --dry-run=client --webhook=https://h/ --webhook-template=hook.json";
    let (out, said, code) = run(&folder, &line.split(' ').collect::<Vec<_>>(), &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    said
}

#[test]
fn a_template_for_a_webhook_that_makes_no_body_of_some_build() {
    insta::assert_snapshot!(hooked("{\"text\": {{ build.verdict | json_encode }}}"), @r#"
        error: `build.verdict` is not defined
          at hook.json, line 1, column 19
            1 | {"text": {{ build.verdict | json_encode }}}
              |                   ^
          why: a build that goes on has none yet
          hint: write `build.verdict | default(value=…)` if it may be missing
        "#);
    insta::assert_snapshot!(hooked("{\n  \"text\": \"{{ build.chain }} {{ build.cause | default(value='') }}\"\n}"), @r#"
        error: what hook.json makes of a build is no JSON
          at the body, line 2, column 36
            2 |   "text": "c build exited with 2: "no" in C:\temp
              |                                    ^
          from hook.json, line 2
            2 |   "text": "{{ build.chain }} {{ build.cause | default(value='') }}"
          why: expected `,` or `}`; a webhook is sent as application/json
          hint: write each value by `json_encode`, without quotes around it: {"text": {{ build.summary | json_encode }}}
        "#);
    insta::assert_snapshot!(hooked("payload={{ build.summary }}"), @r#"
        error: what hook.json makes of a build is no JSON
          at the body, line 1, column 1
            1 | payload=Build goes on
              | ^
          from hook.json, line 1
            1 | payload={{ build.summary }}
          why: expected value; a webhook is sent as application/json
          hint: write each value by `json_encode`, without quotes around it: {"text": {{ build.summary | json_encode }}}
        "#);
    insta::assert_snapshot!(hooked("{\"text\": {{ message | json_encode }}}"), @r#"
        error: `message` is nothing that this template reads
          at hook.json, line 1, column 13
            1 | {"text": {{ message | json_encode }}}
              |             ^
          why: the template of a webhook reads the build alone
          hint: there are, each after `build.`: baseline, cause, chain, chainUUID, creationTimestamp, digest, dispatch, dispatchError, durationSeconds, generation, image, link, namespace, owner, parent, phase, phaseTimes, revision, successor, summary, tag, terminating, uid, verdict, waiting
        "#);
}

#[test]
fn a_tag_or_an_agent_image_that_no_registry_has() {
    for tag in ["a/b", "1.0.0+5", "-1", "app:1", ""] {
        let folder = Folder::new("tag", GOOD);
        let line =
            ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client", &format!("--tag={tag}")];
        let (out, said, code) = run(&folder, &line, &[]);
        assert_eq!((out.as_str(), code), ("", 2), "{tag}: {said}");
        assert!(said.starts_with(&format!("error: {tag:?} is not a tag: ")), "{said}");
    }
    insta::assert_snapshot!(usage("setup --print --agent-image registry.example/Agent:1"), @r#"
        error: "registry.example/Agent:1" is not an image reference: a repository is in lower case
          remedy: write it as REGISTRY/REPOSITORY@sha256:…; the registry reports the digest when the image is pushed
        "#);
    insta::assert_snapshot!(usage("setup --print --agent-image registry.example/agent:1"), @r#"
        error: "registry.example/agent:1" does not name an image by its digest
          remedy: write it as REGISTRY/REPOSITORY@sha256:…; the registry reports the digest when the image is pushed
        "#);
}

#[test]
fn a_team_that_is_none_or_a_chain_that_is_none() {
    insta::assert_snapshot!(usage("setup --print --group system:authenticated"), @r#"
        error: group "system:authenticated" is not to use studioci: everybody who signs in is in it, the ServiceAccounts of builds too
          remedy: name a group of people as the API server sees it: kubectl auth whoami, run by one of them, lists theirs
        "#);
    insta::assert_snapshot!(usage("setup --print --group="), @r#"
        error: group "" is not to use studioci: it is empty
          remedy: name a group of people as the API server sees it: kubectl auth whoami, run by one of them, lists theirs
        "#);
    insta::assert_snapshot!(usage("setup --print --group devs --chain feature/x"), @r#"
        error: chain name "feature/x" has '/'; only a-z, 0-9 and '-' are allowed
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(usage("setup --print --group devs --chain claim"), @r#"
        error: a chain cannot be called "claim": that is the chain label of bare claims
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(usage("setup --group devs"), @"
        error: --print is required
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print --chain d"), @"
        error: --group is required
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print --group devs --pod-security baseline"), @"
        error: --chain is required
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print --group devs --chain d --pod-security high"), @r#"
        error: invalid argument "high" for --pod-security, allowed are: privileged,baseline,restricted
        See 'kubectl studioci setup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("setup --print --group devs --agent-image a/b"), @"
        error: --group cannot be used with --agent-image
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print -o json"), @"
        error: --group is required
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print --group devs -o name"), @r#"
        error: unable to match a printer suitable for the output format "name", allowed formats are: json,yaml
        See 'kubectl studioci setup --help' for usage.
        "#);
}

#[test]
fn a_cleanup_that_does_not_say_what_is_to_go() {
    insta::assert_snapshot!(usage("cleanup"), @"
        error: no builds are chosen
          remedy: name namespaces, or give a rule: --older-than 7d, --keep 5; with --dry-run nothing is deleted
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup --chain runner-main"), @"
        error: no builds are chosen
          remedy: name namespaces, or give a rule: --older-than 7d, --keep 5; with --dry-run nothing is deleted
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup --older-than yesterday"), @r#"
        error: invalid argument "yesterday" for --older-than: expected numbers with units (45m, 12h, 7d, 1d12h)
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --older-than -1h"), @r#"
        error: invalid argument "-1h" for --older-than: expected numbers with units (45m, 12h, 7d, 1d12h)
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --older-than 1w"), @r#"
        error: invalid argument "1w" for --older-than: there is no unit `w`: write 168h; the units are d, h, m, s and ms
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --older-than"), @"
        error: flag needs an argument: --older-than
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup --keep five"), @r#"
        error: invalid argument "five" for --keep: expected a whole number, such as 5
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --keep -1"), @r#"
        error: invalid argument "-1" for --keep: expected a whole number, such as 5
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --keep 1.5"), @r#"
        error: invalid argument "1.5" for --keep: expected a whole number, such as 5
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup ci-a --keep 1"), @"
        error: NAMESPACE cannot be used with --keep
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup ci-a --older-than 1h"), @"
        error: NAMESPACE cannot be used with --older-than
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup ci_a"), @r#"
        error: invalid argument "ci_a" for NAMESPACE: it has '_'; only a-z, 0-9 and '-' are allowed, so no namespace can have that name
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup deployment/a"), @r#"
        error: invalid argument "deployment/a" for NAMESPACE: expected a namespace: NAME or namespace/NAME
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --keep 1 --dry-run=maybe"), @r#"
        error: Invalid dry-run value (maybe). Must be "none", "server", or "client".
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup ci-a --wait=maybe"), @r#"
        error: invalid argument "maybe" for --wait, allowed are: true,false
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup ci-a --timeout soon"), @r#"
        error: invalid argument "soon" for --timeout: expected a whole number of seconds, or numbers with units (30s, 5m, 1h30m, 1d)
        See 'kubectl studioci cleanup --help' for usage.
        "#);
}

#[test]
fn a_stop_that_cannot_be_understood() {
    insta::assert_snapshot!(usage("stop"), @"
        error: <CHAIN> is required
        See 'kubectl studioci stop --help' for usage.
        ");
    insta::assert_snapshot!(usage("stop a b"), @r#"
        error: unexpected argument "b"
        See 'kubectl studioci stop --help' for usage.
        "#);
    insta::assert_snapshot!(usage("stop a --timeout 1m"), @"
        error: --purge is required
        See 'kubectl studioci stop --help' for usage.
        ");
    insta::assert_snapshot!(usage("stop a --purge --timeout soon"), @r#"
        error: invalid argument "soon" for --timeout: expected a whole number of seconds, or numbers with units (30s, 5m, 1h30m, 1d)
        See 'kubectl studioci stop --help' for usage.
        "#);
}

/// A kubeconfig whose only cluster is at that address.
fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\nclusters: [{{name: one, cluster: {{server: \"{server}\"}}}}]\n\
         users: [{{name: me, user: {{token: abc}}}}]\ncontexts: [{{name: here, context: {{cluster: one, user: me}}}}]\n"
    )
}

#[test]
fn contexts_that_cannot_be_meant_or_reached() {
    let folder = Folder::new("contexts", GOOD);
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- {{name: one, cluster: {{server: \"http://{dead}\"}}}}\n\
         - {{name: none, cluster: {{}}}}\nusers: []\ncontexts:\n- {{name: here, context: {{cluster: one}}}}\n\
         - {{name: empty, context: {{cluster: none}}}}\n- {{name: lost, context: {{cluster: nowhere}}}}\n"
    );
    folder.write("config", &config);
    let said = |flags: &[&str], want: i32| {
        let (out, said, code) = run(&folder, &[&["status", "--kubeconfig", "config"], flags].concat(), &[]);
        assert_eq!((out.as_str(), code), ("", want), "{said}");
        said.replace(&dead.to_string(), "127.0.0.1:PORT")
    };
    insta::assert_snapshot!(said(&["--contexts", "here,hare"], 2), @r#"
        error: context "hare" does not exist
          remedy: did you mean "here"? (the kubeconfig has empty, here, lost)
        "#);
    let empty = said(&["--contexts", ""], 2);
    insta::assert_snapshot!(empty, @"
        error: --contexts has an empty name
          remedy: name one or several: --contexts a,b; kubectl config get-contexts lists them
        ");
    for none in [",,", "here,", ",here", "here, ,lost", " "] {
        assert_eq!(said(&["--contexts", none], 2), empty, "{none:?}");
    }
    insta::assert_snapshot!(said(&["--contexts", "here", "--context", "here"], 2), @"
        error: --context is of one cluster, and --contexts names several
          remedy: leave --context out: each context has its own in the kubeconfig
        ");
    insta::assert_snapshot!(said(&["--contexts", "here", "--token", "x"], 2), @"
        error: --token is of one cluster, and --contexts names several
          remedy: leave --token out: each context has its own in the kubeconfig
        ");
    insta::assert_snapshot!(said(&["--contexts", "here", "-w"], 2), @"
        error: --contexts cannot be used with --watch
        See 'kubectl studioci status --help' for usage.
        ");
    insta::assert_snapshot!(said(&["--tree", "-o", "json"], 2), @r#"error: unable to match a printer suitable for the output format "json", allowed formats are: wide"#);
    insta::assert_snapshot!(said(&["--tree", "-o", "jsonpath={.a}"], 2), @r#"error: unable to match a printer suitable for the output format "jsonpath", allowed formats are: wide"#);
    insta::assert_snapshot!(said(&["--tree", "--chains"], 2), @"
        error: --tree cannot be used with --chains
        See 'kubectl studioci status --help' for usage.
        ");
    // those that are there and lead nowhere are told in a line each, also by a kubeconfig that can be read but once
    let several = ["--contexts", "here, empty,lost ,here ", "--contexts= here"];
    let by_file = said(&several, 3);
    pipe(&folder, "config", &config);
    assert_eq!(said(&several, 3), by_file);
    insta::assert_snapshot!(by_file, @r#"
        error: context here: cannot reach the API server http://127.0.0.1:PORT of context "here": connection refused
        error: context empty: kubeconfig: the cluster has no server
        error: context lost: cluster "nowhere" does not exist
        error: none of these contexts has answered: here, empty, lost
          remedy: try one by itself, which says what to do: kubectl studioci status --context NAME
        "#);
}

#[test]
fn a_cluster_that_cannot_be_found() {
    let folder = Folder::new("cluster", GOOD);
    // bound and let go: nobody listens there
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    folder.write("dead", kubeconfig(&format!("http://{dead}")));
    folder.write("broken", "a: [");
    folder.write(
        "leaking",
        "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\nusers:\n\
         - name: u\n  user:\n    token: hunter1\n    password: hunter2\n    client-key-data: [hunter3]\n",
    );
    folder.write(
        "careless",
        "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\nclusters:\n\
         - name: c\n  cluster: {server: \"https://127.0.0.1:1\", insecure-skip-tls-verify: true, certificate-authority: ca}\n",
    );
    let said = |flags: &[&str], want: i32| {
        let mut all = Vec::new();
        for verb in [
            &["start", "-f", "pipeline.yaml", "--chain", "c"][..],
            &["status"],
            &["watch"],
            &["claim"],
            &["setup"],
            &["scale", "up", "ci-a"],
            &["stop", "c"],
            &["cleanup", "ci-a"],
        ] {
            let (out, said, code) = run(&folder, &[verb, flags].concat(), &[]);
            assert_eq!((out.as_str(), code), ("", want), "{verb:?}: {said}");
            all.push(said.replace(&dead.to_string(), "127.0.0.1:PORT"));
        }
        all.dedup();
        assert_eq!(all.len(), 1, "all verbs say the same: {all:?}");
        all.remove(0)
    };
    insta::assert_snapshot!(said(&[], 2), @"
        error: kubeconfig: there is no such file: HOME/.kube/config
          remedy: name one with --kubeconfig or the variable KUBECONFIG, or a server with --server
        ");
    insta::assert_snapshot!(said(&["--kubeconfig", "none"], 2), @"
        error: kubeconfig none: No such file or directory (os error 2)
          remedy: check the path and its permissions: a readable file belongs there
        ");
    insta::assert_snapshot!(said(&["--kubeconfig", "broken"], 2), @"
        error: kubeconfig broken: line 1, column 4: it is not YAML: unclosed bracket
          remedy: correct the file there; none of it is shown here, since it holds credentials
        ");
    insta::assert_snapshot!(said(&["--kubeconfig", "leaking"], 2), @"
        error: kubeconfig leaking: line 9, column 22: a text belongs there
          remedy: correct the file there; none of it is shown here, since it holds credentials
        ");
    insta::assert_snapshot!(said(&["--kubeconfig", "careless"], 2), @r#"
        error: specifying a root certificates file with the insecure flag is not allowed: cluster "c" of the kubeconfig has both
          remedy: take insecure-skip-tls-verify out of that cluster, or its certificate-authority(-data)
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", "https://me:hunter2@127.0.0.1:1x"], 2), @r#"
        error: --server: "https://127.0.0.1:…" (what may be a password in it is not shown) is no URL: its port is no number up to 65535
          remedy: write it as https://HOST:PORT
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", &format!("https://me:hunter2@{dead}")], 3), @r#"
        error: cannot reach the API server https://127.0.0.1:PORT: connection refused
          remedy: Check that the API server runs and that --server is its address.
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", "https://me:hunt/er2@127.0.0.1:1"], 2), @r#"
        error: --server: "https://127.0.0.1:1" (what may be a password in it is not shown) is no URL: a / stands before its @, and ends the host; in a password it is written %2F, and an @ %40
          remedy: write it as https://HOST:PORT
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", "https://127.0.0.1:1", "--token", "hunter2\nhunter3"], 2), @r#"
        error: --token: the token holds characters that no token may hold
          remedy: write it on one line, in ASCII, without blanks
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--context", "there"], 2), @r#"
        error: context "there" does not exist
          remedy: did you mean "here"? (the kubeconfig has here)
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--user", "you"], 2), @r#"
        error: user "you" does not exist
          remedy: name another one (the kubeconfig has me)
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", "nonsense url"], 2), @r#"
        error: --server: "http://nonsense url" is no URL: invalid uri character
          remedy: write it as https://HOST:PORT
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead"], 3), @r#"
        Warning: the credentials of me are not sent: http://127.0.0.1:PORT is plain http, and whoever listens would have them; give the cluster an https:// address if it needs them
        error: cannot reach the API server http://127.0.0.1:PORT of context "here": connection refused
          remedy: Check that the cluster runs and that the context is the one you mean (kubectl config get-contexts, --context).
        "#);
}

#[test]
fn a_cluster_is_found_the_way_kubectl_finds_it() {
    let folder = Folder::new("way", GOOD);
    // bound and let go: nobody listens there
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = kubeconfig(&format!("https://{dead}"));
    folder.write(
        "empty",
        "current-context: \"\"\nkind: \"\"\nclusters: [{name: one, cluster: {server: \"\"}}]\n",
    );
    folder.write(
        "unsaid",
        config.replace("here", "there").replace("current-context: there", "current-context: ''"),
    );
    folder.write("config", config);
    let socks = |scheme: &str| {
        format!("server: \"https://k8s.invalid\", proxy-url: \"{scheme}://me:hunter2@{dead}\"")
    };
    for scheme in ["socks5", "socks5h", "http"] {
        folder.write(scheme, kubeconfig("X").replace("server: \"X\"", &socks(scheme)));
    }
    let said = |env: &[(&str, &str)], want: i32| {
        let (out, said, code) = run(&folder, &["status"], env);
        assert_eq!((out.as_str(), code), ("", want), "{said}");
        said.replace(&dead.to_string(), "127.0.0.1:PORT").lines().next().unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(said(&[("KUBECONFIG", "unsaid:none:config")], 3), @r#"error: cannot reach the API server https://127.0.0.1:PORT of context "here": connection refused"#);
    insta::assert_snapshot!(said(&[("KUBECONFIG", "empty:config")], 2), @"error: kubeconfig: the cluster has no server");
    for scheme in ["socks5", "socks5h", "http"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(said(&[("KUBECONFIG", scheme), ("NO_PROXY", "*")], 3), @r#"error: cannot reach the API server https://k8s.invalid of context "here" through the proxy 127.0.0.1:PORT (the cluster's proxy-url): the proxy cannot be reached: connection refused"#);
        }
    }
    let proxy = format!("socks5://me:hunter2@{dead}");
    folder.write("far", kubeconfig("https://k8s.invalid"));
    insta::assert_snapshot!(said(&[("KUBECONFIG", "far"), ("HTTPS_PROXY", &proxy), ("NO_PROXY", "k8s.invalid:1")], 3), @r#"error: cannot reach the API server https://k8s.invalid of context "here" through the proxy 127.0.0.1:PORT (HTTPS_PROXY): the proxy cannot be reached: connection refused"#);
    let direct = said(&[("KUBECONFIG", "far"), ("HTTPS_PROXY", &proxy), ("NO_PROXY", "*.invalid:443")], 3);
    assert!(!direct.contains("proxy"), "{direct}");
}

#[test]
fn a_report_on_nothing_and_one_in_a_form_that_there_is_none_of_are_refused_before_a_cluster_is_asked() {
    let folder = Folder::new("report", GOOD);
    let said = |args: &[&str]| {
        let (out, said, code) = run(&folder, args, &[]);
        assert_eq!((out.as_str(), code), ("", 2), "{said}");
        said
    };
    insta::assert_snapshot!(said(&["report"]), @"
    error: no chain is named, and this folder has none, since that is derived from the git repository and branch: not a git repository (or any of the parent directories): .git
      remedy: name a chain or a build: kubectl studioci status lists those that are there; or set STUDIOCI_CHAIN to a chain's name
    ");
    let form = said(&["report", "x", "-o", "xml"]);
    assert!(form.contains("\"xml\", allowed formats are: html,json,junit,markdown"), "{form}");
}

/// Of a chain that is meant, what is missing next is a cluster.
#[test]
fn a_chain_that_is_meant_and_is_none_is_told_with_what_says_it() {
    let folder = Folder::new("meant", GOOD);
    for verb in ["report", "status", "logs", "watch"] {
        let said = |variable: &str| run(&folder, &[verb], &[("STUDIOCI_CHAIN", variable)]);
        let (_, good, code) = said("mine");
        assert!(code == 2 && good.starts_with("error: kubeconfig: there is no such file"), "{verb}: {good}");
    }
    let (_, said, code) = run(&folder, &["report"], &[("STUDIOCI_CHAIN", "My_chain")]);
    let why = "error: variable STUDIOCI_CHAIN: \"My_chain\" is no name of a chain: it ";
    assert!(code == 2 && said.starts_with(why), "{said}");

    let settings = folder.0.join("settings/kubectl-studioci");
    std::fs::create_dir_all(&settings).unwrap();
    let at_home = folder.0.join("settings").display().to_string();
    for (text, said) in [
        ("chain: mine\n", "error: kubeconfig: there is no such file"),
        (
            "chian: mine\n",
            "error: HOME/settings/kubectl-studioci/config.yaml: there is no setting \"chian\"\n  \
             remedy: did you mean \"chain\"?\n",
        ),
    ] {
        std::fs::write(settings.join("config.yaml"), text).unwrap();
        let (_, found, code) = run(&folder, &["report"], &[("XDG_CONFIG_HOME", &at_home)]);
        assert!(code == 2 && found.starts_with(said), "{found}");
    }
}

/// A pipe into which somebody writes as soon as it is opened: who waits for it reads that, and the test ends.
fn pipe(folder: &Folder, name: &str, said: &str) {
    let (pipe, said) = (folder.0.join(name), said.to_owned());
    let _ = fs::remove_file(&pipe);
    fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::thread::spawn(move || fs::write(pipe, said));
}

#[test]
fn what_is_looked_for_and_is_no_regular_file_is_refused_before_it_is_opened_for_good() {
    let folder = Folder::new("irregular", GOOD);
    for (name, verb, said) in [
        (
            ".config/kubectl-studioci/config.yaml",
            "report",
            "error: settings: HOME/.config/kubectl-studioci/config.yaml is a pipe, not a regular file\n  \
             remedy: make it a text of at most 4 MiB that you may read, or delete it\n",
        ),
        (
            ".studioci/pipeline.yaml",
            "render",
            "error: .studioci/pipeline.yaml is a pipe, not a regular file\n  \
             remedy: put a regular file there, or name another one with -f FILE\n",
        ),
        (
            ".kube/config",
            "claim",
            "error: kubeconfig HOME/.kube/config: it is a pipe, not a regular file\n  \
             remedy: check the path and its permissions: a readable file belongs there\n",
        ),
    ] {
        pipe(&folder, name, "chain: mine\n");
        assert_eq!(run(&folder, &[verb], &[]), (String::new(), said.to_owned(), 2), "{name}");
    }
    // what another file names is not named by a person either, an endless device no more than a pipe
    pipe(&folder, "token", "t");
    let user = |what: &str| {
        folder.write("named", kubeconfig("https://127.0.0.1:1").replace("{token: abc}", what));
        run(&folder, &["claim", "--kubeconfig=named"], &[])
    };
    for (what, said) in [
        ("{tokenFile: token}", "the token cannot be read from tokenFile of user \"me\": it is a pipe, not"),
        (
            "{client-key: token, client-certificate: /dev/zero}",
            "its file cannot be read: it is a device, not",
        ),
    ] {
        let (out, found, code) = user(what);
        assert!(out.is_empty() && code == 2 && found.contains(said), "{found}");
    }
}

/// A kubeconfig whose user's plugin leaves a mark.
fn kubeconfig_of_plugin() -> String {
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, \
         args: [-c, \"touch ran; exit 1\"]}}";
    kubeconfig("https://127.0.0.1:1").replace("{token: abc}", exec)
}

#[test]
fn a_plugin_that_kubectls_preferences_forbid_or_may_forbid_is_not_run() {
    let folder = Folder::new("kuberc", GOOD);
    folder.write("k", kubeconfig_of_plugin());
    fs::create_dir(folder.0.join(".kube")).unwrap();
    let head = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
    let ran = |args: &[&str], env: &[(&str, &str)]| {
        let env = [&[("PATH", "/usr/bin:/bin")], env].concat();
        let (out, said, code) = run(&folder, &[&["claim", "--kubeconfig=k"], args].concat(), &env);
        assert_eq!((out.as_str(), code), ("", 2), "{said}");
        (fs::remove_file(folder.0.join("ran")).is_ok(), said)
    };
    let (plain, failed) = ran(&[], &[]);
    assert!(plain && failed.starts_with("error: credential plugin sh: it failed"), "{failed}");
    let denies = format!("{head}credentialPluginPolicy: DenyAll\n");
    let allowlist = |entry: &str| {
        format!(
            "{head}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{{command: {entry}}}]\n"
        )
    };
    for (preferences, said) in [
        (
            denies.clone(),
            "error: credential plugin sh is not allowed by kuberc HOME/.kube/kuberc: policy set to \"DenyAll\"\n  \
             remedy: sign in without it (--user, --token), or allow it there: kubectl kuberc set --section \
             credentialplugin --policy Allowlist --allowlist-entry command=COMMAND\n",
        ),
        (
            allowlist("aws"),
            "error: credential plugin sh is not allowed by kuberc HOME/.kube/kuberc: plugin path \"/usr/bin/sh\" is not",
        ),
        (
            format!("{head}credentialPluginPolicy: [\n"),
            "error: kuberc HOME/.kube/kuberc: HOME/.kube/kuberc, line ",
        ),
        (
            format!("{head}credentialPluginPolicy: No\n"),
            "error: kuberc HOME/.kube/kuberc: credentialPluginPolicy is no text\n  remedy: correct it: ",
        ),
    ] {
        folder.write(".kube/kuberc", &preferences);
        let (ran, found) = ran(&[], &[]);
        assert!(!ran && found.starts_with(said), "{preferences}: {found}");
    }
    pipe(&folder, ".kube/kuberc", head);
    let (piped, said) = ran(&[], &[]);
    assert!(!piped && said.contains("it is a pipe, not a regular file"), "{said}");
    fs::remove_file(folder.0.join(".kube/kuberc")).unwrap();
    // nobody will ever write into this one
    assert!(Command::new("mkfifo").arg(folder.0.join("pipe")).status().unwrap().success());
    folder.write("large", "#".repeat((4 << 20) + 1));
    for (named, said) in [
        ("pipe", "error: kuberc pipe: it is a pipe, not a regular file\n"),
        ("/dev/zero", "error: kuberc /dev/zero: it is a device, not a regular file\n"),
        (".kube", "error: kuberc .kube: it is a directory, not a regular file\n"),
        ("large", "error: kuberc large: it is larger than 4 MiB\n"),
    ] {
        for (args, env) in [(&["--kuberc", named][..], &[][..]), (&[], &[("KUBERC", named)])] {
            let (ran, found) = ran(args, env);
            assert!(!ran && found.starts_with(said), "{args:?} {env:?}: {found}");
        }
    }
    let (ran_without, _) = ran(&["--kuberc=/dev/null"], &[]);
    assert!(ran_without, "there are no preferences, as a person has said");

    folder.write(".kube/kuberc", &denies);
    folder.write("allows", allowlist("sh"));
    for (args, env) in [
        (&[][..], &[("KUBERC", "off")][..]),
        (&[], &[("KUBECTL_KUBERC", "FALSE")]),
        (&[], &[("KUBERC", "allows")]),
        (&["--kuberc", "allows"], &[("KUBERC", "none")]),
    ] {
        let (ran, said) = ran(args, env);
        assert!(ran && said == failed, "{args:?} {env:?}: {said}");
    }
    for (args, env, words) in [
        (&["--kuberc=none"][..], &[][..], "error: kuberc none: No such file or directory"),
        (
            &["--kuberc=allows"],
            &[("KUBERC", "off")],
            "error: --kuberc names a file, and KUBERC=off says that none counts",
        ),
        (
            &["--kuberc=.kube/kuberc"],
            &[("KUBERC", "allows")],
            "error: credential plugin sh is not allowed by kuberc .kube/k",
        ),
    ] {
        let (ran, said) = ran(args, env);
        assert!(!ran && said.starts_with(words), "{args:?} {env:?}: {said}");
    }
    // nobody needs preferences who runs no plugin
    let (_, said, code) = run(&folder, &["claim", "--kubeconfig=k", "--token=x", "--kuberc=none"], &[]);
    assert!(code == 3 && said.starts_with("error: cannot reach the API server"), "{said}");
}

#[test]
fn what_a_kubeconfig_calls_a_plugin_is_in_no_command_that_a_person_is_to_paste() {
    let folder = Folder::new("plugin-name", GOOD);
    folder.write(
        "deny",
        "apiVersion: kubectl.config.k8s.io/v1\nkind: Preference\ncredentialPluginPolicy: DenyAll\n",
    );
    for name in ["x; touch ran", "$(touch ran)", "`touch ran`", "a' b", "--", "x\\ntouch ran"] {
        let quoted = format!("command: \"{name}\"");
        folder.write("k", kubeconfig_of_plugin().replace("command: sh", &quoted));
        let (out, said, code) = run(&folder, &["claim", "--kubeconfig=k", "--kuberc=deny"], &[]);
        assert!(
            out.is_empty() && code == 2 && said.contains("is not allowed by kuberc deny"),
            "{name}: {said}"
        );
        let (_, remedy) = said.rsplit_once("remedy: ").unwrap();
        assert!(
            remedy.ends_with("--allowlist-entry command=COMMAND\n") && !remedy.contains("touch"),
            "{said}"
        );
    }
}

#[test]
fn what_preferences_are_warned_of_is_said_once_for_all_contexts() {
    let folder = Folder::new("kuberc-once", GOOD);
    folder.write("mine", "apiVersion: kubectl.config.k8s.io/v1\nkind: Preference\nplugins: none\n");
    let more = "- {name: there, context: {cluster: one, user: me}}\n- {name: yonder, context: {cluster: one, user: me}}\n";
    let (head, contexts) = (kubeconfig_of_plugin(), "- {name: here, context: {cluster: one, user: me}}\n");
    let (head, _) = head.rsplit_once("contexts: ").unwrap();
    folder.write("k", format!("{head}contexts:\n{contexts}{more}"));
    let args = ["status", "--kubeconfig=k", "--kuberc=mine", "--contexts=here,there,yonder"];
    let (_, said, _) = run(&folder, &args, &[("PATH", "/usr/bin:/bin")]);
    assert_eq!(said.matches("the field \"plugins\" is unknown").count(), 1, "{said}");
    assert!(said.contains("Warning: context "), "{said}");
    assert_eq!(said.matches("credential plugin sh: it failed").count(), 3, "{said}");
}

#[test]
fn a_pipe_that_a_person_names_is_read() {
    let folder = Folder::new("named-pipe", GOOD);
    let plain = run(&folder, &["render", "-f", "pipeline.yaml"], &[]);
    pipe(&folder, "pipe", GOOD);
    assert_eq!(run(&folder, &["render", "-f", "pipe"], &[]).0, plain.0);
    for (args, env) in [(&["claim", "--kubeconfig=k"][..], &[][..]), (&["claim"], &[("KUBECONFIG", "k")])] {
        pipe(&folder, "k", "apiVersion: v1\nkind: Config\n");
        let (_, said, code) = run(&folder, args, env);
        assert!(code == 2 && said.starts_with("error: kubeconfig: it has no context\n"), "{said}");
    }
    // and what never ends is read to a bound
    let (_, said, code) = run(&folder, &["render", "-f", "/dev/zero"], &[]);
    assert!(code == 2 && said.starts_with("error: /dev/zero is larger than 4 MiB"), "{said}");
    let (_, said, code) = run(&folder, &["claim", "--kubeconfig=/dev/zero"], &[]);
    assert!(code == 2 && said.starts_with("error: kubeconfig /dev/zero: it is larger than 32 MiB"), "{said}");
}

#[test]
fn a_commit_that_nobody_can_tell_is_not_waited_for() {
    let folder = Folder::new("commit", GOOD);
    for revision in ["gone", "HEAD", "9fceb0", "", "-x"] {
        let (out, said, code) = run(&folder, &["watch", &format!("--revision={revision}")], &[]);
        let why = format!("error: {revision:?} is no commit: not a git repository");
        assert!(out.is_empty() && code == 2 && said.starts_with(&why), "{revision}: {said}");
    }
    // an id needs no checkout: what is missing next is a cluster
    let (_, said, code) = run(&folder, &["watch", "--revision", "9FCEB02"], &[]);
    assert!(code == 2 && said.starts_with("error: kubeconfig: there is no such file"), "{said}");
    let (_, said, code) = run(&folder, &["watch", "--revision", "9fceb02", "--follow"], &[]);
    assert!(code == 2 && said.contains("--revision") && said.contains("--follow"), "{said}");
}

/// An API server of a cluster in which somebody has made a namespace that says of itself that it is a build of chain `app`, which
/// has passed. Its address.
fn with_feigned_build() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = |path: &str| {
        let feigned = serde_json::json!({ "metadata": {
            "name": "ci-x", "uid": "x", "resourceVersion": "1",
            "labels": { "app.kubernetes.io/managed-by": "studioci", "studioci.dev/chain": "app", "studioci.dev/phase": "Finished" },
            "annotations": { "studioci.dev/chain-uuid": "c", "studioci.dev/owner": "o", "studioci.dev/generation": "2",
                "studioci.dev/verdict": "Passed", "studioci.dev/revision": REVISION, "studioci.dev/tag": "build-2" },
        } });
        let items = if path == "/api/v1/namespaces" { vec![feigned] } else { Vec::new() };
        let list = serde_json::json!({ "metadata": { "resourceVersion": "1" }, "items": items });
        let head = serde_json::json!({ "metadata": { "name": "chain-app", "resourceVersion": "1" },
            "data": { "uuid": "c", "generation": "2", "namespace": "ci-2", "uid": "u" } });
        let missing = serde_json::json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
            "code": 404, "message": "not found" });
        match path.rsplit_once('/').unwrap_or_default() {
            (before, "chain-app") if before.ends_with("configmaps") => (200, head),
            (before, _) if before.ends_with("configmaps") || before.ends_with("secrets") => (404, missing),
            _ => (200, list),
        }
    };
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            // up to the blank line that ends the head
            let _ = lines.map_while(Result::ok).find(String::is_empty);
            let target = first.split(' ').nth(1).unwrap_or_default();
            let (code, body) = answer(target.split('?').next().unwrap_or_default());
            let body = body.to_string();
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {code} OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close"
            );
            let _ = client.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
        }
    });
    address
}

const REVISION: &str = "00000000000000000000000000000000000000aa";

#[test]
fn what_only_says_that_it_has_passed_passes_nothing_for_a_script() {
    let folder = Folder::new("feigned", GOOD);
    folder.write("config", kubeconfig(&format!("http://{}", with_feigned_build())));
    let said = |args: &[&str]| run(&folder, args, &[("KUBECONFIG", "config")]);
    let refused = "error: namespace ci-x is not provably ours: the head of chain app knows generation 2 by another uid, so nothing \
                   proves it ours\n  remedy: it was made or edited by hand, or is older than what home remembers; work on it with kubectl alone\n";
    for args in [
        &["watch", "ci-x"][..],
        &["watch", "app"],
        &["watch", "app", "--follow"],
        &["watch"],
        &["logs", "-f", "ci-x"],
        &["report", "ci-x"],
    ] {
        let (out, err, code) = said(args);
        assert_eq!((out.as_str(), code), ("", 5), "{args:?}: {err}");
        assert!(err.ends_with(refused), "{args:?}: {err}");
    }
    let (out, err, code) = said(&["watch", "app", "--revision", REVISION, "--timeout", "1s"]);
    assert_eq!((out.as_str(), code), ("", 5), "{err}");
    let (out, err, code) = said(&["status", "-A"]);
    assert!(out.lines().nth(1).unwrap().contains("Unproved"), "{out}");
    assert!(
        err.contains("Warning: namespace ci-x says that it is a build of chain app, and is not believed"),
        "{err}"
    );
    assert_eq!(code, 0);
    let verdicts = ["status", "-A", "-o", "jsonpath={.items[*].status.verdict}{.items[*].metadata.name}"];
    assert_eq!(said(&verdicts).0, "ci-x", "no verdict of it is printed");
    // no chain is made up of it either, where home knows none
    let (out, err, code) = said(&["status", "--chains", "app"]);
    assert_eq!((out.as_str(), code), ("", 5), "{err}");
}
