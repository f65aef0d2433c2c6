package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/report"
)

// who are the flags that say which hosts are meant, and how they are reached.
type who struct {
	inventory  []string
	limit      string
	shard      string
	maxHosts   int
	sshConfig  string
	user       string
	jump       string
	identity   []string
	knownHosts []string
	hostKey    string
	connect    time.Duration
}

func (w *who) flags(f *pflag.FlagSet) {
	f.StringSliceVarP(&w.inventory, "inventory", "i", nil, "a hosts `file`, - for the standard input; may be given again")
	f.StringVarP(&w.limit, "limit", "l", "", "only these hosts: names, globs, ranges, @group, !not these")
	f.StringVar(&w.shard, "shard", "", "only this part of the hosts, `N/M` from 1/M to M/M, or auto: as GitLab, Slurm, AWS Batch or Kubernetes says; \"merge\" joins the parts")
	f.IntVar(&w.maxHosts, "max-hosts", inventory.DefaultMaxHosts, "refuse a larger fleet")
	f.StringVarP(&w.sshConfig, "ssh-config", "F", "", "an ssh_config `file` instead of yours, or none")
	f.StringVarP(&w.user, "user", "u", "", "log in with this name")
	f.StringVarP(&w.jump, "jump", "J", "", "reach every host through this one, as ssh -J does")
	f.StringSliceVar(&w.identity, "identity", nil, "a private key `file` to try first")
	f.StringSliceVar(&w.knownHosts, "known-hosts", nil, "`file` of host keys instead of yours")
	f.StringVar(&w.hostKey, "host-key", "", "strict, or accept-new: trust a host at first sight (default as ssh_config has it, never weaker than strict)")
	f.DurationVar(&w.connect, "connect-timeout", 0, "for the connection to a host (default as ssh_config has it, else 10s)")
}

// options gives the flags and arguments to the inventory.
func (w *who) options(c *console, args []string) (inventory.Options, error) {
	if len(w.inventory) == 0 && len(args) == 0 {
		return inventory.Options{}, errors.New("which hosts? Name them, or give a hosts file with -i")
	}
	if w.hostKey != "" && w.hostKey != "strict" && w.hostKey != "accept-new" {
		return inventory.Options{}, fmt.Errorf("--host-key %s: want strict or accept-new; host keys are always checked", w.hostKey)
	}
	if w.maxHosts < 1 {
		return inventory.Options{}, fmt.Errorf("--max-hosts %d: want 1 or more", w.maxHosts)
	}
	return inventory.Options{
		Files: w.inventory, Stdin: c.stdin, Hosts: args, Limit: w.limit, MaxHosts: w.maxHosts,
		SSHConfig: w.sshConfig, User: w.user, Jump: w.jump, Identity: w.identity,
		KnownHosts: w.knownHosts, HostKey: w.hostKey, ConnectTimeout: w.connect,
	}, nil
}

