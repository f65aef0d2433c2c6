//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func newDown(c *console) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Take back what a killed lab left",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := labDir(name)
			if err := errors.Join(err, checkNeeds(nil)); err != nil {
				return err
			}
			return down(c, name)
		},
	}
	nameFlag(cmd, &name)
	return cmd
}

// down takes back what is written in the ledger of a lab that no longer runs.
func down(c *console, name string) error {
	dir, err := labDir(name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(c.stderr, "nothing is left of a lab %s\n", name)
		return nil
	}
	l, err := openLedger(dir)
	if err != nil {
		return err
	}
	left := l.left()
	if err := l.close(); err != nil {
		return err
	}
	for _, made := range left {
		fmt.Fprintf(c.stdout, "taken back: %v\n", made)
	}
	fmt.Fprintf(c.stdout, "removed: %s\n", dir)
	return nil
}
