package report

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A station is a stage in the picture of a packet's way: what stands at it, and where it is.
// The way in is the upper lane, from the wire to the application; the way out is the lower
// one, back. What belongs to the host as a whole is beside the way.
type station struct {
	label, sub string
	x, y       int // 0: beside the way
}

const laneIn, laneOut = 84, 312

var stations = map[drop.Stage]station{
	drop.NIC:       {"NIC", "wire, adapter", 108, laneIn},
	drop.Ring:      {"Ring", "descriptors", 243, laneIn},
	drop.Softirq:   {"Softirq", "backlog, budget", 378, laneIn},
	drop.Netfilter: {"Netfilter", "rules, conntrack", 513, laneIn},
	drop.IP:        {"IP", "routes, rp_filter", 648, laneIn},
	drop.Listen:    {"Listen", "SYN, accept queue", 783, laneIn},
	drop.Transport: {"Transport", "TCP, UDP", 918, laneIn},
	drop.Socket:    {"Socket", "receive buffers", 1053, laneIn},
	drop.Egress:    {"Egress", "send buffers, qdisc", 648, laneOut},
	drop.Whole:     {"Host", "CPU, memory, settings", 0, 0},
}

// A stop is a station and what happens there in this fleet.
type stop struct {
	ID                   drop.Stage
	Label, Sub           string
	X, Y, LabelY, SubY   int
	Left, Top, High      int // of the area that can be clicked
	Href                 string
	Losing, Worst, Quiet bool
	Leak                 string // the outline of what falls out
	Rate                 string
	RateY                int
	Losses, Rule         string  // "packets/s, 2 hosts", and the rule that says the worst
	Lines                []label // both, under the rate
	Marks                []marks
	Bar                  float64 // of a list, in percent
	Says                 string  // all of it in words

	rate  float64
	hosts [4]int // dropping; not that, but dropped; neither, but at risk; not checked
}

type label struct {
	Text string
	X, Y int
}

// Marks stand in a line, as many as there is room for.
type marks struct {
	Y     int
	Marks []mark
}

// A mark is a number of hosts with a sign before it: a state is never told by a colour alone.
type mark struct{ Class, Text, Says string }

// The signs of grades, the same wherever a grade is shown.
var signs = map[string]string{
	string(Dropping): "●", string(Dropped): "◐", string(AtRisk): "○", string(Clean): "✓", string(Unknown): "?", gradeNotReached: "×",
}

// gradeNotReached stands where a grade would, for a host that has none.
const gradeNotReached = "failed"

// pathOf draws the way: the width of what falls out grows with the logarithm of the loss.
func pathOf(r *Report, s *summary) []stop {
	blind := blindHosts(r)
	stops := make([]stop, len(s.stages))
	most, worst := 0.0, -1
	for i, stage := range s.stages {
		at := stations[stage.stage]
		st := stop{
			ID: stage.stage, Label: at.label, Sub: at.sub, X: at.x, Y: at.y, LabelY: at.y - 38, SubY: at.y - 21,
			Left: at.x - 64, Top: at.y - 56, Href: hash("at", string(stage.stage)),
			rate: stage.perSecond, hosts: [4]int{len(stage.dropping), 0, 0, len(blind[stage.stage])},
		}
		for h := range stage.dropped {
			if !stage.dropping[h] {
				st.hosts[1]++
			}
		}
		for h := range stage.atRisk {
			if !stage.dropping[h] && !stage.dropped[h] {
				st.hosts[2]++
			}
		}
		if st.rate > most {
			most, worst = st.rate, i
		}
		stops[i] = st
	}
	for i := range stops {
		stops[i].Worst = i == worst
		stops[i].draw(most, s.stages[i].unit, s.ruleAt(stops[i].ID))
	}
	return stops
}

