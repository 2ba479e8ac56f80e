// Command box is the content of the tests' CI image: a shell and the small commands that scripts use, one static
// program that acts by the name it is called by. `box --list` prints these names, for the links in the image.
//
// The shell is mvdan.cc/sh, most commands are u-root's, run within the shell's process; what is missing there follows
// below in the shortest form that the tests need. There is no `trap … TERM`: a script ends with 143 when told to.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"mvdan.cc/sh/moreinterp/coreutils"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// borrowed are the names that the shell itself or u-root brings.
var borrowed = []string{
	"sh", "[", "echo", "false", "printf", "pwd", "test", "true",
	"base64", "cat", "chmod", "cp", "find", "gunzip", "gzip", "ls", "mkdir", "mktemp", "mv", "rm", "shasum", "tar", "touch", "xargs",
}

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "box" {
		if len(args) == 0 || args[0] == "--list" {
			fmt.Println(strings.Join(names(), "\n"))
			return
		}
		name, args = args[0], args[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := run(ctx, name, args)
	var status interp.ExitStatus
	switch {
	case ctx.Err() != nil:
		os.Exit(143)
	case errors.As(err, &status):
		os.Exit(int(status))
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func names() []string {
	all := slices.Clone(borrowed)
	for name := range commands {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func run(ctx context.Context, name string, args []string) error {
	shell, err := interp.New(
		interp.StdIO(os.Stdin, os.Stdout, os.Stderr),
		interp.ExecHandlers(ownCommands, coreutils.ExecHandler),
	)
	if err != nil {
		return err
	}
	script, err := source(shell, name, args)
	if err != nil {
		return err
	}
	program, err := syntax.NewParser().Parse(script, name)
	if err != nil {
		return err
	}
	return shell.Run(ctx, program)
}

// source says what the shell has to run: `sh -c TEXT`, `sh FILE`, `sh` with a script on its standard input, or one
// command under another name, which is quoted into a script of one line.
func source(shell *interp.Runner, name string, args []string) (io.Reader, error) {
	if name != "sh" {
		words := []string{}
		for _, word := range append([]string{name}, args...) {
			quoted, err := syntax.Quote(word, syntax.LangBash)
			if err != nil {
				return nil, err
			}
			words = append(words, quoted)
		}
		return strings.NewReader(strings.Join(words, " ")), nil
	}
	fromText, options := false, []string{}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		letters := strings.ReplaceAll(args[0][1:], "c", "")
		fromText = fromText || len(letters) < len(args[0])-1
		if letters != "" {
			options = append(options, "-"+letters)
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return os.Stdin, interp.Params(options...)(shell)
	}
	script, rest := args[0], args[1:]
	if fromText && len(rest) > 0 {
		rest = rest[1:] // the word after the text is $0
	}
	if err := interp.Params(append(append(options, "--"), rest...)...)(shell); err != nil {
		return nil, err
	}
	if fromText {
		return strings.NewReader(script), nil
	}
	return os.Open(script)
}

func ownCommands(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		command, found := commands[args[0]]
		if !found {
			return next(ctx, args)
		}
		if code := command(ctx, interp.HandlerCtx(ctx), args[1:]); code != 0 {
			return interp.ExitStatus(code)
		}
		return nil
	}
}
