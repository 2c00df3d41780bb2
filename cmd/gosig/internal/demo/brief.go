package demo

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// brief writes the values of some keys for people: the end of a key is the unit.
// What is no object, or has none of the keys, is written as JSON.
func brief(data any, keys []string) string {
	var words []string
	if object, ok := data.(map[string]any); ok {
		for _, key := range keys {
			if v, there := object[key]; there {
				words = append(words, withUnit(key, v))
			}
		}
	}
	if len(words) > 0 {
		return strings.Join(words, ", ")
	}
	const most = 60
	b, err := json.Marshal(data)
	if err != nil {
		b = fmt.Appendf(nil, "%v", data)
	}
	if text := []rune(string(b)); len(text) > most {
		return string(text[:most]) + "..."
	}
	return string(b)
}

// units are the ends of keys; the first that fits counts.
var units = []struct {
	end    string
	format func(float64) string
}{
	{"_bytes_per_second", func(v float64) string { return size(v) + "/s" }},
	{"_per_second", func(v float64) string { return fmt.Sprintf("%.0f/s", v) }},
	{"_bytes", size},
	{"percent", func(v float64) string { return fmt.Sprintf("%.1f%%", v) }},
	{"_seconds", func(v float64) string { return (time.Duration(v) * time.Second).String() }},
}

func withUnit(key string, v any) string {
	n, ok := number(v)
	for _, u := range units {
		if name, fits := strings.CutSuffix(key, u.end); fits && ok {
			return strings.TrimSpace(strings.Trim(name, "_") + " " + u.format(n))
		}
	}
	return fmt.Sprintf("%s %v", key, v)
}

// number is any number that a codec makes.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	}
	return 0, false
}

func size(v float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if v < 1024 {
			return fmt.Sprintf("%.4g %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.4g TiB", v)
}
