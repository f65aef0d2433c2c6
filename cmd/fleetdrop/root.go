package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fleetdrop/fleetdrop/probe/sysctl"
	"github.com/fleetdrop/fleetdrop/report"
)

// version is set by the linker for a release.
var version = "0.1.0-dev"

// An exitCode is how a command says what became of it without a word more. It is an error
// because that is how cobra passes things up.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// A console is what a command reads and writes.
type console struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// fleetdrop is the whole program: arguments and streams in, the exit code out.
func fleetdrop(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(&console{stdin, stdout, stderr})
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, ">") { // those are of the line before
			line = "fleetdrop: " + line
		}
		fmt.Fprintln(stderr, line)
	}
	return 2
}

func newRoot(c *console) *cobra.Command {
	root := &cobra.Command{
		Use:   "fleetdrop",
		Short: "Find where the hosts of a fleet lose packets",
		Long: `Fleetdrop connects to a fleet of Linux hosts over SSH, runs one small read-only script on
each, finds at which point of a packet's way each host loses packets or will, ranks the
hosts by drop risk, and shows evidence and remedy. Nothing is written on the hosts.

A flag may stand in the environment: FLEETDROP_WINDOW=30s is --window 30s.`,
		Example: `  fleetdrop scan web-17                        one host, as "ssh web-17" would reach it
  fleetdrop scan -i hosts.txt                  a fleet
  fleetdrop script | sh | fleetdrop analyze -  this machine, without SSH
  fleetdrop explain rx_missed_errors           what a counter means`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			next := "\"fleetdrop --help\" lists them"
			if close := cmd.SuggestionsFor(args[0]); len(close) > 0 {
				next = "did you mean " + strings.Join(close, " or ") + "?"
			}
			return fmt.Errorf("there is no command %q; %s", args[0], next)
		},
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:                    version,
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		PersistentPreRunE:          func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags()) },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s", flagError(err), nextFlag(cmd, err))
	})
	root.SetVersionTemplate(versionLine())
	root.Flags().Bool("version", false, "print the version")
	root.AddCommand(
		newScan(c), newCheck(c), newAnalyze(c), newReport(c), newDiff(c), newMerge(c), newDemo(c),
		newLint(c), newPolicy(c),
		newHosts(c), newScript(c), newFacts(c), newRules(c), newExplain(c), newVersion(c),
	)
	completeValues(root)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveDefault)
	return root
}

// completeValues offers to a shell's completion what a flag takes, where that is a few words.
func completeValues(root *cobra.Command) {
	severities := []string{"low", "medium", "high", "critical"}
	values := map[string][]string{
		"format": append(report.Formats(), report.Remedy), "color": {"auto", "always", "never"}, "progress": {"auto", "bar", "plain", "none"},
		"sudo": {"none", "auto"}, "host-key": {"strict", "accept-new"}, "severity": append([]string{"info"}, severities...),
		"fail-on": append([]string{"none"}, severities...), "fail-on-loss": append([]string{"none"}, severities...),
	}
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			list := values[f.Name]
			if f.Name == "format" && f.Usage == "table or json" {
				list = []string{"table", "json"}
			}
			if f.Name == "format" && cmd.Name() == "lint" {
				list = report.LintFormats()
			}
			if f.Name == "rule" || f.Name == "skip-rule" {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, completeRules)
			} else if list != nil {
				_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp))
			}
		})
	}
}

// fromEnvironment gives each flag that was not on the command line the value of its
// variable: FLEETDROP_HOST_KEY for --host-key. A list is parted by commas.
func fromEnvironment(flags *pflag.FlagSet) error {
	var wrong error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "FLEETDROP_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Changed || f.Name == "help" || f.Name == "version" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("%s: %w", name, flagError(err)))
		}
	})
	return wrong
}

// flagError says what a flag takes, where Go would say why it cannot parse something else.
func flagError(err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	want := ""
	switch wrong.GetFlag().Value.Type() {
	case "int":
		want = "a whole number"
	case "duration":
		want = "a time with its unit, such as 30s or 2m"
	case "bool":
		want = "true or false"
	default:
		return err
	}
	return fmt.Errorf("--%s %s: want %s", wrong.GetFlag().Name, wrong.GetValue(), want)
}

// nextFlag is what to do about a flag that does not exist.
func nextFlag(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var close []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if sysctl.Distance(f.Name, unknown.GetSpecifiedName()) <= 2 {
				close = append(close, "--"+f.Name)
			}
		})
		if len(close) > 0 {
			return "did you mean " + strings.Join(close, " or ") + "?"
		}
	}
	return fmt.Sprintf("\"%s --help\" lists the flags", cmd.CommandPath())
}

// noArgs refuses arguments, and says what the command takes instead.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is one argument too many: %s", args[0], cmd.UseLine())
	}
	return nil
}
