// Writes down what kubectl prints: reads the cases of tests/data/kubectl-printed.json, has kubectl's own printers print each,
// and puts their answers beside them; and how old kubectl says that something is.
//
//	go run . ../data/kubectl-printed.json ../data/kubectl-ages.txt
//
// To add a case, add its flags under "cases".
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/kubectl/pkg/cmd/get"
)

// What kubectl is asked for: `-o`, `--sort-by`, `--no-headers`; of one object, or of a list.
type kase struct {
	Object    string `json:"object"`
	Output    string `json:"output"`
	SortBy    string `json:"sortBy,omitempty"`
	NoHeaders bool   `json:"noHeaders,omitempty"`
	// what it walks has no order in Go
	Unordered bool   `json:"unordered,omitempty"`
	Printed   string `json:"printed"`
	Error     string `json:"error,omitempty"`
}

type data struct {
	Answers string                    `json:"answers"`
	Objects map[string]map[string]any `json:"objects"`
	Cases   []*kase                   `json:"cases"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "printed:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: printed CASES.json AGES.txt")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var all data
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for _, kase := range all.Cases {
		object, ok := all.Objects[kase.Object]
		if !ok {
			return fmt.Errorf("no object %q", kase.Object)
		}
		kase.Printed, kase.Error = printed(kase, object)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	if err := os.WriteFile(args[0], out.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(args[1], []byte(ages()), 0o644)
}

func printed(kase *kase, content map[string]any) (text, failure string) {
	defer func() {
		if it := recover(); it != nil {
			text, failure = "", fmt.Sprint("panic: ", it)
		}
	}()
	// a copy, as a server would have answered it: whole numbers are int64
	encoded, err := json.Marshal(content)
	if err != nil {
		return "", err.Error()
	}
	decoded, _, err := unstructured.UnstructuredJSONScheme.Decode(encoded, nil, nil)
	if err != nil {
		return "", err.Error()
	}
	flags := get.NewGetPrintFlags()
	*flags.OutputFormat = kase.Output
	*flags.NoHeaders = kase.NoHeaders
	printer, err := flags.ToPrinter()
	if err != nil {
		return "", err.Error()
	}
	if kase.SortBy != "" {
		printer = &get.SortingPrinter{Delegate: printer, SortField: kase.SortBy}
	}
	var out bytes.Buffer
	err = printer.PrintObj(decoded, &out)
	if err != nil {
		// what follows is the whole object, in Go's own form
		failure, _, _ = strings.Cut(err.Error(), ". Printing more information")
	}
	return out.String(), failure
}

// Seconds and what kubectl says of them, a line each: every boundary of the function, what lies beside it, and others at random.
func ages() string {
	const minute, hour, day = 60, 3600, 86400
	seconds := []int64{}
	for _, edge := range []int64{
		-2, -1, 0, 1, 60, 119, 120, 2 * minute, 10 * minute, 180 * minute, 8 * hour, 24 * hour, 48 * hour, 8 * day,
		365 * day, 730 * day, 8 * 365 * day, 100 * 365 * day,
	} {
		for beside := int64(-3); beside <= 3; beside++ {
			seconds = append(seconds, edge+beside)
		}
	}
	draw := rand.New(rand.NewSource(1))
	for len(seconds) < 10000 {
		// as many of each length
		span := []int64{2 * minute, 10 * minute, 3 * hour, 8 * hour, 2 * day, 8 * day, 730 * day, 4000 * day}[len(seconds)%8]
		seconds = append(seconds, draw.Int63n(span))
	}
	var out strings.Builder
	for _, it := range seconds {
		fmt.Fprintf(&out, "%d %s\n", it, duration.HumanDuration(time.Duration(it)*time.Second))
	}
	return out.String()
}
