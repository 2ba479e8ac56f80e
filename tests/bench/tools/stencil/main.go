// Writes down what stencil makes of templates: reads the cases of tests/data/stencil.json, has each rendered by Go's
// text/template with sprig and with stencil's own functions, and puts what comes of it beside it.
//
//	go run ./stencil ../../data/stencil.json
//
// With --check nothing is written; it fails where something else comes of a case than what is written down, and so does
// `cargo xtask test`. To add a case, add its name and its text.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"go.yaml.in/yaml/v2"
)

// A template, and what comes of it, or why nothing does.
type kase struct {
	Name  string `json:"name"`
	Text  string `json:"text"`
	Gives string `json:"gives,omitempty"`
	Fails string `json:"fails,omitempty"`
	// Documents is whether only they are the same, and not the text.
	Documents bool `json:"documents,omitempty"`
}

type data struct {
	Answers string            `json:"answers"`
	Facts   map[string]string `json:"facts"`
	Env     map[string]string `json:"env"`
	Values  map[string]any    `json:"values"`
	Cases   []*kase           `json:"cases"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stencil:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	check := len(args) > 0 && args[0] == "--check"
	if check {
		args = args[1:]
	}
	if len(args) != 1 {
		return errors.New("usage: stencil [--check] DATA.json")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var all data
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		return err
	}
	os.Clearenv()
	for name, value := range all.Env {
		os.Setenv(name, value)
	}
	seen := map[string]bool{}
	for _, one := range all.Cases {
		if seen[one.Name] {
			return fmt.Errorf("two cases are called %q", one.Name)
		}
		seen[one.Name] = true
		before := *one
		one.ask(&all)
		if check && before != *one {
			return fmt.Errorf("%s: it gives %q%s, not %q%s", one.Name, one.Gives, one.Fails, before.Gives, before.Fails)
		}
	}
	if check {
		return nil
	}
	written := &bytes.Buffer{}
	encoder := json.NewEncoder(written)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	return os.WriteFile(args[0], written.Bytes(), 0o644)
}

// Renders a case as stencil does: no option for missing keys, values at the top, facts and environment beside them.
func (one *kase) ask(all *data) {
	one.Gives, one.Fails = "", ""
	var raised error
	functions := sprig.TxtFuncMap()
	functions["toJson"] = func(value any) string {
		text, _ := json.Marshal(value)
		return string(text)
	}
	functions["toYaml"] = func(value any) string {
		text, _ := yaml.Marshal(value)
		return string(text)
	}
	functions["RaiseError"] = func(message string) string {
		raised = errors.New(message)
		return ""
	}
	given := map[string]any{}
	for name, value := range all.Values {
		given[name] = plain(value)
	}
	given["Env"], given["duat"] = map[string]any{}, map[string]any{}
	for name, value := range all.Env {
		given["Env"].(map[string]any)[name] = value
	}
	for name, value := range all.Facts {
		given["duat"].(map[string]any)[name] = value
	}
	text := &strings.Builder{}
	parsed, err := template.New("noname").Funcs(functions).Parse(one.Text)
	if err == nil {
		err = parsed.Execute(text, given)
	}
	if err = errors.Join(err, raised); err != nil {
		one.Fails = err.Error()
		return
	}
	one.Gives = text.String()
}

// A value as YAML gives it: whole numbers are whole.
func plain(value any) any {
	switch value := value.(type) {
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return int(whole)
		}
		fraction, _ := value.Float64()
		return fraction
	case []any:
		for index := range value {
			value[index] = plain(value[index])
		}
	case map[string]any:
		for name := range value {
			value[name] = plain(value[name])
		}
	}
	return value
}
