//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fleetdrop/fleetdrop/probe/drop"
)

// A fault is one host of the lab: what goes wrong there, and what fleetdrop has to say of it.
type fault struct {
	name  string
	title string // one line, no full stop
	cause string // faults of one cause are its strengths, the weakest first; empty if there is one

	want    []expectation // the first is the host's top finding; none for a host that is clean
	also    []string      // rules that may be at-risk there too, for what was set up is a risk
	past    bool          // provoked before the scan, so it is no loss of the window
	lasting bool          // it is provoked until the scan has ended, as a state has to last until it is seen
	machine bool          // it changes the whole machine, so it runs alone
	busybox bool          // the host has BusyBox, and no other tool
	user    string        // who logs in; root if empty
	tools   []string      // what it needs beside what every lab does

	// setup prepares the host, and returns what provokes the fault. That can be called
	// again and again.
	setup func(h *host) (provoke, error)
}

// provoke makes the host lose packets, and returns what it really lost. The context ends with
// the scan that looks.
type provoke func(ctx context.Context) ([]toll, error)

// A toll is what one cause took, as sender and receiver counted it.
type toll struct {
	Rule  string `json:"rule"` // that counts it; empty if nothing was lost
	Sent  int    `json:"sent"`
	Lost  int    `json:"lost"`
	Unit  string `json:"unit"`
	Exact bool   `json:"exact"` // the kernel's counter counts this very thing, so the report must say the same number
}

// An expectation is a finding that fleetdrop has to make.
type expectation struct {
	Rule     string        `json:"rule"`
	Kind     drop.Kind     `json:"kind"`
	Severity drop.Severity `json:"severity"`
	Subject  string        `json:"subject,omitempty"` // a part of it; empty if it names no one
}

func (e expectation) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Rule, e.Severity, e.Kind, e.Subject))
}

func dropping(rule string, severity drop.Severity, subject string) expectation {
	return expectation{rule, drop.Dropping, severity, subject}
}

// group is what the inventory files the host under.
func (f fault) group() string {
	if f.cause != "" {
		return f.cause
	}
	return f.name
}

func (f fault) login() string {
	if f.user != "" {
		return f.user
	}
	return "root"
}

// harmless says that the host loses nothing that anybody misses.
func (f fault) harmless() bool {
	return !slices.ContainsFunc(f.want, func(e expectation) bool { return e.Kind == drop.Dropping || e.Kind == drop.Dropped })
}

// faults are all that the lab knows.
func faults() []fault {
	return slices.Concat(
		cleanFaults(), nicFaults(), stackFaults(), netfilterFaults(), ipFaults(), listenFaults(), tcpFaults(), udpFaults(), socketFaults(), egressFaults(),
		podFaults(), machineFaults(),
	)
}

// chosen returns the faults of those names, or of those causes; all of them if none is named.
func chosen(names []string) ([]fault, error) {
	all := faults()
	if len(names) == 0 {
		return all, nil
	}
	var picked []fault
	var unknown []string
	for _, name := range names {
		if !slices.ContainsFunc(all, func(f fault) bool { return f.name == name || f.cause == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("--only: there is no fault %s; \"fleetlab list\" names them", strings.Join(unknown, ", "))
	}
	for _, f := range all {
		if slices.Contains(names, f.name) || slices.Contains(names, f.cause) {
			picked = append(picked, f)
		}
	}
	return picked, nil
}
