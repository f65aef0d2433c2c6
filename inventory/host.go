// Package inventory says which hosts a scan is about and how each one is reached: hosts
// files, node ranges, --limit, and ssh_config as OpenSSH itself resolves it. It connects
// to nothing.
package inventory

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// A Host is one host of the fleet.
type Host struct {
	Name   string   // as the inventory calls it; reports and --limit use this name
	Groups []string // sorted, without duplicates
	Origin Origin   // the line that named it

	Endpoint            // how to reach it
	Jump     []Endpoint // the hosts on the way to it, the nearest first; empty for a direct connection
}

// An Endpoint is all it takes to reach one SSH server and to know it again. Lists that
// are nil mean the default of package remote. Paths are absolute, tokens are expanded.
type Endpoint struct {
	Alias    string // what ssh_config was asked for
	Hostname string // a name or an address, without brackets
	Port     int
	User     string

	ProxyCommand string // run instead of a TCP connection; excludes Jump

	IdentityFiles    []string
	CertificateFiles []string
	IdentitiesOnly   bool
	IdentityAgent    string // the agent's socket; "none" for no agent

	HostKeyAlias          string // looked up in known_hosts instead of Hostname and Port
	UserKnownHostsFiles   []string
	GlobalKnownHostsFiles []string
	RevokedHostKeys       string
	KnownHostsCommand     string
	StrictHostKeyChecking string // as ssh_config has it: yes, accept-new, ask, no, off
	HashKnownHosts        bool

	HostKeyAlgorithms []string
	KexAlgorithms     []string
	Ciphers           []string
	MACs              []string
	PubkeyAlgorithms  []string

	ConnectTimeout      time.Duration // 0: the default
	ServerAliveInterval time.Duration // 0: none
	AddressFamily       string        // any, inet, inet6
	BindAddress         string
}

// Address is the endpoint as people write it: "10.0.0.17:22", "[2001:db8::1]:22".
func (e *Endpoint) Address() string { return joinHostPort(e.Hostname, e.Port) }

// argument is the File of what the command line names.
const argument = "argument"

// An Origin is a line of a file, or of the command line (File is then "argument" and
// Line its number).
type Origin struct {
	File string
	Line int // 0: the whole file
}

func (o Origin) String() string {
	if o.Line == 0 {
		return o.File
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

func joinHostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
