package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe/drop"
	"github.com/fleetdrop/fleetdrop/probe/policy"
	"github.com/fleetdrop/fleetdrop/report"
)

// policyName is the file that people call their policy.
const policyName = "fleetdrop.policy.yaml"

func newPolicy(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check a policy file, or show what it means for a host",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("policy has no command %q; it has check, schema and show", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyCheck(c), newPolicyShow(c), newPolicySchema(c))
	return cmd
}

func newPolicyCheck(c *console) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say what is wrong with a policy file",
		Long: `Read a policy file and all that it extends, ` + policyName + ` if none is named, and say what
is wrong, with file, line and column. With -i, say too which groups and waivers match no
host. What is wrong is exit code 2; what is only odd is a warning.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			p, err := policy.Load(first(args, policyName), now)
			if err != nil {
				return err
			}
			var hosts []inventory.Host
			if len(files) > 0 {
				roster, err := (&who{inventory: files, maxHosts: inventory.DefaultMaxHosts}).load(cmd.Context(), c, nil)
				if err != nil {
					return err
				}
				hosts = roster.hosts
			}
			for _, odd := range oddities(p, hosts, now) {
				fmt.Fprintln(c.stdout, report.Visible(odd))
			}
			_, err = fmt.Fprintf(c.stdout, "%s: good; files: %d, sysctls: %d, waivers: %d\n",
				report.Visible(first(args, policyName)), len(p.Files), len(p.Expectations()), len(p.Waivers))
			return err
		},
	}
	cmd.Flags().StringSliceVarP(&files, "inventory", "i", nil, "a hosts `file` that the policy is for")
	return cmd
}

func first(args []string, otherwise string) string {
	if len(args) > 0 {
		return args[0]
	}
	return otherwise
}

// oddities are what is allowed in a policy, and hardly meant.
func oddities(p *policy.Policy, hosts []inventory.Host, now time.Time) (odd []string) {
	for _, u := range p.Unknown() {
		odd = append(odd, fmt.Sprintf("%s: warning: %s", u.Origin, u.Value))
	}
	for i := range p.Waivers {
		w := &p.Waivers[i]
		switch {
		case w.Expired(now):
			odd = append(odd, fmt.Sprintf("%s: warning: the waiver of %s expired %s", w.Origin, w.Rule, w.Expires.Format(policy.Date)))
		case w.Ending(now):
			odd = append(odd, fmt.Sprintf("%s: notice: the waiver of %s expires %s", w.Origin, w.Rule, w.Expires.Format(policy.Date)))
		}
	}
	if len(hosts) == 0 {
		return odd
	}
	known := make([]policy.Host, len(hosts))
	for i, h := range hosts {
		known[i] = policyHost(h)
	}
	for _, m := range p.Unmatched(known) {
		odd = append(odd, fmt.Sprintf("%s: warning: %s matches no host of the inventory", m.Origin, m.Value))
	}
	return odd
}

func policyHost(h inventory.Host) policy.Host { return policy.Host{Name: h.Name, Groups: h.Groups} }

func newPolicySchema(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of policy files, for editors",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := c.stdout.Write(policy.JSONSchema)
			return err
		},
	}
}

// A policyShow is what the flags of policy show say.
type policyShow struct {
	who
	file, host, format string
	all                bool
}

func newPolicyShow(c *console) *cobra.Command {
	var s policyShow
	cmd := &cobra.Command{
		Use:   "show --host HOST [-i FILE]... [-p POLICY]",
		Short: "Show what a policy says of one host, and which line says it",
		Example: `  fleetdrop policy show --host db-7 -i hosts.txt -p fleetdrop.policy.yaml
  fleetdrop policy show --host db-7 -i hosts.txt -p fleetdrop.policy.yaml -f json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context(), c) },
	}
	f := cmd.Flags()
	f.StringSliceVarP(&s.inventory, "inventory", "i", nil, "a hosts `file` that says which groups the host is in")
	f.StringVarP(&s.file, "policy", "p", policyName, "a policy `file`")
	f.StringVar(&s.host, "host", "", "the host")
	f.StringVarP(&s.format, "format", "f", "table", "table or json")
	f.BoolVarP(&s.all, "verbose", "v", false, "show the limits that the policy does not move too")
	return cmd
}

