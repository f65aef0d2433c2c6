package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fleetdrop/fleetdrop/inventory"
	"github.com/fleetdrop/fleetdrop/probe"
	"github.com/fleetdrop/fleetdrop/report"
	"github.com/fleetdrop/fleetdrop/report/run"
)

func someCaptures(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s needs a capture: a file, a folder of them, or - for the standard input", cmd.Name())
	}
	return nil
}

func newAnalyze(c *console) *cobra.Command {
	var (
		ch  chosen
		j   judging
		out output
	)
	cmd := &cobra.Command{
		Use:   "analyze CAPTURE...",
		Short: "Judge saved captures, or what the script printed",
		Long: `Judge captures: what "fleetdrop script | sh" printed on a host, or what a scan with
--keep-captures saved. "-" is the standard input, a folder stands for the captures in it.`,
		Example: `  fleetdrop script | sh | fleetdrop analyze -
  for h in web-1 web-2; do fleetdrop script | ssh $h sh > $h.txtar; done; fleetdrop analyze *.txtar`,
		Args: someCaptures,
		RunE: func(_ *cobra.Command, args []string) error {
			rules, err := ch.rules()
			if err != nil {
				return err
			}
			if err := j.load(c, ""); err != nil {
				return err
			}
			head := headOf(time.Now())
			shelf := run.NewShelf()
			defer shelf.Close()
			roll := report.NewRoll(shelf.Host)
			come := waiting(c, args, out.quiet)
			err = eachCapture(c, args, func(s savedCapture) {
				began := time.Now()
				snapshot := probe.NewSnapshot(s.capture)
				h := j.judge(inventory.Host{Name: s.name(), Origin: inventory.Origin{File: s.path}}, snapshot, rules)
				if s.partial {
					h = h.Partial(report.Error{
						Code: "partial", Stage: "script", Message: probe.ErrIncomplete.Error(),
						Hint: "run the script again, and let it come to its end",
					})
				}
				roll.Add(shelf.Add(h), &h)
				head.Run.Window = max(head.Run.Window, snapshot.Over().Seconds())
				head.Run.Inventory = append(head.Run.Inventory, s.path)
				head.Run.Duration += time.Since(began).Seconds()
			})
			come()
			if err != nil {
				return err
			}
			sinks, err := out.open(c)
			if err != nil {
				return err
			}
			return out.finish(c, sinks, j.report(head, report.Rules(rules), roll))
		},
	}
	ch.flags(cmd.Flags())
	j.flags(cmd.Flags())
	out.flags(cmd.Flags())
	return cmd
}

// waiting says on a terminal why nothing is seen for the time of a window, until what it
// returns is called.
func waiting(c *console, args []string, quiet bool) (come func()) {
	file, ok := c.stderr.(*os.File)
	if quiet || !ok || !slices.Contains(args, "-") || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return func() {}
	}
	fmt.Fprint(c.stderr, "waiting for the capture on the standard input; the script takes 10 s")
	return func() { fmt.Fprint(c.stderr, "\r\x1b[K") }
}

// headOf begins the report of a run that starts now.
func headOf(started time.Time) report.Head {
	return report.Head{
		Tool: report.Tool{Name: "fleetdrop", Version: version},
		Run:  report.Run{ID: run.NewID(started), Started: started.UTC().Truncate(time.Second)},
	}
}

// finish writes the reports and ends with the report's exit code.
func (o *output) finish(c *console, sinks []*sink, r *report.Report) error {
	code := r.Status.ExitCode
	if err := o.write(c, sinks, r); err != nil {
		fmt.Fprintln(c.stderr, "fleetdrop:", err)
		code = report.Exit(code, report.ExitUsage)
	}
	if code == report.ExitDone {
		return nil
	}
	return exitCode(code)
}
