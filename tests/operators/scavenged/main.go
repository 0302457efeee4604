// Command scavenged renders a large report every period, so that the Go runtime collects garbage and
// gives memory back.
package main

import (
	"context"
	"strings"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

const reportBytes = 64 << 20

// Reporter renders the report.
type Reporter struct {
	Period time.Duration
}

func main() {
	demo.Main("scavenged", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		return mgr.Add(&Reporter{s.Period})
	})
}

// Start runs until ctx ends.
func (r *Reporter) Start(ctx context.Context) error {
	ticker := time.NewTicker(r.Period) //@arms
	defer ticker.Stop()
	for {
		select { //@waits
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			demo.Note("tick", "")
			demo.Note("rendered", len(render()))
		}
	}
}

func render() string {
	var report strings.Builder
	for report.Len() < reportBytes {
		report.WriteString(strings.Repeat("all is well\n", 1<<16))
	}
	return report.String()
}