// load reads the inventory. What is only odd in it is told, and nothing more.
func (w *who) load(ctx context.Context, c *console, args []string) (*roster, error) {
	r := &roster{}
	o, err := w.options(c, args)
	if err == nil && w.shard != "" {
		r.shard, err = inventory.ParseShard(w.shard, os.Getenv)
	}
	if err != nil {
		return nil, err
	}
	hosts, warnings, err := inventory.Load(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, warning := range warnings {
		fmt.Fprintln(c.stderr, "fleetdrop: warning:", warning)
	}
	r.all = hosts
	for _, h := range hosts {
		if r.shard.Has(h.Name) {
			r.hosts = append(r.hosts, h)
		}
	}
	if len(r.hosts) == 0 {
		fmt.Fprintf(c.stderr, "fleetdrop: warning: none of %d hosts is in shard %s\n", len(hosts), r.shard)
	}
	return r, nil
}

// A hostEntry is a host as "hosts -f json" prints it.
type hostEntry struct {
	Name          string   `json:"name"`
	Hostname      string   `json:"hostname"`
	Port          int      `json:"port"`
	User          string   `json:"user"`
	Jump          []string `json:"jump"`
	ProxyCommand  string   `json:"proxy_command"`
	IdentityFiles []string `json:"identity_files"`
	HostKeyAlias  string   `json:"host_key_alias"`
	KnownHosts    []string `json:"known_hosts"`
	Groups        []string `json:"groups"`
	Origin        string   `json:"origin"`
}

func hostEntryOf(h inventory.Host) hostEntry {
	e := hostEntry{
		Name: h.Name, Hostname: h.Hostname, Port: h.Port, User: h.User, Jump: []string{},
		ProxyCommand: h.ProxyCommand, IdentityFiles: append([]string{}, h.IdentityFiles...),
		HostKeyAlias: h.HostKeyAlias, KnownHosts: append(append([]string{}, h.UserKnownHostsFiles...), h.GlobalKnownHostsFiles...),
		Groups: append([]string{}, h.Groups...), Origin: h.Origin.String(),
	}
	for _, j := range h.Jump {
		e.Jump = append(e.Jump, login(j))
	}
	return e
}

// login is an endpoint as ssh -J takes it.
func login(e inventory.Endpoint) string { return e.User + "@" + e.Address() }

func newHosts(c *console) *cobra.Command {
	var (
		w       who
		format  string
		explain string
	)
	cmd := &cobra.Command{
		Use:   "hosts [-i FILE]... [HOST]...",
		Short: "Show the hosts of an inventory and how each is reached; connect to none",
		Example: `  fleetdrop hosts -i hosts.txt
  fleetdrop hosts -i hosts.txt --explain web-17`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "table" && format != "json" {
				return fmt.Errorf("hosts has no format %q: use table or json", format)
			}
			if explain != "" {
				return w.explain(cmd.Context(), c, args, explain, format)
			}
			roster, err := w.load(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			if format == "json" {
				return printHosts(c, roster.hosts)
			}
			t := table.NewWriter()
			t.SetStyle(plainStyle())
			t.AppendHeader(table.Row{"HOST", "LOGIN", "THROUGH", "GROUPS", "FROM"})
			for _, h := range roster.hosts {
				e := hostEntryOf(h)
				through := cmp.Or(strings.Join(e.Jump, " "), e.ProxyCommand, "-")
				t.AppendRow(table.Row{report.Visible(e.Name), report.Visible(login(h.Endpoint)), report.Visible(through),
					cmp.Or(report.Visible(strings.Join(e.Groups, " ")), "-"), report.Visible(e.Origin)})
			}
			return printTable(c, t)
		},
	}
	w.flags(cmd.Flags())
	cmd.Flags().StringVarP(&format, "format", "f", "table", "table or json")
	cmd.Flags().StringVar(&explain, "explain", "", "show where each value of this `host` comes from")
	return cmd
}

func printHosts(c *console, hosts []inventory.Host) error {
	out := struct {
		Schema string      `json:"schema"`
		Hosts  []hostEntry `json:"hosts"`
	}{"fleetdrop.hosts/v1", []hostEntry{}}
	for _, h := range hosts {
		out.Hosts = append(out.Hosts, hostEntryOf(h))
	}
	return printJSON(c.stdout, out)
}

// explain prints each value that decides how a host is reached, with its origin.
func (w *who) explain(ctx context.Context, c *console, args []string, host, format string) error {
	if len(w.inventory) == 0 && len(args) == 0 {
		args = []string{host}
	}
	o, err := w.options(c, args)
	if err != nil {
		return err
	}
	settings, err := inventory.Explain(ctx, o, host)
	if err != nil {
		return err
	}
	if format == "json" {
		type entry struct {
			Key    string `json:"key"`
			Value  string `json:"value"`
			Origin string `json:"origin"`
		}
		list := []entry{}
		for _, s := range settings {
			list = append(list, entry{s.Key, s.Value, s.Origin.String()})
		}
		return printJSON(c.stdout, list)
	}
	t := table.NewWriter()
	t.SetStyle(plainStyle())
	for _, s := range settings {
		t.AppendRow(table.Row{s.Key, report.Visible(s.Value), s.Origin})
	}
	return printTable(c, t)
}
