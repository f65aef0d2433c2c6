package inventory

import (
	"context"
	"io"
	"slices"
	"time"
)

// DefaultMaxHosts bounds the fleet where Options does not.
const DefaultMaxHosts = 100_000

// Options say which hosts are meant and what the command line has to say of all of them.
// What the command line says wins over the hosts file, and that over ssh_config.
type Options struct {
	Files    []string  // hosts files; "-" is Stdin
	Stdin    io.Reader // read for "-"
	Hosts    []string  // HOST arguments: each is read like a line of a hosts file
	Limit    string    // see Load; "": all hosts
	MaxHosts int       // how many hosts there may be before Limit; 0: DefaultMaxHosts

	SSHConfig      string        // an ssh_config file instead of the user's and the system's; "none": no file
	User           string        // log in with this name; hops have their own
	Jump           string        // reach every host through this, as ssh -J has it; "none": directly
	Identity       []string      // keys to offer before those of ssh_config, to hops too
	KnownHosts     []string      // files that know the hosts, instead of the user's; for hops too
	HostKey        string        // strict or accept-new, instead of ssh_config's StrictHostKeyChecking
	ConnectTimeout time.Duration // instead of ssh_config's; 0: as it has it
}

// Load reads the inventory, and has ssh_config say how each host is reached. It connects
// to nothing, though ssh_config may: "Match exec" runs commands and CanonicalizeHostname
// asks the DNS, as they do for ssh itself.
//
// A line of a hosts file is
//
//	[user@]host[:port] [user=…] [port=…] [addr=…] [jump=…] [key=…] [group=…] [#comment]
//
// where host may name several: web[001-128,200] and web[1-9/2],db1!web5, as in
// ClusterShell. A host that is named twice is one host with the groups of both lines;
// lines that contradict each other are an error. Two names for one login on one address are
// scanned once, which is a warning.
//
// Limit is terms parted by commas: a name, a glob (web-*, web-?), a range (web[01-20]) or a
// group (@db); ! before a term takes hosts away, wherever it stands. Without a term
// that adds, all hosts are there to be taken from. A term that adds nothing is an error.
//
// The hosts come in the order in which they were first named. All errors come together,
// sorted by place; there are no hosts then. Warnings change nothing.
func Load(ctx context.Context, o Options) (hosts []Host, warnings []*Error, err error) {
	p := &problems{places: append(slices.Clone(o.Files), argument)}
	entries := read(o, p)
	if err := p.err(); err != nil {
		return nil, nil, err
	}
	entries = limit(entries, o.Limit, p)
	if err := p.err(); err != nil {
		return nil, nil, err
	}
	hosts = resolve(ctx, o, entries, p)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if err := p.err(); err != nil {
		return nil, nil, err
	}
	hosts = unique(hosts, p)
	p.sort(p.warnings)
	return hosts, p.warnings, nil
}

// A Setting is one value that decides how a host is reached, and where it was said.
type Setting struct {
	Key    string // as ssh -G names it, in lower case: hostname, identityfile…
	Value  string
	Origin Origin // a line of a hosts file or of ssh_config, a flag, or "default"
}

// Explain returns every value that matters for one host of the inventory, or for a
// host that is in no inventory, sorted by key; keys with several values appear once
// for each, in order.
func Explain(ctx context.Context, o Options, name string) ([]Setting, error) {
	return explain(ctx, o, name)
}
