//! Pipelines that cannot be found, read or rendered, and values that nobody uses.

use super::*;

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
