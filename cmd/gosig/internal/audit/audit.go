// Package audit writes the audit log of a router, and checks one: who was let in
// or refused, what was denied, whose name was taken over, which policy came into
// force, what an administrator did. Never a payload, never a secret.
//
// The log is a file of JSON objects, one a line, that is only ever appended to.
// Each line has the SHA-256 of the one before in "prev", so that a line which was
// changed, removed or put in shows, see [Verify]. Whoever may write the file can
// make a new chain of his own: to show that as well, keep the last hash elsewhere,
// which [Log.Last] tells.
//
//	log, err := audit.Open("audit.jsonl", nil)
//	log.Add(audit.Entry{Kind: audit.Denied, Principal: "plant/press", Verb: "subscribe", Sender: "**", Name: "keys/*"})
//	err = log.Close()
//
// Add never blocks: entries go through a queue to one writer. Lines are written
// as they come, and brought to the disk (fsync) at most a second later and by
// Close: what a crash of the machine can take is the last second. What could not
// be written, because the queue or the disk was full, is counted, and a line of
// kind "lost" says how much it was as soon as one can be written again.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind says what an entry is about.
type Kind string

// The kinds.
const (
	Opened    Kind = "opened"       // a router has begun to write
	Connected Kind = "connected"    // somebody was let in
	Refused   Kind = "refused"      // and somebody was not
	Ended     Kind = "disconnected" // a connection has ended
	Denied    Kind = "denied"       // what a principal may not do; sampled
	Revoked   Kind = "revoked"      // what was allowed and no longer is
	TakenOver Kind = "taken-over"   // a name went from one connection to another of the same principal
	Reloaded  Kind = "reloaded"     // another policy is in force, or was refused
	Admin     Kind = "admin"        // an operation of an administrator
	Lost      Kind = "lost"         // entries that could not be written
	Resumed   Kind = "resumed"      // the line before was cut off
	Closed    Kind = "closed"       // the router has ended in order
)

// Entry is one line. What is empty is left out.
type Entry struct {
	Kind       Kind   `json:"kind"`
	Principal  string `json:"principal,omitempty"` // "" for one that has proved nothing
	Method     string `json:"method,omitempty"`    // how it was proved
	Credential string `json:"credential,omitempty"`
	Client     string `json:"client,omitempty"` // as it calls itself
	Address    string `json:"address,omitempty"`
	Listener   string `json:"listener,omitempty"`
	Verb       string `json:"verb,omitempty"`
	Sender     string `json:"sender,omitempty"`
	Name       string `json:"name,omitempty"`
	Rule       int    `json:"rule,omitempty"` // that decided
	Label      string `json:"label,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Policy     string `json:"policy,omitempty"` // its file and hash
	// Count is how often it happened, or how many entries were lost; 0 is once.
	Count int `json:"count,omitempty"`
}

// line is an entry as it stands in the file.
type line struct {
	Number int64     `json:"n"` // from 1
	Time   time.Time `json:"time"`
	Entry
	Prev string `json:"prev"` // SHA-256 of the line before, in hexadecimal
}

// maxText bounds each text of an entry, in bytes: names and reasons come from
// peers. maxLine is more than a line can have.
const (
	maxText = 512
	maxLine = 64 << 10
)

// none is the "prev" of the first line.
var none = hex.EncodeToString(make([]byte, sha256.Size))

// hash is what the next line says of this one; b is without its newline.
func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (l *line) encode() ([]byte, error) {
	for _, s := range []*string{
		&l.Principal, &l.Method, &l.Credential, &l.Client, &l.Address, &l.Listener,
		&l.Verb, &l.Sender, &l.Name, &l.Label, &l.Reason, &l.Policy,
	} {
		*s = bounded(strings.ToValidUTF8(*s, "\uFFFD"))
	}
	return json.Marshal(l)
}

// bounded cuts a text between two runes.
func bounded(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > maxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
