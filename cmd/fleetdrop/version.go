package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func newVersion(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(c.stdout, versionLine())
			return err
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("fleetdrop %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
