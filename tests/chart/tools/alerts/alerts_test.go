// Package alerts checks the chart's alerts as Prometheus reads and evaluates them.
package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"go.yaml.in/yaml/v3"
)

const (
	folder   = "../../../../helm-chart/edge-ai-car-classification/files/alerts"
	longest  = 10 * time.Minute // "for" of most alerts
	interval = "30s"
)

// example is what Prometheus has scraped, in the notation of its own tests, and whether the expression gives anything.
type example struct {
	Scraped []string
	Fires   bool
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// As the chart does: the scope of a release is filled in.
	scoped := strings.NewReplacer("{SERVER", `{service="s"`, "{CLIENT", `{service="c"`).Replace(string(text))
	if err := yaml.Unmarshal([]byte(scoped), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func alerts(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no alerts in %s: %v", folder, err)
	}
	found := map[string]rulefmt.Rule{}
	for _, path := range paths {
		var rule rulefmt.Rule
		read(t, path, &rule)
		found[rule.Alert] = rule
	}
	return found
}

func TestPrometheusAcceptsEveryAlert(t *testing.T) {
	group := rulefmt.RuleGroups{Groups: []rulefmt.RuleGroup{{Name: "edge"}}}
	for _, rule := range alerts(t) {
		group.Groups[0].Rules = append(group.Groups[0].Rules, rule)
	}
	text, err := yaml.Marshal(group)
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default()); len(problems) > 0 {
		t.Fatal(problems)
	}
}

func TestEveryAlertFiresWhenItShouldAndOnlyThen(t *testing.T) {
	examples := map[string][]example{}
	read(t, "examples.yaml", &examples)
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, 100_000)
	for name, rule := range alerts(t) {
		fires := map[bool]int{}
		for number, given := range examples[name] {
			fires[given.Fires]++
			t.Run(fmt.Sprintf("%s/%d", name, number), func(t *testing.T) {
				if got := evaluate(t, engine, rule.Expr, given.Scraped); got != given.Fires {
					t.Errorf("fires: %v, expected %v\n%s\nwith %v", got, given.Fires, rule.Expr, given.Scraped)
				}
			})
		}
		if fires[true] == 0 || fires[false] == 0 {
			t.Errorf("examples.yaml needs examples of %s firing and not firing", name)
		}
	}
}

func evaluate(t *testing.T, engine *promql.Engine, expression string, scraped []string) bool {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load "+interval+"\n  "+strings.Join(scraped, "\n  ")+"\n")
	defer storage.Close()
	query, err := engine.NewInstantQuery(context.Background(), storage, nil, expression, time.Unix(0, 0).Add(longest))
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	result := query.Exec(context.Background())
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	vector, err := result.Vector()
	if err != nil {
		t.Fatal(err)
	}
	return len(vector) > 0
}
