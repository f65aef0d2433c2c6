//go:build linux

package main

import (
	"encoding/json"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

func newList(c *console) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The faults, and what fleetdrop has to find",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			switch format {
			case "json":
				return listJSON(c)
			case "table":
				listTable(c)
				return nil
			}
			return fmt.Errorf("--format %s: want table or json", format)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "table", "table or json")
	return cmd
}

func listTable(c *console) {
	t := newTable(c.stdout)
	t.AppendHeader(table.Row{"fault", "what goes wrong", "top finding"})
	for _, f := range faults() {
		t.AppendRow(table.Row{f.name, f.title, top(f.want)})
	}
	t.Render()
}

// top is what has to be found first.
func top(want []expectation) string {
	if len(want) == 0 {
		return "none"
	}
	return want[0].String()
}

func listJSON(c *console) error {
	type item struct {
		Name    string        `json:"name"`
		Title   string        `json:"title"`
		Cause   string        `json:"cause,omitempty"`
		Want    []expectation `json:"want"`
		Machine bool          `json:"machine"`
	}
	list := []item{}
	for _, f := range faults() {
		list = append(list, item{f.name, f.title, f.cause, append([]expectation{}, f.want...), f.machine})
	}
	e := json.NewEncoder(c.stdout)
	e.SetIndent("", " ")
	return e.Encode(list)
}
