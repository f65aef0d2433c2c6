package report

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// anyFinding makes one by chance.
func anyFinding(rnd *rand.Rand) Finding {
	c := classes[rnd.IntN(len(classes))]
	f := Finding{
		Rule: fmt.Sprintf("FD%03d", rnd.IntN(1000)), Kind: c.kind, Severity: c.severity, Subject: fmt.Sprint(rnd.IntN(9)),
		Scope: []drop.Scope{drop.Machine, drop.Netns}[rnd.IntN(2)],
	}
	if rnd.IntN(10) == 0 {
		f.Kind, f.Severity = drop.Note, drop.Info
	}
	if f.Kind != drop.AtRisk {
		count := rnd.Uint64N(1 << rnd.IntN(40))
		f.Loss = lossOf(count, count+rnd.Uint64N(1<<rnd.IntN(40)), rnd.IntN(3) > 0)
	}
	return f
}

// lossOf is a loss in ten seconds; without many, too few arrived for a ratio.
func lossOf(count, of uint64, many bool) *Loss {
	l := &Loss{Count: count, PerSecond: digits(float64(count) / 10)}
	if many && of > 0 {
		l.Ratio = digits(float64(count) / float64(of))
	}
	return l
}

func anyHost(rnd *rand.Rand, name string) Host {
	h := Host{Name: name, BootID: fmt.Sprint(rnd.IntN(5)), Outcome: OutcomeScanned, Coverage: &Coverage{Checked: 1}}
	switch rnd.IntN(8) {
	case 0:
		h.Outcome, h.Coverage = OutcomeFailed, nil
		return h
	case 1:
		h.Outcome = OutcomePartial
	case 2:
		h.NotChecked = []NotChecked{{"FD001", []Missing{{"/proc/stat", "denied"}}}}
	}
	for range rnd.IntN(6) {
		h.Findings = append(h.Findings, anyFinding(rnd))
	}
	return h
}

// TestMoreIsNeverLess adds findings, and loss to findings: no score ever goes down, and no
// host to a better place.
func TestMoreIsNeverLess(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		h := anyHost(rnd, "h")
		if !h.Reached() {
			continue
		}
		before := judge(&h)
		more := h
		more.Findings = append(slices.Clone(h.Findings), anyFinding(rnd))
		if after := judge(&more); after.Score < before.Score || after.place > before.place {
			t.Fatalf("a finding more: %+v, then %+v of %+v", before, after, more.Findings)
		}
		if len(h.Findings) == 0 {
			continue
		}
		more.Findings = slices.Clone(h.Findings)
		f := &more.Findings[rnd.IntN(len(more.Findings))]
		if f.Loss == nil {
			continue
		}
		worse := *f.Loss
		worse.PerSecond = digits(*worse.PerSecond * (1 + rnd.Float64()*100))
		if worse.Ratio != nil {
			worse.Ratio = digits(min(1, *worse.Ratio*(1+rnd.Float64()*10)))
		}
		f.Loss = &worse
		if after := judge(&more); after.Score < before.Score || after.place > before.place {
			t.Fatalf("more loss: %+v, then %+v of %+v", before, after, more.Findings)
		}
	}
}

// TestOrder ranks the same hosts in any order, to the same bytes; a worse class is always
// before a better one, and what nobody reached is last.
func TestOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var hosts []Host
	for i := range 300 {
		hosts = append(hosts, anyHost(rnd, fmt.Sprintf("h%03d", i)))
	}
	report := func() []byte {
		rnd.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
		return written(t, "json", New(testHead(), nil, slices.Clone(hosts), Gates{}), Options{})
	}
	want := report()
	for range 20 {
		if !bytes.Equal(report(), want) {
			t.Fatal("another order of the hosts makes another report")
		}
	}
	r := New(testHead(), nil, slices.Clone(hosts), Gates{})
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if (h.Risk == nil) != (h.Outcome == OutcomeFailed) {
			t.Errorf("%s is %s: risk %v", h.Name, h.Outcome, h.Risk)
		}
		if h.Risk == nil {
			continue
		}
		if h.Risk.Rank != i+1 || h.Risk.Score < 0 || h.Risk.Score > 100 {
			t.Errorf("%d: %+v", i, *h.Risk)
		}
		if i > 0 && (r.Hosts[i-1].Risk.place > h.Risk.place || r.Hosts[i-1].Risk.Score < h.Risk.Score) {
			t.Errorf("%+v is before %+v", *r.Hosts[i-1].Risk, *h.Risk)
		}
		if h.Outcome == OutcomePartial && h.Risk.Grade == Clean {
			t.Errorf("%s was read in part and is clean", h.Name)
		}
	}
}

