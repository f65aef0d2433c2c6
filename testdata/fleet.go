package testdata

import (
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe"
)

//go:embed fleet/hosts.txt fleet/*.txtar
var fleet embed.FS

// A Host is one host of the demo's fleet.
type Host struct {
	Name    string
	Group   string
	Capture *probe.Capture // what it answers; nil if it has a fault
	Fault   Fault
}

// A Fault is why a host cannot be scanned.
type Fault string

// The faults.
const (
	None     Fault = ""
	Timeout  Fault = "timeout"  // it takes the connection and never says a word
	WrongKey Fault = "host-key" // its host key is not the one that is known
)

// Fleet returns the hosts of the demo, in the order of fleet/hosts.txt.
func Fleet() ([]Host, error) {
	members, err := members()
	if err != nil {
		return nil, err
	}
	hosts := make([]Host, len(members))
	for i, m := range members {
		hosts[i] = m.Host
		if m.Fault != None {
			continue
		}
		text, err := fleet.ReadFile("fleet/" + m.Name + ".txtar")
		if err != nil {
			return nil, err
		}
		if hosts[i].Capture, err = probe.ParseCapture(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	return hosts, nil
}

// A member is a line of hosts.txt.
type member struct {
	Host
	recording string // what its capture was made from
}

// members reads lines "NAME group=GROUP recording=RECORDING", or with fault=FAULT instead.
func members() ([]member, error) {
	text, err := fleet.ReadFile("fleet/hosts.txt")
	if err != nil {
		return nil, err
	}
	var all []member
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		m := member{Host: Host{Name: words[0]}}
		for _, word := range words[1:] {
			switch key, value, _ := strings.Cut(word, "="); key {
			case "group":
				m.Group = value
			case "recording":
				m.recording = value
			case "fault":
				m.Fault = Fault(value)
			default:
				return nil, fmt.Errorf("fleet/hosts.txt:%d: no such key: %q", number, word)
			}
		}
		if (m.recording == "") == (m.Fault == None) || m.Fault != None && m.Fault != Timeout && m.Fault != WrongKey {
			return nil, fmt.Errorf("fleet/hosts.txt:%d: %w", number, errors.New("needs a recording, or one of the faults"))
		}
		all = append(all, m)
	}
	return all, nil
}
