// A Go text/template with sprig: reads a template and a file of values (JSON), and writes what the template gives.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gotemplate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: gotemplate TEMPLATE VALUES")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var values any
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	parsed := template.New(filepath.Base(args[0])).Funcs(sprig.TxtFuncMap()).Option("missingkey=error")
	if parsed, err = parsed.ParseFiles(args[0]); err != nil {
		return err
	}
	return parsed.Execute(os.Stdout, map[string]any{"Values": values})
}