func (s *policyShow) run(ctx context.Context, c *console) error {
	switch {
	case s.host == "":
		return errors.New("which host? Name it with --host")
	case s.format != "table" && s.format != "json":
		return fmt.Errorf("policy show has no format %q: use table or json", s.format)
	}
	now := time.Now()
	p, err := policy.Load(s.file, now)
	if err != nil {
		return err
	}
	host := policy.Host{Name: s.host}
	if len(s.inventory) > 0 {
		s.maxHosts = inventory.DefaultMaxHosts
		roster, err := s.who.load(ctx, c, nil)
		if err != nil {
			return err
		}
		hosts := roster.hosts
		i := slices.IndexFunc(hosts, func(h inventory.Host) bool { return h.Name == s.host })
		if i < 0 {
			return fmt.Errorf("%s has no host %q; \"fleetdrop hosts\" lists them", strings.Join(s.inventory, ", "), s.host)
		}
		host = policyHost(hosts[i])
	}
	list := effectiveOf(p, host, now, s.all || s.format == "json")
	if s.format == "json" {
		return printJSON(c.stdout, struct {
			Schema  string           `json:"schema"`
			Host    string           `json:"host"`
			Groups  []string         `json:"groups"`
			Files   []string         `json:"files"`
			Entries []effectiveEntry `json:"entries"`
		}{"fleetdrop.policy/v1", host.Name, append([]string{}, host.Groups...), p.Files, list})
	}
	fmt.Fprintf(c.stdout, "%s  groups %s\n\n", report.Visible(host.Name), cmp.Or(report.Visible(strings.Join(host.Groups, " ")), "-"))
	t := table.NewWriter()
	t.SetStyle(plainStyle())
	t.AppendHeader(table.Row{"", "KEY", "VALUE", "FROM"})
	for _, e := range list {
		value := e.Value
		if e.Severity != "" {
			value += " (" + e.Severity + ")"
		}
		t.AppendRow(table.Row{e.What, report.Visible(e.Key), report.Visible(value), report.Visible(e.Origin)})
	}
	return printTable(c, t)
}

// An effectiveEntry is one thing that holds for a host, and where it is said.
type effectiveEntry struct {
	What     string `json:"what"` // gate, window, rule, severity, threshold, sysctl, waiver
	Key      string `json:"key"`
	Value    string `json:"value"`
	Severity string `json:"severity,omitempty"` // of the finding of an expectation
	Why      string `json:"why,omitempty"`
	Origin   string `json:"origin"` // "fleetdrop.policy.yaml:22"; "default" where no file says it
}

const byDefault = "default"

// effectiveOf lists what holds for a host; with defaults, what no file says too.
func effectiveOf(p *policy.Policy, host policy.Host, now time.Time, defaults bool) (list []effectiveEntry) {
	add := func(e effectiveEntry) { list = append(list, e) }
	if p.FailOn != nil {
		add(effectiveEntry{What: "gate", Key: "fail_on", Value: p.FailOn.Value, Origin: p.FailOn.Origin})
	}
	if p.Window != nil {
		add(effectiveEntry{What: "window", Key: "window", Value: p.Window.Value.String(), Origin: p.Window.Origin})
	}
	e := p.Effective(host)
	for _, r := range drop.Catalogue() {
		if off, said := e.Off[r.ID]; said {
			add(effectiveEntry{What: "rule", Key: r.ID + " " + r.Name, Value: map[bool]string{true: "off", false: "on"}[off.Value], Origin: off.Origin})
		}
		if v, said := e.Severity[r.ID]; said {
			add(effectiveEntry{What: "severity", Key: r.ID + " " + r.Name, Value: v.Value.String(), Origin: v.Origin})
		}
		for _, l := range r.Tunable() {
			v, said := e.Limits[r.Name+"."+l.Name]
			if !said && !defaults {
				continue
			}
			if !said {
				v = policy.Value[float64]{Value: l.Default, Origin: byDefault}
			}
			add(effectiveEntry{What: "threshold", Key: r.ID + " " + l.Name, Value: strconv.FormatFloat(v.Value, 'g', -1, 64) + " " + l.Unit, Origin: v.Origin})
		}
	}
	for _, x := range e.Expect {
		add(effectiveEntry{What: "sysctl", Key: x.Key, Value: x.String(), Severity: x.Severity.String(), Why: x.Why, Origin: x.Origin})
	}
	for i := range p.Waivers {
		if w := &p.Waivers[i]; w.Hosts(host) {
			until := " until "
			if w.Expired(now) {
				until = " expired "
			}
			add(effectiveEntry{What: "waiver", Key: strings.TrimSpace(w.Rule + " " + w.Subject), Value: until[1:] + w.Expires.Format(policy.Date), Why: w.Reason, Origin: w.Origin})
		}
	}
	return list
}
