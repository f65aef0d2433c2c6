package report

import (
	"testing"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

func TestExitCode(t *testing.T) {
	ok := Host{Name: "ok", Outcome: OutcomeScanned, Coverage: &Coverage{Checked: 1}}
	with := func(k drop.Kind, s drop.Severity) Host {
		h := ok
		h.Findings = []Finding{{Rule: "FD601", Kind: k, Severity: s}}
		return h
	}
	sinceLast := with(drop.Dropped, drop.High)
	sinceLast.Findings[0].Loss = &Loss{Count: 500, SinceLast: true}
	part, failed := ok, Host{Name: "gone", Outcome: OutcomeFailed}
	part.Outcome = OutcomePartial
	high := Gates{FailOn: At(drop.High)}
	loss := Gates{FailOnLoss: At(drop.High)}
	for name, test := range map[string]struct {
		hosts       []Host
		gates       Gates
		failed      string // --max-failed
		interrupted bool
		want        int
	}{
		"nothing":                        {nil, high, "0", false, ExitDone},
		"all is well":                    {[]Host{ok}, high, "0", false, ExitDone},
		"a finding below the gate":       {[]Host{with(drop.AtRisk, drop.Medium)}, high, "0", false, ExitDone},
		"a finding at the gate":          {[]Host{with(drop.AtRisk, drop.High)}, high, "0", false, ExitFindings},
		"a finding above the gate":       {[]Host{with(drop.AtRisk, drop.Critical)}, high, "0", false, ExitFindings},
		"no gate":                        {[]Host{with(drop.AtRisk, drop.Critical)}, Gates{}, "0", false, ExitDone},
		"a loss is not for --fail-on":    {[]Host{with(drop.Dropping, drop.Critical)}, high, "0", false, ExitDone},
		"a loss":                         {[]Host{with(drop.Dropping, drop.High)}, loss, "0", false, ExitFindings},
		"never a total since boot":       {[]Host{with(drop.Dropped, drop.Critical)}, loss, "0", false, ExitDone},
		"a loss since the last scan":     {[]Host{sinceLast}, loss, "0", false, ExitFindings},
		"never a note":                   {[]Host{with(drop.Note, drop.Info)}, Gates{FailOn: At(drop.Info), FailOnLoss: At(drop.Info)}, "0", false, ExitDone},
		"a host failed":                  {[]Host{ok, failed}, Gates{}, "0", false, ExitIncomplete},
		"a host may fail":                {[]Host{ok, failed}, Gates{}, "1", false, ExitDone},
		"half of them may":               {[]Host{ok, failed}, Gates{}, "50%", false, ExitDone},
		"less than half may":             {[]Host{ok, failed}, Gates{}, "49%", false, ExitIncomplete},
		"a host was read in part":        {[]Host{ok, part}, Gates{}, "0", false, ExitIncomplete},
		"findings win over failed hosts": {[]Host{with(drop.AtRisk, drop.High), failed}, high, "0", false, ExitFindings},
		"none reached":                   {[]Host{failed, failed}, Gates{}, "100%", false, ExitNone},
		"interrupted":                    {[]Host{with(drop.AtRisk, drop.High), failed}, high, "0", true, ExitInterrupted},
		"interrupted before any":         {nil, high, "0", true, ExitInterrupted},
	} {
		if err := test.gates.MaxFailed.Set(test.failed); err != nil {
			t.Fatal(err)
		}
		head := testHead()
		head.Run.Interrupted = test.interrupted
		r := New(head, nil, test.hosts, test.gates)
		if r.Status.ExitCode != test.want {
			t.Errorf("%s: exit code %d, want %d (%+v)", name, r.Status.ExitCode, test.want, r.Status)
		}
	}
}

func TestExitOrder(t *testing.T) {
	order := []int{130, 2, 4, 1, 3, 0}
	for i, first := range order {
		for _, other := range order[i:] {
			if got := Exit(other, first); got != first {
				t.Errorf("of %d and %d it is %d", other, first, got)
			}
		}
	}
	if Exit() != 0 {
		t.Error("nothing is not 0")
	}
}

func TestFlags(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "3": "3", "2%": "2%", "0.5%": "0.5%", "0%": "0", "100%": "100%",
		"": "", "-1": "", "-1%": "", "101%": "", "NaN%": "", "x": "", "%": "", "3 hosts": "",
	} {
		var s Share
		err := s.Set(text)
		if (err != nil) != (want == "") || err == nil && s.String() != want {
			t.Errorf("--max-failed %q: %v, %v; want %q", text, s, err, want)
		}
	}
	for text, want := range map[string]string{"none": "none", "low": "low", "critical": "critical", "HIGH": "", "": ""} {
		var l Level
		err := l.Set(text)
		if (err != nil) != (want == "") || err == nil && l.String() != want {
			t.Errorf("--fail-on %q: %v, %v; want %q", text, l, err, want)
		}
	}
}
