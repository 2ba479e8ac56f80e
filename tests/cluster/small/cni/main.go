// Command cni is the network plugin of the test cluster. The whole cluster lives in one network namespace that has only
// a loopback device, and every pod is put into that same namespace: its namespace file is bound anew to ours. So pods
// reach the API server at its loopback address without a proxy, a bridge or a route, and nothing can leave.
// The price: pods share their ports. Each pod gets an address of its own in 127.101.0.0/16 all the same.
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"syscall"
)

const version = "1.0.0"

func main() {
	switch os.Getenv("CNI_COMMAND") {
	case "VERSION":
		answer(map[string]any{"cniVersion": version, "supportedVersions": []string{"0.3.1", "0.4.0", version}})
	case "ADD":
		if err := share(os.Getenv("CNI_NETNS")); err != nil {
			answer(map[string]any{"cniVersion": version, "code": 999, "msg": err.Error()})
			os.Exit(1)
		}
		answer(result(os.Getenv("CNI_CONTAINERID"), os.Getenv("CNI_IFNAME"), os.Getenv("CNI_NETNS")))
	}
}

// share makes the namespace file of a sandbox a name for the namespace that this program runs in.
func share(file string) error {
	if err := syscall.Unmount(file, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", file, err)
	}
	if err := syscall.Mount("/proc/self/ns/net", file, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind our network namespace to %s: %w", file, err)
	}
	return nil
}

func result(sandbox, device, file string) map[string]any {
	h := fnv.New32a()
	h.Write([]byte(sandbox))
	n := h.Sum32()
	address := fmt.Sprintf("127.101.%d.%d/8", n/254%254+1, n%254+1)
	return map[string]any{
		"cniVersion": version,
		"interfaces": []map[string]any{{"name": device, "sandbox": file}},
		"ips":        []map[string]any{{"address": address, "interface": 0}},
	}
}

func answer(value map[string]any) {
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		os.Exit(1)
	}
}
