package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// Remedy is the format that is no text, but a folder of files: WriteRemedy writes it.
const Remedy = "remedy"

// WriteRemedy writes into an empty folder what to do about the findings of a run, for review: a
// folder for each host that has any, with a sysctl.d drop-in and an Ansible playbook that would bring it there, and
// README.md with the steps that are to be done by hand. Nothing of it is applied by anybody here.
//
// All texts of a host stand in comments, made harmless. What is not a comment is a setting or a
// command of a few plain words; whatever else a step holds is left to README.md.
func WriteRemedy(dir string, r *Report) error {
	readme, err := os.OpenFile(filepath.Join(dir, "README.md"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(readme)
	fmt.Fprintf(out, `# Remedies of the run %s

For review. Nothing was applied, on no host. Each folder is one host: zz-fleetdrop.conf is what would go to
/etc/sysctl.d, playbook.yml would bring it there. See first what it would change:

    ansible-playbook -i HOSTS --check --diff hosts/NAME/playbook.yml

A setting that is not a comment is the first step of its finding, the cheapest; those in comments are other ways.
To take it back: remove /etc/sysctl.d/zz-fleetdrop.conf, and run what stands behind "undo".
`, inline(r.Run.ID))
	for h, unread := range r.Each {
		if err = unread; err != nil {
			break
		}
		plan := remediesOf(h)
		if len(plan.findings) == 0 {
			continue
		}
		if err = plan.write(filepath.Join(dir, "hosts"), r.Run.ID, out); err != nil {
			break
		}
	}
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if closed := readme.Close(); err == nil {
		err = closed
	}
	return err
}

// A plan is what to do about one host.
type plan struct {
	host     *Host
	findings []*Finding // the worst first
	settings []setting
	commands []command
	byHand   []handful
}

// A setting is a line of the drop-in.
type setting struct {
	step    *Step
	finding *Finding
	active  bool // it is no comment
}

// A command is what no sysctl does, such as the size of a ring buffer.
type command struct {
	step    *Step
	finding *Finding
}

// A handful is the steps of a finding that are left to people.
type handful struct {
	finding *Finding
	steps   []*Step
}

// remediesOf sorts the steps of a host's findings: of each finding the first setting or command
// that can be taken back is to be done, and of a policy's expectation every setting.
func remediesOf(h *Host) plan {
	p := plan{host: h}
	set := map[string]bool{}
	for i := range h.Findings {
		f := &h.Findings[i]
		if f.Kind == drop.Note || f.Waived != nil || len(f.Remedy) == 0 {
			continue
		}
		p.findings = append(p.findings, f)
		done := false
		rest := handful{finding: f}
		for j := range f.Remedy {
			s := &f.Remedy[j]
			switch {
			case s.Sysctl != "" && s.Value != "" && plainKey.MatchString(s.Sysctl) && plainValue.MatchString(s.Value):
				active := (!done || f.Policy != "") && !set[s.Sysctl]
				p.settings = append(p.settings, setting{s, f, active})
				set[s.Sysctl] = set[s.Sysctl] || active
				done = true
			case s.Sysctl == "" && s.Command != "" && s.Undo != "" && plainCommand.MatchString(s.Command) && !done:
				p.commands = append(p.commands, command{s, f})
				done = true
			default:
				rest.steps = append(rest.steps, s)
			}
		}
		if len(rest.steps) > 0 {
			p.byHand = append(p.byHand, rest)
		}
	}
	return p
}

var (
	plainKey     = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*([./][A-Za-z0-9_][A-Za-z0-9_@:-]*)+$`)
	plainValue   = regexp.MustCompile(`^(-?[0-9]+|[A-Za-z0-9][A-Za-z0-9_.:,-]*)( (-?[0-9]+|[A-Za-z0-9][A-Za-z0-9_.:,-]*))*$`)
	plainCommand = regexp.MustCompile(`^(ethtool|ip|tc) [A-Za-z0-9_.:,@/+=-]+( [A-Za-z0-9_.:,@/+=-]+)*$`)
	odd          = regexp.MustCompile(`[^A-Za-z0-9_-]`)
	plainHost    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

func (p *plan) write(dir, run string, readme *bufio.Writer) error {
	name := folderName(p.host.Name)
	fmt.Fprintf(readme, "\n## %s\n\n", inline(p.host.Name))
	if len(p.settings) > 0 || len(p.commands) > 0 {
		fmt.Fprintf(readme, "In hosts/%s.\n\n", name)
	}
	for _, f := range p.findings {
		fmt.Fprintf(readme, "- %s %s %s: %s\n", f.Severity, f.Rule, f.Name, inline(says(f)))
		for _, by := range p.byHand {
			for _, s := range by.steps {
				if by.finding == f {
					fmt.Fprintf(readme, "  - by hand: %s%s\n", inline(s.Text), also(s))
				}
			}
		}
	}
	if len(p.settings) == 0 && len(p.commands) == 0 {
		return nil
	}
	dir = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if len(p.settings) > 0 {
		if err := os.WriteFile(filepath.Join(dir, "zz-fleetdrop.conf"), []byte(p.dropIn(run)), 0o644); err != nil {
			return err
		}
	}
	if !p.sets() && len(p.commands) == 0 {
		return nil // comments only: there is nothing to play
	}
	return os.WriteFile(filepath.Join(dir, "playbook.yml"), []byte(p.playbook(run)), 0o644)
}

// sets says that a setting of the drop-in is no comment.
func (p *plan) sets() bool {
	return slices.ContainsFunc(p.settings, func(s setting) bool { return s.active })
}

// also is the rest of a step in one line.
func also(s *Step) string {
	text := ""
	for _, part := range [][2]string{{"run", s.Command}, {"price", s.Price}, {"undo", s.Undo}} {
		if part[1] != "" {
			text += "; " + part[0] + ": " + inline(part[1])
		}
	}
	return text
}

// dropIn is the file for sysctl.d. No comment stands behind a value: the kernel would get it too.
func (p *plan) dropIn(run string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Remedies of fleetdrop for %s, run %s: for review, applied by nobody.\n", Visible(p.host.Name), Visible(run))
	var last *Finding
	for _, s := range p.settings {
		if s.finding != last {
			fmt.Fprintf(&b, "\n# %s %s %s: %s\n", s.finding.Severity, s.finding.Rule, s.finding.Name, Visible(says(s.finding)))
			last = s.finding
		}
		fmt.Fprintf(&b, "# %s\n", Visible(s.step.Text))
		if s.step.Price != "" {
			fmt.Fprintf(&b, "#   price: %s\n", Visible(s.step.Price))
		}
		if s.step.Present != "" {
			fmt.Fprintf(&b, "#   present: %s\n", Visible(s.step.Present))
		}
		if s.step.Undo != "" {
			fmt.Fprintf(&b, "#   undo: %s\n", Visible(s.step.Undo))
		}
		if !s.active {
			b.WriteString("# ")
		}
		fmt.Fprintf(&b, "%s = %s\n", s.step.Sysctl, s.step.Value)
	}
	return b.String()
}

// playbook brings the drop-in to the host, and does what no sysctl does. Ansible reads templates in
// every text, so no text of a host is one.
func (p *plan) playbook(run string) string {
	target := `"{{ fleetdrop_host }}"` // to be given with -e: the name is no plain word
	if plainHost.MatchString(p.host.Name) {
		target = strconv.Quote(p.host.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Remedies of fleetdrop for %s, run %s: for review, applied by nobody.
# What it would change: ansible-playbook -i HOSTS --check --diff playbook.yml
- name: remedies of fleetdrop
  hosts: %s
  become: true
  gather_facts: false
  tasks:
`, Visible(p.host.Name), Visible(run), target)
	if p.sets() {
		b.WriteString(`    - name: settings for this boot and the next
      ansible.builtin.copy:
        src: zz-fleetdrop.conf
        dest: /etc/sysctl.d/zz-fleetdrop.conf
        owner: root
        group: root
        mode: "0644"
      notify: load the settings
`)
	}
	for _, c := range p.commands {
		fmt.Fprintf(&b, "    # %s %s: %s\n    # undo: %s\n", c.finding.Rule, c.finding.Name, Visible(says(c.finding)), Visible(c.step.Undo))
		fmt.Fprintf(&b, "    - name: %s %s, until the next boot\n      ansible.builtin.command:\n        argv:\n", c.finding.Rule, c.finding.Name)
		for word := range strings.FieldsSeq(c.step.Command) {
			fmt.Fprintf(&b, "          - %s\n", strconv.Quote(word))
		}
	}
	if p.sets() {
		b.WriteString(`  handlers:
    - name: load the settings
      ansible.builtin.command:
        argv: [sysctl, -p, /etc/sysctl.d/zz-fleetdrop.conf]
`)
	}
	return b.String()
}

// inline is a text within Markdown.
func inline(text string) string {
	return strings.NewReplacer("`", "'", "<", "&lt;", "[", "\\[", "*", "\\*", "_", "\\_", "|", "\\|").Replace(Visible(text))
}

// folderName is a name for the host's folder that is no path.
func folderName(host string) string {
	if plainHost.MatchString(host) && !strings.Contains(host, "..") && len(host) < 100 {
		return host
	}
	sum := sha256.Sum256([]byte(host))
	safe := odd.ReplaceAllString(host[:min(len(host), 60)], "_")
	return "_" + safe + "-" + hex.EncodeToString(sum[:6])
}