// draw fills in what is seen of a station.
func (st *stop) draw(most float64, unit drop.Unit, rule string) {
	losing := st.hosts[0]
	st.Losing = losing > 0
	st.Quiet = st.hosts[0]+st.hosts[1]+st.hosts[2] == 0
	said := st.Label + ": no loss now"
	lines := []string{}
	if st.Losing {
		half := 3.0 // of the width of what falls out
		if most > 0 {
			half += 15 * math.Log1p(st.rate) / math.Log1p(most)
		}
		x, y := float64(st.X), float64(st.Y)
		st.Leak = fmt.Sprintf("M%.1f %.0f L%.1f %.0f H%.1f L%.1f %.0f Z", x-half, y+9, x-half*0.72, y+38, x+half*0.72, x+half, y+9)
		st.Bar = math.Round(half/18*1000) / 10
		st.Rate, st.RateY = "?", st.Y+61
		if st.rate > 0 {
			st.Rate = rate(st.rate)
		}
		said = fmt.Sprintf("%s: %s %s per second lost on %s", st.Label, st.Rate, unit, many(losing, "host"))
		st.Losses = string(unit) + "/s, " + many(losing, "host")
		if lines = append(lines, st.Losses); len(st.Losses) > 19 {
			lines = []string{string(unit) + "/s", many(losing, "host")}
		}
	}
	if st.Rule = rule; rule != "" {
		lines = append(lines, folded(rule, 19)...)
		said += ", mostly " + rule
	}
	y := st.Y + 29
	if st.Losing {
		y = st.Y + 79
	}
	for _, line := range lines {
		st.Lines = append(st.Lines, label{line, st.X, y})
		y += 15
	}
	y += 2
	some := 0
	for _, n := range st.hosts[1:] {
		some += min(n, 1)
	}
	wide := 0
	for i, m := range []struct{ class, sign, says string }{
		{"before", signs[string(Dropped)], "lost before"}, {"risk", signs[string(AtRisk)], "at risk"}, {"sub", signs[string(Unknown)], "not checked"},
	} {
		n := st.hosts[i+1]
		if n == 0 {
			continue
		}
		says := grouped(uint64(n)) + " " + m.says
		short := m.sign + " " + grouped(uint64(n))
		if some == 1 && n < 1000 { // else there is no room, and the legend says it
			short = m.sign + " " + says
		}
		room := utf8.RuneCountInString(short) + 2
		if wide += room; len(st.Marks) == 0 || wide > 18 {
			st.Marks, wide = append(st.Marks, marks{Y: y}), room
			y += 16
		}
		row := &st.Marks[len(st.Marks)-1]
		row.Marks = append(row.Marks, mark{m.class, short, m.sign + " " + says})
		said += ", " + says
	}
	st.High = y + 4 - st.Top
	st.Says = said
}

// folded breaks a rule's name behind a dash, where it is longer than that.
func folded(name string, most int) []string {
	if len(name) <= most {
		return []string{name}
	}
	at := strings.LastIndexByte(name[:most], '-')
	if at < 0 {
		return []string{name}
	}
	return []string{name[:at+1], name[at+1:]}
}

// ruleAt is the rule that says the worst of a stage.
func (s *summary) ruleAt(stage drop.Stage) string {
	name, most := "", -1.0
	for _, sum := range s.rules { // the worst first
		if sum.rule.Stage == stage && sum.perSecond > most {
			name, most = sum.rule.Name, sum.perSecond
		}
	}
	return name
}

// blindHosts are the hosts on which a rule of a stage was not checked.
func blindHosts(r *Report) map[drop.Stage]hostSet {
	at := make(map[string]drop.Stage, len(r.Rules))
	for _, rule := range r.Rules {
		at[rule.ID] = rule.Stage
	}
	blind := map[drop.Stage]hostSet{}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		for _, n := range h.NotChecked {
			stage := at[n.Rule]
			if blind[stage] == nil {
				blind[stage] = hostSet{}
			}
			blind[stage][h] = true
		}
	}
	return blind
}