// TestTies breaks them by the share that was lost, then by name.
func TestTies(t *testing.T) {
	host := func(name string, ratio float64) Host {
		// The rate outweighs the ratio, so both have one score.
		return Host{Name: name, Outcome: OutcomeScanned, Findings: []Finding{{
			Rule: "FD201", Kind: drop.Dropping, Severity: drop.High,
			Loss: &Loss{PerSecond: digits(1e5), Ratio: &ratio},
		}}}
	}
	r := New(testHead(), nil, []Host{host("c", 0.1), host("b", 0.2), host("a", 0.1)}, Gates{})
	got := []string{r.Hosts[0].Name, r.Hosts[1].Name, r.Hosts[2].Name}
	if want := []string{"b", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestGrade draws the line between clean and unknown.
func TestGrade(t *testing.T) {
	missing := func(rule, section, state string) NotChecked {
		return NotChecked{rule, []Missing{{section, state}}}
	}
	note := Finding{Rule: "FD015", Kind: drop.Note}
	risk := Finding{Rule: "FD403", Kind: drop.AtRisk, Severity: drop.Critical}
	dropped := Finding{Rule: "FD601", Kind: drop.Dropped, Severity: drop.Low}
	dropping := Finding{Rule: "FD601", Kind: drop.Dropping, Severity: drop.Low}
	waived := dropping
	waived.Waived = &Waiver{Reason: "known"}
	for name, test := range map[string]struct {
		host Host
		want Grade
	}{
		"all was checked":                       {Host{Coverage: &Coverage{Checked: 3}}, Clean},
		"nothing was":                           {Host{Coverage: &Coverage{NotApplicable: 3}}, Unknown},
		"a note":                                {Host{Coverage: &Coverage{Checked: 3}, Findings: []Finding{note}}, Clean},
		"a waived finding":                      {Host{Coverage: &Coverage{Checked: 3}, Findings: []Finding{waived}}, Clean},
		"dmesg needs root":                      {Host{Coverage: &Coverage{Checked: 3}, NotChecked: []NotChecked{missing("FD402", "dmesg", "denied")}}, Clean},
		"ss would load a module":                {Host{Coverage: &Coverage{Checked: 3}, NotChecked: []NotChecked{missing("FD601", "ss -Hltnm", "unread")}}, Clean},
		"a file of another kernel":              {Host{Coverage: &Coverage{Checked: 3}, NotChecked: []NotChecked{{"FD402", []Missing{{"/proc/net/stat/nf_conntrack", "absent"}, {"dmesg", "denied"}}}}}, Clean},
		"a file that may not be read":           {Host{Coverage: &Coverage{Checked: 3}, NotChecked: []NotChecked{missing("FD601", "/proc/net/netstat", "denied")}}, Unknown},
		"a file that is garbled":                {Host{Coverage: &Coverage{Checked: 3}, NotChecked: []NotChecked{missing("FD601", "/proc/net/netstat", "garbled")}}, Unknown},
		"a file that never came":                {Host{Coverage: &Coverage{Checked: 3}, NotChecked: []NotChecked{missing("FD601", "/proc/net/netstat", "unread")}}, Unknown},
		"a part was read":                       {Host{Outcome: OutcomePartial, Coverage: &Coverage{Checked: 3}}, Unknown},
		"the strongest kind, whatever ranks it": {Host{Findings: []Finding{risk, dropped}}, Dropped},
		"dropping before all":                   {Host{Outcome: OutcomePartial, Findings: []Finding{risk, dropped, dropping}}, Dropping},
	} {
		if test.host.Outcome == "" {
			test.host.Outcome = OutcomeScanned
		}
		r := judge(&test.host)
		if r.Grade != test.want {
			t.Errorf("%s: %s, want %s", name, r.Grade, test.want)
		}
		if (test.want == Clean || test.want == Unknown) && (r.Score != 0 || r.Class != "") {
			t.Errorf("%s: %s, and yet %+v", name, r.Grade, *r)
		}
	}
}

// TestMachine counts what is true of a machine once, however many namespaces see it.
func TestMachine(t *testing.T) {
	f := Finding{Rule: "FD301", Stage: drop.Softirq, Scope: drop.Machine, Kind: drop.Dropping, Severity: drop.High, Subject: "cpu0", Loss: lossOf(100, 1000, true)}
	pod := func(name, boot string) Host {
		return Host{Name: name, BootID: boot, Outcome: OutcomeScanned, Findings: []Finding{f}, Coverage: &Coverage{Checked: 1}}
	}
	hosts := []Host{pod("a", "1"), pod("b", "1"), pod("c", "2"), pod("d", "")}
	r := New(testHead(), nil, hosts, Gates{FailOnLoss: At(drop.High)})
	if r.Status.Failing != 3 {
		t.Errorf("%d findings, want 3", r.Status.Failing)
	}
	s := summarize(r, drop.Info)
	if n := len(s.rules[0].hosts); n != 3 {
		t.Errorf("%d hosts, want 3", n)
	}
	if got := s.rules[0].perSecond; got != 30 {
		t.Errorf("%v a second, want 30", got)
	}
}

func TestNatural(t *testing.T) {
	sorted := []string{"", "10.0.0.2", "10.0.0.10", "a", "web-", "web-02", "web-2", "web-2a", "web-10", "web-99999999999999999999", "x"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := natural(a, b), cmp.Compare(i, j); got != want {
				t.Errorf("%q and %q: %d, want %d", a, b, got, want)
			}
		}
	}
}
