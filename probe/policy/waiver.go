package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// A Waiver lets a finding be, for a time and a reason.
type Waiver struct {
	Rule    string // the rule's ID
	Match   Match
	Subject string // a glob of the finding's subject, or of its last word; empty for any
	Reason  string
	Owner   string
	Expires time.Time // the last day on which it holds, at its beginning in UTC
	Origin  string    // "fleetdrop.policy.yaml:48"
}

// Date is how a day is written.
const Date = "2006-01-02"

// Notice is how long before it expires a waiver is spoken of.
const Notice = 14 * 24 * time.Hour

// Day is the day of a time, in UTC.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// Expired says that the waiver does not hold any more.
func (w *Waiver) Expired(now time.Time) bool { return Day(now).After(w.Expires) }

// Ending says that the waiver holds, and not for long.
func (w *Waiver) Ending(now time.Time) bool {
	return !w.Expired(now) && w.Expires.Sub(Day(now)) <= Notice
}

// Hosts says whether the waiver is for a host.
func (w *Waiver) Hosts(h Host) bool { return w.Match.hosts(h) }

// covers says whether the waiver is for a finding.
func (w *Waiver) covers(h Host, rule, subject string) bool {
	if w.Rule != rule || !w.Match.hosts(h) {
		return false
	}
	last := subject[strings.LastIndexByte(subject, '.')+1:]
	return w.Subject == "" || glob(w.Subject, subject) || glob(w.Subject, last)
}

func (d *decoder) waiver(n ast.Node, today time.Time) (w Waiver) {
	said := map[string]ast.Node{}
	for _, v := range d.fields(n, "a waiver", "rule", "match", "subject", "reason", "owner", "expires") {
		said[v.name] = v.node
		switch v.name {
		case "rule":
			if r := d.rule(v.node, d.text(v.node, "rule")); r != nil {
				w.Rule = r.ID
			}
		case "match":
			w.Match = d.match(v.node)
		case "subject":
			w.Subject = d.glob(v.node, "subject")
		case "reason":
			w.Reason = d.text(v.node, "reason")
		case "owner":
			w.Owner = d.text(v.node, "owner")
		case "expires":
			var err error
			if w.Expires, err = time.Parse(Date, d.text(v.node, "expires")); err != nil {
				d.fail(v.node, "expires: want a day such as %s", Day(today).AddDate(0, 3, 0).Format(Date))
			}
		}
	}
	w.Origin = valueOf(d, n, 0).Origin
	for _, must := range []string{"rule", "reason", "expires"} {
		if said[must] == nil {
			d.fail(n, "this waiver has no %s: a waiver says what, why and until when", must)
		}
	}
	return w
}

// Waived returns the waiver that holds for a finding; if there is only one that is expired, that
// one, and that it is.
func (p *Policy) Waived(h Host, rule, subject string, now time.Time) (w *Waiver, expired bool) {
	var over *Waiver
	for i := range p.Waivers {
		w := &p.Waivers[i]
		switch {
		case !w.covers(h, rule, subject):
		case !w.Expired(now):
			return w, false
		case over == nil || w.Expires.After(over.Expires):
			over = w
		}
	}
	return over, over != nil
}

// tooLong returns the waivers that expire later than they may.
func tooLong(all []Waiver, days int, now time.Time) []Waiver {
	last := Day(now).AddDate(0, 0, days)
	return slices.DeleteFunc(slices.Clone(all), func(w Waiver) bool { return !w.Expires.After(last) })
}
