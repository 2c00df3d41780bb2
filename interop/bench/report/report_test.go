package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sample() *Results {
	r := &Results{
		When: time.Date(2030, 5, 6, 0, 0, 0, 0, time.UTC), Repetitions: 3,
		Machine: Machine{CPU: "Z80", CPUs: 1, Go: "go1", System: "cp/m"},
	}
	for i, v := range []float64{100, 80, 120} {
		r.Add("one", "ours", i, Figures{"rate": v, "cpu": 5})
	}
	for i, v := range []float64{50, 40, 60} {
		r.Add("one", "theirs", i, Figures{"rate": v, "cpu": 20})
	}
	return r
}

func TestCompare(t *testing.T) {
	r := sample()
	r.Compare([]Comparison{
		{Name: "rate", Scenario: "one", System: "ours", AgainstSystem: "theirs", Figure: "rate", Goal: Goal{AtLeast: 1.5}},
		{Name: "cpu", Scenario: "one", System: "ours", AgainstSystem: "theirs", Figure: "cpu"},
		{Name: "itself", Scenario: "one", System: "ours", Figure: "rate", AgainstNothing: true, Scale: 0.01},
		{Name: "missing system", Scenario: "one", System: "ours", AgainstSystem: "nobody", Figure: "rate"},
		{Name: "missing scenario", Scenario: "two", System: "ours", AgainstSystem: "theirs", Figure: "rate"},
		{Name: "missing figure", Scenario: "one", System: "ours", AgainstSystem: "theirs", Figure: "taste"},
	})
	assert.Equal(t, []Ratio{{"rate", 2, Goal{AtLeast: 1.5}, false}, {"cpu", 0.25, Goal{}, false}, {"itself", 1, Goal{}, true}}, r.Ratios)
	var lines bytes.Buffer
	require.NoError(t, r.Lines(&lines))
	assert.Equal(t, "figure itself 1\nratio rate 2\nratio cpu 0.25\n", lines.String())
}

func TestCompareSkipsRepetitionsThatFailed(t *testing.T) {
	r := &Results{}
	r.Add("one", "ours", 0, Figures{"rate": 10})
	r.Add("one", "ours", 1, Figures{"rate": 90})
	r.Fail("one", "theirs", errors.New("lost"))
	r.Add("one", "theirs", 1, Figures{"rate": 30})
	r.Compare([]Comparison{{Name: "x", Scenario: "one", System: "ours", AgainstSystem: "theirs", Figure: "rate"}})
	assert.Equal(t, []Ratio{{Name: "x", Value: 3}}, r.Ratios)
	assert.EqualError(t, r.Failed(), "one, theirs: lost")
}

func TestGoal(t *testing.T) {
	assert.True(t, Goal{AtLeast: 2}.Met(2))
	assert.False(t, Goal{AtLeast: 2}.Met(1.9))
	assert.True(t, Goal{AtMost: 2}.Met(2))
	assert.False(t, Goal{AtMost: 2}.Met(2.1))
	assert.Equal(t, ">= 2", Goal{AtLeast: 2}.String())
	assert.Equal(t, "<= 0.2", Goal{AtMost: 0.2}.String())
	assert.Empty(t, Goal{}.String())
}

func TestMarkdown(t *testing.T) {
	r := sample()
	r.Compare([]Comparison{{Name: "rate-vs-theirs", Scenario: "one", System: "ours", AgainstSystem: "theirs", Figure: "rate", Goal: Goal{AtLeast: 3}}})
	var out bytes.Buffer
	require.NoError(t, r.Markdown(&out, []Section{
		{Title: "All", Scenarios: []string{"one", "two"}, Ours: "ours", Columns: []Column{{"rate", "per second", true}, {"cpu", "ns", false}}},
		{Title: "None", Scenarios: []string{"three"}, Columns: []Column{{"rate", "per second", true}}},
	}))
	assert.Equal(t, `Z80, 1 CPUs, cp/m, go1; 6 May 2030; medians of 3 repetitions

## All

**one**

| system | per second | spread | ns | ours/this |
|---|--:|--:|--:|--:|
| ours | 100 | 40 % | 5 | 1 |
| theirs | 50 | 40 % | 20 | 2 |

## Ratios

| ratio | value | goal | met |
|---|--:|--:|---|
| rate-vs-theirs | 2 | >= 3 | no |
`, out.String())
}

func TestJSONHasTheSamples(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sample().JSON(&out))
	var back Results
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	assert.Len(t, back.Cells, 2)
	assert.InDelta(t, 80, back.Cells[0].Samples[1].Figures["rate"], 0)
}

func TestHuman(t *testing.T) {
	for v, want := range map[float64]string{
		0.1234: "0.123", 12.34: "12.3", 999: "999", 1234: "1234", 12345: "12.3k", 2345678: "2.35M",
	} {
		assert.Equal(t, want, Human(v))
	}
}

func TestProgress(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer f.Close()
	p := NewProgress(f, 4)
	p.Step("first")
	p.End()
	info, err := f.Stat()
	require.NoError(t, err)
	assert.Zero(t, info.Size(), "written although it is no terminal")
	assert.Equal(t, "[#####...............] 1/4, 6s left: second", p.line("second", 2*time.Second))
}
