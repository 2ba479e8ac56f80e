// Command runc-noseccomp is the runc that containerd calls. The test cluster's runc is built without libseccomp, which
// a C compiler alone does not bring, and such a runc refuses every bundle that names a seccomp profile; the kubelet
// asks for RuntimeDefault for each sandbox. So the profile is taken out of the bundle, and the runc beside this program
// takes over. No container of the test cluster runs under seccomp.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "runc-noseccomp:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	for i, arg := range args {
		if arg == "--bundle" && i+1 < len(args) {
			if err := dropSeccomp(filepath.Join(args[i+1], "config.json")); err != nil {
				return err
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runc := filepath.Join(filepath.Dir(self), "runc")
	return syscall.Exec(runc, append([]string{runc}, args...), os.Environ())
}

// dropSeccomp rewrites a bundle's config.json without linux.seccomp; all other fields keep their bytes.
func dropSeccomp(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec, linux map[string]json.RawMessage
	if err := json.Unmarshal(text, &spec); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := json.Unmarshal(spec["linux"], &linux); err != nil {
		return fmt.Errorf("%s: linux: %w", file, err)
	}
	if _, found := linux["seccomp"]; !found {
		return nil
	}
	delete(linux, "seccomp")
	if spec["linux"], err = json.Marshal(linux); err != nil {
		return err
	}
	if text, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
