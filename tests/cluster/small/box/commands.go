package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// command runs with the shell's own streams, folder and variables, and returns an exit code.
type command func(ctx context.Context, shell interp.HandlerContext, args []string) int

var commands = map[string]command{
	"date":  date,
	"env":   env,
	"grep":  grep,
	"head":  head,
	"hog":   hog,
	"sleep": sleep,
}

// sleep SECONDS|infinity
func sleep(ctx context.Context, shell interp.HandlerContext, args []string) int {
	var over <-chan time.Time
	if len(args) != 1 {
		return misuse(shell, "sleep SECONDS|infinity")
	}
	if args[0] != "infinity" {
		seconds, err := strconv.ParseFloat(strings.TrimSuffix(args[0], "s"), 64)
		if err != nil {
			return misuse(shell, "sleep SECONDS|infinity")
		}
		over = time.After(time.Duration(seconds * float64(time.Second)))
	}
	select {
	case <-over:
		return 0
	case <-ctx.Done():
		return 143
	}
}

// date [+%s|+%s.%N], else RFC 3339
func date(_ context.Context, shell interp.HandlerContext, args []string) int {
	now := time.Now()
	switch strings.Join(args, " ") {
	case "+%s":
		fmt.Fprintln(shell.Stdout, now.Unix())
	case "+%s.%N":
		fmt.Fprintf(shell.Stdout, "%d.%09d\n", now.Unix(), now.Nanosecond())
	default:
		fmt.Fprintln(shell.Stdout, now.Format(time.RFC3339))
	}
	return 0
}

// env prints the exported variables, in the order of their names.
func env(_ context.Context, shell interp.HandlerContext, _ []string) int {
	shell.Env.Each(func(name string, value expand.Variable) bool {
		if value.Exported {
			fmt.Fprintf(shell.Stdout, "%s=%s\n", name, value.String())
		}
		return true
	})
	return 0
}

// grep [-q] TEXT [FILE]: fixed strings only
func grep(_ context.Context, shell interp.HandlerContext, args []string) int {
	quiet := len(args) > 0 && args[0] == "-q"
	if quiet {
		args = args[1:]
	}
	if len(args) == 0 {
		return misuse(shell, "grep [-q] TEXT [FILE]")
	}
	input, err := open(shell, args[1:])
	if err != nil {
		fmt.Fprintln(shell.Stderr, "grep:", err)
		return 2
	}
	defer input.Close()
	code := 1
	for lines := bufio.NewScanner(input); lines.Scan(); {
		if strings.Contains(lines.Text(), args[0]) {
			code = 0
			if !quiet {
				fmt.Fprintln(shell.Stdout, lines.Text())
			}
		}
	}
	return code
}

// head -n LINES|-c BYTES [FILE]
func head(_ context.Context, shell interp.HandlerContext, args []string) int {
	if len(args) < 2 {
		return misuse(shell, "head -n LINES|-c BYTES [FILE]")
	}
	count, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return misuse(shell, "head -n LINES|-c BYTES [FILE]")
	}
	input, err := open(shell, args[2:])
	if err != nil {
		fmt.Fprintln(shell.Stderr, "head:", err)
		return 1
	}
	defer input.Close()
	if args[0] == "-c" {
		_, err = io.CopyN(shell.Stdout, input, count)
		if err != nil && err != io.EOF {
			return 1
		}
		return 0
	}
	for lines := bufio.NewScanner(input); count > 0 && lines.Scan(); count-- {
		fmt.Fprintln(shell.Stdout, lines.Text())
	}
	return 0
}

// hog takes memory, touching every page, until the kernel ends it: for the proofs of OOMKilled.
func hog(ctx context.Context, _ interp.HandlerContext, _ []string) int {
	held := [][]byte{}
	for ctx.Err() == nil {
		piece := make([]byte, 8<<20)
		for i := 0; i < len(piece); i += os.Getpagesize() {
			piece[i] = 1
		}
		held = append(held, piece)
	}
	return len(held) & 1
}

// open gives the named file, or the shell's input if there is none.
func open(shell interp.HandlerContext, files []string) (io.ReadCloser, error) {
	if len(files) == 0 {
		return io.NopCloser(shell.Stdin), nil
	}
	file := files[0]
	if !filepath.IsAbs(file) {
		file = filepath.Join(shell.Dir, file)
	}
	return os.Open(file)
}

func misuse(shell interp.HandlerContext, usage string) int {
	fmt.Fprintln(shell.Stderr, "usage:", usage)
	return 2
}
