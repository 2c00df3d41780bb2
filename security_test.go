package gosig_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPage: each test that the page names is in the file that it points to,
// and each row names one.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+) \|.*\|$`)
	link := regexp.MustCompile("\\[`((?:Test|Fuzz)\\w+)`\\]\\(\\.\\./(\\S+_test\\.go)\\)")
	rows := row.FindAllString(string(page), -1)
	if len(rows) < 33 {
		t.Errorf("the table has %d rows", len(rows))
	}
	for _, r := range rows {
		columns := strings.Split(r, "|")
		tests := link.FindAllStringSubmatch(columns[len(columns)-2], -1)
		if len(tests) == 0 || len(tests) != strings.Count(columns[len(columns)-2], "`")/2 {
			t.Errorf("not every test of this row has a link:\n%s", r)
		}
		for _, m := range tests {
			source, err := os.ReadFile(m[2])
			if err != nil {
				t.Error(err)
			} else if !strings.Contains(string(source), "\nfunc "+m[1]+"(") {
				t.Errorf("%s is not in %s", m[1], m[2])
			}
		}
	}
}
