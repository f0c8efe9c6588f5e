// Runner lets other people's OAuth clients get tokens from a running Countersign and use them.
//
// It builds localrun, makes keys with it, starts it once with config.yaml, and then runs the suites one after the other:
// a folder with the clients of one language each. A suite learns where the system is from its environment, and prints
// one JSON object for each flow that it has tried (see [outcome]). Any failure ends the runner with status 1.
//
// It must be started in the root folder of the repository; testdata/interop/run sees to that.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// folder is where the suites are, seen from the root folder.
const folder = "testdata/interop"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

var errInterrupted = errors.New("interrupted")

func run(ctx context.Context, names []string) error {
	chosen, err := choose(suites(), names)
	if err != nil {
		return err
	}
	report := newReport(os.Stdout)
	strictness := strictnessOf(os.Getenv)
	var ready []suite
	for _, suite := range chosen {
		if suite.prepare(ctx, report, strictness) {
			ready = append(ready, suite)
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
	}
	if len(ready) > 0 {
		if err := runAll(ctx, ready, report); err != nil {
			return err
		}
	}
	return report.close()
}

// runAll runs the suites against one system, which ends with them.
func runAll(ctx context.Context, suites []suite, report *report) (err error) {
	system, err := startSystem(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, system.stop()) }()
	before := report.failed
	for _, suite := range suites {
		suite.run(ctx, report, system.environment())
		if ctx.Err() != nil {
			return errInterrupted
		}
	}
	if report.failed > before {
		system.explain(os.Stderr)
	}
	return nil
}

// choose returns the suites with these names; all of them where there are none.
func choose(all []suite, names []string) ([]suite, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []suite
	for _, name := range names {
		i := slices.IndexFunc(all, func(s suite) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no suite %q; there are %s", name, strings.Join(namesOf(all), ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func namesOf(suites []suite) []string {
	var names []string
	for _, suite := range suites {
		names = append(names, suite.name)
	}
	return names
}
